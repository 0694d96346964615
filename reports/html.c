/* report.html: the frame, the result on top, the list of pictures, decision, use and limits. */
#include "reports/html_plate.h"
#include "reports/words.h"

static void add_field(struct html *h, enum string label, const char *value)
{
    html_raw(h, "<div>");
    html_element(h, "dt", label);
    html_raw(h, "<dd><bdi>");
    html_outside(h, value[0] ? value : "–");
    html_raw(h, "</bdi></dd></div>\n");
}

static void add_who(struct html *h, const struct study *s)
{
    char date[32];

    words_date(date, s->accepted_at);
    html_raw(h, "<header>\n<div class=\"top\">");
    html_element(h, "h1", S_TITLE);
    html_element(h, "p class=\"draft\"", S_DRAFT);
    html_raw(h, "</div>\n<dl class=\"who\">\n");
    add_field(h, S_PATIENT_ID, s->patient_id);
    add_field(h, S_NAME, s->patient_name);
    add_field(h, S_BIRTH_DATE, s->birth_date);
    add_field(h, S_SEX, s->sex);
    add_field(h, S_STUDY, s->study_id);
    add_field(h, S_SITE, s->site);
    add_field(h, S_ACCEPTED, date);
    html_raw(h, "</dl>\n</header>\n");
}

static void add_also_retake(struct html *h, const struct dossier *d)
{
    struct buf text;

    buf_init(&text, 1024);
    words_also_retake(&text, h->language, d);
    if (!text.data && !text.failed)
        return;
    html_raw(h, "<p class=\"advice\">");
    html_buf(h, &text);
    html_raw(h, "</p>\n");
}

static void add_result(struct html *h, const struct dossier *d)
{
    buf_printf(h->out, "<section class=\"result %s\">\n<strong>", risk_word(d->risk));
    html_outside(h, words_risk(h->language, d->risk));
    html_raw(h, "</strong>\n<p class=\"advice\">");
    html_outside(h, words_advice(h->language, d->risk));
    html_raw(h, "</p>\n");
    add_also_retake(h, d);
    if (d->study.n_images)
        html_why(h, &d->findings[0]);
    html_raw(h, "</section>\n");
}

static void add_row(struct html *h, const struct report *r, int i)
{
    const struct finding *f = &r->dossier->findings[i];
    const struct study_image *image = &r->dossier->study.images[f->index];
    struct buf share;

    buf_printf(h->out, "<tr><td class=\"num\">%d</td><td>", f->lesion);
    if (i < r->n_plates)
        buf_printf(h->out, "<a href=\"#v%d\">", i);
    html_outside(h, image->file);
    html_raw(h, i < r->n_plates ? "</a></td><td class=\"wide\">" : "</td><td class=\"wide\">");
    html_outside(h, image->body_site);
    buf_printf(h->out, "</td><td class=\"%s\"><b>", risk_word(f->risk));
    html_outside(h, words_risk(h->language, f->risk));
    html_raw(h, "</b></td><td class=\"num\">");
    buf_init(&share, 64);
    words_percent(&share, f->malignant);
    html_buf(h, &share);
    html_raw(h, "</td></tr>\n");
}

static void add_details_note(struct html *h, const struct report *r)
{
    char shown[16], total[16];
    struct buf text;

    if (r->n_plates == r->dossier->study.n_images)
        return;
    snprintf(shown, sizeof(shown), "%d", r->n_plates);
    snprintf(total, sizeof(total), "%d", r->dossier->study.n_images);
    buf_init(&text, 1024);
    string_fill(&text, h->language, S_DETAILS_OF_WORST, 2, (const char *const[]){shown, total});
    html_raw(h, "<p class=\"note\">");
    html_buf(h, &text);
    html_raw(h, "</p>\n");
}

static void add_list(struct html *h, const struct report *r)
{
    html_raw(h, "<section>\n");
    html_element(h, "h3", S_ALL_PICTURES);
    html_raw(h, "<table class=\"rows\"><thead><tr>");
    html_element(h, "th class=\"num\" scope=\"col\"", S_LESION);
    html_element(h, "th scope=\"col\"", S_FILE);
    html_element(h, "th class=\"wide\" scope=\"col\"", S_BODY_SITE);
    html_element(h, "th scope=\"col\"", S_RESULT);
    html_element(h, "th class=\"num\" scope=\"col\"", S_MALIGNANT_SHORT);
    html_raw(h, "</tr></thead>\n<tbody>\n");
    for (int i = 0; i < r->dossier->study.n_images; i++)
        add_row(h, r, i);
    html_raw(h, "</tbody></table>\n");
    add_details_note(h, r);
    html_raw(h, "</section>\n");
}

static void add_decision(struct html *h, const struct report *r)
{
    html_raw(h, "<section class=\"decide\">\n");
    html_element(h, "h3", S_DECISION);
    html_raw(h, "<ul class=\"boxes\">\n<li>☐ ");
    html_string(h, S_AGREE);
    html_raw(h, "</li>\n<li>☐ ");
    html_string(h, S_DISAGREE);
    html_raw(h, " ______________________________</li>\n</ul>\n");
    if (r->dossier->study.n_images == 1)
        html_decision_boxes(h, true);
    html_raw(h, "<div class=\"sign\">");
    html_element(h, "span", S_SIGNATURE);
    html_element(h, "span", S_DATE);
    html_raw(h, "</div>\n</section>\n");
}

static void add_about(struct html *h, const struct report *r)
{
    struct buf text;

    html_raw(h, "<section class=\"about\">\n");
    html_element(h, "h3", S_ABOUT);
    html_element(h, "p", S_INTENDED);
    html_element(h, "p", S_LIMITS);
    html_element(h, "p", S_NOT_ASSESSED);
    buf_init(&text, 4096);
    words_policy(&text, h->language, r->policy);
    if (text.len) {
        html_raw(h, "<p>");
        html_buf(h, &text);
        html_raw(h, "</p>\n");
    }
    buf_release(&text);
    html_raw(h, "</section>\n<footer>");
    buf_init(&text, 4096);
    words_model(&text, h->language, r->dossier->model);
    html_buf(h, &text);
    html_raw(h, "</footer>\n");
}

/* On paper each page says whose it is; browsers that know no margin boxes leave it out. */
static void margin_boxes(struct buf *out, const struct study *s)
{
    buf_add_text(out, "@page{@bottom-left{content:");
    html_css_string(out, s->patient_id);
    buf_add_text(out, " \" · \" ");
    html_css_string(out, s->patient_name);
    buf_add_text(out, " \" · \" ");
    html_css_string(out, s->study_id);
    buf_add_text(out, ";font:8pt sans-serif}@bottom-right{content:counter(page) \" / \" "
                      "counter(pages);font:8pt sans-serif}}\n");
}

int report_html(const struct report *r, struct buf *out, struct err *err)
{
    const struct study *s = &r->dossier->study;
    struct html h = {out, r->language};
    struct buf title, style;

    buf_init(&title, 4096);
    buf_init(&style, 1 << 16);
    buf_add_text(&title, string_of(r->language, S_TITLE));
    buf_add_text(&title, " – ");
    buf_add_text(&title, s->patient_id);
    margin_boxes(&style, s);
    html_head(&h, title.data, style.data, HTML_OWN_PICTURES);
    buf_release(&title);
    buf_release(&style);
    add_who(&h, s);
    html_raw(&h, "<main>\n");
    add_result(&h, r->dossier);
    if (s->n_images > 1)
        add_list(&h, r);
    for (int i = 0; i < r->n_plates; i++)
        html_plate(&h, r, i);
    add_decision(&h, r);
    html_raw(&h, "</main>\n");
    add_about(&h, r);
    html_tail(&h);
    return buf_check(out, "report.html", err);
}
