/* convert.h -- the parts of `lentigo dataset convert`: what was drawn somewhere becomes a labelled set
 * (dataset/labels.h), or a labelled set becomes LabelMe's files.
 *
 * A reader makes a list of items and says of each what it could not read; the set is written beside
 * its place and renamed into it, so that a half one never stands there. */
#ifndef TRAIN_CONVERT_H
#define TRAIN_CONVERT_H

#include "common/settings.h"
#include "dataset/annotation.h"
#include "dataset/class_map.h"
#include "queue/tree.h"

enum { CONVERT_ID_SIZE = 64 }; /* as struct label has it */

/* One picture to come. All owned. */
struct convert_item {
    char *name;    /* for messages and the column `file` */
    char *picture; /* path */
    char *mask;    /* path of a ready mask, or NULL: `drawn` */
    char *patient_id, *lesion_id;
    struct annotation drawn;
    int class; /* the picture's own, 0: not known */
    /* filled in by the writer */
    char id[CONVERT_ID_SIZE];
    int width, height;
    double fraction; /* of the mask that is lesion */
    bool is_written;
};

struct convert_name {
    const char *base; /* last part of the path */
    const struct tree_item *item;
};

struct convert {
    const struct settings *settings;
    const char *input;
    struct class_map map;
    struct tree tree; /* the folder that is searched for pictures */
    char root[SETTINGS_PATH_SIZE];
    bool has_tree;
    struct convert_name *names; /* pictures, sorted */
    int n_names;
    struct convert_item *items;
    int n, capacity;
    int bad, empty, passed_over; /* refused; without a shape; files that are something else */
};

/* Say on stderr what is wrong with one file; counts it. */
void convert_refuse(struct convert *c, const char *name, const struct err *err);

/* One more item, zeroed; NULL: ERR_NOMEM. */
struct convert_item *convert_add(struct convert *c, struct err *err);

/* A copy of `text`; NULL: ERR_NOMEM. */
char *convert_text(const char *text, struct err *err);

/* List the folder that pictures are looked for in. */
int convert_search(struct convert *c, const char *root, struct err *err);

/* The picture whose file is called so, in the folder searched: as a path from its root, else by its
 * name alone; with `is_stem` by its name without ending. NULL when there is none, or several. */
const struct tree_item *convert_find(const struct convert *c, const char *name, bool is_stem);

/* Is this a picture's ending? */
bool convert_is_picture(const char *path);

/* The readers. -1: nothing can be done; single files are refused by convert_refuse. */
int convert_read_labelme(struct convert *c, struct err *err);
int convert_read_coco(struct convert *c, struct err *err);
int convert_read_isic(struct convert *c, struct err *err);

/* Write the items as a labelled set. */
int convert_write_set(struct convert *c, const char *output, struct err *err);

/* The labelled set `input` as LabelMe's files in `output`. */
int convert_write_labelme(struct convert *c, const char *output, struct err *err);

/* A folder beside `output`, to be filled and then renamed to it. ERR_INPUT: `output` is there and is
 * no empty folder. */
int convert_draft_begin(char draft[SETTINGS_PATH_SIZE], const char *output, struct err *err);
/* When `is_good`, rename; else, or when that fails, remove the draft and all in it. */
int convert_draft_end(const char *draft, const char *output, bool is_good, struct err *err);

#endif
