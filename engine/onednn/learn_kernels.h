/* learn_kernels.h -- the loops of a training step that are ours: everything but the dense
 * convolutions that oneDNN does.
 *
 * As kernels.h: one table per instruction set and precision, maps n,h,w,c in the table's elements,
 * channels in multiples of 16 except where stated. Sums, statistics, weights and their gradients are
 * f32 or double. Calls work on a run of pixels, or on one image, so that threads can share a map;
 * nothing is allocated. */
#ifndef ENGINE_ONEDNN_LEARN_KERNELS_H
#define ENGINE_ONEDNN_LEARN_KERNELS_H

#include "engine/learn_table.h"
#include "engine/onednn/kernels.h"

/* A part of the gradient by a map: pixel p of it begins p * step elements behind `at`. */
struct learn_source {
    const void *at;
    size_t step;
};

/* y = z*scale + shift, then ReLU: a norm with the statistics folded in. */
struct norm_job {
    const void *z; /* pixels,c */
    int c;
    bool relu;
    const float *scale, *shift;
    struct {
        void *at; /* NULL: not wanted */
        size_t step;
    } out[2];
};

/* The way back. `z` becomes its own gradient: by_g*g + by_z*(z - mean) + rest, where g is the sum of
 * the sources where the forward's ReLU let through. */
struct norm_back_job {
    void *z; /* pixels,c */
    int c;
    bool relu;
    const float *scale, *shift, *mean;
    const float *by_g, *by_z, *rest;
    struct learn_source sources[LEARN_SOURCES_MAX];
    int n_sources;
};

/* The first convolution in training: no norm folded in, no ReLU. */
struct learn_stem_job {
    const uint8_t *rgb; /* h,w,3 of one image */
    int h, w;
    const float *weight; /* 3,3,3,STEM_CHANNELS: row, column, input, output; of (x - 127.5)/127.5 */
    float *rows;         /* stem_scratch(w) floats */
    void *z;             /* ceil(h/2),ceil(w/2),STEM_CHANNELS; backward: its gradient */
    float *sums;         /* backward: as `weight`; added to */
};

/* Depthwise convolution and average pool backwards, of one image. */
struct halve_back_job {
    const void *in; /* h,w,c: the forward's input */
    int h, w, c;
    const float *weight;                         /* 9,c */
    const void *conv;                            /* the gradient by the convolution's output */
    struct learn_source pool[LEARN_SOURCES_MAX]; /* the gradient by the pool's output */
    int n_pool;
    void *out;   /* h,w,c: the gradient by the input */
    float *sums; /* 9,c: by the weights; added to */
};

/* The gradient of kernels.h's bins, added to `to`, of one image. */
struct bins_back_job {
    const void *from; /* bins,bins,c */
    int bins;
    struct shape shape; /* of `to` */
    void *to;
};

/* The gradient of a resize: `from` h,w,c by the larger map to `to` by the smaller one. */
struct resize_back_job {
    const void *from;
    int h, w, c;
    const struct tap *rows, *columns;
    void *to;
    int to_h, to_w;
    float *scratch; /* to_h,to_w,c */
};

/* A fusion block of one image; planes as in kernels.h, borders zero. */
struct fuse_job {
    const void *x;
    const void *small; /* y before its resize, small_w wide */
    void *y;
    int h, w, c, small_w;
    const struct tap *rows, *columns;
    float *stats;           /* 4 planes */
    const float *attention; /* 1 plane, behind its sigmoid */
    float scale;
    void *out;
    const void *gradient;  /* h,w,c by `out` */
    float *by_attention;   /* 1 plane: by the attention behind its sigmoid */
    const float *by_stats; /* 4 planes */
    void *by_x, *by_y;     /* h,w,c */
};

/* A 3x3 convolution of planes with zero padding. */
struct plane_job {
    const float *in; /* `inputs` planes */
    float *out;      /* `outputs` planes; backward: the gradient by them */
    int h, w, inputs, outputs;
    const float *weight; /* outputs,inputs,3,3 */
    double *sums;        /* backward: as `weight`; added to */
};

/* The classifier: 1x1 to ENGINE_CLASSES in f32. */
struct classify_job {
    const void *in; /* pixels,c */
    int c;
    const float *weight; /* c,ENGINE_CLASSES forwards, ENGINE_CLASSES,c backwards */
    float *logits;       /* pixels,ENGINE_CLASSES; backward: the gradient by them */
    void *out;           /* backward: the gradient by `in` */
    float *sums;         /* backward: ENGINE_CLASSES,c by the weights; added to */
};

/* a[t][i]*b[t][j] added up over `n` rows t into sums[i][j], where rows of `sums` and of `b` are `b_c`
 * apart, those of `a` `a_step`. */
struct outer_job {
    const float *a, *b;
    int a_c, a_step, b_c; /* a_c and b_c multiples of 4 and of 32 */
    int n;
    float *sums;
    bool begin; /* sums are written, not added to */
};

/* Winograd's weight gradient: see kernels_learn_winograd.c. */
struct winograd_learn_job {
    const float *gradient; /* n,h,w,k by the outputs */
    int h, w, k;
    float *points; /* of some tiles: for each point tiles,k; points_step apart */
    size_t points_step;
};

struct learn_kernels {
    const char *isa;
    const struct kernels *base;

    /* Sums of z - z[pixel 0] and of its square over a run of pixels, added to 2,c doubles. */
    void (*norm_sums)(const struct norm_job *job, size_t first, size_t count, double *sums);
    void (*norm)(const struct norm_job *job, size_t first, size_t count);
    /* Sums of g and of g*(z - mean), added to 2,c doubles. */
    void (*norm_back_sums)(const struct norm_back_job *job, size_t first, size_t count,
                           double *sums);
    void (*norm_back)(const struct norm_back_job *job, size_t first, size_t count);

    /* Of one image, whole. */
    void (*stem)(const struct learn_stem_job *job);
    void (*stem_back)(const struct learn_stem_job *job);
    void (*halve_back)(const struct halve_back_job *job);
    void (*bins_back)(const struct bins_back_job *job);
    void (*resize_back)(const struct resize_back_job *job);

    void (*fuse_stats)(const struct fuse_job *job); /* makes y and the statistics */
    void (*fuse)(const struct fuse_job *job);       /* makes out */
    void (*fuse_back_attention)(const struct fuse_job *job);
    void (*fuse_back)(const struct fuse_job *job);
    void (*plane)(const struct plane_job *job);
    void (*plane_back)(const struct plane_job *job);
    void (*sigmoid)(float *plane, size_t count); /* in place; count a multiple of 16 */

    void (*classify)(const struct classify_job *job, size_t first, size_t count);
    void (*classify_back)(const struct classify_job *job, size_t first, size_t count);

    /* f32 tables only. */
    void (*outer)(const struct outer_job *job);
    /* c,k weights, from input i to output j at i*step_in + j*step_out, as a point of kernels.h's
     * winograd_multiply: that multiplies any rows of c values. */
    void (*multiply_pack)(float *to, const float *from, int c, int k, int step_in, int step_out);
    /* Gradients of `n` tiles from `first` on to points. */
    void (*winograd_in)(const struct winograd_learn_job *job, int first, int n);
    /* c sums for each point, `step` apart, to gradients by c,3,3 weights; added to `out`. */
    void (*winograd_out)(const float *sums, size_t step, int c, float *out);
};

const struct learn_kernels *learn_kernels_choose(const char *precision);
const struct learn_kernels *learn_kernels_nth(int n);

#endif
