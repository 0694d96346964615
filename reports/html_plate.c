#include "reports/html_plate.h"

#include "reports/words.h"

void html_why(struct html *h, const struct finding *f)
{
    struct buf why;

    html_raw(h, "<p class=\"why\">");
    html_string(h, S_WHY);
    html_string(h, S_COLON);
    buf_init(&why, 4096);
    words_why(&why, h->language, f);
    html_buf(h, &why);
    html_raw(h, "</p>\n");
}

void html_decision_boxes(struct html *h, bool with_structures)
{
    static const enum string steps[] = {S_DECIDE_NONE, S_DECIDE_FOLLOW, S_DECIDE_EXCISE,
                                        S_DECIDE_REFER, S_DECIDE_RETAKE};

    html_raw(h, "<ul class=\"boxes\">\n");
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        html_raw(h, "<li>☐ ");
        html_string(h, steps[i]);
        html_raw(h, "</li>\n");
    }
    if (with_structures) {
        html_raw(h, "<li>");
        html_string(h, S_DECIDE_D);
        html_raw(h, " ☐ 1 ☐ 2 ☐ 3 ☐ 4 ☐ 5</li>\n");
    }
    html_raw(h, "</ul>\n");
}

static void add_heading(struct html *h, const struct report *r, const struct plate *v)
{
    struct buf title;

    html_raw(h, "<header><h2>");
    buf_init(&title, 4096);
    words_lesion(&title, h->language, r->dossier, v->finding);
    html_buf(h, &title);
    if (v->image->lesion_id[0]) {
        html_raw(h, " · ");
        html_outside(h, v->image->lesion_id);
    }
    if (v->image->body_site[0]) {
        html_raw(h, " · ");
        html_outside(h, v->image->body_site);
    }
    buf_printf(h->out, "</h2><span class=\"chip %s\">", risk_word(v->finding->risk));
    html_outside(h, words_risk(h->language, v->finding->risk));
    html_raw(h, "</span></header>\n");
}

static void add_polygon(struct html *h, const struct plate *v, const char *class)
{
    buf_printf(h->out, "<polygon class=\"%s\" points=\"", class);
    for (int i = 0; i < v->entry.measures.n_contour; i++) {
        struct contour_point p = plate_contour(v, i);
        buf_printf(h->out, i ? " %.1f,%.1f" : "%.1f,%.1f", (double)p.x, (double)p.y);
    }
    html_raw(h, "\"/>");
}

/* An inline drawing with its text for those who do not see it. */
static void open_drawing(struct html *h, const struct plate *v, enum string alt)
{
    struct buf text;

    buf_printf(h->out, "<figure><svg viewBox=\"0 0 %d %d\" role=\"img\"><title>", v->jpeg_w,
               v->jpeg_h);
    buf_init(&text, 4096);
    string_fill(&text, h->language, alt, 1, (const char *const[]){v->image->file});
    html_buf(h, &text);
    html_raw(h, "</title>");
}

static void close_drawing(struct html *h, enum string caption)
{
    html_raw(h, "</svg>");
    html_element(h, "figcaption", caption);
    html_raw(h, "</figure>\n");
}

/* The display copy stands in the page once; the second drawing uses the first one's picture. */
static void add_pictures(struct html *h, const struct plate *v, int i)
{
    bool has_outline = plate_has_outline(v);

    html_raw(h, "<div class=\"pair\">\n");
    open_drawing(h, v, S_ALT_PLAIN);
    buf_printf(h->out,
               "<image id=\"p%d\" width=\"%d\" height=\"%d\" href=\"data:image/jpeg;base64,", i,
               v->jpeg_w, v->jpeg_h);
    html_base64(h, v->jpeg.data, v->jpeg.len);
    html_raw(h, "\"/>");
    close_drawing(h, S_PICTURE_PLAIN);
    open_drawing(h, v, has_outline ? S_ALT_OUTLINE : plate_outline_caption(v));
    buf_printf(h->out, "<use href=\"#p%d\"/>", i);
    if (has_outline) {
        add_polygon(h, v, "dark");
        add_polygon(h, v, "light");
    }
    close_drawing(h, plate_outline_caption(v));
    html_raw(h, "</div>\n");
}

static void add_quality(struct html *h, const struct plate *v)
{
    const struct lesion_quality *q = &v->entry.measures.quality;
    struct buf text;

    html_element(h, "h3", S_QUALITY);
    html_raw(h, q->verdict == QUALITY_OK ? "<p>" : "<p class=\"advice\">");
    buf_init(&text, 4096);
    words_quality(&text, h->language, q);
    html_buf(h, &text);
    html_raw(h, "</p>\n<p class=\"note\">");
    buf_init(&text, 4096);
    words_quality_figures(&text, h->language, q);
    html_buf(h, &text);
    html_raw(h, "</p>\n");
}

static void add_facts(struct html *h, const struct plate *v)
{
    html_element(h, "h3", S_GIVEN);
    html_raw(h, "<dl class=\"facts\">\n");
    for (int i = 0; i < v->n_facts; i++) {
        html_raw(h, "<dt>");
        html_outside(h, v->facts[i].label);
        html_raw(h, "</dt><dd><bdi>");
        html_outside(h, v->facts[i].value);
        html_raw(h, "</bdi></dd>\n");
    }
    html_raw(h, "</dl>\n");
}

static void add_assessment(struct html *h, const struct report *r, const struct plate *v, int i)
{
    if (v->jpeg.len)
        add_pictures(h, v, i);
    else
        html_element(h, "p class=\"note\"", S_PICTURE_NONE);
    html_raw(h, "<div class=\"pair\">\n<section>\n");
    if (plate_is_assessed(v)) {
        html_scores(h, r, v);
        html_raw(h, "</section>\n<section>\n");
        html_abcd(h, r, v);
        html_raw(h, "</section>\n<section>\n");
    }
    add_quality(h, v);
    html_raw(h, "</section>\n<section>\n");
    add_facts(h, v);
    html_raw(h, "</section>\n</div>\n");
}

void html_plate(struct html *h, const struct report *r, int i)
{
    const struct plate *v = r->plates[i];
    bool is_only = r->dossier->study.n_images == 1;

    buf_printf(h->out, "<article class=\"lesion\" id=\"v%d\">\n", i);
    add_heading(h, r, v);
    if (!is_only)
        html_why(h, v->finding);
    if (v->image->is_duplicate)
        html_element(h, "p class=\"alarm\"", S_WARN_DUPLICATE);
    if (v->finding->is_twice)
        html_element(h, "p class=\"alarm\"", S_WARN_TWICE);
    if (v->finding->status == RESULT_DONE)
        add_assessment(h, r, v, i);
    else
        add_facts(h, v);
    if (!is_only) {
        html_element(h, "h3", S_DECISION);
        html_decision_boxes(h, v->finding->status == RESULT_DONE);
    }
    html_raw(h, "</article>\n");
}
