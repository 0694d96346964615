/* artefact.h -- what dermoscopy pictures carry besides skin, drawn onto real ones: for training, and
 * to measure what a model loses by it.
 *
 *      strength  0      0.5                       1
 *      hair      none   6 to 18 hairs             13 to 41
 *      ruler     none   a scale near an edge      darker, larger, further in
 *      ink       none   2 or 3 marks of a pen     5, some across the lesion's border
 *      bubbles   none   up to 16, small           up to 40, larger
 *      vignette  none   corners dark              a round field
 *      blur      none   standard deviation 0.6 %  1.2 % of the shorter side
 *
 * The label of a picture stays what it is: under a hair there is still lesion. Pure functions of
 * pixels and numbers, any thread. */
#ifndef DATASET_ARTEFACT_H
#define DATASET_ARTEFACT_H

#include <stddef.h>
#include <stdint.h>

#include "common/random.h"

enum artefact {
    ARTEFACT_HAIR,
    ARTEFACT_RULER,
    ARTEFACT_INK,
    ARTEFACT_BUBBLES,
    ARTEFACT_VIGNETTE,
    ARTEFACT_BLUR,
    ARTEFACT_COUNT
};

struct artefact_canvas {
    uint8_t *rgb; /* h,w,3; borrowed */
    int w, h;     /* px, 1..16384 */
    /* Where the lesion is, px (artefact_circle); radius 0: not known, taken to be in the middle. */
    float x, y, radius;
    uint8_t *room; /* artefact_room(w, h) bytes of scratch, aligned as malloc does; borrowed */
};

size_t artefact_room(int w, int h);

/* "hair", "ruler", ...; static. */
const char *artefact_word(enum artefact kind);

/* The circle of the area and centre of what is neither 0 nor 255 in `label` (h,w); radius 0 without. */
void artefact_circle(struct artefact_canvas *c, const uint8_t *label, int w, int h);

/* Draw one of `kind`; what exactly is chosen by `r`. `strength` 0..1: 0 leaves the picture as it is. */
void artefact_draw(const struct artefact_canvas *c, enum artefact kind, float strength,
                   struct random *r);

/* A Gaussian of `sigma` px over the picture, edges repeated; 0: none; up to ARTEFACT_SIGMA_MAX. */
enum { ARTEFACT_SIGMA_MAX = 64 };
void artefact_blur(const struct artefact_canvas *c, float sigma);

#endif
