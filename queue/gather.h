/* gather.h -- which files of an upload are images, and whose.
 *
 * With a manifest its rows say so; without one each direct sub-folder is a patient and an image
 * directly in the folder is a patient of its own. Every regular file ends up either among the
 * images or among the others; what is no regular file is listed and never opened. */
#ifndef QUEUE_GATHER_H
#define QUEUE_GATHER_H

#include "common/reason.h"
#include "common/sha256.h"
#include "queue/intake.h"
#include "queue/manifest.h"
#include "queue/tree.h"

/* What makes two images one patient's. */
enum gather_group { GATHER_FOLDER, GATHER_FILE, GATHER_ROW };

struct gather_image {
    const struct tree_item *file;   /* NULL: the manifest names it, but it is not there */
    const struct manifest_row *row; /* NULL without a manifest */
    const char *path;               /* as bytes */
    enum gather_group group;
    const char *owner;   /* patient: name of the folder, path of the file, or the row's id ... */
    size_t owner_length; /* ... which may be followed by more */
    bool looks_right;    /* its first bytes are a picture's */
    enum reason set_aside;
    const char *detail; /* "" or static storage */
    char sha256[SHA256_HEX_SIZE];
    int64_t size;
};

struct gather_other {
    const char *path;
    enum reason reason;
    const char *detail;
};

struct gather {
    struct tree tree;
    struct manifest manifest;
    char manifest_name[256]; /* "" = none */
    const char *site;        /* of what the manifest gives none; borrowed, NULL = none */
    struct gather_image *images;
    int n_images;
    struct gather_other *others; /* sorted by path */
    int n_others;
};

/* Walk, read the manifest, look at each file's first bytes and hash the images. */
int gather_read(struct gather *out, const struct intake_request *request, const char *spool_root,
                struct err *err);
void gather_release(struct gather *g);

/* The file that a manifest in the character set `encoding` means by `path`, or NULL. */
const struct tree_item *gather_find(const struct tree *t, const char *path, const char *encoding);

#endif
