/* augment_colour.h -- all of a picture's change of colour in one pass.
 *
 *      y = matrix . (curve(r), curve(g), curve(b), 255), curve(v) = 255 (v / 255)^gamma
 *      out = (1 + contrast) (y - p) + p, p = y of the picture's mean colour
 *
 * is a sum of one vector for each of r, g and b, so three tables hold everything. Their entries are
 * 1/16 level, and exact for a picture that is to stay as it is. Pure functions, any thread. */
#ifndef DATASET_AUGMENT_COLOUR_H
#define DATASET_AUGMENT_COLOUR_H

#include "dataset/augment.h"

struct colour_tables {
    int16_t of[3][256][4]; /* channel, its value: what it adds to r, g, b; the fourth is 0 */
};

/* Mean colour of every fourth row. */
void colour_mean(float mean[3], const uint8_t *rgb, int w, int h);

/* `plan`'s gamma, matrix and contrast. An entry over 680 levels is cut to that. */
void colour_make(struct colour_tables *t, const struct augment_plan *plan, const float mean[3]);

/* In place, `n` pixels. */
void colour_apply(uint8_t *rgb, size_t n, const struct colour_tables *t);

#endif
