/* shrink.h -- a picture made smaller row by row, each new pixel the mean of the whole pixels that it
 * covers (their sRGB bytes, as cv2's INTER_AREA takes them; a pixel is never shared between two).
 *
 *      column i of `to` covers columns i * from / to .. (i + 1) * from / to - 1
 *
 * A picture stored mirrored is covered from its other end, so that it comes out as the mirror image
 * of what the upright one gives. */
#ifndef COMMON_SHRINK_H
#define COMMON_SHRINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shrink {
    int w, h, to_w, to_h; /* px; to_w <= w <= 65535, to_h <= h <= 65535 */
    bool is_mirrored_x, is_mirrored_y;
    uint32_t *sums; /* borrowed: room for shrink_sums(w) */
    int row, made;  /* rows taken and made so far: 0 at first */
    int from;       /* first row of the one in the making */
};

/* Number of sums for rows of `w` pixels. */
size_t shrink_sums(int w);

/* The length that goes with `longest` becoming `side`: rounded half up, at least 1; unchanged when
 * `longest` is no more than `side`. */
int shrink_side(int length, int longest, int side);

/* The next row (w,3). True when it completed a new row, now in `out` (to_w,3). */
bool shrink_push(struct shrink *s, const uint8_t *restrict rgb, uint8_t *restrict out);

#endif
