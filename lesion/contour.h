/* contour.h -- the outer contour of a shape in a mask, as a closed polygon.
 *
 * Definition: walk along the pixel edges with the shape on the right hand, joining pixels that
 * touch by a corner; take the middles of the edges; smooth them once with weights 1 2 1 (that turns
 * the staircase of a slanting edge into a line); then drop points while the polygon stays within
 * 0.4 pixels of what was walked. Inner contours (holes) are not followed. */
#ifndef LESION_CONTOUR_H
#define LESION_CONTOUR_H

#include <stddef.h>
#include <stdint.h>

#include "lesion/measure.h"

/* Middle of a pixel edge, in half pixels. */
struct edge_middle {
    int x2, y2;
};

/* Enough edges for any shape in a mask of w x h. */
size_t contour_edges_max(int w, int h);

/* Walk round the shape that holds pixel (x, y), its first one in reading order. `shape` is
 * (h + 2) * (w + 2) bytes: the mask with a frame of zeros around it; x and y are the mask's own.
 * Returns the number of edges written, in order, clockwise as seen on a screen. */
int contour_walk(const uint8_t *shape, int w, int h, int x, int y, struct edge_middle *edges);

/* Smooth and simplify; coordinates are multiplied by scale_x, scale_y. Never more than
 * LESION_CONTOUR_MAX points: the tolerance doubles until they fit. Returns their number. */
int contour_simplify(const struct edge_middle *edges, int n, double scale_x, double scale_y,
                     struct contour_point *out);

#endif
