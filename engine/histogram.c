#include "engine/histogram.h"

#include <math.h>

enum { CANDIDATES = 256 }; /* ranges that MSE compares, in equal steps up to the largest value */

static const struct {
    const char *word;
    double share; /* percentiles; 0: another rule */
} rules[] = {
    [RANGE_MAX] = {"max",               0      },
    [RANGE_P99999] = {"percentile 99.999", 0.99999},
    [RANGE_P9999] = {"percentile 99.99",  0.9999 },
    [RANGE_P999] = {"percentile 99.9",   0.999  },
    [RANGE_MSE] = {"mse",               0      },
};

const char *range_rule_word(enum range_rule rule)
{
    return rules[rule].word;
}

static void grow(struct histogram *h)
{
    for (size_t i = 0; i < HISTOGRAM_BINS / 2; i++)
        h->bins[i] = h->bins[2 * i] + h->bins[2 * i + 1];
    for (int i = HISTOGRAM_BINS / 2; i < HISTOGRAM_BINS; i++)
        h->bins[i] = 0;
    h->width *= 2;
}

void histogram_add(struct histogram *h, const float *values, size_t n)
{
    h->count += n;
    for (size_t i = 0; i < n; i++) {
        double size = fabs((double)values[i]);
        if (size == 0) {
            h->zeros++;
            continue;
        }
        if (h->width == 0)
            h->width = size / HISTOGRAM_BINS;
        while (size >= h->width * HISTOGRAM_BINS)
            grow(h);
        h->bins[(int)(size / h->width)]++;
        h->max = size > h->max ? size : h->max;
    }
}

/* The upper edge of the bin in which `share` of the values are reached. */
static double percentile(const struct histogram *h, double share)
{
    double wanted = share * (double)(h->count - h->zeros), seen = 0;

    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        seen += (double)h->bins[i];
        if (seen >= wanted)
            return fmin((i + 1) * h->width, h->max);
    }
    return h->max;
}

/* Sum of squared errors when `range` is the last of `steps` steps: rounding is even within a step
 * (a twelfth of its square), what lies above is cut off. A 0 stays exact. */
static double squared_error(const struct histogram *h, double range, int steps)
{
    double step = range / steps, sum = 0;

    for (int i = 0; i < HISTOGRAM_BINS; i++) {
        double over = (i + 0.5) * h->width - range;
        sum += (double)h->bins[i] * (over > 0 ? over * over : step * step / 12);
    }
    return sum;
}

static double least_error(const struct histogram *h, int steps)
{
    double best = h->max, least = squared_error(h, best, steps);

    for (int i = 1; i < CANDIDATES; i++) {
        double range = h->max * i / CANDIDATES, error = squared_error(h, range, steps);
        if (error < least) {
            least = error;
            best = range;
        }
    }
    return best;
}

double histogram_range(const struct histogram *h, enum range_rule rule, int steps)
{
    if (h->max <= 0)
        return 1;
    if (rule == RANGE_MSE)
        return least_error(h, steps);
    return rule == RANGE_MAX ? h->max : percentile(h, rules[rule].share);
}
