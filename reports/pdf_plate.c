/* One picture of a PDF report: heading, pictures, columns, quality, what came with it, decision. */
#include <math.h>

#include "reports/pdf_flow.h"
#include "reports/words.h"

/* The only picture of a study leaves room for decision, use and limits on its page. */
#define PICTURE_H_ONLY 152.0
#define PICTURE_H_MANY 172.0

/* The risk in a filled box at the right end of the line; returns its width. */
static double place_chip(struct flow *f, enum risk r)
{
    static const struct sheet_type chip = {8.5, true, 0xffffff, SHEET_CENTRE};
    const char *risk = words_risk(f->language, r);
    double w = sheet_text_width(f->sheet, &chip, risk) + 16;
    double x = PDF_LEFT + PDF_WIDTH - w;

    sheet_fill(f->sheet, (struct sheet_box){x, f->y, w, 14}, words_risk_colour(r));
    sheet_text(f->sheet, x, f->y + 1.5, w, &chip, risk);
    return w;
}

static void place_heading(struct flow *f, const struct plate *v, bool with_risk)
{
    double start = f->y, w = with_risk ? place_chip(f, v->finding->risk) : 0;
    struct buf title;

    buf_init(&title, 4096);
    words_lesion(&title, f->language, f->report->dossier, v->finding);
    if (v->image->lesion_id[0]) {
        buf_add_text(&title, " · ");
        words_outside(&title, v->image->lesion_id);
    }
    if (v->image->body_site[0]) {
        buf_add_text(&title, " · ");
        words_outside(&title, v->image->body_site);
    }
    flow_buf(f, PDF_LEFT, PDF_WIDTH - w - 8, &pdf_heading, &title);
    f->y = fmax(f->y, start + 14) + 3;
}

static void place_why(struct flow *f, const struct plate *v)
{
    struct buf why;

    buf_init(&why, 4096);
    buf_add_text(&why, string_of(f->language, S_WHY));
    buf_add_text(&why, string_of(f->language, S_COLON));
    words_why(&why, f->language, v->finding);
    flow_buf(f, PDF_LEFT, PDF_WIDTH, &pdf_body, &why);
    f->y += 2;
}

static void place_outline(struct flow *f, const struct plate *v, struct sheet_box box)
{
    const struct lesion_measures *m = &v->entry.measures;
    struct sheet_point *points = calloc((size_t)m->n_contour + 1, sizeof(*points));

    if (!points)
        return; /* the picture without its outline; the sheet fails on the next allocation */
    for (int i = 0; i < m->n_contour; i++) {
        struct contour_point p = plate_contour(v, i);
        points[i].x = box.x + p.x * box.w / v->jpeg_w;
        points[i].y = box.y + p.y * box.h / v->jpeg_h;
    }
    sheet_outline(f->sheet, points, m->n_contour);
    free(points);
}

/* The picture, and beside it the picture with its outline. */
static void place_pictures(struct flow *f, const struct plate *v)
{
    bool is_only = f->report->dossier->study.n_images == 1;
    double high = is_only ? PICTURE_H_ONLY : PICTURE_H_MANY;
    double scale = fmin(PDF_COLUMN / v->jpeg_w, high / v->jpeg_h);
    struct sheet_box left = {PDF_LEFT, f->y, v->jpeg_w * scale, v->jpeg_h * scale};
    struct sheet_box right = left;
    const struct sheet_picture picture = {v->jpeg.data, v->jpeg.len, v->jpeg_w, v->jpeg_h,
                                          v->finding->index};

    right.x += PDF_COLUMN + PDF_GUTTER;
    sheet_picture(f->sheet, left, &picture);
    sheet_picture(f->sheet, right, &picture);
    if (plate_has_outline(v))
        place_outline(f, v, right);
    f->y += left.h + 2;
    sheet_text(f->sheet, right.x, f->y, PDF_COLUMN, &pdf_label,
               string_of(f->language, plate_outline_caption(v)));
    flow_string(f, left.x, PDF_COLUMN, &pdf_label, S_PICTURE_PLAIN);
    f->y += 5;
}

static void place_warnings(struct flow *f, const struct plate *v)
{
    struct sheet_type alarm = pdf_bold;

    alarm.colour = PDF_ALARM;
    if (v->image->is_duplicate)
        flow_string(f, PDF_LEFT, PDF_WIDTH, &alarm, S_WARN_DUPLICATE);
    if (v->finding->is_twice)
        flow_string(f, PDF_LEFT, PDF_WIDTH, &alarm, S_WARN_TWICE);
}

static void place_quality(struct flow *f, double x, const struct plate *v)
{
    const struct lesion_quality *q = &v->entry.measures.quality;
    struct buf text;

    f->y += 5;
    flow_string(f, x, PDF_COLUMN, &pdf_heading, S_QUALITY);
    f->y += 1;
    buf_init(&text, 4096);
    words_quality(&text, f->language, q);
    flow_buf(f, x, PDF_COLUMN, q->verdict == QUALITY_OK ? &pdf_small : &pdf_bold, &text);
    buf_init(&text, 4096);
    words_quality_figures(&text, f->language, q);
    flow_buf(f, x, PDF_COLUMN, &pdf_label, &text);
}

static void place_fact(struct flow *f, double x, double w, const struct fact *fact)
{
    double start = f->y, label_w = 76;
    double label = sheet_text(f->sheet, x, f->y, label_w, &pdf_label, fact->label);

    flow_text(f, x + label_w + 6, w - label_w - 6, &pdf_small, fact->value);
    f->y = fmax(f->y, start + label) + 0.5;
}

static void place_few_facts(struct flow *f, double x, const struct plate *v)
{
    f->y += 5;
    flow_string(f, x, PDF_COLUMN, &pdf_heading, S_GIVEN);
    f->y += 1;
    for (int i = 0; i < v->n_facts; i++)
        place_fact(f, x, PDF_COLUMN, &v->facts[i]);
}

/* Over the page's whole width, and over several pages when it must be. */
static void place_many_facts(struct flow *f, const struct plate *v)
{
    int mark = sheet_mark(f->sheet);
    double start = f->y;

    f->y += 5;
    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_heading, S_GIVEN);
    f->y += 1;
    for (int i = 0; i < v->n_facts; i++) {
        place_fact(f, PDF_LEFT, PDF_WIDTH, &v->facts[i]);
        flow_keep(f, mark, start); /* the heading stays with its first line */
        mark = sheet_mark(f->sheet);
        start = f->y;
    }
}

/* Few enough to stand in the right column, which must not grow longer than a page. */
static bool has_few_facts(const struct plate *v)
{
    size_t bytes = 0;

    for (int i = 0; i < v->n_facts; i++)
        bytes += strlen(v->facts[i].label) + strlen(v->facts[i].value);
    return v->n_facts <= 9 && bytes <= 500;
}

static void place_columns(struct flow *f, const struct plate *v)
{
    double start = f->y, right = PDF_LEFT + PDF_COLUMN + PDF_GUTTER;

    if (plate_is_assessed(v))
        pdf_scores(f, PDF_LEFT, v);
    place_quality(f, PDF_LEFT, v);
    double end = f->y;
    f->y = start;
    if (plate_is_assessed(v))
        pdf_abcd(f, right, v);
    if (has_few_facts(v))
        place_few_facts(f, right, v);
    f->y = fmax(f->y, end) + 5;
}

/* A study of several pictures is decided picture by picture. */
static void place_decision(struct flow *f)
{
    enum language l = f->language;
    int mark = sheet_mark(f->sheet);
    double start = f->y;
    const char *const texts[] = {string_of(l, S_DECIDE_NONE), string_of(l, S_DECIDE_FOLLOW),
                                 string_of(l, S_DECIDE_EXCISE), string_of(l, S_DECIDE_REFER),
                                 string_of(l, S_DECIDE_RETAKE)};

    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_bold, S_DECISION);
    f->y += 2;
    flow_ticks(f, PDF_LEFT, PDF_WIDTH, (int)(sizeof(texts) / sizeof(*texts)), texts);
    flow_keep(f, mark, start);
}

static void place_rule(struct flow *f)
{
    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, f->y, PDF_WIDTH, 0.8}, PDF_LINE);
    f->y += 7;
}

void pdf_plate(struct flow *f, const struct plate *v)
{
    bool is_only = f->report->dossier->study.n_images == 1;
    int mark = sheet_mark(f->sheet);
    double start = f->y;

    if (!is_only)
        place_rule(f);
    place_heading(f, v, !is_only);
    if (!is_only)
        place_why(f, v);
    place_warnings(f, v);
    if (v->finding->status == RESULT_DONE) {
        if (v->jpeg.len)
            place_pictures(f, v);
        else
            flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_label, S_PICTURE_NONE);
        place_columns(f, v);
    }
    flow_keep(f, mark, start);
    if (v->finding->status != RESULT_DONE || !has_few_facts(v))
        place_many_facts(f, v);
    f->y += 4;
    if (!is_only)
        place_decision(f);
    f->y += 4;
}
