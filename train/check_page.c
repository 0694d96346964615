/* check.html: verdict, defects, numbers of the classes, sizes, samples of each class with their
 * outlines, and the strangest pictures. One file, nothing loaded from anywhere. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/text.h"
#include "train/check_set.h"

enum {
    PAGE_MAX = 64 << 20,
    SAMPLES = 6, /* of a class */
    STRANGEST = 24,
    LISTED = 200, /* defects of a kind */
    BINS = 24,
    CHART_W = 520,
    CHART_H = 150,
};

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Check of a labelled "
    "set</title><style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;color:#1b2430;background:#fff;margin:0 auto;"
    "max-width:1180px;padding:24px}\n"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 8px;border-bottom:1px solid "
    "#d5dae1;padding-bottom:4px}h3{font-size:15px;margin:18px 0 6px}\n"
    ".verdict{display:inline-block;padding:4px 12px;border-radius:4px;font-weight:600;color:#fff}"
    ".ok{background:#19734a}.bad{background:#b3261e}\n"
    "table{border-collapse:collapse}td,th{padding:3px 12px 3px 0;text-align:right;"
    "font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}"
    "tr+tr td{border-top:1px solid #e8ebef}\n"
    "details{margin:4px 0}summary{cursor:pointer}summary b{font-weight:600}.error "
    "b{color:#b3261e}.warning b{color:#8a5a00}ol{margin:4px 0;font-size:13px;"
    "overflow-wrap:anywhere}\n"
    ".charts{display:flex;flex-wrap:wrap;gap:16px 32px}.charts figure{margin:0}"
    "figcaption{font-size:12px;overflow-wrap:anywhere}figcaption "
    "span{display:block;color:#5a6572}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:12px}.tiles "
    "figure{margin:0}.tiles img{width:100%;height:170px;object-fit:contain;background:#eef0f3;"
    "display:block}\nsvg text{font:11px system-ui,sans-serif;fill:#5a6572}\n"
    ".note{color:#5a6572;font-size:13px}</style></head><body>\n";

static void add_head(const struct check_set *c, struct buf *out)
{
    int errors = 0, warnings = 0;

    for (int k = 0; k < CHECK_KINDS; k++)
        *(check_kinds[k].is_error ? &errors : &warnings) += c->count[k];
    buf_add_text(out, head);
    buf_add_text(out, "<h1>Labelled set ");
    text_add_html(out, c->dir);
    buf_printf(out,
               "</h1>\n<p><span class=\"verdict %s\">%s</span> %d pictures, %d errors, %d "
               "warnings</p>\n<p class=\"note\">set %.16s…</p>\n",
               errors ? "bad" : "ok", errors ? "not passed" : "passed", c->table.n_rows, errors,
               warnings, c->manifest);
}

static void add_kind(const struct check_set *c, struct buf *out, int kind)
{
    const struct check_kind *k = &check_kinds[kind];
    int listed = 0;

    buf_printf(out, "<details class=\"%s\"%s><summary><b>%d</b> %s</summary><ol>\n",
               k->is_error ? "error" : "warning", k->is_error ? " open" : "", c->count[kind],
               k->what);
    for (int i = 0; i < c->n_defects && listed < LISTED; i++)
        if (c->defects[i].kind == (enum check_defect_kind)kind) {
            buf_add_text(out, "<li>");
            text_add_html(out, c->defects[i].text);
            buf_add_text(out, "</li>\n");
            listed++;
        }
    if (listed < c->count[kind])
        buf_printf(out, "<li>%d more in check.json</li>\n", c->count[kind] - listed);
    buf_add_text(out, "</ol></details>\n");
}

static void add_defects(const struct check_set *c, struct buf *out)
{
    bool any = false;

    buf_add_text(out, "<h2>Defects</h2>\n");
    for (int k = 0; k < CHECK_KINDS; k++)
        if (c->count[k]) {
            add_kind(c, out, k);
            any = true;
        }
    if (!any)
        buf_add_text(out, "<p>None.</p>\n");
}

/* ---- numbers ---- */

static int count_of(const struct check_set *c, int split, int class)
{
    int n = 0;

    for (int i = 0; i < c->table.n_rows; i++) {
        const struct check_row *row = &c->rows[i];
        n += (split < 0 || row->split == split) &&
             (row->class ? row->class == class : row->has_class[class]);
    }
    return n;
}

static void add_table(const struct check_set *c, struct buf *out)
{
    buf_add_text(out,
                 "<h2>Classes</h2>\n<table><tr><th>class</th><th>train</th><th>val</th><th>test"
                 "</th><th>all</th></tr>\n");
    for (int k = 1; k < CHECK_CLASSES; k++) {
        buf_printf(out, "<tr><td>%s</td>", class_word(k));
        for (int s = 0; s < SPLIT_COUNT; s++)
            buf_printf(out, "<td>%d</td>", count_of(c, s, k));
        buf_printf(out, "<td>%d</td></tr>\n", count_of(c, -1, k));
    }
    buf_add_text(out, "</table>\n");
}

static void bar_begin(struct buf *out, const char *title)
{
    buf_printf(
        out,
        "<figure><figcaption>%s</figcaption><svg width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
        "%d\" role=\"img\">\n",
        title, CHART_W, CHART_H + 34, CHART_W, CHART_H + 34);
}

static void add_bar(struct buf *out, double x, double w, double share, const char *colour)
{
    double h = share * CHART_H;

    buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x,
               16 + CHART_H - h, w, h, colour);
}

static void add_class_chart(const struct check_set *c, struct buf *out)
{
    int most = 1, n[CHECK_CLASSES];
    double step = (double)CHART_W / (CHECK_CLASSES - 1);

    for (int k = 1; k < CHECK_CLASSES; k++) {
        n[k] = count_of(c, -1, k);
        most = n[k] > most ? n[k] : most;
    }
    bar_begin(out, "pictures of each class");
    for (int k = 1; k < CHECK_CLASSES; k++) {
        const uint8_t *rgb = class_colour(k);
        char colour[8];
        double x = (k - 1) * step, share = (double)n[k] / most;
        snprintf(colour, sizeof(colour), "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
        add_bar(out, x + step * 0.15, step * 0.7, share, colour);
        buf_printf(out,
                   "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%d</text><text x=\"%.1f\" "
                   "y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                   x + step / 2, 12 + CHART_H * (1 - share), n[k], x + step / 2, CHART_H + 30,
                   class_word(k));
    }
    buf_add_text(out, "</svg></figure>\n");
}

struct histogram {
    const char *title, *unit;
    double (*value)(const struct check_row *row); /* negative: not known */
    double from, to;
};

static double lesion_share(const struct check_row *row)
{
    return row->has_mask ? row->fraction * 100 : -1;
}

static double longest_side(const struct check_row *row)
{
    return row->has_image ? log2(row->w > row->h ? row->w : row->h) : -1;
}

static void add_axis(struct buf *out, const struct histogram *h, bool is_log)
{
    enum { MARKS = 5 };

    for (int i = 0; i < MARKS; i++) {
        double at = h->from + (h->to - h->from) * i / (MARKS - 1);
        buf_printf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%.0f%s</text>\n",
                   CHART_W * i / (MARKS - 1), CHART_H + 30,
                   !i               ? "start"
                   : i == MARKS - 1 ? "end"
                                    : "middle",
                   is_log ? exp2(at) : at, i == MARKS - 1 ? h->unit : "");
    }
}

static void add_histogram(const struct check_set *c, struct buf *out, const struct histogram *h,
                          bool is_log)
{
    int bins[BINS] = {0}, most = 1;
    double step = (double)CHART_W / BINS;

    for (int i = 0; i < c->table.n_rows; i++) {
        double value = h->value(&c->rows[i]);
        int bin = (int)((value - h->from) / (h->to - h->from) * BINS);
        if (value >= 0)
            bins[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
    }
    for (int i = 0; i < BINS; i++)
        most = bins[i] > most ? bins[i] : most;
    bar_begin(out, h->title);
    for (int i = 0; i < BINS; i++)
        add_bar(out, i * step + 1, step - 2, (double)bins[i] / most, "#4a7fb5");
    buf_printf(out, "<text x=\"0\" y=\"11\">most in one bar: %d</text>\n", most);
    add_axis(out, h, is_log);
    buf_add_text(out, "</svg></figure>\n");
}

static void add_charts(const struct check_set *c, struct buf *out)
{
    static const struct histogram lesion = {"share of the picture that is lesion", " %",
                                            lesion_share, 0, 100};
    static const struct histogram side = {"longest side of the pictures (doubling scale)", " px",
                                          longest_side, 6, 14};

    buf_add_text(out, "<h2>Numbers and sizes</h2>\n<div class=\"charts\">\n");
    add_class_chart(c, out);
    add_histogram(c, out, &lesion, false);
    add_histogram(c, out, &side, true);
    buf_add_text(out, "</div>\n");
}

/* ---- pictures ---- */

static bool can_be_shown(const struct check_row *row)
{
    return row->is_usable && row->has_image && row->has_mask && row->class >= 0;
}

/* Evenly over the rows of the class. */
static int choose_samples(const struct check_set *c, int class, int rows[SAMPLES])
{
    int all = 0, seen = 0, n = 0;

    for (int i = 0; i < c->table.n_rows; i++)
        all += can_be_shown(&c->rows[i]) && c->rows[i].class == class;
    for (int i = 0; i < c->table.n_rows && n < SAMPLES && n < all; i++) {
        if (!can_be_shown(&c->rows[i]) || c->rows[i].class != class)
            continue;
        if (seen++ == (int)((int64_t)n * all / (all < SAMPLES ? all : SAMPLES)))
            rows[n++] = i;
    }
    return n;
}

static int add_samples(struct check_set *c, struct buf *out, struct err *err)
{
    buf_add_text(out, "<h2>Samples of each class</h2>\n<p class=\"note\">Line: the mask, in the "
                      "colour of its class.</p>\n");
    for (int k = 0; k < CHECK_CLASSES; k++) {
        int rows[SAMPLES], n = choose_samples(c, k, rows);
        if (!n)
            continue;
        buf_printf(out, "<h3>%s</h3>\n", k ? class_word(k) : "class maps");
        if (check_add_tiles(c, out, rows, n, false, err))
            return -1;
    }
    return 0;
}

static int choose_strangest(const struct check_set *c, int rows[STRANGEST])
{
    int n = 0;

    for (int i = 0; i < c->table.n_rows; i++) {
        if (!can_be_shown(&c->rows[i]))
            continue;
        int at = n < STRANGEST ? n++ : STRANGEST;
        while (at && c->rows[i].strangeness > c->rows[rows[at - 1]].strangeness) {
            if (at < STRANGEST)
                rows[at] = rows[at - 1];
            at--;
        }
        if (at < STRANGEST)
            rows[at] = i;
    }
    return n;
}

static int add_strangest(struct check_set *c, struct buf *out, struct err *err)
{
    int rows[STRANGEST], n = choose_strangest(c, rows);

    buf_add_text(out,
                 "<h2>The strangest pictures</h2>\n<p class=\"note\">Farthest from the median of "
                 "the set in colour, contrast, sharpness, light at the corners, shape and size "
                 "of the lesion together, counted in robust standard deviations (σ); the "
                 "caption names the farthest. Strange is not wrong: look whether each belongs "
                 "here.</p>\n");
    return check_add_tiles(c, out, rows, n, true, err);
}

int check_page(struct check_set *c, const char *path, struct err *err)
{
    struct buf out;

    buf_init(&out, PAGE_MAX);
    add_head(c, &out);
    add_defects(c, &out);
    add_table(c, &out);
    add_charts(c, &out);
    int ret = add_samples(c, &out, err) || add_strangest(c, &out, err);
    buf_add_text(&out, "</body></html>\n");
    if (!ret)
        ret = buf_check(&out, path, err) || file_write(path, out.data, out.len, err);
    buf_release(&out);
    return ret ? -1 : 0;
}
