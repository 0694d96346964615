/* labelme.h -- one file of LabelMe: <picture>.json, any version.
 *
 * Taken: polygons, rectangles and circles, with group ids. A shape is a hole when its flag "hole" is
 * set, its description is "hole", or its label says so (class_map.h). Points, lines, line strips and
 * masks as pictures are refused by name: they enclose nothing, or hold a picture that nobody may decode
 * here. imageData is passed over; the picture is the file beside. */
#ifndef DATASET_LABELME_H
#define DATASET_LABELME_H

#include "common/json.h"
#include "dataset/annotation.h"
#include "dataset/class_map.h"

enum { LABELME_SIZE_MAX = 256 << 20 }; /* bytes; the picture may stand in it once more */

/* Does this object look like LabelMe's? */
bool labelme_is(const json_t *object);

/* ERR_INPUT says which shape, from 1, and its label. */
int labelme_read(struct annotation *out, const json_t *object, const struct class_map *map,
                 struct err *err);

/* A new object of the caller, which LabelMe opens: every area of classes[h,w] as a polygon, areas of
 * background inside another as holes. annotation_draw makes the same classes of it again. `image` is
 * the picture's file. The classes may be those of a smaller picture: points are put where they lie in
 * one of width x height. */
struct labelme_picture {
    const uint8_t *classes; /* h,w */
    int w, h;
    int width, height; /* px, of the picture */
    const char *image;
};
int labelme_write(json_t **out, const struct labelme_picture *picture, struct err *err);

#endif
