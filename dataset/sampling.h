/* sampling.h -- in which order pictures are drawn in training, and how often each.
 *
 * An epoch draws as many pictures as there are. With even weights each comes once; otherwise each
 * comes floor or ceil of its share times (systematic resampling: less chance in it than drawing each
 * on its own), in random order. A function of (seed, epoch) alone. */
#ifndef DATASET_SAMPLING_H
#define DATASET_SAMPLING_H

#include <stdint.h>

#include "common/err.h"

enum sampling_rule {
    SAMPLING_UNIFORM, /* every picture as often */
    SAMPLING_ROOT,    /* 1 / sqrt(pictures of its class) */
    SAMPLING_EVEN,    /* 1 / pictures of its class: every class as often */
};

/* "uniform", "root", "even"; ERR_CONFIG for any other. */
int sampling_rule_of(enum sampling_rule *out, const char *word, struct err *err);

/* Weights of n pictures, mean 1, from their classes 1..7. */
void sampling_weights(float *weights, enum sampling_rule rule, const int *classes, int n);

/* Which picture is drawn at each of the n places of an epoch. Weights are finite, not negative and not
 * all 0; NULL: even. `order` holds n. ERR_CONFIG for bad weights. */
int sampling_order(int *order, const float *weights, int n, uint64_t seed, uint32_t epoch,
                   struct err *err);

#endif
