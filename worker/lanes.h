/* lanes.h -- the worker's threads: lanes that compute, one committer that makes results durable.
 *
 *   lanes_submit ──► ready ──► lane 0..n-1 (network, measures, pictures) ──┐
 *                      └◄── in doubt after a coarse pass ──┘                 │
 *   lanes_commit ──────────────────────────────────────────────────────────┴─► committer
 *        syncfs (pictures) ─► results/<n>.json renamed ─► syncfs ──► finished ──► on_finished
 *
 * The pictures are on the disk before the record that vouches for them, and the record before the
 * scheduler hears of it. One commit takes all that has gathered meanwhile. A lane takes the item
 * that is ready longest and whatever else is ready for the same pass with the same shape of input:
 * nothing waits for companions, and each batch serves the head of the line. All functions here are
 * called by one thread, the event loop's. */
#ifndef WORKER_LANES_H
#define WORKER_LANES_H

#include "common/json.h"
#include "worker/analyst.h"
#include "worker/item.h"

struct lanes;

struct lanes_config {
    struct subject *subject;
    const json_t *model; /* of every result; borrowed until lanes_close */
    int lanes, batch;
    /* Called by the committer's thread, no lock held, when lanes_finished has something. */
    void (*on_finished)(void *ctx);
    /* Called by a lane's thread when its engine is beyond use: the process should end. */
    void (*on_broken)(void *ctx);
    void *ctx;
};

/* The caller owns `*out` and closes it. ERR_AGAIN: no thread could be had. */
int lanes_open(struct lanes **out, const struct lanes_config *config, struct err *err);

/* Waits for the items in the lanes; those still waiting are freed and get no result. */
void lanes_close(struct lanes *l);

/* Both take the item over until lanes_finished returns it. */
void lanes_submit(struct lanes *l, struct item *item); /* decoded, to be computed */
void lanes_commit(struct lanes *l, struct item *item); /* set aside, entry is there */

struct item *lanes_finished(struct lanes *l); /* the next one, or NULL */

/* Batch, network and measure of `stages` are filled in. */
void lanes_stats(struct lanes *l, struct wire_stage_stats stages[STAGE_COUNT]);

#endif
