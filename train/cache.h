/* cache.h -- the decoded pictures of a labelled set, kept in one file.
 *
 * Training reads each picture a hundred times, and decoding costs ten times what everything else does
 * to it. So the set is decoded once (in the sandbox, by several children), no larger than `bound`, and
 * mapped into memory from then on: sRGB, and a class 0..7 for each pixel.
 *
 *      head | index (a row a picture) | pixels of picture 0: rgb h,w,3 then label h,w | picture 1 ...
 *
 * The file's name carries a digest of labels.csv, of the size and time of every picture and mask, and
 * of `bound`, so a set that changed gets a new file. It is written beside (.part) and renamed; head,
 * index and length are checked whenever it is opened, and a file that was cut or is another's is made
 * anew. Of two processes that want the same file at once the second waits for the first.
 *
 * Read-only once open: any number of threads. */
#ifndef TRAIN_CACHE_H
#define TRAIN_CACHE_H

#include <stdint.h>

#include "common/err.h"
#include "common/settings.h"
#include "dataset/labels.h"

struct cache;

struct cache_config {
    const char *data; /* the labelled set (dataset/labels.h) */
    const char
        *dir;  /* where the file lies; "" or NULL: place_cache's folder "sets" (common/place.h) */
    int bound; /* px, 32..1600: a longer longest side is made this long, none is enlarged */
    const struct settings *settings; /* of the decoders (pictures.h); borrowed */
};

struct cache_picture {
    const uint8_t *rgb;   /* h,w,3; borrowed from the cache, as is `label` */
    const uint8_t *label; /* h,w: 0..7 (dataset/mask.h) */
    int w, h;             /* px */
    int class; /* 1..7: the picture's, or the one that covers most of a class map; 0: none */
};

/* Opens the file, made first when there is none that fits: call before the process has threads or much
 * memory then (preprocess/decode.h). Every row of labels.csv is in it, in its order. ERR_CONFIG names
 * the picture that cannot be decoded or whose mask has another size; ERR_AGAIN: the disk is full (what
 * was there stays). */
int cache_open(struct cache **out, const struct cache_config *config, struct err *err);
void cache_close(struct cache *c); /* NULL is fine */

int cache_count(const struct cache *c);
const struct label *cache_label(const struct cache *c, int row); /* borrowed */
struct cache_picture cache_picture(const struct cache *c, int row);

/* The rows of `split` ("all": every row) into `rows`, which holds cache_count; returns how many. */
int cache_rows(const struct cache *c, const char *split, int *rows);

const char *cache_path(const struct cache *c); /* borrowed */

/* Of the file: 64 digits that stand for pictures, masks, labels and bound. For a run's manifest. */
const char *cache_digest(const struct cache *c);

#endif
