/* border.h -- B of the ABCD rule: in how many of eight segments does the pigment end abruptly?
 *
 * Source: Stolz et al. 1994 and Nachbar et al. 1994 (asymmetry.h): the lesion is divided into
 * eighths; each in which the pigment pattern breaks off sharply at the margin counts 1, a gradual
 * fading counts 0; so 0..8.
 *
 * Definition here: 256 points stand along the contour at equal distances. Through each runs a
 * profile of L* along the normal, 12 % of the lesion's equivalent diameter (at least 4 field
 * pixels) to either side, in 13 steps. Its rise is the mean of the three outermost minus that of
 * the three innermost values. The margin is abrupt at a point when the rise is at least BORDER_RISE
 * and a window of a quarter of the profile holds BORDER_STEEP of it: an edge has all of it there, an
 * even fading a quarter. A segment counts when more than half of its points are abrupt; segments
 * are octants around the centroid, starting from the horizontal. Points on the picture's frame
 * (where the lesion is cut off) are no margin and do not count. */
#ifndef LESION_BORDER_H
#define LESION_BORDER_H

#include "lesion/field.h"
#include "lesion/measure.h"

/* `contour` in pixels of the field, closed, clockwise. Returns 0..8. `abrupt` gets the share of
 * abrupt points of each octant, NAN without points; NULL when not wanted. */
int border_measure(const struct field *f, const struct contour_point *contour, int n,
                   double abrupt[8]);

#endif
