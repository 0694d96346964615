/* The two tables below the pictures: scores with thresholds, and ABCD. */
#include <math.h>

#include "reports/html_plate.h"
#include "reports/words.h"

static double percent_of(double share)
{
    return isnan(share) ? 0 : fmin(fmax(share, 0), 1) * 100;
}

static void add_share(struct html *h, double share)
{
    struct buf text;

    buf_init(&text, 64);
    words_percent(&text, share);
    html_buf(h, &text);
}

static void add_malignant(struct html *h, const struct report *r, const struct plate *v)
{
    double value = v->entry.measures.malignant_probability;
    struct buf text;

    html_raw(h, "<p><b>");
    html_string(h, S_MALIGNANT);
    html_string(h, S_COLON);
    add_share(h, value);
    buf_printf(h->out,
               "</b></p>\n<div class=\"scale\"><i style=\"width:%.2f%%;background:#%06x\"></i>",
               percent_of(value), words_risk_colour(v->finding->risk));
    if (r->policy)
        buf_printf(h->out, "<b style=\"left:%.2f%%\"></b><b style=\"left:%.2f%%\"></b>",
                   percent_of(r->policy->review_malignant),
                   percent_of(r->policy->urgent_malignant));
    html_raw(h, "</div>\n<p class=\"note\">");
    buf_init(&text, 4096);
    words_thresholds(&text, h->language, r->policy);
    html_buf(h, &text);
    html_raw(h, "</p>\n");
}

static void add_class(struct html *h, const struct report *r, const struct plate *v, int class_id)
{
    double score = v->entry.measures.classes[class_id];
    bool is_malignant = words_class_is_malignant(class_id);

    html_raw(h, "<tr><th scope=\"row\">");
    html_outside(h, words_class(h->language, class_id));
    html_raw(h, is_malignant ? " ●</th><td><div class=\"bar\"><i class=\"bad\""
                             : "</th><td><div class=\"bar\"><i");
    buf_printf(h->out, " style=\"width:%.2f%%\"></i>", percent_of(score));
    if (class_id == CLASS_MELANOMA && r->policy) /* it can be urgent by itself */
        buf_printf(h->out, "<b style=\"left:%.2f%%\"></b>", percent_of(r->policy->urgent_melanoma));
    html_raw(h, "</div></td><td class=\"num\">");
    add_share(h, score);
    html_raw(h, "</td></tr>\n");
}

static void add_notes(struct html *h, const struct report *r, const struct plate *v)
{
    struct buf text, value;

    html_raw(h, "<p class=\"note\">");
    html_string(h, S_CLASS_MARK);
    html_raw(h, " · ");
    buf_init(&text, 1024);
    buf_init(&value, 64);
    words_number(&value, v->entry.measures.confidence, 2);
    string_fill(&text, h->language, S_CONFIDENCE, 1, (const char *const[]){value.data});
    buf_release(&value);
    html_buf(h, &text);
    html_raw(h, "</p>\n");
    buf_init(&text, 1024);
    words_ppv(&text, h->language, r->policy, v->finding);
    if (text.len) {
        html_raw(h, "<p>");
        html_buf(h, &text);
        html_raw(h, "</p>\n");
    }
    buf_release(&text);
}

void html_scores(struct html *h, const struct report *r, const struct plate *v)
{
    int order[LESION_CLASSES - 1];

    html_element(h, "h3", S_SCORES);
    add_malignant(h, r, v);
    html_element(h, "p class=\"note\"", v->entry.measures.is_found ? S_SCORES_SUM : S_SCORES_WHOLE);
    html_raw(h, "<table class=\"scores\"><tbody>\n");
    plate_classes_sorted(v, order);
    for (int i = 0; i < LESION_CLASSES - 1; i++)
        add_class(h, r, v, order[i]);
    html_raw(h, "</tbody></table>\n");
    add_notes(h, r, v);
}

/* "3 of 6", with `detail` behind it where there is one. */
static void add_measure(struct html *h, enum string label, double value, const char *of,
                        const char *detail)
{
    char number[16];
    struct buf text;

    snprintf(number, sizeof(number), "%.0f", value);
    html_raw(h, "<tr><th scope=\"row\">");
    html_string(h, label);
    html_raw(h, "</th><td><b>");
    buf_init(&text, 256);
    string_fill(&text, h->language, S_ABCD_OF, 2, (const char *const[]){number, of});
    html_buf(h, &text);
    html_raw(h, "</b>");
    if (detail && detail[0]) {
        html_string(h, S_COLON);
        html_outside(h, detail);
    }
    html_raw(h, "</td></tr>\n");
}

static void add_totals(struct html *h, const struct lesion_measures *m)
{
    int base = (int)(13 * m->asymmetry + m->border + 5 * m->colour);

    html_raw(h, "<table class=\"tds\"><tbody><tr><th scope=\"row\">D</th>");
    for (int d = 1; d <= 5; d++)
        buf_printf(h->out, "<td>%d</td>", d);
    html_raw(h, "</tr><tr><th scope=\"row\">TDS×10</th>");
    for (int d = 1; d <= 5; d++)
        buf_printf(h->out, "<td><b>%d</b></td>", base + 5 * d);
    html_raw(h, "</tr></tbody></table>\n<p class=\"note\">");
    html_string(h, S_ABCD_TDS);
    html_string(h, S_COLON);
    html_string(h, S_ABCD_BANDS);
    html_raw(h, "</p>\n");
}

void html_abcd(struct html *h, const struct report *r, const struct plate *v)
{
    const struct lesion_measures *m = &v->entry.measures;
    struct buf text;

    html_element(h, "h3", S_ABCD);
    if (!m->is_found) {
        html_element(h, "p", S_ABCD_NONE);
        return;
    }
    html_raw(h, "<table class=\"scores\"><tbody>\n");
    add_measure(h, S_ABCD_A, m->asymmetry, "2", NULL);
    add_measure(h, S_ABCD_B, m->border, "8", NULL);
    buf_init(&text, 512);
    words_colours(&text, h->language, m->colours);
    add_measure(h, S_ABCD_C, m->colour, "6", text.data);
    buf_release(&text);
    html_raw(h, "<tr><th scope=\"row\">");
    html_string(h, S_ABCD_D);
    html_raw(h, "</th><td>");
    html_string(h, S_ABCD_D_OPEN);
    html_raw(h, "</td></tr>\n<tr><th scope=\"row\">");
    html_string(h, S_AREA);
    html_raw(h, "</th><td>");
    buf_init(&text, 256);
    words_area(&text, h->language, m);
    html_buf(h, &text);
    html_raw(h, "</td></tr>\n</tbody></table>\n");
    add_totals(h, m);
    html_raw(h, "<p class=\"note\">");
    buf_init(&text, 1024);
    words_abcd_field(&text, h->language, r->policy);
    html_buf(h, &text);
    html_raw(h, "</p>\n");
}
