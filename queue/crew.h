/* crew.h -- the same work on each of n things, by several threads at once.
 *
 * Things are handed out in order, and after a failure no more: so the failure that is reported is
 * the one that a single thread would have met, however many there are. */
#ifndef QUEUE_CREW_H
#define QUEUE_CREW_H

#include "common/err.h"

enum { CREW_THREADS_MAX = 8 }; /* more of them wait for one another in the file system's journal */

/* `work` for each `i` from 0 to `n` - 1, by at most `threads` threads, of which the caller's is one
 * (0 = as many as there are processors of ours, at most CREW_THREADS_MAX; a thread that cannot be
 * made is done without). `work` runs on several threads at once, each call with an `err` of its
 * own; the others than the caller's take no signals. All have ended when this returns; -1 with the
 * code and text of the failed thing with the smallest `i`. */
int crew_run(int threads, int n, int (*work)(void *ctx, int i, struct err *err), void *ctx,
             struct err *err);

#endif
