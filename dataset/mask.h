/* mask.h -- what a decoded mask of a labelled set says of each pixel.
 *
 * Of a picture with one diagnosis (dx) the mask is black and white: what is lighter than 127 is lesion.
 * Of one without (dx empty) the mask is a class map: a grey picture of the values 0..7, or a palette
 * picture in the colours of class_colour, as `lentigo predict --mask` writes them. A pixel that is neither
 * takes the class of the pixel before it. The decoder makes large masks smaller by leaving pixels out
 * (preprocess/decode.h, is_mask), so that none is a mean of two classes.
 * Pure functions, any thread. */
#ifndef DATASET_MASK_H
#define DATASET_MASK_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Fill classes[h,w] with 0..7. `rgb` (h,w,3) as the decoder gives it. `class` is the picture's own,
 * 1..7, or 0 for a class map. ERR_INPUT when more than a twentieth of the pixels are neither black nor
 * white, or no class: that is no mask. */
int mask_read(uint8_t *classes, const uint8_t *rgb, int w, int h, int class, struct err *err);

/* The lesion's class that covers most; 0 when nothing but background is there. */
int mask_main_class(const uint8_t *classes, size_t n);

#endif
