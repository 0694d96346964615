#include "worker/page.h"

#include <math.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/text.h"
#include "worker/chart.h"

enum { PAGE_MAX = 64 << 20 };

static const char style[] =
    "<style>body{font:15px/1.45 "
    "system-ui,sans-serif;color:#1c2430;background:#fff;max-width:1180px;"
    "margin:24px auto;padding:0 20px}h1{font-size:24px;margin:0}h2{font-size:18px;margin:34px 0 "
    "8px;"
    "border-bottom:1px solid #d5dae1;padding-bottom:4px}p{max-width:72ch}.facts{color:#56606e}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:18px 0}.tile{border:1px solid #d5dae1;"
    "border-radius:6px;padding:10px 14px;min-width:150px}.tile b{display:block;font-size:24px}"
    ".tile small,td small{color:#56606e}table{border-collapse:collapse;margin:8px 0}"
    "th,td{padding:4px 10px;text-align:right;border-bottom:1px solid #e6e9ee;white-space:nowrap}"
    "td.f{text-align:left}th{font-weight:600;color:#56606e}th:first-child,td:first-child{text-"
    "align:left}"
    ".wide{overflow-x:auto}.pair{display:flex;flex-wrap:wrap;gap:24px}.pair figure{flex:1 1 340px;"
    "max-width:440px}figure{margin:0}figcaption{color:#56606e;font-size:13px}"
    "svg text{font-size:11px;fill:#56606e}.grid{stroke:#e0e4ea;fill:none}.chance{stroke:#9aa3af;"
    "stroke-dasharray:3 4;fill:none}.aim{stroke:#c9a24a;stroke-dasharray:6 4;fill:none}"
    ".curve{stroke:#1f5fae;stroke-width:2;fill:none}polyline.before{stroke:#b4690e;fill:none;"
    "stroke-dasharray:4 3}polyline.after{stroke:#1f5fae;fill:none}circle.before{stroke:#b4690e;"
    "fill:#fff}circle.after{fill:#1f5fae}.good{fill:#7ea6d9}.bad{fill:#c8553d}svg.bar{width:84px;"
    "height:10px;vertical-align:middle}.range{stroke:#1f5fae;stroke-width:3;opacity:.45}"
    ".over{color:#a8321a;font-weight:600}.sheet{display:grid;gap:10px;"
    "grid-template-columns:repeat(auto-fill,minmax(170px,1fr))}.sheet figure{font-size:12px}"
    ".sheet img{width:100%;height:150px;object-fit:contain;background:#eef0f3;display:block}"
    ".key{display:inline-block;width:22px;height:0;border-top:3px solid;vertical-align:middle;"
    "margin:0 4px}.key.truth{border-color:#00c8ff}.key.seen{border-color:#ff8c00;"
    "border-top-style:dashed}.hot{color:#fff}</style>";

void page_release(struct page *p)
{
    for (int i = 0; i < PAGE_WORST; i++)
        buf_release(&p->worst[i].jpeg);
}

static void add_number(struct buf *out, double value)
{
    if (isnan(value))
        buf_add_text(out, "–");
    else
        buf_printf(out, "%.3f", value);
}

static void add_range(struct buf *out, const struct interval *range)
{
    if (!isnan(range->low))
        buf_printf(out, " <small>%.3f – %.3f</small>", range->low, range->high);
}

/* What stands in the tables: the metric, its name, and the ends of its line. */
struct shown {
    enum metric metric;
    const char *says;
    double from, to;
};

static const struct shown whole[] = {
    {METRIC_MEAN_JACCARD,  "mean Jaccard",                       0.5, 1  },
    {METRIC_FAILURE,       "failure rate (Jaccard below 0.65)",  0,   0.5},
    {METRIC_THRESHOLDED,   "thresholded Jaccard",                0.5, 1  },
    {METRIC_DICE,          "mean Dice",                          0.5, 1  },
    {METRIC_LESION_IOU,    "lesion IoU, pooled over pixels",     0.5, 1  },
    {METRIC_MIOU2,         "mean IoU of lesion and background",  0.5, 1  },
    {METRIC_MIOU8,         "mean IoU of the eight classes",      0,   1  },
    {METRIC_AUC_MALIGNANT, "AUC, malignant",                     0.5, 1  },
    {METRIC_AUC_MEL,       "AUC, melanoma",                      0.5, 1  },
    {METRIC_SPECIFICITY,   "specificity at 95 % sensitivity",    0,   1  },
    {METRIC_BALANCED,      "balanced accuracy of seven classes", 0,   1  },
    {METRIC_BRIER,         "Brier score, malignant",             0,   0.5},
    {METRIC_NLL,           "log loss of seven classes",          0,   2  },
    {METRIC_ECE,           "calibration error, malignant",       0,   0.5},
};
static const struct shown of_class[] = {
    {METRIC_MEAN_JACCARD, "mean Jaccard", 0.5, 1  },
    {METRIC_FAILURE,      "failure rate", 0,   0.5},
    {METRIC_BALANCED,     "recall",       0,   1  },
};
static const struct shown of_source[] = {
    {METRIC_MEAN_JACCARD,  "mean Jaccard",      0.5, 1  },
    {METRIC_FAILURE,       "failure rate",      0,   0.5},
    {METRIC_AUC_MALIGNANT, "AUC, malignant",    0.5, 1  },
    {METRIC_ECE,           "calibration error", 0,   0.5},
};

#define LENGTH(table) ((int)(sizeof(table) / sizeof(*(table))))

static void add_figure(struct buf *out, double value, const struct interval *range, double from,
                       double to)
{
    buf_add_text(out, "<td class='f'>");
    add_number(out, value);
    buf_add_text(out, " ");
    chart_interval(out, value, range, from, to);
    add_range(out, range);
    buf_add_text(out, "</td>");
}

static void add_head(struct buf *out, const struct page *p)
{
    const json_t *f = p->facts, *size = json_object_get(f, "size");

    buf_add_text(out, "<!doctype html><html lang='en'><meta charset='utf-8'>"
                      "<meta name='viewport' content='width=device-width'><title>");
    text_add_html(out, json_text_or(f, "model", ""));
    buf_printf(out, " on %s</title>%s<h1>", json_text_or(f, "split", ""), style);
    text_add_html(out, json_text_or(f, "model", ""));
    buf_printf(out, " on the %s split</h1><p class='facts'>%d images of %d lesions · size ",
               json_text_or(f, "split", ""), p->judged->whole.n, p->judged->whole.lesions);
    if (json_is_string(size))
        buf_add_text(out, json_string_value(size));
    else
        buf_printf(out, "%.0f", json_number_value(size));
    buf_printf(out, " px · %s, %s · small figures are 95 %% intervals by drawing lesions again</p>",
               json_text_or(f, "precision", ""), json_text_or(f, "backend", ""));
}

static void add_tiles(struct buf *out, const struct judged_part *part)
{
    static const int tiles[] = {0, 1, 7, 9, 13}; /* of `whole` */

    buf_add_text(out, "<div class='tiles'>");
    for (int i = 0; i < LENGTH(tiles); i++) {
        const struct shown *s = &whole[tiles[i]];
        buf_printf(out, "<div class='tile'>%s<b>", s->says);
        add_number(out, part->value[s->metric]);
        buf_add_text(out, "</b>");
        add_range(out, &part->range[s->metric]);
        buf_add_text(out, "</div>");
    }
    buf_add_text(out, "</div>");
}

static void add_whole(struct buf *out, const struct judgement *j)
{
    buf_add_text(out, "<h2>All images</h2><table>");
    for (int i = 0; i < LENGTH(whole); i++) {
        const struct shown *s = &whole[i];
        buf_printf(out, "<tr><td>%s</td>", s->says);
        add_figure(out, j->whole.value[s->metric], &j->whole.range[s->metric], s->from, s->to);
        buf_add_text(out, "</tr>");
    }
    buf_add_text(out, "</table>");
}

static void add_columns(struct buf *out, const char *what, const struct shown *columns, int n)
{
    buf_printf(out, "<div class='wide'><table><tr><th>%s</th><th>images</th><th>lesions</th>",
               what);
    for (int k = 0; k < n; k++)
        buf_printf(out, "<th style='text-align:left'>%s</th>", columns[k].says);
}

static void add_part(struct buf *out, const struct judged_part *part, const struct shown *columns,
                     int n)
{
    buf_add_text(out, "<tr><td>");
    text_add_html(out, *part->name ? part->name : "unknown");
    buf_printf(out, "</td><td>%d</td><td>%d</td>", part->n, part->lesions);
    for (int k = 0; k < n; k++)
        add_figure(out, part->value[columns[k].metric], &part->range[columns[k].metric],
                   columns[k].from, columns[k].to);
}

static void add_parts(struct buf *out, const struct judgement *j)
{
    buf_add_text(out, "<h2>Each class</h2>");
    add_columns(out, "class", of_class, LENGTH(of_class));
    buf_add_text(out, "<th style='text-align:left'>AUC against the rest</th></tr>");
    for (int class = 1; class < METRICS_CLASSES; class ++) {
        int area = METRIC_AUC_MEL + class - 1;
        if (!j->classes[class].n)
            continue;
        add_part(out, &j->classes[class], of_class, LENGTH(of_class));
        add_figure(out, j->whole.value[area], &j->whole.range[area], 0.5, 1);
        buf_add_text(out, "</tr>");
    }
    buf_add_text(out, "</table></div><h2>Each source</h2>");
    add_columns(out, "source", of_source, LENGTH(of_source));
    buf_add_text(out, "</tr>");
    for (int s = 0; s < j->n_sources; s++) {
        add_part(out, &j->sources[s], of_source, LENGTH(of_source));
        buf_add_text(out, "</tr>");
    }
    buf_add_text(out, "</table></div>");
}

static void add_drawings(struct buf *out, const struct judgement *j)
{
    const struct judged_scores *s = &j->scores;

    buf_add_text(out, "<h2>Outlines</h2><figure>");
    chart_jaccard(out, &j->metrics);
    buf_add_text(out,
                 "<figcaption>Images by Jaccard index; red ones count as failures.</figcaption>"
                 "</figure><h2>Scores</h2><div class='pair'><figure>");
    chart_roc(out, j->curve, j->n_curve);
    buf_printf(
        out,
        "<figcaption>ROC curve of the malignant probability. Area %.3f; its standard error by "
        "DeLong %.4f, images taken as independent.</figcaption></figure><figure>",
        j->whole.value[METRIC_AUC_MALIGNANT], j->delong.error);
    chart_reliability(out, s->bins_before, s->bins_after);
    buf_printf(
        out,
        "<figcaption>Reliability, by tenths of the malignant probability: as it is (hollow; "
        "calibration error %.3f, log loss %.3f) and through the temperature that suits these "
        "images best, %.3f (filled; %.3f, %.3f). A temperature of 1 leaves scores as they "
        "are.</figcaption></figure></div>",
        s->before[METRIC_ECE], s->before[METRIC_NLL], s->temperature, s->after[METRIC_ECE],
        s->after[METRIC_NLL]);
}

static void add_confusion(struct buf *out, const struct metrics *m)
{
    int count[METRICS_CLASSES][METRICS_CLASSES] = {{0}}, of_class_n[METRICS_CLASSES] = {0};

    for (int i = 0; i < m->n; i++) {
        count[m->images[i].truth][metrics_best_class(&m->images[i])]++;
        of_class_n[m->images[i].truth]++;
    }
    buf_add_text(out,
                 "<h2>Which class comes first</h2><div class='wide'><table><tr><th>truth</th>");
    for (int k = 1; k < METRICS_CLASSES; k++)
        buf_printf(out, "<th>%s</th>", class_word(k));
    buf_add_text(out, "</tr>");
    for (int t = 1; t < METRICS_CLASSES; t++) {
        buf_printf(out, "<tr><td>%s</td>", class_word(t));
        for (int k = 1; k < METRICS_CLASSES; k++) {
            double share = of_class_n[t] ? (double)count[t][k] / of_class_n[t] : 0;
            buf_printf(out, "<td%s style='background:rgba(31,95,174,%.2f)'>%d</td>",
                       share > 0.5 ? " class='hot'" : "", share, count[t][k]);
        }
        buf_add_text(out, "</tr>");
    }
    buf_add_text(out, "</table></div>");
}

static void add_comparison(struct buf *out, const struct page *p)
{
    const struct comparison *c = p->compared;

    if (!c)
        return;
    buf_add_text(out, "<h2>Against ");
    text_add_html(out, p->compared_with);
    buf_printf(
        out,
        "</h2><p>The same %d images of %d lesions through the same draws; p is two-sided.</p>"
        "<table><tr><th>figure</th><th>this</th><th>other</th><th "
        "style='text-align:left'>difference</th><th>p</th></tr>",
        c->n, c->lesions);
    for (int i = 0; i < LENGTH(whole); i++) {
        enum metric f = whole[i].metric;
        if (!(c->known & 1U << f))
            continue;
        buf_printf(out, "<tr><td>%s</td><td>", whole[i].says);
        add_number(out, c->a[f]);
        buf_add_text(out, "</td><td>");
        add_number(out, c->b[f]);
        buf_add_text(out, "</td>");
        add_figure(out, c->a[f] - c->b[f], &c->difference[f], -0.1, 0.1);
        buf_printf(out, "<td>%.3f</td></tr>", c->p[f]);
    }
    buf_add_text(out, "</table><p class='facts'>Lines go from -0.1 to 0.1.</p>");
}

#define FALL_MAX \
    0.03 /* of mean Jaccard at medium strength: what a model should not lose more than */

static void add_robustness(struct buf *out, const struct page *p)
{
    if (!p->n_robust)
        return;
    buf_add_text(
        out, "<h2>With something in the way</h2><p>Changed after decoding, before the network's "
             "input is made. Falls are clean minus changed; at medium strength more than 0.03 "
             "stands out.</p><div class='wide'><table><tr><th>what</th><th>strength</th>"
             "<th>mean Jaccard</th><th>fall</th><th>failure rate</th><th>AUC, malignant</th>"
             "<th>fall</th></tr>");
    for (int i = 0; i < p->n_robust; i++) {
        const struct robust_row *r = &p->robust[i];
        const struct comparison *c = &r->cost;
        double fall = c->a[METRIC_MEAN_JACCARD] - c->b[METRIC_MEAN_JACCARD];
        buf_printf(out, "<tr><td>%s</td><td>%s</td><td>%.3f</td><td%s>%.3f",
                   r->level ? "" : robust_word(r->kind), robust_level_word(r->level),
                   c->b[METRIC_MEAN_JACCARD],
                   r->level == 1 && fall > FALL_MAX ? " class='over'" : "", fall);
        add_range(out, &c->difference[METRIC_MEAN_JACCARD]);
        buf_printf(out, "</td><td>%.3f</td><td>", c->b[METRIC_FAILURE]);
        add_number(out, c->b[METRIC_AUC_MALIGNANT]);
        buf_add_text(out, "</td><td>");
        add_number(out, c->a[METRIC_AUC_MALIGNANT] - c->b[METRIC_AUC_MALIGNANT]);
        buf_add_text(out, "</td></tr>");
    }
    buf_add_text(out, "</table></div>");
}

static void add_base64(struct buf *out, const struct buf *bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

    for (size_t i = 0; i < bytes->len; i += 3) {
        unsigned n = bytes->len - i < 3 ? (unsigned)(bytes->len - i) : 3, word = 0;
        for (unsigned k = 0; k < 3; k++)
            word = word << 8 | (k < n ? (uint8_t)bytes->data[i + k] : 0);
        char four[4];
        for (unsigned k = 0; k < 4; k++)
            four[k] = digits[k <= n ? word >> (18 - 6 * k) & 63 : 64];
        buf_add(out, four, 4);
    }
}

static void add_worst(struct buf *out, const struct page *p)
{
    if (!p->n_worst)
        return;
    buf_printf(out,
               "<h2>The %d worst outlines</h2><p><span class='key truth'></span>true outline "
               "<span class='key seen'></span>the model's</p><div class='sheet'>",
               p->n_worst);
    for (int i = 0; i < p->n_worst; i++) {
        const struct metrics_image *image = &p->judged->metrics.images[p->worst[i].row];
        const struct label *label = p->judged->labels[p->worst[i].row];
        buf_add_text(out, "<figure><img alt='' src='data:image/jpeg;base64,");
        add_base64(out, &p->worst[i].jpeg);
        buf_printf(out, "'><figcaption>%.2f · %s, called %s<br>", image->jaccard,
                   class_word(image->truth), class_word(metrics_best_class(image)));
        text_add_html(out, label->id);
        buf_add_text(out, *label->source ? " · " : "");
        text_add_html(out, label->source);
        buf_add_text(out, "</figcaption></figure>");
    }
    buf_add_text(out, "</div>");
}

int page_write(const struct page *p, const char *path, struct err *err)
{
    struct buf text;

    buf_init(&text, PAGE_MAX);
    add_head(&text, p);
    add_tiles(&text, &p->judged->whole);
    add_comparison(&text, p);
    add_whole(&text, p->judged);
    add_parts(&text, p->judged);
    add_drawings(&text, p->judged);
    add_confusion(&text, &p->judged->metrics);
    add_robustness(&text, p);
    add_worst(&text, p);
    buf_add_text(&text, "</html>\n");
    int ret = buf_check(&text, path, err) || file_write(path, text.data, text.len, err) ? -1 : 0;
    buf_release(&text);
    return ret;
}
