/* annotation.h -- what somebody drew on one picture, whatever tool it was drawn with, and what it
 * looks like as a class map.
 *
 * Shapes are drawn in their order, a later one over an earlier one. Shapes of one group are one thing
 * in several pieces. A hole is cut out of the shapes of its own group, or, without a group, out of
 * everything drawn before it. */
#ifndef DATASET_ANNOTATION_H
#define DATASET_ANNOTATION_H

#include <stdbool.h>
#include <stdint.h>

#include "dataset/raster.h"

enum { ANNOTATION_SHAPES_MAX = 10000, ANNOTATION_POINTS_MAX = 1000000, GROUP_NONE = -1 };

enum shape_kind {
    SHAPE_POLYGON,
    SHAPE_RECTANGLE,
    SHAPE_CIRCLE,
    SHAPE_RUNS, /* of a mask column by column: outside, inside, outside ... (COCO's RLE) */
};

struct shape {
    enum shape_kind kind;
    int number; /* of the shape in its file, from 1; for messages */
    int class;  /* 1..7, 0: the picture's own (CLASS_MAP_DX) */
    bool is_hole;
    int64_t group;               /* GROUP_NONE: it is alone */
    struct raster_point *points; /* owned */
    int n_points;
    uint32_t *runs; /* owned; together w * h of the annotation */
    int n_runs;
};

struct annotation {
    char *image;       /* the picture's file as the annotation names it; owned */
    int width, height; /* px as the annotation has them, 0: it does not say */
    struct shape *shapes;
    int n_shapes, capacity;
};

void annotation_release(struct annotation *a); /* safe on a zeroed one */

/* Room for one more shape, zeroed but for its group (none). NULL: ERR_NOMEM or ERR_LIMIT. */
struct shape *annotation_add(struct annotation *a, struct err *err);

/* Fill classes[h,w] with 0..7. `class` is the picture's own, 0 when nobody knows: then a shape that
 * needs it is ERR_INPUT. Errors name the shape by number, from 1. */
int annotation_draw(const struct annotation *a, uint8_t *classes, int w, int h, int class,
                    struct err *err);

/* Turn a class map that was drawn over the stored picture as EXIF `orientation` (1..8) says: `out`
 * has w * h pixels, its sides exchanged for 5..8. */
void annotation_turn(uint8_t *out, const uint8_t *classes, int w, int h, int orientation);

#endif
