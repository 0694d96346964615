/* kernels.h -- the loops that are ours: everything between the convolutions.
 *
 * One table per instruction set and precision; kernels_choose picks at run time. Activations are
 * h,w,c in the table's precision ("elem": f32 or bf16) or, in an int8 engine, bytes, whose `..._step`
 * is the value of a 1 (1 for elems); channel counts are multiples of 16 except where stated. Each
 * call works on one image; nothing is allocated. */
#ifndef ENGINE_ONEDNN_KERNELS_H
#define ENGINE_ONEDNN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "engine/network.h"

/* What a map's values are. */
enum cell { CELL_ELEM, CELL_U8, CELL_S8 };

/* One output position of a bilinear resize along one axis. */
struct tap {
    int lo, hi;
    float f; /* v[lo]*(1 - f) + v[hi]*f */
};

/* The first convolution, 3x3 with stride 2 and padding 1, with ReLU, from the picture's bytes. Its
 * weights expect values of x - 127.5. */
enum { STEM_INPUTS = 3, STEM_CHANNELS = 32, STEM_WEIGHTS = 3 * 10 * STEM_CHANNELS };
struct stem_job {
    const uint8_t *rgb; /* h,w,3 */
    int h, w;
    const void *weight; /* what stem_pack makes */
    const float *bias;  /* STEM_CHANNELS */
    void *rows;         /* stem_scratch(w) elements */
    void *out;          /* ceil(h/2),ceil(w/2),STEM_CHANNELS */
    enum cell out_cell; /* ELEM or U8; U8: weight and bias count in its steps */
};
size_t stem_scratch(int w);

/* Depthwise convolution and average pool, both 3x3, stride 2, padding 1, of the same input. */
struct halve_job {
    const void *in; /* h,w,c */
    int h, w, c;
    const float *weight; /* 9,c; bytes: whole numbers within an s8 */
    const float *bias;   /* c; bytes: in units of `conv` */
    const float *scale;  /* c; bytes only: what a sum of products is in units of `conv` */
    const void *zeros;   /* c zeros: a tap outside the image */
    void *conv;          /* ceil(h/2),ceil(w/2),c */
    void *pool;          /* the same, but pixels are pool_step channels apart */
    int pool_step;
    float pool_scale; /* bytes only: what a 1 of `in` is in units of `pool` */
};

/* Means over bins x bins windows. */
struct bins_job {
    const void *in; /* h,w,c */
    struct shape shape;
    int bins;
    enum cell in_cell; /* ELEM or U8 */
    float in_step;
    void *out;      /* bins,bins,c; elems */
    float *scratch; /* c floats */
};

/* Sum of three small maps, each resized to h x w. */
struct sum_job {
    const void *in[3]; /* square maps, in_side[k] pixels wide */
    const struct tap *rows[3], *columns[3];
    int in_side[3]; /* in: elems */
    void *out;
    enum cell out_cell; /* ELEM or U8 */
    float out_step;
    int h, w, c;
};

/* Planes of the attention: f32, one channel after the other, each with a border of one pixel that
 * holds zeros, so that 3x3 needs no special case. */
enum { PLANE_BORDER = 1 };
static inline size_t plane_pitch(int w)
{
    return ((size_t)w + 2 * (size_t)PLANE_BORDER + 15) / 16 * 16; /* floats a row */
}
static inline size_t plane_size(int h, int w)
{
    return ((size_t)h + 2 * (size_t)PLANE_BORDER) * plane_pitch(w);
}

enum { STATS_CHANNELS = 4, HIDDEN_CHANNELS = 2 };

struct attend_weights {
    float hidden[HIDDEN_CHANNELS][STATS_CHANNELS * 9], hidden_bias[HIDDEN_CHANNELS];
    float out[HIDDEN_CHANNELS * 9], out_bias;
    float scale;
};

/* A fusion block from its two branches to the blend. */
struct attend_job {
    const void *x; /* h,w,c */
    const void *y; /* y_w wide, c channels; resized by the taps */
    int h, w, c, y_w;
    enum cell cell; /* of x, y and out: ELEM or U8 */
    float x_step, y_step, out_step;
    const struct tap *rows, *columns;
    const struct attend_weights *weights;
    float *stats, *hidden, *attention; /* 4, 2 and 1 planes; the attention before its sigmoid */
    void *out;                         /* h,w,c */
};

/* Logits to class map and scores. */
struct classes_job {
    const void *logits; /* rows of in_w,ENGINE_CLASSES */
    int in_w, h, w;
    const struct tap *rows, *columns;
    float *scratch; /* classes_scratch(w) floats */
    struct engine_image *image;
};
size_t classes_scratch(int w);

/* A 3x3 convolution of stride 1 and zero padding with ReLU, by tiles of WINOGRAD_OUT x WINOGRAD_OUT
 * outputs. All tiles of all images are counted through: row by row, image by image. */
enum { WINOGRAD_OUT = 4, WINOGRAD_IN = WINOGRAD_OUT + 2, WINOGRAD_POINTS = 36 };
struct winograd_job {
    const void *in; /* n,h,w; pixels are in_step apart and have c channels */
    enum cell in_cell;
    int h, w, c, in_step;
    const void *zeros;  /* c zeros: an input outside the image */
    const void *weight; /* what winograd_pack makes */
    const float *bias;  /* k */
    void *out;          /* n,h,w; pixels are out_step apart and have k channels */
    enum cell out_cell; /* ELEM or U8 */
    bool linear;        /* no ReLU */
    int k, out_step;
    void *points; /* of some tiles: for each point tiles,c; points_step elements apart */
    size_t points_step;
    float *sums; /* of the same tiles: for each point tiles,k; sums_step floats apart */
    size_t sums_step;
};

struct kernels {
    const char *isa;
    size_t elem_size;

    void (*stem_pack)(void *to, const float *from); /* 3,3,3,32 to STEM_WEIGHTS elements at most */
    void (*stem)(const struct stem_job *job);
    void (*halve)(const struct halve_job *job);
    void (*halve_bytes)(const struct halve_job *job); /* u8 to s8 and u8; c a multiple of 64 */
    /* `pixels` runs of `run` bytes, a multiple of 32, to places `step` bytes apart. */
    void (*copy)(void *to, size_t step, const void *from, size_t run, size_t pixels);
    void (*bins)(const struct bins_job *job);
    void (*sum)(const struct sum_job *job);
    void (*attend)(const struct attend_job *job);
    void (*classes)(const struct classes_job *job);
    /* c,3,3,k to WINOGRAD_POINTS times c * k elements, in the order that winograd_multiply reads. */
    void (*winograd_pack)(void *to, const float *from, int c, int k);
    /* The part of it that comes from input `i` and, in bf16, the next one; `from` begins there. */
    void (*winograd_pack_some)(void *to, const float *from, int c, int k, int i);
    /* The three steps, for the `n` tiles from `first` on: inputs to points, for each point in any
     * order points to sums, sums to outputs. */
    void (*winograd_in)(const struct winograd_job *job, int first, int n);
    void (*winograd_multiply)(const struct winograd_job *job, int point, int n);
    void (*winograd_out)(const struct winograd_job *job, int first, int n);
    void (*widen)(float *out, const void *in, size_t count); /* any count */
};

/* The fastest for the precision ("f32", "bf16") on this machine, or NULL when it has none. */
const struct kernels *kernels_choose(const char *precision);

/* Every set that this machine can run, one after the other: NULL behind the last. For tests. */
const struct kernels *kernels_nth(int n);

#endif
