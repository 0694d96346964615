/* loader.h -- batches of augmented pictures, made ahead by threads.
 *
 * Batch i is a function of (seed, i, configuration) and of the pictures alone: not of the number of
 * threads, nor of what was asked for before. So a run that goes on at iteration i after a kill gets
 * what it would have got.
 *
 *      place k = i * batch + j   epoch = k / n, index = k % n     (n: rows of the configuration)
 *      picture                   place `index` of epoch's order   (dataset/sampling.h)
 *      what is done to it        (seed, epoch, index)             (dataset/augment.h)
 *      size of the batch         (seed, i)
 *
 * The queue holds `ahead` batches and no more. One thread at a time calls these functions. */
#ifndef TRAIN_LOADER_H
#define TRAIN_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "dataset/augment.h"
#include "train/cache.h"

struct loader;

enum {
    LOADER_SIZES_MAX = 16,
    LOADER_BATCH_MAX = 4096,
    LOADER_THREADS_MAX = 256,
    LOADER_AHEAD_MAX = 64,
};

struct loader_config {
    const struct cache *cache; /* borrowed until loader_close */
    const int *rows;           /* n: rows of the cache to draw from (cache_rows); copied */
    const float *weights;      /* n: how often each (sampling.h); NULL: as often as any; copied */
    int n;
    struct augment_config augment;
    int batch;                   /* pictures, 1..LOADER_BATCH_MAX */
    int sizes[LOADER_SIZES_MAX]; /* px, 32..AUGMENT_SIDE_MAX: of a square batch, each as likely */
    int n_sizes;
    uint64_t seed;
    int threads; /* 1..LOADER_THREADS_MAX */
    int ahead;   /* batches, 1..LOADER_AHEAD_MAX */
};

/* Borrowed from the loader until the next loader_next, loader_seek or loader_close. */
struct batch {
    int64_t iteration;
    int n, w, h;          /* pictures, px */
    const uint8_t *rgb;   /* n,h,w,3 */
    const uint8_t *label; /* n,h,w: 0..7, 255 = ignored */
    const int *rows;      /* n: of the cache */
};

/* Begins at iteration 0. ERR_CONFIG: no rows, bad weights or sizes; ERR_NOMEM; ERR_AGAIN: no thread can
 * be had. */
int loader_open(struct loader **out, const struct loader_config *config, struct err *err);
void loader_close(struct loader *l); /* NULL is fine */

/* The next batch, waiting for it. An error names the picture and comes again at every call until
 * loader_seek goes elsewhere. */
int loader_next(struct loader *l, struct batch *out, struct err *err);

/* Where batches lie: block `i` of the loader's, or NULL behind the last. To be locked for a device. */
const void *loader_memory(const struct loader *l, int i, size_t *bytes);

/* The next batch is that of `iteration` (0 or more). What was made ahead is dropped. */
void loader_seek(struct loader *l, int64_t iteration);

#endif
