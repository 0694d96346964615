/* names.h -- the names in a folder, sorted bytewise, so that every walk has one order. */
#ifndef QUEUE_NAMES_H
#define QUEUE_NAMES_H

#include "common/err.h"

struct names {
    char **at; /* owned */
    int n;
};

/* Names in `path` without "." and "..". A folder that is not there has none. ERR_AGAIN or, for
 * what is no readable folder, ERR_INPUT. */
int names_read(struct names *out, const char *path, struct err *err);

/* The same of an open folder; takes `fd` over, also on failure. */
int names_read_fd(struct names *out, int fd, const char *path, struct err *err);

/* The number that a name begins with, and `*rest` is what follows; -1: with none below `max`. */
int names_number(const char *name, int max, const char **rest);

void names_release(struct names *names); /* safe on a zeroed one; leaves it zeroed */

#endif
