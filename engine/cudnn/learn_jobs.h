/* learn_jobs.h -- what our CUDA kernels are asked to do in a training step: all but the dense
 * convolutions.
 *
 * As jobs.h. Maps are of one kind of element; statistics, planes (the attention's maps of 1, 2 and 4
 * channels), logits, parameters and their gradients are f32. Sums are made in one fixed order: each
 * block leaves its own (`partials`), and the block that is done last, or a kernel behind, adds them up.
 * `done` counts blocks; it is 0 before and after. Valid C11 and CUDA C++. */
#ifndef ENGINE_CUDNN_LEARN_JOBS_H
#define ENGINE_CUDNN_LEARN_JOBS_H

#include "engine/cudnn/jobs.h"

/* A norm's own arrays of c floats. Forwards: y = z*scale + shift. Backwards:
 * dz = by_g*g + by_z*(z - mean) + rest. */
struct gpu_norm_values {
    float *mean, *inverse, *scale, *shift, *by_g, *by_z, *rest;
};
enum { GPU_NORM_ARRAYS = 7 };

/* Its parameters, and their gradients, which are written. A convolution's bias is not in its output: the
 * norm takes it out again, so only the running mean sees it, and its gradient is 0. With a single value
 * per channel there is no norm, and the bias is all there is. */
struct gpu_norm_params {
    const float *gamma, *beta, *bias; /* bias: NULL for none */
    float *running_mean, *running_variance;
    float *d_gamma, *d_beta, *d_bias;
};

/* A part of a gradient, or a place of a result: pixel p lies p*step elements behind. */
struct gpu_part {
    const void *at;
    int step;
};
struct gpu_place {
    void *at;
    int step;
};
enum { GPU_SOURCES_MAX = 3, GPU_OUTS_MAX = 2 };

/* Norm over the batch and ReLU, both ways, in two kernels each: measure, apply. */
struct gpu_norm_job {
    enum elem kind;
    void *z;          /* pixels,c; backwards overwritten with its gradient */
    long long pixels; /* of the batch */
    double share;     /* 1/pixels: divisions cost registers */
    int c;            /* 8 times a power of two */
    int relu;
    struct gpu_norm_params params;
    struct gpu_norm_values values;
    float *partials;                          /* NORM_PARTIALS */
    unsigned *done;                           /* NORM_SLICES_MAX */
    struct gpu_place outs[GPU_OUTS_MAX];      /* forwards; at NULL: not wanted */
    struct gpu_part sources[GPU_SOURCES_MAX]; /* backwards; at NULL: no more */
};
enum { NORM_PARTIALS = 1 << 15, NORM_SLICES_MAX = 8 };

/* Weight gradient of the stem, from bytes. */
struct gpu_stem_learn_job {
    struct gpu_stem_job stem; /* `out` is the gradient by the convolution's output */
    float *partials;          /* blocks, STEM_TAPS*STEM_CHANNELS */
};

/* Gradients of what gpu_halve makes: by its input, and by the weights. */
struct gpu_halve_back_job {
    struct gpu_halve_job halve;            /* `conv` is the gradient by the convolution's output */
    struct gpu_part pool[GPU_SOURCES_MAX]; /* the gradient by the pool's */
    void *out;                             /* n,h,w,c dense */
    float *partials;                       /* blocks, 9,c */
};

/* The gradient of gpu_bins, added to `to`. */
struct gpu_bins_back_job {
    enum elem kind;
    const void *from[CONTEXT_LEVELS]; /* n,1,1,c; n,2,2,c; n,4,4,c */
    int n, h, w, c;
    void *to; /* n,h,w,c */
};

/* The gradient of bilinear resizes to h x w: of one map, or of three that were added up. */
struct gpu_resize_back_job {
    enum elem kind;
    const void *from; /* n,h,w,c */
    int n, h, w, c;
    int count; /* of `to`: 1 to CONTEXT_LEVELS */
    struct {
        void *at; /* n,h,w,c */
        int h, w;
    } to[CONTEXT_LEVELS];
};

/* A 3x3 convolution of planes with its norm: forwards z, backwards the gradient by its input. */
struct gpu_plane_job {
    int n, h, w;
    const float *in;              /* n,h,w,ci */
    struct gpu_norm_values front; /* the norm and ReLU in front; scale NULL: there is none */
    const float *weight;          /* co,ci,3,3 */
    float *z;                     /* n,h,w,co */
    struct gpu_norm_params params;
    struct gpu_norm_values values;
    double *partials; /* blocks, PLANE_SUMS */
    unsigned *done;
    /* backwards */
    const float *g; /* n,h,w,co: by the norm's output, where its ReLU let through */
    float *g_in;    /* n,h,w,ci: the same of the norm in front, or by `in` */
    struct gpu_norm_params front_params;
    float *learned; /* blocks, co*ci*9 */
};
enum { PLANE_SUMS = 2 * HIDDEN_CHANNELS };

/* A fusion block around its planes. */
struct gpu_fuse_job {
    struct gpu_attend_job attend; /* its weights are not looked at */
    const float *t;               /* n,h,w: what the sigmoid's norm sees */
    struct gpu_norm_values values;
    const float *scale; /* _scale */
    /* backwards */
    struct gpu_norm_params params; /* of the sigmoid's norm */
    const void *g;                 /* n,h,w,c by `attend.out` */
    float *g_t;                    /* n,h,w: by the norm's output */
    double *partials;              /* blocks, 2 */
    unsigned *done;
    const float *g_stats; /* n,h,w,STATS_CHANNELS */
    void *g_x, *g_y;      /* n,h,w,c */
};

/* The convolution that ends a head. */
struct gpu_classify_job {
    enum elem kind;
    const void *in; /* pixels,c */
    long long pixels;
    int c;               /* 32 or 64 */
    const float *weight; /* ARITH_CLASSES,c */
    float *logits;       /* pixels,ARITH_CLASSES; backwards the gradient by them */
    void *out;           /* backwards: pixels,c */
    float *partials;     /* backwards: blocks, ARITH_CLASSES*c */
};

/* Sums over blocks: out[i] = partials[0][i] + partials[1][i] + .. */
enum { COLUMNS_MAX = 16 };
struct gpu_columns_job {
    int count;
    struct {
        const float *partials;
        int blocks, values;
        float *out;
    } list[COLUMNS_MAX];
};

/* What changes from step to step, on the device: read by kernels that a graph holds. */
struct gpu_control {
    float loss;    /* factor of the loss's gradient, loss scaling in it */
    float unscale; /* 1/loss scaling */
    int is_first;  /* gradients begin anew: nothing is added to */
};

/* What comes back. `loss` of each head before its coefficient. */
struct gpu_outcome {
    double loss[3];
    double fresh, norm; /* squares of the norms: of this batch's gradients, scaled; of the sum */
};

/* Losses: cross-entropy and Dice of all three heads, logits resized to the labels (train/loss.h). */
enum { LOSS_HEADS = 3, LOSS_SUMS = 2 * ARITH_CLASSES };
struct gpu_loss_job {
    int n, h, w;
    const uint8_t *labels; /* n,h,w */
    struct {
        int h, w;
        const float *logits; /* n,h,w,ARITH_CLASSES */
        float *gradient;     /* the same; written */
        float share;         /* its coefficient */
    } heads[LOSS_HEADS];
    float entropy, dice; /* parts */
    float class_weight[ARITH_CLASSES];
    const struct gpu_control *control;
    struct gpu_outcome *outcome;
    int *label_partials; /* LOSS_LABEL_BLOCKS, ARITH_CLASSES */
    unsigned *done;      /* one */
    double *counts;      /* ARITH_CLASSES: pixels of each class */
    double *sums;        /* LOSS_HEADS, LOSS_SUMS: of p, of p where it is the label */
    float *cells;        /* cells of all heads, LOSS_CELL: corners' gradients, entropy */
    float *cell_sums;    /* cells of all heads, LOSS_SUMS; with Dice only */
};
enum { LOSS_LABEL_BLOCKS = 128, LOSS_CELL = 4 * ARITH_CLASSES + 1 };

/* What four parameters in a row are; `dense`: the filter of a convolution of cuDNN's. */
enum update_rule { UPDATE_NOTHING, UPDATE_WEIGHT, UPDATE_DENSE, UPDATE_NORM_OR_BIAS };

/* A batch's gradients are added to those of the step, unscaled, if they are finite; and measured. */
struct gpu_gather_job {
    enum elem kind;
    const void *dense;   /* of `kind`: gradients by the filters of cuDNN's convolutions */
    const float *fresh;  /* all others, at their places */
    const uint8_t *rule; /* a byte for each four values: enum update_rule */
    float *sum;
    size_t count; /* a multiple of 4 */
    const struct gpu_control *control;
    struct gpu_outcome *outcome;
    double *partials; /* GATHER_BLOCKS */
    unsigned *done;   /* one */
};
enum { GATHER_BLOCKS = 528 };

/* New weights (train/optimiser.h). */
struct gpu_update_job {
    enum elem kind;
    float *weights, *first, *second, *average; /* second, average: NULL for none */
    const float *sum;
    void *packed;        /* of `kind`; NULL in f32 */
    const uint8_t *rule; /* as above */
    size_t count;        /* a multiple of 4 */
    float rate, scale, momentum, beta2, unbias_first, unbias_second;
    float decay, decay_spared, share;
};

#ifdef __cplusplus
extern "C" {
#endif

/* Are all sizes within their bounds and all pointers there and aligned? */
bool gpu_norm_ok(const struct gpu_norm_job *job);
bool gpu_stem_learn_ok(const struct gpu_stem_learn_job *job);
bool gpu_halve_back_ok(const struct gpu_halve_back_job *job);
bool gpu_bins_back_ok(const struct gpu_bins_back_job *job);
bool gpu_resize_back_ok(const struct gpu_resize_back_job *job);
bool gpu_plane_ok(const struct gpu_plane_job *job);
bool gpu_fuse_ok(const struct gpu_fuse_job *job);
bool gpu_classify_ok(const struct gpu_classify_job *job);
bool gpu_columns_ok(const struct gpu_columns_job *job);
bool gpu_loss_ok(const struct gpu_loss_job *job);
bool gpu_gather_ok(const struct gpu_gather_job *job);
bool gpu_update_ok(const struct gpu_update_job *job);

#ifdef __cplusplus
}
#endif

#endif
