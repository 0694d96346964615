/* winograd.h -- the convolutions that we do ourselves: 3x3, stride 1, by kernels_winograd.c.
 *
 * oneDNN's direct convolutions run at nine tenths of the cores' peak, so only fewer products can
 * beat them: F(4x4, 3x3) needs a quarter. Which convolution is done which way depends on the shape
 * of the input alone, never on batch or threads, so that these do not change a mask. Maps of a few
 * tiles are done this way too, though their 36 points of weights are then read for little: for one
 * image direct convolutions are as fast, for a batch slower. */
#ifndef ENGINE_ONEDNN_WINOGRAD_H
#define ENGINE_ONEDNN_WINOGRAD_H

#include <pthread.h>

#include "common/err.h"
#include "engine/model.h"
#include "engine/network.h"
#include "engine/onednn/kernels.h"
#include "engine/onednn/quantised.h"

struct winograd_weight {
    void *points; /* NULL: not made yet */
    float *bias;
};

/* Weights of all layers, each made when a plan first asks for it and kept. */
struct winograd {
    const struct model *model;         /* borrowed */
    const struct quantised *quantised; /* borrowed */
    const struct kernels *kernels;     /* borrowed */
    pthread_mutex_t lock;              /* guards what follows */
    struct winograd_weight weights[LAYER_COUNT_INFERENCE];
};

void winograd_init(struct winograd *w, const struct model *model, const struct quantised *quantised,
                   const struct kernels *kernels);
void winograd_release(struct winograd *w);

/* Whether `layer` is done this way for these shapes. Of bytes only maps of more than
 * WINOGRAD_BYTES_TILES are: on smaller ones oneDNN's int8 is as fast and its weights are a ninth of
 * the size. */
enum { WINOGRAD_BYTES_TILES = 16 };
bool winograd_does(const struct winograd *w, int layer, const struct shape shapes[LAYER_COUNT]);

/* The weights of `layer`, borrowed: from steps of its source to steps of its output where these are
 * bytes. Any thread. */
int winograd_get(struct winograd *w, int layer, struct winograd_weight *out, struct err *err);

int winograd_tiles(struct shape s); /* of one image's output */

/* Elements between two points of `elems`: an odd number of cache lines, since a power of two would put
 * all 36 into the same few sets of the cache. */
size_t winograd_point_step(size_t elems, size_t elem_size);

/* Bytes of scratch that a convolution from c to k channels wants for so many tiles. */
size_t winograd_scratch_of(int tiles, int c, int k, size_t elem_size);

/* Bytes of scratch that `layer` wants for `n` images. */
size_t winograd_scratch(int layer, const struct shape shapes[LAYER_COUNT], int n, size_t elem_size);

/* `job` without points and sums; `scratch` as winograd_scratch says, aligned to 64. What each of
 * `threads` does is the same whoever does it. */
void winograd_run(const struct kernels *kernels, const struct winograd_job *job, int n, int threads,
                  void *scratch);

#endif
