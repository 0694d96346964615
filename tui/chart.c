#include "tui/chart.h"

#include <math.h>

int chart_means(const struct stats *s, double out[STATS_HISTORY])
{
    int n = s->n_history < STATS_HISTORY ? s->n_history : STATS_HISTORY;

    for (int i = 0; i < n; i++) {
        double sum = 0;
        int from = i + 1 > CHART_MEAN_SECONDS ? i + 1 - CHART_MEAN_SECONDS : 0;
        for (int k = from; k <= i; k++)
            sum += isfinite(s->history[k]) && s->history[k] > 0 ? (double)s->history[k] : 0;
        out[i] = sum / (i + 1 - from);
    }
    return n;
}

double chart_scale(double max)
{
    static const double steps[] = {1, 2, 3, 4, 5, 6, 8};

    if (!(max > 0))
        return 1;
    double unit = pow(10, floor(log10(max)));
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        if (max <= steps[i] * unit)
            return steps[i] * unit;
    return 10 * unit;
}

uint32_t chart_braille(int left, int right)
{
    /* Unicode 2800: dots 7, 3, 2, 1 from the bottom of the left column, 8, 6, 5, 4 of the right */
    static const uint32_t lefts[] = {0, 0x40, 0x44, 0x46, 0x47};
    static const uint32_t rights[] = {0, 0x80, 0xa0, 0xb0, 0xb8};

    left = left < 0 ? 0 : left > 4 ? 4 : left;
    right = right < 0 ? 0 : right > 4 ? 4 : right;
    return left + right ? 0x2800 | lefts[left] | rights[right] : ' ';
}
