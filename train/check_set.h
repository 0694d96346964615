/* check_set.h -- the parts of `lentigo dataset check`: what is wrong with a labelled set, and what it
 * looks like. */
#ifndef TRAIN_CHECK_SET_H
#define TRAIN_CHECK_SET_H

#include "common/classes.h"
#include "common/settings.h"
#include "common/sha256.h"
#include "dataset/likeness.h"
#include "dataset/split.h"
#include "dataset/table.h"
#include "train/gallery.h"

enum {
    CHECK_CLASSES = CLASS_COUNT,
    CHECK_FEATURES = 8,
    CHECK_DEFECTS_MAX = 100000, /* kept; more are counted */
};

/* Each defect has a word, and is an error (the set does not pass) or a warning. */
#define CHECK_MAP(X)                                                                            \
    X(BAD_ID, "id", true, "an id that cannot be a file's name")                                 \
    X(DUPLICATE_ID, "duplicate_id", true, "an id that stands in two rows")                      \
    X(LABEL, "label", true, "a diagnosis outside the table")                                    \
    X(SPLIT, "split", true, "neither train, val nor test")                                      \
    X(IMAGE_MISSING, "image_missing", true, "a picture that is not there")                      \
    X(IMAGE_CORRUPT, "image_corrupt", true, "a picture that cannot be decoded whole")           \
    X(MASK_MISSING, "mask_missing", true, "a mask that is not there")                           \
    X(MASK_CORRUPT, "mask_corrupt", true, "a mask that cannot be decoded or is none")           \
    X(MASK_SIZE, "mask_size", true, "a mask of another size than its picture")                  \
    X(MASK_EMPTY, "mask_empty", true, "a mask without lesion")                                  \
    X(KIN_SPLIT, "kin_split", true, "one patient or lesion in two splits")                      \
    X(TWIN_SPLIT, "twin_split", true, "the same picture in two splits")                         \
    X(CLASS_UNTAUGHT, "class_untaught", true, "a class to be judged by and not in train")       \
    X(CLASS_MISSING, "class_missing", false, "a class that a split has no picture of")          \
    X(LIKE_SPLIT, "like_split", false, "pictures in two splits that look alike")                \
    X(TWIN, "twin", false, "the same picture twice in a split")                                 \
    X(LESION_TINY, "lesion_tiny", false, "a lesion of less than 0.2 % of its picture")          \
    X(LESION_ALL, "lesion_all", false, "a lesion of more than 98 % of its picture")             \
    X(IMAGE_SMALL, "image_small", false, "a picture of less than 128 px")                       \
    X(IMAGE_DEGRADED, "image_degraded", false, "a picture with damage that can be passed over") \
    X(NO_ROW, "no_row", false, "a file in images/ or masks/ that no row names")

enum check_defect_kind {
#define X(name, word, is_error, what) CHECK_##name,
    CHECK_MAP(X)
#undef X
        CHECK_KINDS
};

struct check_kind {
    const char *word, *what;
    bool is_error;
};
extern const struct check_kind check_kinds[CHECK_KINDS];

struct check_defect {
    enum check_defect_kind kind;
    int row;    /* of the set, -1: of none */
    char *text; /* owned; begins with the file or row */
};

struct check_row {
    const char *id;
    int line, class, split; /* class: 0 a class map, -1 unknown; split -1: none */
    bool is_usable;         /* the id can be a file's name, and stands here first */
    bool has_image, has_mask;
    int w, h;
    char digest[SHA256_HEX_SIZE]; /* of the picture's file */
    struct likeness likeness;
    bool has_class[CHECK_CLASSES]; /* in the mask */
    double fraction;               /* of the picture that is lesion */
    double feature[CHECK_FEATURES];
    double strangeness;
    int strangest; /* feature */
};

struct check_set {
    const struct settings *settings;
    const char *dir;
    struct table table;
    int patient, lesion;    /* columns, -1: not there */
    struct check_row *rows; /* table.n_rows */
    struct gallery gallery;
    struct check_defect *defects;
    int n_defects, capacity;
    int count[CHECK_KINDS];
    bool is_out_of_memory;
    char manifest[SHA256_HEX_SIZE];
    char path[SETTINGS_PATH_SIZE]; /* scratch of the passes */
};

/* Note a defect. A full memory is remembered and reported at the end. */
void check_note(struct check_set *c, enum check_defect_kind kind, int row, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Rows, files and their contents, one with another. -1: the check itself cannot go on. */
int check_rows(struct check_set *c, struct err *err);
int check_files(struct check_set *c, struct err *err);
int check_twins(struct check_set *c, struct err *err);

/* Fill strangeness: how far a picture's simple figures lie from those of all, in robust standard
 * deviations (median and MAD), summed up as squares. */
int check_strangeness(struct check_set *c, struct err *err);
const char *check_feature_word(int feature);

/* What is known when the decoder has a picture, or its mask. */
void check_measure(struct check_row *row, const struct decoded *d);

/* The page, self-contained. */
int check_page(struct check_set *c, const char *path, struct err *err);
/* Part of it: pictures with their outlines. `rows`: n. */
int check_add_tiles(struct check_set *c, struct buf *out, const int *rows, int n, bool is_strange,
                    struct err *err);

#endif
