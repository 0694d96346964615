/* jobs.h -- what our CUDA kernels are asked to do: plain data, shared by who plans and who computes.
 *
 * Pointers are to device memory, aligned to 16 bytes. Maps are n,h,w,c of one kind of element. A
 * `..._step` is the distance between two pixels in elements, c where a map is dense: so a result can
 * be written into its part of a concatenation. Bounds, checked at each launch: JOB_IMAGES_MAX images,
 * JOB_SIDE_MAX pixels a side, steps and channels multiples of 8; where a thread's place is divided in 32 bits
 * also the whole map, 2^31 groups of eight channels.
 * Valid C11 and CUDA C++. */
#ifndef ENGINE_CUDNN_JOBS_H
#define ENGINE_CUDNN_JOBS_H

#include <stdbool.h>

#include "engine/cudnn/elem.h"

enum { JOB_IMAGES_MAX = 1024, JOB_SIDE_MAX = 16384, JOB_CHANNELS_MAX = 4096 };

/* The first convolution: 3x3, stride 2, zero padding 1, from bytes; ReLU, but not in training. */
enum { STEM_INPUTS = 3, STEM_CHANNELS = 32, STEM_TAPS = 9 * STEM_INPUTS };
struct gpu_stem_job {
    enum elem kind;     /* of `out` */
    const uint8_t *rgb; /* h,w,3; any alignment */
    size_t rgb_step;    /* bytes between two images */
    int n, h, w;
    const float *weight; /* STEM_TAPS,STEM_CHANNELS, for normalised input (pack_stem) */
    const float *bias;   /* STEM_CHANNELS */
    void *out;           /* n,ceil(h/2),ceil(w/2),STEM_CHANNELS */
    bool is_raw;         /* no ReLU */
};

/* Depthwise convolution and average pool, both 3x3, stride 2, padding 1, of one input. */
struct gpu_halve_job {
    enum elem kind;
    const void *in; /* n,h,w,c */
    int n, h, w, c; /* c: a multiple of 64 */
    int in_step;
    const float *weight; /* 9,c (pack_depthwise) */
    const float *bias;   /* c */
    void *conv;          /* n,ceil(h/2),ceil(w/2),c */
    int conv_step;
    void *pool; /* the same */
    int pool_step;
};

/* Maps of one size side by side along the channels of a wider one. */
enum { JOIN_PARTS_MAX = 4 };
struct gpu_join_part {
    const void *at; /* n,h,w,c */
    int c, first;   /* its channels, and where they begin in the whole, behind the part before */
};
struct gpu_join_job {
    enum elem kind;
    int n, h, w, parts;
    struct gpu_join_part part[JOIN_PARTS_MAX];
    void *out; /* n,h,w; what no part covers is left as it is */
    int out_step;
};

/* The context module's pools, to 1x1, 2x2 and 4x4. */
enum { CONTEXT_LEVELS = 3, CONTEXT_CELLS = 1 + 4 + 16 };
struct gpu_bins_job {
    enum elem kind;
    const void *in; /* n,h,w,c */
    int n, h, w, c; /* c: a multiple of 16 */
    int in_step;
    void *out[CONTEXT_LEVELS]; /* n,1,1,c; n,2,2,c; n,4,4,c */
};

/* Three maps of 1x1, 2x2 and 4x4, each resized to h x w, added up. */
struct gpu_sum_job {
    enum elem kind;
    const void *in[CONTEXT_LEVELS]; /* n,1,1,c; n,2,2,c; n,4,4,c */
    int n, h, w, c;
    void *out; /* n,h,w,c */
};

/* A fusion block between its convolutions, in two kernels: statistics, then attention and blend. */
enum { STATS_CHANNELS = 4, HIDDEN_CHANNELS = 2 };
struct gpu_attend_weights { /* pack_attend */
    float hidden[HIDDEN_CHANNELS][9][STATS_CHANNELS], hidden_bias[HIDDEN_CHANNELS];
    float out[9][HIDDEN_CHANNELS], out_bias;
    float scale;
};
struct gpu_attend_job {
    enum elem kind;
    const void *x;  /* n,h,w,c: the low branch */
    const void *y;  /* n,y_h,y_w,c: the high branch, resized to h x w on the way */
    int n, h, w, c; /* c: 8, 16, 32, 64, 128 or 256 */
    int y_h, y_w;
    struct gpu_attend_weights weights;
    float *stats; /* n,h,w,STATS_CHANNELS: written by the first kernel, read by the second */
    void *out;    /* n,h,w,c */
};

/* Logits to class map and sums. */
struct gpu_content {
    int w, h; /* the top left part that is picture */
};
struct gpu_scores {
    double sums[ARITH_SUMS]; /* over content pixels */
};
struct gpu_classes_job {
    enum elem kind;
    const void *logits; /* n,in_h,in_w,ARITH_CLASSES */
    int n, in_h, in_w, h, w;
    const struct gpu_content *content; /* n */
    uint8_t *class_map;                /* n,h,w; any alignment */
    float *partials;                   /* classes_partials(job) floats of scratch */
    struct gpu_scores *scores;         /* n; added up in one fixed order */
};

#ifdef __cplusplus
extern "C" {
#endif

/* Are all sizes within their bounds and all pointers there and aligned? */
bool gpu_stem_ok(const struct gpu_stem_job *job);
bool gpu_halve_ok(const struct gpu_halve_job *job);
bool gpu_join_ok(const struct gpu_join_job *job);
bool gpu_bins_ok(const struct gpu_bins_job *job);
bool gpu_sum_ok(const struct gpu_sum_job *job);
bool gpu_stats_ok(const struct gpu_attend_job *job); /* `out` is not looked at */
bool gpu_attend_ok(const struct gpu_attend_job *job);
bool gpu_classes_ok(const struct gpu_classes_job *job);

/* Folded weights (out, in/groups, kernel, kernel; weights.h) into the order of a job. */
void pack_stem(float to[STEM_TAPS * STEM_CHANNELS], const double *weight);
void pack_depthwise(float *to, const double *weight, int c); /* to: 9,c */
struct fusion_weights {
    const double *hidden, *hidden_bias; /* 2,4,3,3 and 2 */
    const double *out, *out_bias;       /* 1,2,3,3 and 1 */
    double scale;
};
void pack_attend(struct gpu_attend_weights *to, const struct fusion_weights *from);

#ifdef __cplusplus
}
#endif

#endif
