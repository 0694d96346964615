/* resample.h -- the bootstrap: how far a figure could lie elsewhere had other lesions been chosen.
 *
 * Lesions are drawn with replacement, as many as there are, and each brings all of its pictures (the
 * cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their Application, 1997, 3.8). Replicate
 * k depends on seed and k alone, so the same seed gives the same intervals, and two models seen through
 * the same draws can be compared pair by pair. The interval is the percentile one. */
#ifndef COMMON_RESAMPLE_H
#define COMMON_RESAMPLE_H

#include <stdint.h>

#include "common/err.h"

struct resampler {
    int n_rows, n_groups;
    int *members; /* n_rows: row numbers, group by group */
    int *starts;  /* n_groups + 1: where each group begins in `members` */
    int *drawn;   /* rows of the last draw: room for the largest possible one */
    uint64_t seed;
};

/* `rows` are n row numbers (NULL: 0..n-1); keys[row] is the row's lesion, "" or NULL for a lesion of its
 * own. Groups are in order of appearance. Free with resampler_release. */
int resampler_init(struct resampler *r, const int *rows, int n, const char *const *keys,
                   uint64_t seed, struct err *err);
void resampler_release(struct resampler *r); /* safe on a zeroed one */

int resampler_rows_max(const struct resampler *r); /* of any draw */

/* Fill r->drawn with the rows of replicate k; returns their number. */
int resampler_draw(struct resampler *r, uint32_t k);

struct interval {
    double low, high; /* NAN when nothing could be counted */
};

/* 2.5 and 97.5 % quantiles (between order statistics in a straight line) of the values that are numbers;
 * sorts `values`, which are NAN last afterwards. */
struct interval interval_of(double *values, int n);

/* Two-sided: how often the replicates of a difference lie on the other side of zero,
 * 2 (1 + the smaller of #(d <= 0), #(d >= 0)) / (1 + n), at most 1; NAN without any number. */
double resample_p(const double *differences, int n);

#endif
