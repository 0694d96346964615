/* unique.h -- names that must differ, each as close to its natural form as can be.
 *
 * Two passes over the same sequence: reserve every natural name, then claim in order. The first
 * to claim a name gets it; later ones get "-2", "-3" ..., never a name that is another's natural
 * one. So the answer depends on the sequence alone. */
#ifndef QUEUE_UNIQUE_H
#define QUEUE_UNIQUE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct unique_slot;

struct unique {
    bool folds; /* "A", "a" and "a." count as one: they are on a clinic's Windows share */
    struct unique_slot *slots;
    size_t n, cap;
};

void unique_release(struct unique *u); /* safe on a zeroed one */

/* Names of different `scope` do not meet. ERR_NOMEM. */
int unique_reserve(struct unique *u, int scope, const char *name, struct err *err);

/* The caller frees the answer; NULL = ERR_NOMEM. */
char *unique_claim(struct unique *u, int scope, const char *name, struct err *err);

#endif
