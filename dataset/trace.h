/* trace.h -- the outlines of areas, such that raster.h fills the same pixels again.
 *
 * An area is what hangs together by sides and is of one class. Its outline goes from pixel to pixel
 * around its outer border and leaves out those on a straight line; what lies inside of it and is of
 * another class comes later. Pure functions, any thread. */
#ifndef DATASET_TRACE_H
#define DATASET_TRACE_H

#include <stdint.h>

#include "common/err.h"
#include "dataset/raster.h"

struct trace_area {
    int class; /* 0: background that touches no border of the picture: a hole */
    const struct raster_point *points; /* pixels' numbers; borrowed, at least one */
    int n;
};

/* Call `take` for each area of classes[h,w], an enclosing one before those inside; -1 from it ends
 * the walk. Background at the border is no area. ERR_NOMEM. */
int trace_areas(const uint8_t *classes, int w, int h,
                int (*take)(void *ctx, const struct trace_area *area, struct err *err), void *ctx,
                struct err *err);

#endif
