/* pins.h -- memory of the caller that was page-locked: the device reads and writes it directly.
 *
 * Any thread. */
#ifndef ENGINE_CUDNN_PINS_H
#define ENGINE_CUDNN_PINS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { PINS_MAX = 4096 };

struct pin {
    const char *base;
    size_t size;
};

struct pins {
    pthread_mutex_t lock; /* guards the rest */
    int n;
    struct pin list[PINS_MAX]; /* in the order of their addresses */
};

void pins_init(struct pins *p);
void pins_release(struct pins *p); /* unlocks what is left */

/* The range must not touch another. ERR_CONFIG: this memory cannot be locked, or there are too many. */
int pins_add(struct pins *p, const void *base, size_t size, struct err *err);
void pins_remove(struct pins *p, const void *base); /* what was not added is fine */

/* Does all of it lie in one range? */
bool pins_hold(struct pins *p, const void *at, size_t size);

#endif
