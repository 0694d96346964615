/* raster.h -- outlines into pixels, by the rule of LabelMe's own `shape_to_mask`, which draws with
 * Pillow: what an annotator saw filled on the screen is what the network is taught.
 *
 * A vertex stands for the pixel that it lies in (its coordinates cut to whole numbers). Edges run from
 * pixel to pixel; in each row everything between an odd and the next even crossing is inside, both
 * rounded to the nearest pixel, so that the pixels under the outline belong to the shape. A circle is
 * the ellipse of whole diameters about its box, each row as wide as the pixel nearest to the curve. A
 * rectangle has its last row and column inside. What lies outside of the picture is left out. Pure
 * functions, any thread. */
#ifndef DATASET_RASTER_H
#define DATASET_RASTER_H

#include <stdint.h>

#include "common/err.h"

enum {
    RASTER_COORDINATE_MAX = 100000, /* px, of a vertex, either sign */
    RASTER_DIAMETER_MAX = 40000,    /* px, of a circle */
    RASTER_CROSSINGS_MAX = 1 << 22, /* of a polygon's edges with rows */
};

struct raster_point {
    double x, y; /* px; 0,0 is the top left corner of the picture */
};

struct raster {
    uint8_t *pixels; /* h,w; borrowed */
    int w, h;
};

/* Set the pixels inside to `value`. ERR_INPUT: fewer than three points, or a coordinate that is no
 * number or over the limit; ERR_LIMIT: too many crossings; ERR_NOMEM. */
int raster_polygon(const struct raster *r, const struct raster_point *points, int n, uint8_t value,
                   struct err *err);

/* Two corners that lie opposite each other, in any order. */
int raster_rectangle(const struct raster *r, const struct raster_point corners[2], uint8_t value,
                     struct err *err);

/* The centre and any point of the circle. */
int raster_circle(const struct raster *r, const struct raster_point points[2], uint8_t value,
                  struct err *err);

#endif
