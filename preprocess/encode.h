/* encode.h -- pixels of ours into files: JPEG and PNG. Pure functions, any thread. */
#ifndef PREPROCESS_ENCODE_H
#define PREPROCESS_ENCODE_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

/* Baseline JPEG, sRGB, no metadata; `quality` 1..100. Appends to `out`. */
int encode_jpeg(const uint8_t *rgb /* h,w,3 */, int w, int h, int quality, struct buf *out,
                struct err *err);

/* RGB PNG (demo data). */
int encode_png(const uint8_t *rgb /* h,w,3 */, int w, int h, struct buf *out, struct err *err);

/* Grey PNG (black and white masks of labelled sets). */
int encode_grey_png(const uint8_t *grey /* h,w */, int w, int h, struct buf *out, struct err *err);

#endif
