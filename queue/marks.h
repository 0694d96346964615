/* marks.h -- a set of texts as 64 bits of hash each, so that a million of them are 8 MB.
 *
 * Two texts that share a hash count as one: once in 10^7 sets of a million. Add all, sort, ask. */
#ifndef QUEUE_MARKS_H
#define QUEUE_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct marks {
    uint64_t *at; /* owned */
    size_t n, cap;
};

int marks_add(struct marks *m, const char *text, struct err *err); /* ERR_NOMEM */
void marks_sort(struct marks *m);
bool marks_have(const struct marks *m, const char *text); /* of a sorted one */
void marks_release(struct marks *m);                      /* safe on a zeroed one */

#endif
