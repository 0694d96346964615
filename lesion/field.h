/* field.h -- the picture as the measures see it: at most 256 pixels on its longest side, CIELAB.
 *
 * Every measure of colour and quality is taken at this one size, so that a thumbnail of 200 pixels
 * and an original of 6000 are judged alike; each field pixel is the mean of the measuring pixels
 * that it covers (common/shrink.h). A picture that is smaller than the field keeps its size. */
#ifndef LESION_FIELD_H
#define LESION_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "lesion/lab.h"

enum {
    FIELD_SIDE = 256,
    FIELD_PX = FIELD_SIDE * FIELD_SIDE,
    FIELD_DARK_L = 20, /* below it a pixel is taken for the dark outside of a round view */
};

struct field {
    int w, h;
    float l[FIELD_PX], a[FIELD_PX], b[FIELD_PX]; /* h,w */
    float smooth[FIELD_PX];                      /* h,w; l under weights 1 2 1 in both directions */
    uint8_t lesion[FIELD_PX];                    /* h,w; 1 = inside the largest component */
    uint8_t any[FIELD_PX]; /* h,w; 1 = inside any lesion pixel of the class map */
    int lesion_px;
    double centre_x, centre_y; /* of the lesion's pixels, px, pixel centres at .5 */
};

/* Index of a pixel in the planes. */
static inline size_t field_at(const struct field *f, int x, int y)
{
    return (size_t)y * (size_t)f->w + (size_t)x;
}

/* `sums`: room for shrink_sums(w), in the caller's memory. */
void field_make(struct field *f, const struct lab_table *t, const uint8_t *rgb, int w, int h,
                uint32_t *sums);

/* Take over the lesion: `shape` as contour.h has it (frame of zeros, (h + 2) * (w + 2)), and the
 * class map with its stride. */
void field_mark_lesion(struct field *f, const uint8_t *shape, const uint8_t *map, int map_w,
                       int content_w, int content_h);

/* Sum over the pixels of a plane of those with left_out[i] == 0; the others have 1. */
double field_sum(const float *plane, const uint8_t *left_out, int n);

#endif
