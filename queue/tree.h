/* tree.h -- everything that lies below a folder, without following a single link.
 *
 * Each folder is opened by name from its parent with O_NOFOLLOW, so neither a link nor a folder
 * that is exchanged for one meanwhile leads out. Names are bytes. */
#ifndef QUEUE_TREE_H
#define QUEUE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct stat;

enum { TREE_ITEMS_MAX = 1000000, TREE_PATH_SIZE = 4096 };

enum tree_kind {
    TREE_FILE,    /* regular */
    TREE_FOLDER,  /* what lies in it follows */
    TREE_SPECIAL, /* link, pipe, socket, device: never opened */
    TREE_CLOSED,  /* a folder that could not be searched, or may not be: see detail */
};

struct tree_item {
    char *path; /* from the root, without a leading '/'; owned */
    enum tree_kind kind;
    const char *detail; /* SPECIAL, CLOSED: what it is; static storage */
    uint64_t dev, ino;
    int64_t size, mtime_ns;
};

struct tree {
    int root_fd;             /* owned; -1 when released */
    struct tree_item *items; /* sorted bytewise by path */
    int n;
};

struct tree_request {
    const char *root;
    const char *leave_out[2]; /* folders not to enter nor to list; NULL = none */
};

/* ERR_CONFIG: no such folder, or more than TREE_ITEMS_MAX entries. ERR_AGAIN: I/O error. */
int tree_read(struct tree *out, const struct tree_request *request, struct err *err);
void tree_release(struct tree *t); /* only after tree_read */

const struct tree_item *tree_find(const struct tree *t, const char *path);

/* Open a path of the tree for reading; -1 with errno. Nothing of it may be a link. */
int tree_fd(const struct tree *t, const char *path);

/* Is `st` still the file that the walk saw? */
bool tree_is_same(const struct tree_item *item, const struct stat *st);

#endif
