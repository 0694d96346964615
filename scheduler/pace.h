/* pace.h -- how many images end in a second: the history of a node, and the rates that people read. */
#ifndef SCHEDULER_PACE_H
#define SCHEDULER_PACE_H

#include "queue/stats.h"

/* Times are of a monotonic clock, in ms; 0 = not yet. */
struct pace {
    int64_t finished;  /* images that ended since our start */
    int64_t told;      /* of these, in the history */
    int64_t second_ms; /* end of the second that the history fills next */
    int64_t begun_ms;  /* the first image was sent to a worker */
    int64_t ended_ms;  /* the last image so far ended */
};

void pace_begin(struct pace *p, int64_t now_ms); /* at each image; the first one counts */
void pace_end(struct pace *p, int64_t now_ms);   /* one image ended */

/* Put the seconds that are over into the history of `st`. */
void pace_advance(struct pace *p, struct stats *st, int64_t now_ms);

/* Images a second over the last `seconds`, or since the first one was begun; `now_ms` is that of
 * the last pace_advance. 0 when none ended. */
double pace_recent(const struct pace *p, const struct stats *st, int seconds, int64_t now_ms);

/* Images a second from the first begun until `until_ms`; NAN when none ended. */
double pace_mean(const struct pace *p, int64_t until_ms);

#endif
