#include "train/curves.h"

#include <math.h>

/* px of the picture; a panel for each chart. */
enum { WIDTH = 860, PANEL = 190, LEFT = 64, RIGHT = 150, TOP = 28, BOTTOM = 26, POINTS_MAX = 800 };

enum source { FROM_STEPS, FROM_LOOKS };

/* What is drawn of each element of the history. */
struct series {
    const char *name, *colour;
    double (*value)(const struct history *h, int i);
    int smooth; /* elements that a mean goes over, at most */
};

struct chart {
    const char *title;
    enum source source;
    bool from_zero; /* the axis begins at 0 */
    struct series series[4];
};

static double loss(const struct history *h, int i)
{
    return h->steps[i].loss;
}

static double rate(const struct history *h, int i)
{
    return h->steps[i].rate;
}

static double speed(const struct history *h, int i)
{
    return h->steps[i].images_per_s;
}

static double jaccard(const struct history *h, int i)
{
    return h->looks[i].mean_jaccard;
}

static double failure(const struct history *h, int i)
{
    return h->looks[i].failure_rate;
}

static double auc(const struct history *h, int i)
{
    return h->looks[i].auc_malignant;
}

static double balanced(const struct history *h, int i)
{
    return h->looks[i].balanced_accuracy;
}

static const struct chart charts[] = {
    {"loss",            FROM_STEPS, true, {{"each line", "#b8c4d6", loss, 1}, {"mean", "#1f4e9c", loss, 21}}},
    {"validation",
     FROM_LOOKS,                    true,
     {{"mean Jaccard", "#1f4e9c", jaccard, 1},
      {"AUC malignant", "#b3361e", auc, 1},
      {"balanced accuracy", "#2e7d32", balanced, 1},
      {"failure rate", "#8a6d00", failure, 1}}                                                              },
    {"learning rate",   FROM_STEPS, true, {{"rate", "#1f4e9c", rate, 1}}                                    },
    {"images a second", FROM_STEPS, true, {{"rate", "#1f4e9c", speed, 1}}                                   },
};
enum { CHARTS = sizeof(charts) / sizeof(*charts) };

static int count_of(const struct chart *c, const struct history *h)
{
    return c->source == FROM_STEPS ? h->n_steps : h->n_looks;
}

static int64_t iteration_of(const struct chart *c, const struct history *h, int i)
{
    return c->source == FROM_STEPS ? h->steps[i].iteration : h->looks[i].iteration;
}

/* A mean over more than a third of the elements would be a line that says nothing. Odd. */
static int window_of(const struct series *s, int n)
{
    int most = n / 3 | 1;

    return s->smooth < most ? s->smooth : most;
}

/* Mean over what is known around element i; NAN when nothing is. */
static double smoothed(const struct series *s, const struct history *h, int n, int i)
{
    double sum = 0;
    int count = 0, reach = window_of(s, n) / 2;

    for (int k = i - reach; k <= i + reach; k++)
        if (k >= 0 && k < n && isfinite(s->value(h, k))) {
            sum += s->value(h, k);
            count++;
        }
    return count ? sum / count : NAN;
}

/* The longest of 1, 2, 5 times a power of ten that cuts `range` into at least three. */
static double tick_of(double range)
{
    double power = pow(10, floor(log10(range / 3)));
    double times = range / 3 / power;

    return power * (times >= 5 ? 5 : times >= 2 ? 2 : 1);
}

struct panel {
    struct buf *out;
    const struct history *h;
    const struct chart *chart;
    int n, y; /* elements; top of the panel, px */
    double total, low, high;
};

static double x_of(const struct panel *p, double iteration)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * iteration / p->total;
}

static double y_of(const struct panel *p, double value)
{
    return p->y + TOP + (PANEL - TOP - BOTTOM) * (p->high - value) / (p->high - p->low);
}

static void find_range(struct panel *p)
{
    p->low = INFINITY;
    p->high = -INFINITY;
    for (int s = 0; s < 4 && p->chart->series[s].name; s++)
        for (int i = 0; i < p->n; i++) {
            double v = p->chart->series[s].value(p->h, i);
            p->low = isfinite(v) ? fmin(p->low, v) : p->low;
            p->high = isfinite(v) ? fmax(p->high, v) : p->high;
        }
    if (!(p->low <= p->high))
        p->low = p->high = 0;
    if (p->chart->from_zero)
        p->low = fmin(p->low, 0);
    if (p->high <= p->low)
        p->high = p->low + 1;
}

static void draw_axes(const struct panel *p)
{
    double step = tick_of(p->high - p->low), along = tick_of(p->total);

    buf_printf(p->out, "<text x=\"%d\" y=\"%d\" class=\"title\">%s</text>\n", LEFT, p->y + 16,
               p->chart->title);
    for (int k = (int)ceil(p->low / step); k * step <= p->high * (1 + 1e-9); k++)
        buf_printf(p->out,
                   "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>"
                   "<text x=\"%d\" y=\"%.1f\" class=\"left\">%.4g</text>\n",
                   LEFT, WIDTH - RIGHT, y_of(p, k * step), y_of(p, k * step), LEFT - 6,
                   y_of(p, k * step) + 4, k * step);
    for (int k = 0; k * along <= p->total; k++)
        buf_printf(p->out, "<text x=\"%.1f\" y=\"%d\" class=\"below\">%.6g</text>\n",
                   x_of(p, k * along), p->y + PANEL - 8, k * along);
}

static void draw_series(const struct panel *p, int s)
{
    const struct series *row = &p->chart->series[s];
    int step = p->n / POINTS_MAX + 1, drawn = 0;

    buf_printf(p->out, "<polyline stroke=\"%s\" points=\"", row->colour);
    for (int i = 0; i < p->n; i += step) {
        double v = smoothed(row, p->h, p->n, i);
        if (!isfinite(v))
            continue;
        buf_printf(p->out, "%.1f,%.1f ", x_of(p, (double)iteration_of(p->chart, p->h, i)),
                   y_of(p, v));
        drawn++;
    }
    buf_add_text(p->out, "\"/>\n");
    if (drawn == 1)
        buf_printf(p->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.5\" fill=\"%s\"/>\n",
                   x_of(p, (double)iteration_of(p->chart, p->h, 0)),
                   y_of(p, smoothed(row, p->h, p->n, 0)), row->colour);
    double last = p->n ? smoothed(row, p->h, p->n, p->n - 1) : NAN;
    buf_printf(p->out, "<text x=\"%d\" y=\"%d\" style=\"fill:%s;font-weight:bold\">%s",
               WIDTH - RIGHT + 10, p->y + TOP + 14 + 18 * s, row->colour, row->name);
    if (row->smooth > 1)
        buf_printf(p->out, " of %d", window_of(row, p->n));
    if (isfinite(last))
        buf_printf(p->out, " %.4g", last);
    buf_add_text(p->out, "</text>\n");
}

void curves_draw(struct buf *out, const struct history *h, int64_t total)
{
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\">\n"
               "<style>text{font:12px sans-serif;fill:#333}.title{font-weight:bold}"
               ".left{text-anchor:end}.below{text-anchor:middle}.grid{stroke:#ddd}"
               "polyline{fill:none;stroke-width:1.5}</style>\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
               WIDTH, CHARTS * PANEL, WIDTH);
    for (int c = 0; c < CHARTS; c++) {
        struct panel p = {.out = out, .h = h, .chart = &charts[c], .y = c * PANEL};
        p.n = count_of(&charts[c], h);
        p.total = total > 0 ? (double)total : 1;
        find_range(&p);
        draw_axes(&p);
        for (int s = 0; s < 4 && charts[c].series[s].name; s++)
            draw_series(&p, s);
    }
    buf_add_text(out, "</svg>\n");
}
