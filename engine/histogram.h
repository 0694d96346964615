/* histogram.h -- how often which size of value occurs in a map, and the range that follows for a map
 * of bytes.
 *
 * Sizes only: a map without signs and one with signs are treated alike. Bins double in width when a
 * value comes that is too large for them, so one pass over data of unknown size is enough and bins
 * are never wider than 1/2048 of the largest value. */
#ifndef ENGINE_HISTOGRAM_H
#define ENGINE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_BINS = 4096 };

struct histogram { /* starts zeroed */
    uint64_t bins[HISTOGRAM_BINS];
    uint64_t zeros, count; /* count: all values, zeros too */
    double width;          /* of a bin; 0: nothing but zeros yet */
    double max;
};

/* The rules by which a range is chosen, in the order in which they are tried. */
enum range_rule {
    RANGE_MAX,    /* nothing is cut off */
    RANGE_P99999, /* the size that 99.999 % of the values that are not 0 stay below */
    RANGE_P9999,  /* 99.99 % */
    RANGE_P999,   /* 99.9 % */
    RANGE_MSE,    /* least mean square of rounding and cutting off */
    RANGE_RULES
};
const char *range_rule_word(enum range_rule rule); /* "max", "percentile 99.99", ... */

void histogram_add(struct histogram *h, const float *values, size_t n);

/* The size that the last of `steps` steps stands for; 1 for a map of zeros, which any range suits. */
double histogram_range(const struct histogram *h, enum range_rule rule, int steps);

#endif
