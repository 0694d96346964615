/* committer.h -- the thread that makes results durable, many at a time.
 *
 *   committer_push ──► gathered ──► drafts of results/<n>.json ──► syncfs ──► renamed ──► next syncfs
 *                                                                      └──► finished ──► on_finished
 *
 * A record that can be seen vouches for the pictures beside it, so they are on the disk before it is
 * renamed into place; and the scheduler hears of it only when the rename is on the disk as well. One
 * syncfs does both: it makes the drafts and pictures of one batch durable together with the renames
 * of the batch before. When nothing follows, a syncfs more ends it.
 *
 * A batch waits a little for more to join as long as more is coming: a syncfs costs the disk as much
 * for one result as for twenty. */
#ifndef WORKER_COMMITTER_H
#define WORKER_COMMITTER_H

#include <stdatomic.h>

#include "common/json.h"
#include "worker/item.h"

struct committer;

struct committer_config {
    const json_t *model; /* of every result; borrowed until committer_close */
    /* Items that this worker has, those in the committer among them: when these are all, nothing
     * more can come before some are finished. Changed by the event loop's thread only. */
    const _Atomic int *held;
    /* Called by the committer's thread or by who pushes, no lock held, when committer_finished has
     * something. */
    void (*on_finished)(void *ctx);
    void *ctx;
};

/* The caller owns `*out` and closes it. ERR_AGAIN: no thread could be had. */
int committer_open(struct committer **out, const struct committer_config *config, struct err *err);

/* Makes durable what was pushed; frees the items. NULL is fine. */
void committer_close(struct committer *c);

/* Any thread. Takes the item over until committer_finished returns it; one that goes back to the scheduler
 * has nothing to wait for. */
void committer_push(struct committer *c, struct item *item);

struct item *committer_finished(struct committer *c); /* the next one, or NULL; the event loop's */
bool committer_is_empty(struct committer *c);         /* any thread */

#endif
