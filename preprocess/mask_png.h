/* mask_png.h -- a class map as palette PNG, written from the map itself.
 *
 * A mask is a small map seen through larger pixels, and its rows are a few runs. So nothing is laid
 * out at full size: each run becomes a literal and matches at distance 1, packed with one Huffman
 * code that was made for such rows beforehand, and the checksum of a run has a closed form. Cost goes
 * with rows and runs and not with pixels. */
#ifndef PREPROCESS_MASK_PNG_H
#define PREPROCESS_MASK_PNG_H

#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

struct mask_png {
    const uint8_t *classes; /* map_h, stride: 0..7 */
    int stride, map_w, map_h;
    /* Column k of the map covers columns[k] .. columns[k + 1] - 1 of the picture, which may be none;
     * k = 0..map_w, so the last one is the picture's width. Rows the same. NULL: one pixel each. */
    const int *columns, *rows;
};

/* Appends the file to `out`; the pixel values are the class numbers (palette: class_colour). ERR_LIMIT
 * for an empty picture or one too large for `out`, ERR_BUG for a class over 7. Any thread. */
int mask_png_encode(const struct mask_png *m, struct buf *out, struct err *err);

#endif
