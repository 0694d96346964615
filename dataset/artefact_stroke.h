/* artefact_stroke.h -- how hair, rulers, ink, bubbles and vignettes are drawn: shapes whose every
 * measure is given, nothing left to chance. What is drawn where is chosen by artefact.h on real
 * pictures, and by the synthetic upload on its own.
 *
 * Strokes are laid down in a layer of cover values first, so that strokes which cross do not add up;
 * then the layer goes over the picture in one colour. Pure functions of the canvas, any thread. */
#ifndef DATASET_ARTEFACT_STROKE_H
#define DATASET_ARTEFACT_STROKE_H

#include <stdbool.h>
#include <stdint.h>

struct stroke_canvas {
    uint8_t *rgb;   /* h,w,3; borrowed */
    uint8_t *layer; /* h,w: cover of the strokes being drawn, 0..255; borrowed */
    int w, h;
    float unit;                   /* px; lengths "in units" are times this */
    int left, top, right, bottom; /* px; outside of this the layer is clear */
};

/* A bent, tapered hair: a quadratic Bezier curve from (x, y). In units. */
struct stroke_hair {
    float x, y, at;           /* `at`: direction, rad */
    float length, bend, half; /* bend: of the middle, sideways; half: half width */
};

/* A scale with eleven marks and "mm" beside it. In units. */
struct stroke_ruler {
    float x, y, lean; /* where it begins, direction in rad */
    float mm;         /* distance of its marks */
    float thick;      /* of its lines; 1: half a unit to each side */
};

/* Clears the layer. `layer` need not be initialised. */
void stroke_begin(struct stroke_canvas *c);

/* A disc at (x, y) px with a soft rim of one pixel. */
void stroke_dab(struct stroke_canvas *c, float x, float y, float radius);

/* A line in units; `thin` is its half width at both ends, `thick` in the middle. */
void stroke_line(struct stroke_canvas *c, const float from[2], const float to[2], float thin,
                 float thick);

void stroke_draw_hair(struct stroke_canvas *c, const struct stroke_hair *hair);
void stroke_draw_ruler(struct stroke_canvas *c, const struct stroke_ruler *ruler);

/* Lay the layer over the picture and clear it. `colour`: 0..1 per channel; with `is_ink` it filters
 * what is below it, else it covers it. */
void stroke_lay(struct stroke_canvas *c, const float colour[3], float strength, bool is_ink);

/* One bubble in the gel at (x, y) px: a bright rim towards the lamp, a dark one away from it. Goes
 * straight into the picture. `strength` 1: as in a bad picture. */
void stroke_bubble(struct stroke_canvas *c, float x, float y, float radius, float strength);

/* The round field of a dermoscope around (x, y) px: dark from `outer` px on, untouched to `inner`. */
void stroke_vignette(struct stroke_canvas *c, float x, float y, float inner, float outer);

/* 0 below `low`, 1 above `high`, smooth between; low > high turns it round. */
float stroke_step(float low, float high, float x);

#endif
