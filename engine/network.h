/* network.h -- PP-LiteSeg-T (STDC1, 8 classes) as one table of layers, in the order they run.
 *
 * Backends walk network[]; whatever they need to know about the network stands in a row. What the
 * weight files need (names, shapes, Paddle's variable names) is made from the same rows. */
#ifndef ENGINE_NETWORK_H
#define ENGINE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layer_op {
    LAYER_INPUT,
    LAYER_CONV,    /* kernel x kernel, zero padding kernel/2; then norm, then relu */
    LAYER_AVERAGE, /* pool 3x3, stride 2, padding 1 that is left out of the mean */
    LAYER_CONCAT,  /* in[0..] along channels */
    LAYER_BINS,    /* adaptive mean pool to kernel x kernel */
    LAYER_RESIZE,  /* in[0] bilinear, half-pixel, to the size of in[1] */
    LAYER_SUM,     /* (in[0] + in[1]) + in[2] */
    LAYER_STATS,   /* 4 channels: mean and max over the channels of in[0], then of in[1] */
    LAYER_BLEND,   /* a = sigmoid(in[2]): in[0]*a + in[1]*(scale - a) */
};

/* How a convolution's tensors are named: what follows the layer's name. */
enum layer_names {
    NAMES_NONE,
    NAMES_BACKBONE, /* .conv, .bn */
    NAMES_AVD,      /* .0, .1 */
    NAMES_DECODER,  /* ._conv, ._batch_norm */
    NAMES_PLAIN,    /* nothing; no norm */
    NAMES_FUSION,   /* ._scale */
};

enum { LAYER_INPUTS_MAX = 4 };

/* The layer ids. A block's convolutions are A, B, C, E as in the specification (1.2), its
 * depthwise convolution D, its pool P; the block's output has no letter. In a fusion block X is
 * the low-level branch, Y the other one resized, M the statistics, Q and T the attention, G the
 * blend; the output has no letter. */
/* clang-format off */
enum layer_id {
    L_IN, L_F0, L_F1,
    L_F2A, L_F2D, L_F2P, L_F2B, L_F2C, L_F2E, L_F2,
    L_F3A, L_F3B, L_F3C, L_F3E, L_F3,
    L_F4A, L_F4D, L_F4P, L_F4B, L_F4C, L_F4E, L_F4,
    L_F5A, L_F5B, L_F5C, L_F5E, L_F5,
    L_F6A, L_F6D, L_F6P, L_F6B, L_F6C, L_F6E, L_F6,
    L_F7A, L_F7B, L_F7C, L_F7E, L_F7,
    L_BIN1, L_CM1, L_UP1, L_BIN2, L_CM2, L_UP2, L_BIN4, L_CM4, L_UP4, L_CMS, L_CM,
    L_X2, L_Y2, L_M2, L_Q2, L_T2, L_G2, L_ARM2,
    L_X1, L_Y1, L_M1, L_Q1, L_T1, L_G1, L_ARM1,
    L_X0, L_Y0, L_M0, L_Q0, L_T0, L_G0, L_ARM0,
    L_HEAD0, L_LOGITS, /* at an eighth of the input's size */
    LAYER_COUNT_INFERENCE,
    L_HEAD1 = LAYER_COUNT_INFERENCE, L_LOGITS1, L_HEAD2, L_LOGITS2, /* training only */
    LAYER_COUNT,
    L_NONE = -1
};
/* clang-format on */

struct layer {
    const char *name; /* of its tensors in the state dict, without what `names` adds */
    enum layer_op op;
    enum layer_names names;
    int in[LAYER_INPUTS_MAX]; /* layer ids, earlier rows; L_NONE behind the last */
    int channels;             /* of the output */
    int kernel, stride, groups;
    bool bias, norm, relu;
    int serial; /* the number in Paddle's variable names: conv2d_<serial>, uafm__sp_atten_<serial> */
};

extern const struct layer network[LAYER_COUNT];

#define BATCH_NORM_EPSILON 1e-5

int layer_inputs(const struct layer *l); /* how many */

/* The concatenation that reads `layer`, or L_NONE, and the channels in front of it there. */
int network_concat_of(int layer, int *before);

/* A layer's output for one image. */
struct shape {
    int h, w, c;
};

/* The sizes of all layers for an input of h x w, each at least 1; any size is legal. */
void network_shapes(struct shape out[LAYER_COUNT], int h, int w);

/* Where each layer's output lies in one block of memory. Outputs that are never needed at the same
 * time share bytes. A concat's output lives from its first input on, so that parts may be written
 * into it as they are made. */
struct memory_plan {
    size_t offset[LAYER_COUNT];
    size_t total;
};
enum { MEMORY_ALIGN = 256 }; /* bytes */

/* For backends that run the table in another order, fuse several rows into one step, or run parts
 * of it image by image. */
struct run_order {
    int at[LAYER_COUNT]; /* when a layer is made, counted from 0 */
    /* What is made before `front`, and what from `back` on, is made for one image after the other:
     * what such a part hands on or is handed must survive all its rounds. */
    int front, back;
};

/* `bytes` of a layer is 0 when its output is never stored; it covers all images whose outputs are
 * there at the same time. `order` NULL: the table's, all images at once. `keep`: nothing is shared,
 * so that every output can be looked at afterwards. */
void network_memory(struct memory_plan *plan, const size_t bytes[LAYER_COUNT],
                    const struct run_order *order, bool keep);

/* What a tensor is to its layer. */
enum role { ROLE_WEIGHT, ROLE_BIAS, ROLE_GAMMA, ROLE_BETA, ROLE_MEAN, ROLE_VARIANCE, ROLE_SCALE };

struct param {
    int layer;
    enum role role;
    char name[80];     /* in the state dict and in our safetensors */
    char variable[32]; /* Paddle's */
    int rank;
    int64_t shape[4]; /* convolutions: out, in/groups, kernel, kernel */
};
enum { PARAM_COUNT = 250, PARAM_COUNT_INFERENCE = 238 };

/* Every tensor in the order of the table: the first 238 are the inference network's. */
void network_params(struct param out[PARAM_COUNT]);

size_t param_count(const struct param *p); /* values */

/* Is it changed by gradients? (Not running statistics, nor _scale.) */
bool param_is_trained(const struct param *p);

/* One axis of a bilinear resize from `from` to `to` samples, half-pixel, clamped at the edges
 * (specification 1.7): output k is v[*lo]*(1 - f) + v[*hi]*f with f returned. */
double resize_tap(int from, int to, int k, int *lo, int *hi);

/* Window [*begin, *end) of output `i` of `bins` over `n` samples (adaptive pooling). */
void bin_window(int n, int bins, int i, int *begin, int *end);

#endif
