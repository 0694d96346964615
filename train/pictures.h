/* pictures.h -- the pictures of a labelled set decoded one after the other, with their labels.
 *
 * Several children of the sandbox work ahead; pictures come in the order of the rows. */
#ifndef TRAIN_PICTURES_H
#define TRAIN_PICTURES_H

#include "common/err.h"
#include "common/settings.h"
#include "dataset/labels.h"
#include "train/cache.h"

struct pictures_request {
    const char *data; /* the labelled set's folder */
    const struct label *rows;
    int n;
    int bound; /* px, 32..1600: a longer longest side is made this long, none is enlarged */
    /* Decoders at once, and the limits of each; borrowed. */
    const struct settings *settings;
    /* Gets row 0, 1, ... n - 1; the pixels are there until it returns, and label lies right behind rgb.
     * -1 stops. */
    int (*take)(void *context, int row, const struct cache_picture *picture, struct err *err);
    void *context;
};

enum { PICTURES_BOUND_MIN = 32, PICTURES_BOUND_MAX = 1600 };

/* Opens a decoder for the time that it takes: call before the process has threads or much memory
 * (preprocess/decode.h). ERR_CONFIG names the file that cannot be decoded, or the mask that has another
 * size than its picture or is none; ERR_AGAIN: the machine had no room for a decoder. */
int pictures_decode(const struct pictures_request *request, struct err *err);

#endif
