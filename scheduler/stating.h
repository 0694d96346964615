/* stating.h -- the conservation statement (queue/statement.h) of each day that has ended.
 *
 * Made soon after midnight UTC, or at the start when nobody was at work then. It reads the whole
 * spool, so it is made in libuv's pool; one that was cut off by the end is made at the next start. */
#ifndef SCHEDULER_STATING_H
#define SCHEDULER_STATING_H

#include <stdatomic.h>
#include <uv.h>

#include "common/err.h"
#include "queue/statement.h"

struct scheduler;

struct stating {
    uv_work_t work;
    bool is_at_work;
    atomic_bool is_cancelled;
    int64_t look_ms; /* when to look again whether one is due */
    /* what the pool's thread was given and gives back */
    int64_t now_ms; /* wall clock */
    struct statement made;
    struct err err;
};

void stating_tick(struct scheduler *s, int64_t now_ms);

#endif
