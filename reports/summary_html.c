/* summary.html: every patient, worst first.
 *
 * A run may have 10,000 of them: a row has a link to the overlay that is loaded when it comes into
 * view, and the routine ones stand in a part that is opened on demand. */
#include <math.h>

#include "reports/html_part.h"
#include "reports/summary.h"
#include "reports/words.h"

static void add_filled(struct html *h, const char *open, enum string id, int n,
                       const char *const values[])
{
    struct buf text;

    buf_init(&text, 4096);
    string_fill(&text, h->language, id, n, values);
    buf_printf(h->out, "<%s>", open);
    html_buf(h, &text);
    buf_printf(h->out, "</%.*s>\n", (int)strcspn(open, " "), open);
}

static void add_counts(struct html *h, const struct summary *s)
{
    char n[6][24], speed[2][24];

    snprintf(n[0], sizeof(n[0]), "%lld", (long long)s->received);
    snprintf(n[1], sizeof(n[1]), "%lld", (long long)s->done);
    snprintf(n[2], sizeof(n[2]), "%lld", (long long)s->set_aside);
    snprintf(n[3], sizeof(n[3]), "%lld", (long long)s->cancelled);
    snprintf(n[4], sizeof(n[4]), "%lld", (long long)s->patients);
    snprintf(n[5], sizeof(n[5]), "%d", s->n_rows);
    html_raw(h, "<div class=\"counts\">\n");
    add_filled(h, "p", S_SUM_COUNTS, 4, (const char *const[]){n[0], n[1], n[2], n[3]});
    add_filled(h, "p", S_SUM_PATIENTS, 2, (const char *const[]){n[4], n[5]});
    if (!isnan(s->wall_s) && !isnan(s->images_per_s)) {
        snprintf(speed[0], sizeof(speed[0]), "%.0f", s->wall_s);
        snprintf(speed[1], sizeof(speed[1]), "%.1f", s->images_per_s);
        add_filled(h, "p", S_SUM_SPEED, 2, (const char *const[]){speed[0], speed[1]});
    }
    html_raw(h, "</div>\n");
    if (s->unfinished) {
        snprintf(n[0], sizeof(n[0]), "%lld", (long long)s->unfinished);
        add_filled(h, "p class=\"alarm\"", S_SUM_UNFINISHED, 1, (const char *const[]){n[0]});
    }
}

static void add_thumb(struct html *h, const struct summary_row *row)
{
    html_raw(h, "<td>");
    if (row->overlay) {
        html_raw(h, "<img class=\"thumb\" loading=\"lazy\" width=\"120\" height=\"90\" alt=\"\" "
                    "src=\"");
        html_link_path(h, row->folder);
        html_raw(h, "/");
        html_link_path(h, row->overlay);
        html_raw(h, "\">");
    }
    html_raw(h, "</td>");
}

static void add_row(struct html *h, const struct summary_row *row, bool has_thumbs)
{
    struct buf text;

    html_raw(h, "<tr>");
    if (has_thumbs)
        add_thumb(h, row);
    html_raw(h, "<td><a href=\"");
    html_link_path(h, row->folder);
    html_raw(h, row->has_page ? "/report.html\"><bdi>" : "/report.json\"><bdi>");
    html_outside(h, row->patient_id);
    html_raw(h, "</bdi></a></td><td class=\"wide\"><bdi>");
    html_outside(h, row->study_id);
    html_raw(h, "</bdi></td><td class=\"wide\"><bdi>");
    html_outside(h, row->site);
    html_raw(h, "</bdi></td><td class=\"num\">");
    buf_init(&text, 64);
    words_percent(&text, row->malignant);
    html_buf(h, &text);
    html_raw(h, "</td><td>");
    buf_init(&text, 1024);
    summary_action(&text, h->language, row);
    html_buf(h, &text);
    buf_printf(h->out, "</td><td class=\"num wide\">%d</td></tr>\n", row->n_images);
}

static void open_table(struct html *h, bool has_thumbs)
{
    html_raw(h, "<table class=\"rows work\"><thead><tr>");
    if (has_thumbs)
        html_raw(h, "<th class=\"c-thumb\"></th>");
    html_element(h, "th class=\"c-patient\" scope=\"col\"", S_SUM_PATIENT);
    html_element(h, "th class=\"wide c-study\" scope=\"col\"", S_STUDY);
    html_element(h, "th class=\"wide c-site\" scope=\"col\"", S_SITE);
    html_element(h, "th class=\"num c-share\" scope=\"col\"", S_MALIGNANT_SHORT);
    html_element(h, "th scope=\"col\"", S_SUM_ACTION);
    html_element(h, "th class=\"num wide c-count\" scope=\"col\"", S_SUM_PICTURES);
    html_raw(h, "</tr></thead>\n<tbody>\n");
}

/* All rows of one risk; what is to be looked at stands open. */
static void add_risk(struct html *h, const struct summary *s, enum risk risk, bool has_thumbs)
{
    char count[16];
    int n = 0;

    for (int i = 0; i < s->n_rows; i++)
        n += s->rows[i].risk == risk;
    snprintf(count, sizeof(count), "%d", n);
    buf_printf(h->out, "<details%s>\n", risk != RISK_ROUTINE && n ? " open" : "");
    buf_printf(h->out, "<summary><span class=\"chip %s\">", risk_word(risk));
    struct buf title;
    buf_init(&title, 256);
    string_fill(&title, h->language, S_SUM_RISK_COUNT, 2,
                (const char *const[]){words_risk(h->language, risk), count});
    html_buf(h, &title);
    html_raw(h, "</span></summary>\n<p class=\"note\">");
    html_outside(h, words_advice(h->language, risk));
    html_raw(h, "</p>\n");
    if (n) {
        open_table(h, has_thumbs);
        for (int i = 0; i < s->n_rows; i++)
            if (s->rows[i].risk == risk)
                add_row(h, &s->rows[i], has_thumbs);
        html_raw(h, "</tbody></table>\n");
    }
    html_raw(h, "</details>\n");
}

static void add_asides(struct html *h, const struct summary *s, int from, int n, enum string title)
{
    char count[16];

    if (!n)
        return;
    snprintf(count, sizeof(count), "%d", n);
    html_raw(h, "<details>\n");
    add_filled(h, "summary", title, 1, (const char *const[]){count});
    html_raw(h, "<table class=\"rows\"><thead><tr>");
    html_element(h, "th scope=\"col\"", S_FILE);
    html_element(h, "th scope=\"col\"", S_SUM_PATIENT);
    html_element(h, "th scope=\"col\"", S_SUM_ASIDE_REASON);
    html_raw(h, "</tr></thead>\n<tbody>\n");
    for (int i = from; i < from + n; i++) {
        html_raw(h, "<tr><td>");
        html_outside(h, s->asides[i].file);
        html_raw(h, "</td><td><bdi>");
        html_outside(h, s->asides[i].patient_id);
        html_raw(h, "</bdi></td><td>");
        html_outside(h, string_of_reason(h->language, s->asides[i].reason));
        html_raw(h, "</td></tr>\n");
    }
    html_raw(h, "</tbody></table>\n</details>\n");
}

static void add_model(struct html *h, const struct summary *s)
{
    const char *const parts[] = {s->model, s->precision, s->device};

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        if (parts[i][0] && i)
            html_raw(h, " · ");
        html_outside(h, parts[i]);
    }
}

int summary_html(const struct summary *s, enum language l, struct buf *out, struct err *err)
{
    struct html h = {out, l};
    bool has_thumbs = false;

    for (int i = 0; i < s->n_rows && !has_thumbs; i++)
        has_thumbs = s->rows[i].overlay != NULL;
    html_head(&h, string_of(l, S_SUM_TITLE), NULL, HTML_LINKED_PICTURES);
    html_raw(&h, "<header class=\"top\">");
    html_element(&h, "h1", S_SUM_TITLE);
    html_raw(&h, "</header>\n<main>\n");
    add_counts(&h, s);
    for (int r = 0; r < RISK_COUNT; r++)
        add_risk(&h, s, (enum risk)r, has_thumbs);
    add_asides(&h, s, 0, s->n_asides - s->n_others, S_SUM_ASIDE_TITLE);
    add_asides(&h, s, s->n_asides - s->n_others, s->n_others, S_SUM_NOT_PICTURES);
    html_raw(&h, "</main>\n<footer>");
    add_model(&h, s);
    html_raw(&h, "</footer>\n");
    html_tail(&h);
    return buf_check(out, "summary.html", err);
}
