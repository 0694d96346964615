/* learn_steps.h -- the steps of a training step that our own loops do, over a whole batch and with
 * all threads.
 *
 * Work is dealt out in as many parts as there are threads, by images or pixels, and sums of parts are
 * added up in their order: the same number of threads gives the same bits. */
#ifndef ENGINE_ONEDNN_LEARN_STEPS_H
#define ENGINE_ONEDNN_LEARN_STEPS_H

#include "engine/learn.h"
#include "engine/onednn/learn_plan.h"

/* A norm over the last batch, c values each; they point into one block. */
struct learn_norm {
    float *mean;               /* of the convolution without its bias */
    float *inverse;            /* 1/sqrt(variance + epsilon) */
    float *scale, *shift;      /* the whole norm as z*scale + shift */
    float *by_g, *by_z, *rest; /* see norm_back_job */
};
enum { LEARN_NORM_ARRAYS = 7 };

struct learn_step {
    const struct learn_shared *shared;
    const struct learn_plan *plan;
    char *arena;
    struct learn_norm *norms;        /* LAYER_COUNT */
    const int (*of)[ROLE_SCALE + 1]; /* LAYER_COUNT; a parameter's number, -1 for none */
    double *sums;                    /* threads, 2 * LEARN_CHANNELS_MAX */
    const struct learn_params *params, *gradients;
};

/* Into the arena. */
void *step_map(const struct learn_step *s, int layer);
void *step_inner(const struct learn_step *s, int layer);
void *step_back(const struct learn_step *s, int layer);

/* The caller's; NULL when the layer has none. */
float *step_param(const struct learn_step *s, int layer, enum role role);
float *step_gradient(const struct learn_step *s, int layer, enum role role);

/* Images or pixels [*begin, *end) of `count` that part `part` has. */
void step_part(const struct learn_step *s, int part, size_t count, size_t *begin, size_t *end);

/* Scratch of a part, in the arena: plan->thread_bytes. */
void *step_scratch(const struct learn_step *s, int part);

void step_stem(const struct learn_step *s);
void step_stem_back(const struct learn_step *s);
void step_halve(const struct learn_step *s, int layer);
void step_halve_back(const struct learn_step *s, int layer);
void step_bins(const struct learn_step *s, int layer);
void step_bins_back(const struct learn_step *s, int layer);
void step_sum(const struct learn_step *s, int layer);
void step_sum_back(const struct learn_step *s, int layer);
void step_classify(const struct learn_step *s, int layer);
void step_classify_back(const struct learn_step *s, int layer);

/* From the inner values to the map and its place in a concatenation, and back (learn_norms.c). */
void step_norm(const struct learn_step *s, int layer);
void step_norm_back(const struct learn_step *s, int layer);

/* Mean and running statistics of a norm whose sums (as norm_sums makes them, around `origin`) are
 * known; `count` values of each channel. */
void step_measure(const struct learn_step *s, int layer, const double *sums, const float *origin,
                  double count);
/* Gradients of its parameters, and how to go on, from norm_back_sums' sums. */
void step_measure_back(const struct learn_step *s, int layer, const double *sums, double count);

/* A fusion block from its two branches to the blend, and back (learn_fuse.c). */
void step_fuse(const struct learn_step *s, int layer);
void step_fuse_back(const struct learn_step *s, int layer);

#endif
