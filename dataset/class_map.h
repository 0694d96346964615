/* class_map.h -- which class an annotator's label means.
 *
 * The words of common/classes.h mean themselves, in capitals or not. All else has to stand in a file of
 * lines such as
 *
 *     melanoma = MEL        # a class
 *     ruler    = ignore     # shapes of this label are left out
 *     cutout   = hole       # cut out of what was drawn before (annotation.h)
 *     lesion   = dx         # the picture's own diagnosis, from a table beside it
 *
 * because a label that is guessed teaches the network something wrong. */
#ifndef DATASET_CLASS_MAP_H
#define DATASET_CLASS_MAP_H

#include "common/buf.h"
#include "common/err.h"

enum { CLASS_MAP_UNKNOWN = -1, CLASS_MAP_IGNORE = -2, CLASS_MAP_HOLE = -3, CLASS_MAP_DX = -4 };

struct class_map_row {
    const char *label;
    int class; /* 1..7, or one of the above */
};

struct class_map {
    struct buf text; /* what the labels point into */
    struct class_map_row *rows;
    int n;
};

/* `path` NULL: only the words of the classes. ERR_CONFIG names file and line. */
int class_map_read(struct class_map *out, const char *path, struct err *err);
void class_map_release(struct class_map *m);

/* 1..7, IGNORE, HOLE or DX; UNKNOWN when the label means nothing here. */
int class_map_find(const struct class_map *m, const char *label);

#endif
