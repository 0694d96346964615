/* lovasz.h -- the Lovasz extension of the Jaccard loss for one class of one image.
 *
 * Berman, Triki, Blaschko, "The Lovasz-Softmax loss", CVPR 2018, algorithm 1. */
#ifndef TRAIN_LOVASZ_H
#define TRAIN_LOVASZ_H

#include <stdint.h>

#include "common/err.h"

struct lovasz {
    uint64_t *keys, *swap; /* error and place of each pixel */
    int capacity;
};

void lovasz_release(struct lovasz *s); /* safe on a zeroed one */
int lovasz_reserve(struct lovasz *s, int pixels, struct err *err);

/* `p` holds the class's probability at each of n pixels (n within what was reserved) and is
 * overwritten with the gradient of the loss by it; pixels over label 7 count nowhere and get 0. Returns
 * the loss. At least one label is `class`. Equal errors stand in the order of their pixels. */
double lovasz_run(struct lovasz *s, float *p, const uint8_t *labels, int n, uint8_t class);

#endif
