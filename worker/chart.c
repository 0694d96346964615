#include "worker/chart.h"

#include <math.h>

enum {
    SIDE = 300,
    LEFT = 44,
    TOP = 12,
    RIGHT = 12,
    BELOW = 40,
    BARS = 20,
    BAR_W = 640,
    BAR_H = 150
};

static double x_of(double share)
{
    return LEFT + share * SIDE;
}

static double y_of(double share)
{
    return TOP + (1 - share) * SIDE;
}

/* A square from 0 to 1 with its grid, numbers, diagonal and names of its sides. */
static void begin_square(struct buf *out, const char *label, const char *below, const char *beside)
{
    buf_printf(out, "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'>", LEFT + SIDE + RIGHT,
               TOP + SIDE + BELOW, label);
    for (int k = 0; k <= 4; k++) {
        double at = k / 4.0;
        buf_printf(out,
                   "<path class='grid' d='M%.1f %.1fH%.1fM%.1f %.1fV%.1f'/>"
                   "<text x='%.1f' y='%.1f' text-anchor='end'>%g</text>"
                   "<text x='%.1f' y='%.1f' text-anchor='middle'>%g</text>",
                   x_of(0), y_of(at), x_of(1), x_of(at), y_of(0), y_of(1), x_of(0) - 5,
                   y_of(at) + 4, at, x_of(at), y_of(0) + 15, at);
    }
    buf_printf(out,
               "<path class='chance' d='M%.1f %.1fL%.1f %.1f'/>"
               "<text x='%.1f' y='%.1f' text-anchor='middle'>%s</text>"
               "<text transform='translate(11 %.1f) rotate(-90)' text-anchor='middle'>%s</text>",
               x_of(0), y_of(0), x_of(1), y_of(1), x_of(0.5), y_of(0) + 33, below, y_of(0.5),
               beside);
}

/* The rule marks where sensitivity is 0.95 and where specificity is 0.90. */
void chart_roc(struct buf *out, const struct roc_point *points, int n)
{
    begin_square(out, "ROC curve of the malignant probability", "1 - specificity", "sensitivity");
    buf_printf(out,
               "<path class='aim' d='M%.1f %.1fH%.1fM%.1f %.1fV%.1f'/>"
               "<text x='%.1f' y='%.1f' text-anchor='end'>sensitivity 0.95</text>"
               "<text x='%.1f' y='%.1f'>specificity 0.90</text>",
               x_of(0), y_of(0.95), x_of(1), x_of(0.1), y_of(0), y_of(1), x_of(1) - 4,
               y_of(0.95) + 13, x_of(0.1) + 4, y_of(0) - 6);
    buf_add_text(out, "<polyline class='curve' points='");
    for (int i = 0; i < n; i++)
        buf_printf(out, "%.1f,%.1f ", x_of(points[i].false_positive), y_of(points[i].sensitivity));
    buf_add_text(out, "'/></svg>");
}

static void add_dots(struct buf *out, const struct metrics_bin bins[METRICS_BINS],
                     const char *class)
{
    int all = 0;
    const char *join = "";

    for (int k = 0; k < METRICS_BINS; k++)
        all += bins[k].n;
    buf_printf(out, "<polyline class='%s' points='", class);
    for (int k = 0; k < METRICS_BINS; k++)
        if (bins[k].n) {
            buf_printf(out, "%s%.1f,%.1f", join, x_of(bins[k].score), y_of(bins[k].share));
            join = " ";
        }
    buf_add_text(out, "'/>");
    for (int k = 0; k < METRICS_BINS; k++)
        if (bins[k].n)
            buf_printf(out,
                       "<circle class='%s' cx='%.1f' cy='%.1f' r='%.1f'><title>%d images: mean "
                       "probability %.2f, malignant %.2f</title></circle>",
                       class, x_of(bins[k].score), y_of(bins[k].share),
                       3 + 9 * sqrt((double)bins[k].n / all), bins[k].n, bins[k].score,
                       bins[k].share);
}

void chart_reliability(struct buf *out, const struct metrics_bin before[METRICS_BINS],
                       const struct metrics_bin after[METRICS_BINS])
{
    begin_square(out, "Reliability of the malignant probability", "malignant probability",
                 "share that is malignant");
    add_dots(out, before, "before");
    add_dots(out, after, "after");
    buf_add_text(out, "</svg>");
}

void chart_jaccard(struct buf *out, const struct metrics *m)
{
    int count[BARS] = {0}, most = 1;
    double width = (double)(BAR_W - LEFT) / BARS;

    for (int i = 0; i < m->n; i++)
        count[(int)fmin(m->images[i].jaccard * BARS, BARS - 1)]++;
    for (int k = 0; k < BARS; k++)
        most = count[k] > most ? count[k] : most;
    buf_printf(out,
               "<svg viewBox='0 0 %d %d' role='img' aria-label='Images by Jaccard index'>"
               "<path class='grid' d='M%d %dH%d'/>",
               BAR_W + RIGHT, TOP + BAR_H + BELOW, LEFT, TOP + BAR_H, BAR_W);
    for (int k = 0; k < BARS; k++) {
        double h = (double)BAR_H * count[k] / most, x = LEFT + k * width;
        bool is_failure = (k + 1.0) / BARS <= METRICS_FAILURE + 1e-9;
        buf_printf(out,
                   "<rect class='%s' x='%.1f' y='%.1f' width='%.1f' height='%.1f'><title>%.2f to "
                   "%.2f: %d images</title></rect>",
                   is_failure ? "bad" : "good", x + 1, TOP + BAR_H - h, width - 2, h,
                   (double)k / BARS, (k + 1.0) / BARS, count[k]);
        if (count[k])
            buf_printf(out, "<text x='%.1f' y='%.1f' text-anchor='middle'>%d</text>", x + width / 2,
                       TOP + BAR_H - h - 3 < 10 ? 10 : TOP + BAR_H - h - 3, count[k]);
        if (k % 2 == 0)
            buf_printf(out, "<text x='%.1f' y='%d' text-anchor='middle'>%.1f</text>", x,
                       TOP + BAR_H + 15, (double)k / BARS);
    }
    buf_printf(out,
               "<text x='%d' y='%d' text-anchor='middle'>1.0</text>"
               "<text x='%d' y='%d' text-anchor='middle'>Jaccard index</text></svg>",
               BAR_W, TOP + BAR_H + 15, (LEFT + BAR_W) / 2, TOP + BAR_H + 33);
}

void chart_interval(struct buf *out, double value, const struct interval *range, double from,
                    double to)
{
    enum { W = 120, H = 14 };

    if (isnan(value))
        return;
    double scale = W / (to - from), at = fmin(fmax((value - from) * scale, 0), W);
    buf_printf(out,
               "<svg class='bar' viewBox='-4 0 %d %d' aria-hidden='true'>"
               "<path class='grid' d='M0 %dH%d'/>",
               W + 8, H, H / 2, W);
    if (!isnan(range->low))
        buf_printf(out, "<path class='range' d='M%.1f %dH%.1f'/>",
                   fmin(fmax((range->low - from) * scale, 0), W), H / 2,
                   fmin(fmax((range->high - from) * scale, 0), W));
    buf_printf(out, "<circle class='after' cx='%.1f' cy='%d' r='3.5'/></svg>", at, H / 2);
}
