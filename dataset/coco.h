/* coco.h -- COCO's instance annotations: many pictures in one JSON file.
 *
 * Taken: segmentations as polygons and as run lengths, plain (a list of numbers) or packed (a text);
 * polygons are filled by raster.h's rule. A box without a segmentation is refused: it is no outline.
 * Pictures without any annotation come out without a shape. */
#ifndef DATASET_COCO_H
#define DATASET_COCO_H

#include "common/json.h"
#include "dataset/annotation.h"
#include "dataset/class_map.h"

enum { COCO_SIZE_MAX = 1 << 30, COCO_PICTURES_MAX = 1000000 };

struct coco_picture {
    int64_t id;
    struct annotation drawn;
    const char *patient_id, *lesion_id; /* "" when not there; borrowed from the object */
};

struct coco {
    struct coco_picture *pictures; /* sorted by id */
    int n;
};

/* `object` must outlive `out`. ERR_INPUT names annotation, picture and category. */
int coco_read(struct coco *out, const json_t *object, const struct class_map *map, struct err *err);
void coco_release(struct coco *c); /* safe on a zeroed one */

/* Run lengths as COCO packs them into a text: five bits a byte, differences to the run before the last.
 * The caller frees `*runs`. ERR_INPUT: no such text. */
int coco_unpack(const char *text, uint32_t **runs, int *n, struct err *err);

#endif
