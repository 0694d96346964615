/* refine.h -- a network input of another size, made outside the sandbox from the measuring image.
 *
 * Only raw pixels are read here; nothing is decoded a second time. Of an original of at most
 * DECODE_MEASURE_MAX px the measuring image is every pixel, so the input is byte for byte the one
 * that the decode child would have made of the same rows; of a larger one it has been shrunk twice.
 * The decode has to be asked for a measuring image.
 *
 * A second input made by the child would cost the same 0.2 ms (600x450) for every image instead of
 * for the few that need it, and a larger slot. */
#ifndef PREPROCESS_REFINE_H
#define PREPROCESS_REFINE_H

#include <stddef.h>

#include "preprocess/decode.h"
#include "preprocess/frame.h"

/* What refine_picture makes of a decoded picture for `size`. */
struct frame refine_frame(const struct decoded *d, int size);

/* Fill `rgb` (padded.h,padded.w,3 of the caller). 0, or -1 when memory is gone. */
int refine_picture(const struct decoded *d, const struct frame *f, uint8_t *rgb);

#endif
