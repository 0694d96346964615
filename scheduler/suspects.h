/* suspects.h -- the few images that something died on: how often, of what, in which stage.
 *
 * Kept in the spool's log, one line a death, so that a restart forgets nothing:
 *   {"event":"crash"|"unexplained","image":"<upload>/<key>/<n>","signal":11,"stage":"decode","at":…}
 * A line is written before it counts. An operator's retry (queue/order.h) clears the counts. */
#ifndef SCHEDULER_SUSPECTS_H
#define SCHEDULER_SUSPECTS_H

#include <stdint.h>

#include "queue/spool.h"
#include "scheduler/index.h"
#include "scheduler/verdict.h"

struct suspect {
    uint32_t image;
    int crashes, deaths; /* since the last retry */
    int retries;
    int signal; /* of the last one, 0 = it exited */
    enum wire_stage stage;
};

struct suspects {
    struct suspect *rows; /* a handful: searched one after the other */
    int n, cap;
};

void suspects_release(struct suspects *s); /* safe on a zeroed one; leaves it zeroed */

/* Count what the log says. Images that the index does not have are skipped. */
int suspects_load(struct suspects *s, struct index *x, const struct spool *spool, struct err *err);

/* Write down and count one VERDICT_CRASH or VERDICT_UNEXPLAINED. ERR_AGAIN: the log could not be
 * written, nothing was counted. */
int suspects_count(struct suspects *s, struct index *x, struct spool *spool, enum verdict verdict,
                   const struct suspect *death, struct err *err);

/* An operator puts the image back into the queue; `retries` counts those before. What died on it no
 * longer counts, but it still runs alone. A retry that was heard of before changes nothing. */
void suspects_retry(struct suspects *s, uint32_t image, int retries);

/* REASON_NONE, or the reason to set the image aside for; `detail` receives what happened. */
enum reason suspects_judge(const struct suspects *s, uint32_t image, char detail[240]);

#endif
