/* report.pdf: the frame of each page, the result on top, the list of pictures. */
#include <math.h>

#include "reports/pdf_flow.h"
#include "reports/words.h"

enum { ROWS_MAX = 1000 }; /* pictures listed; a clinic's study has fewer, a folder may have more */

#define LABEL_W 52.0

/* One field of the head; returns its height. */
static double place_field(struct flow *f, double x, double y, enum string label, const char *value)
{
    struct buf clean;

    buf_init(&clean, 8192);
    words_outside(&clean, value);
    sheet_text(f->sheet, x, y + 0.8, LABEL_W, &pdf_label, string_of(f->language, label));
    double h = sheet_text(f->sheet, x + LABEL_W, y, PDF_COLUMN - LABEL_W, &pdf_bold,
                          clean.len ? clean.data : "–");
    buf_release(&clean);
    return h;
}

/* Two fields side by side. */
struct field {
    enum string label;
    const char *value;
};

static void place_fields(struct flow *f, struct field left, struct field right)
{
    double a = place_field(f, PDF_LEFT, f->y, left.label, left.value);
    double b = place_field(f, PDF_LEFT + PDF_COLUMN + PDF_GUTTER, f->y, right.label, right.value);

    f->y += fmax(a, b) + 1;
}

/* Head of the current page; leaves f->y where the body starts. */
static void place_head(struct flow *f)
{
    const struct study *s = &f->report->dossier->study;
    struct sheet_type draft = {7.5, true, PDF_ALARM, SHEET_RIGHT};

    f->y = 28;
    sheet_text(f->sheet, PDF_LEFT, f->y + 2, PDF_WIDTH, &draft, string_of(f->language, S_DRAFT));
    flow_string(f, PDF_LEFT, PDF_WIDTH / 2, &pdf_heading, S_TITLE);
    f->y += 4;
    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, f->y, PDF_WIDTH, 0.8}, PDF_INK);
    f->y += 5;
    place_fields(f, (struct field){S_PATIENT_ID, s->patient_id},
                 (struct field){S_STUDY, s->study_id});
    place_fields(f, (struct field){S_NAME, s->patient_name},
                 (struct field){S_BIRTH_DATE, s->birth_date});
    place_fields(f, (struct field){S_SEX, s->sex}, (struct field){S_SITE, s->site});
    f->y += 2;
    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, f->y, PDF_WIDTH, 0.8}, PDF_INK);
    f->y += 8;
}

static void place_foot(struct flow *f, int page, int pages)
{
    struct sheet_type number = {7.5, true, PDF_INK, SHEET_RIGHT};
    struct sheet_type fine = {6, false, PDF_GREY, SHEET_LEFT};
    char m[16], n[16];
    struct buf text;

    snprintf(n, sizeof(n), "%d", page + 1);
    snprintf(m, sizeof(m), "%d", pages);
    sheet_turn_to(f->sheet, page);
    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, 808, PDF_WIDTH, 0.5}, PDF_LINE);
    buf_init(&text, 256);
    string_fill(&text, f->language, S_PAGE, 2, (const char *const[]){n, m});
    sheet_text(f->sheet, PDF_LEFT, 811, PDF_WIDTH, &number, text.data);
    buf_release(&text);
    buf_init(&text, 4096);
    words_model(&text, f->language, f->report->dossier->model);
    sheet_text(f->sheet, PDF_LEFT, 812, PDF_WIDTH - 90, &fine, text.data);
    buf_release(&text);
}

static void place_also_retake(struct flow *f, double x, double w)
{
    struct buf text;

    buf_init(&text, 1024);
    words_also_retake(&text, f->language, f->report->dossier);
    if (text.data)
        flow_buf(f, x, w, &pdf_bold, &text);
}

/* The result, what to do, why: read first. */
static void place_result(struct flow *f)
{
    const struct dossier *d = f->report->dossier;
    unsigned colour = words_risk_colour(d->risk);
    const struct sheet_type risk = {19, true, colour, SHEET_LEFT};
    double start = f->y, x = PDF_LEFT + 15, w = PDF_WIDTH - 25;
    int back = sheet_mark(f->sheet);
    struct buf why;

    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, start, PDF_WIDTH, 0},
               words_risk_tint(d->risk));
    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, start, 5, 0}, colour);
    f->y += 6;
    flow_text(f, x, w, &risk, words_risk(f->language, d->risk));
    flow_text(f, x, w, &pdf_bold, words_advice(f->language, d->risk));
    place_also_retake(f, x, w);
    f->y += 2;
    buf_init(&why, 4096);
    buf_add_text(&why, string_of(f->language, S_WHY));
    buf_add_text(&why, string_of(f->language, S_COLON));
    if (d->study.n_images)
        words_why(&why, f->language, &d->findings[0]);
    flow_buf(f, x, w, &pdf_body, &why);
    f->y += 7;
    sheet_stretch(f->sheet, back, f->y - start);
    sheet_stretch(f->sheet, back + 1, f->y - start);
    f->y += 8;
}

/* x and width of the columns: number, file, body site, result, malignant. */
static const struct {
    double x, w;
    enum string title;
} columns[] = {
    {0,   50,  S_LESION         },
    {52,  200, S_FILE           },
    {256, 100, S_BODY_SITE      },
    {360, 95,  S_RESULT         },
    {458, 57,  S_MALIGNANT_SHORT},
};

static void place_row(struct flow *f, const struct finding *finding)
{
    const struct study_image *image = &f->report->dossier->study.images[finding->index];
    struct sheet_type number = pdf_small, risk = pdf_small;
    int mark = sheet_mark(f->sheet);
    double start = f->y, high = 0;
    struct buf cell[5];

    for (int i = 0; i < 5; i++)
        buf_init(&cell[i], 4096);
    buf_printf(&cell[0], "%d", finding->lesion);
    words_outside(&cell[1], image->file);
    words_outside(&cell[2], image->body_site);
    buf_add_text(&cell[3], words_risk(f->language, finding->risk));
    words_percent(&cell[4], finding->malignant);
    number.align = SHEET_RIGHT;
    risk.is_bold = true;
    risk.colour = words_risk_colour(finding->risk);
    for (int i = 0; i < 5; i++) {
        const struct sheet_type *type = i == 4 ? &number : i == 3 ? &risk : &pdf_small;
        high = fmax(high, sheet_text(f->sheet, PDF_LEFT + columns[i].x, f->y, columns[i].w, type,
                                     cell[i].len ? cell[i].data : "–"));
        buf_release(&cell[i]);
    }
    f->y += high + 1.5;
    sheet_fill(f->sheet, (struct sheet_box){PDF_LEFT, f->y, PDF_WIDTH, 0.3}, PDF_LINE);
    f->y += 1.5;
    flow_keep(f, mark, start);
}

static void place_list(struct flow *f)
{
    const struct dossier *d = f->report->dossier;
    int n = d->study.n_images, shown = n < ROWS_MAX ? n : ROWS_MAX;
    char number[16], total[16];
    struct buf text;

    flow_string(f, PDF_LEFT, PDF_WIDTH, &pdf_heading, S_ALL_PICTURES);
    f->y += 2;
    for (int i = 0; i < 5; i++) {
        struct sheet_type type = pdf_label;
        type.align = i == 4 ? SHEET_RIGHT : SHEET_LEFT;
        sheet_text(f->sheet, PDF_LEFT + columns[i].x, f->y, columns[i].w, &type,
                   string_of(f->language, columns[i].title));
    }
    f->y += 11;
    for (int i = 0; i < shown; i++)
        place_row(f, &d->findings[i]);
    buf_init(&text, 1024);
    if (shown < n) {
        snprintf(number, sizeof(number), "%d", n - shown);
        string_fill(&text, f->language, S_MORE_PICTURES, 1, (const char *const[]){number});
        buf_add_text(&text, " ");
    }
    if (f->report->n_plates < n) {
        snprintf(number, sizeof(number), "%d", f->report->n_plates);
        snprintf(total, sizeof(total), "%d", n);
        string_fill(&text, f->language, S_DETAILS_OF_WORST, 2,
                    (const char *const[]){number, total});
    }
    flow_buf(f, PDF_LEFT, PDF_WIDTH, &pdf_small, &text);
    f->y += 8;
}

static void place_pages(struct flow *f)
{
    place_head(f);
    f->top = f->y;
    place_result(f);
    if (f->report->dossier->study.n_images > 1)
        place_list(f);
    for (int i = 0; i < f->report->n_plates; i++)
        pdf_plate(f, f->report->plates[i]);
    pdf_end(f);
    int pages = sheet_page(f->sheet) + 1;
    for (int page = 0; page < pages; page++) {
        place_foot(f, page, pages);
        if (page)
            place_head(f);
    }
}

int report_pdf(const struct report *r, struct fonts *fonts, struct buf *out, struct err *err)
{
    const struct study *s = &r->dossier->study;
    struct flow f = {.report = r, .language = r->language};
    char date[24];

    if (sheet_new(&f.sheet, fonts, r->language, err))
        return -1;
    place_pages(&f);
    /* cairo wants no fraction of a second. */
    snprintf(date, sizeof(date), "%.19s%s", s->accepted_at, s->accepted_at[0] ? "Z" : "");
    const struct sheet_meta meta = {string_of(r->language, S_TITLE), s->study_id, date};
    int ret = sheet_draw(f.sheet, &meta, out, err);
    sheet_free(f.sheet);
    return ret;
}
