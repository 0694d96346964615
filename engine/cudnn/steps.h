/* steps.h -- the table of layers made into the steps that a GPU takes for one shape and batch.
 *
 * A dense convolution is one cuDNN graph with its bias (the norm folded in) and ReLU; everything
 * between the convolutions is a kernel of ours. So are the stem (3 channels in, straight from bytes) and
 * those convolutions that tensor cores do not help: the depthwise ones (with the pool beside them, which
 * reads the same map), the attention's (4 to 2 to 1 channels: padded to 8, seven eighths of the work would
 * be zeros, in two more launches). So no map is padded: all that cuDNN sees has a multiple of 8 channels.
 *
 * The parts of a concatenation are maps of their own, which a step of its own joins: cuDNN's fast
 * kernels take dense maps only, and where one lies in a slice of channels they copy it first, at each
 * use, or a slower one takes their place. On an H200 that took a sixth of these convolutions' time in a
 * batch of 32, a fifth of a lone image's (docs/figures.md). Only a pool, which is ours, is written where it
 * belongs. All maps lie in one arena and share bytes by network_memory. The low branches of the fusion
 * blocks run as soon as their input is there, so that it need not be kept until the end. */
#ifndef ENGINE_CUDNN_STEPS_H
#define ENGINE_CUDNN_STEPS_H

#include "engine/cudnn/conv.h"
#include "engine/network.h"

enum step_kind {
    STEP_STEM,    /* bytes to L_F0 */
    STEP_CONV,    /* a cuDNN graph: steps_conv */
    STEP_HALVE,   /* the depthwise convolution `layer` and the average pool in the row behind it */
    STEP_JOIN,    /* the concatenation `layer` from those of its parts that are not in place */
    STEP_BINS,    /* L_BIN1, L_BIN2, L_BIN4 */
    STEP_SUM,     /* L_CMS from L_CM1, L_CM2, L_CM4 */
    STEP_ATTEND,  /* the blend `layer` and what leads to it: resize, statistics, attention */
    STEP_CLASSES, /* L_LOGITS to classes and sums; what it writes is not in the arena */
};

struct step {
    enum step_kind kind;
    int layer; /* the row that it makes; L_LOGITS for STEP_CLASSES, which makes none */
};

/* Where a layer's output of all images lies. */
struct step_place {
    size_t offset; /* bytes from the arena's begin */
    size_t bytes;  /* its own: 0 when it lies in a concatenation, or is never stored */
    int pitch;     /* values from a pixel to the next; 0: never stored */
};

struct steps_shape {
    int n, h, w;
    size_t elem_size; /* bytes of a value: 2, or 4 in f32 */
    bool keep;        /* no two maps share bytes: for tests */
};

struct steps {
    struct steps_shape shape;
    struct shape shapes[LAYER_COUNT];
    int count;
    struct step list[LAYER_COUNT_INFERENCE + 1];
    struct step_place place[LAYER_COUNT]; /* L_M2, L_M1, L_M0: statistics, four floats a pixel */
    size_t arena_bytes;
};

/* Any shape and batch of at least 1. */
void steps_make(struct steps *s, const struct steps_shape *shape);

/* The graph of a STEP_CONV. */
void steps_conv(struct conv *out, const struct steps *s, int layer, cudnnDataType_t type);

#endif
