/* order.h -- in which order a plan runs the table, and which part of it for each image alone.
 *
 * Large maps are made image by image, so that they stay in the cache from the layer that writes
 * them to the one that reads them; small maps for the whole batch, so that their weights, which are
 * the larger ones, are read once for all. Hence three parts: a front for each image, a middle for
 * all, a back for each. The low branches of the fusion blocks (X0, X1) run as soon as their input
 * is there: what is kept of an image until the back is then a fourth of that input. */
#ifndef ENGINE_ONEDNN_ORDER_H
#define ENGINE_ONEDNN_ORDER_H

#include "engine/network.h"

struct order {
    int steps;
    int layer[LAYER_COUNT_INFERENCE]; /* the row of each step */
    struct run_order run;             /* in steps */
};

/* For images of `shapes`; nothing else decides. */
void order_make(struct order *o, const struct shape shapes[LAYER_COUNT]);

/* Whether the outputs of `layer` for all images of a batch are there at the same time. */
bool order_keeps_all(const struct order *o, int layer);

/* Whether the step of `layer` runs for the whole batch at once. */
bool order_runs_all(const struct order *o, int layer);

/* The row whose step makes `layer`'s output; its own unless it is fused. */
int order_step_of(int layer);

#endif
