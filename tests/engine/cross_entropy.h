/* cross_entropy.h -- the slow oracle of the losses: mean cross-entropy of a head's logits, resized to
 * the labels' size, and its gradient, in double precision. */
#ifndef TESTS_ENGINE_CROSS_ENTROPY_H
#define TESTS_ENGINE_CROSS_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

enum { LABEL_IGNORED = 255 };

struct cross_entropy {
    int n, h, w;           /* of the labels */
    const uint8_t *labels; /* n,h,w: a class, or LABEL_IGNORED */
    int head_h, head_w;
};

/* The mean over all pixels that are not ignored (0 when all are). `logits` and `gradient` are
 * n,head_h,head_w,8; the gradient is written, unless it is NULL. */
double cross_entropy(const struct cross_entropy *c, const double *logits, double *gradient);

#endif
