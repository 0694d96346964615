/* scratch.h -- the memory of one measuring thread; only this folder sees inside.
 *
 * What belongs to the field has a fixed size; what belongs to the class map grows to the largest
 * one seen and stays. */
#ifndef LESION_SCRATCH_H
#define LESION_SCRATCH_H

#include "lesion/components.h"
#include "lesion/contour.h"
#include "lesion/field.h"
#include "lesion/quality.h"

enum { LESION_SIDE_MAX = 8192 }; /* px, longest side of a class map or measuring image */

struct lesion_scratch {
    struct lab_table lab;
    struct field field;
    struct quality_scratch quality;
    struct components parts;     /* of the class map, then of the field's masks */
    uint8_t *shape;              /* (map_h + 2) * (map_w + 2): the largest component, framed */
    struct edge_middle *edges;   /* of its contour */
    int *columns, *rows;         /* nearest_starts() of the class map */
    uint32_t *sums;              /* shrink_sums(measure_w) */
    int map_w, map_h, measure_w; /* room for these */
    struct contour_point contour[LESION_CONTOUR_MAX]; /* in field pixels */
};

/* Room for a class map of map_w x map_h and rows of measure_w. ERR_NOMEM leaves the scratch usable
 * for what it was large enough for before. */
int lesion_scratch_reserve(struct lesion_scratch *s, int map_w, int map_h, int measure_w,
                           struct err *err);

#endif
