/* learn_ops.h -- what the oracle needs beyond ops.h to train: the norm over a batch, and the gradient
 * of every operation. Double precision.
 *
 * The gradient functions take the gradient by the output and ADD to those by the inputs, so that a map
 * that several layers read gathers from all of them. One image at a time, but for the norm. */
#ifndef ENGINE_REF_LEARN_OPS_H
#define ENGINE_REF_LEARN_OPS_H

#include "engine/ref/ops.h"

/* A whole batch as one map: n*h rows of w pixels. */
struct ref_norm {
    const double *gamma, *beta; /* c */
    double *mean;               /* c, of the batch */
    double *variance;           /* c, biased */
};

/* Measures `in` and writes (in - mean)/sqrt(variance + epsilon)*gamma + beta to `out`. With a single
 * pixel out is in (specification 5.5), and mean and variance are left alone. */
void ref_norm(const struct ref_norm *norm, struct ref_map in, struct ref_map out);

/* `gradient` by the output becomes that by the input, in place; adds to the gradients by gamma and
 * beta. */
void ref_norm_back(const struct ref_norm *norm, struct ref_map in, struct ref_map gradient,
                   double *gamma, double *beta);

/* In place; `out` is what ref_relu left. The gradient at 0 is 0. */
void ref_relu_back(struct ref_map out, struct ref_map gradient);

void ref_average_back(struct ref_map out, struct ref_map in);
void ref_concat_back(struct ref_map out, const struct ref_map *in, int inputs);
void ref_bins_back(struct ref_map out, struct ref_map in);
void ref_resize_back(struct ref_map out, struct ref_map in);
void ref_sum_back(struct ref_map out, const struct ref_map *in, int inputs);

/* `value` are the inputs of the forward. A maximum's gradient goes to the first channel that has it. */
void ref_stats_back(const struct ref_map *value, struct ref_map out, const struct ref_map *in);
void ref_blend_back(const struct ref_map *value, double scale, struct ref_map out,
                    const struct ref_map *in);

#endif
