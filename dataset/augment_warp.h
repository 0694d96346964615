/* augment_warp.h -- a picture or a label seen through an affine map.
 *
 * Coordinates go in steps of 1/65536 px; what lies outside of the source is its mirror image, edge pixels
 * repeated. Pure functions, any thread. */
#ifndef DATASET_AUGMENT_WARP_H
#define DATASET_AUGMENT_WARP_H

#include <stddef.h>
#include <stdint.h>

/* How far a map may reach, px. */
enum { WARP_REACH_MAX = 15000 };

struct warp {
    double map[2][3]; /* source px of target px, both counted from the corner (augment.h) */
    int w, h;         /* of the source */
    int to_w, to_h;
};

/* A map reduced to integers, and where each column and row of the source's mirror images lies. */
struct warp_tables {
    int64_t origin[2]; /* 1/65536 px */
    int step[2][2];    /* for one px to the right: x, y; for one px down: x, y */
    int first[2];      /* the column and row that at[k][0] is about; origin counts from there */
    int count[2];
    int stride;     /* elements from one row of the source to the next */
    int32_t *at[2]; /* borrowed: count entries each, offsets in elements of the source */
};

/* How many columns and rows the tables hold for `offset` (0.5: between middles of pixels, bilinear; 0:
 * nearest). -1 when the map reaches too far. */
int warp_measure(struct warp_tables *t, const struct warp *warp, double offset);

/* Fill t->at, which the caller has made room for; pixels are `pixel` elements apart. */
void warp_fill(struct warp_tables *t, const struct warp *warp, int pixel);

/* A picture in 16 bits with four values a pixel, as warp_picture reads it: `out` is h,w,4. */
void warp_widen(uint16_t *out, const uint8_t *rgb, int w, int h);

/* Bilinear, in 1/256: `source` is h,w,4 (the fourth is of no account), `out` to_h,to_w,3. */
void warp_picture(uint8_t *out, const uint16_t *source, const struct warp *warp,
                  const struct warp_tables *t);

/* Nearest pixel: `source` is h,w, `out` to_h,to_w. */
void warp_label(uint8_t *out, const uint8_t *source, const struct warp *warp,
                const struct warp_tables *t);

#endif
