/* maps.h -- activations for the tests of kernels: in a set's precision and in double, with marked
 * bytes behind. */
#ifndef TESTS_ENGINE_MAPS_H
#define TESTS_ENGINE_MAPS_H

#include "engine/onednn/kernels.h"
#include "engine/ref/ops.h"

enum { MARK = 0x5a, MARK_BYTES = 64 };

struct map {
    struct shape shape;
    size_t count;
    char *elems;
    double *exact;
    float *wide;
};

/* `v` as an element; its bits beyond the set's precision are cut off. */
void put(char *to, size_t elem_size, float v);

struct map map_new(const struct kernels *k, int h, int w, int c);

/* Random values that both precisions hold exactly. */
struct map map_random(const struct kernels *k, int h, int w, int c, uint64_t *seed);
void map_free(struct map *m);

struct ref_map ref_of(const struct map *m);

/* The oracle's convolution with the layer's relu; `weight` is kernel,kernel,in/groups,out. */
void exact_conv(enum layer_id layer, double *weight, double *bias, struct ref_map in,
                struct ref_map out);

void fill_taps(struct tap *taps, int from, int to);

/* What a sum adds up: maps of 1, 2 and 4 pixels a side, and the same resized to the job's h x w. */
enum { SUMMANDS = 3, SUMMAND_SIDE_MAX = 64 };
struct summands {
    struct map in[SUMMANDS], big[SUMMANDS];
    struct ref_map parts[SUMMANDS];
    struct tap rows[SUMMANDS][SUMMAND_SIDE_MAX], columns[SUMMANDS][SUMMAND_SIDE_MAX];
};

/* Also points the job at them; `s` must outlive it. */
void summands_make(struct summands *s, const struct kernels *k, struct sum_job *job,
                   uint64_t *seed);
void summands_free(struct summands *s);

/* Fails the test where the elements are not within `limit` * (1 + |exact|) of the exact values, or
 * a byte behind them was written. */
void map_check(const struct kernels *k, struct map *m, double limit, const char *what);

#endif
