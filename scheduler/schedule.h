/* schedule.h -- uploads that are not to be begun before a time (queue/terms.h).
 *
 * They are in the index, but not in Redis: when the time comes, by the clock on the wall, they are put
 * there like everything else, and what was begun stays begun. The upload's own record is the truth, so
 * nothing here outlives the process. */
#ifndef SCHEDULER_SCHEDULE_H
#define SCHEDULER_SCHEDULE_H

#include <stdint.h>

#include "common/err.h"

struct scheduler;

struct scheduled {
    uint32_t first, end; /* studies of one upload in the index */
    int64_t not_before_ms;
};

struct schedule {
    struct scheduled *rows; /* in the order in which they came; owned */
    int n, cap;
};

void schedule_release(struct schedule *x); /* safe on a zeroed one; leaves it zeroed */

/* `study` was added to the index last, and waits for a time. ERR_NOMEM. */
int schedule_add(struct scheduler *s, uint32_t study, int64_t not_before_ms, struct err *err);

/* Put what is due into Redis; `wall_ms` as clock_wall_ms. */
void schedule_tick(struct scheduler *s, int64_t wall_ms);

/* The upload of `study` is begun now. */
void schedule_begin(struct scheduler *s, uint32_t study);

/* Fill in the figures' list, the soonest first, and their sum. */
void schedule_gather(struct scheduler *s);

#endif
