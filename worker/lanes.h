/* lanes.h -- the worker's threads that compute, and behind them the committer (committer.h).
 *
 *   lanes_submit ──► ready ──► lane 0..n-1 (network, measures, pictures) ──┬─► slot is free again
 *                      └◄── in doubt after a coarse pass ──┘               ▼
 *   lanes_commit ──────────────────────────────────────────────────────► committer ──► finished
 *
 * A lane takes the item that is ready longest and whatever else is ready for the same pass with the
 * same shape of input: nothing waits for companions, and each batch serves the head of the line. A
 * batch that is out of memory is halved until it fits, and so many pixels are then the most for good.
 *
 * What is to run alone or carefully is computed in processes apart (apart.h) where the engine can be
 * forked: carefully by the same lanes, in a process that stays, one image after the other; alone by
 * lanes of their own that stand back behind them, an image in a process. The first images are done
 * carefully unasked: where many are bad, one of them is met before the worker itself can die of it.
 *
 * No item is computed before the device has answered the probe rightly; it is asked again whenever
 * `check_seconds` have passed, before the next batch. A wrong answer ends the process with
 * STATUS_UNFIT, and what it still holds goes back.
 *
 * All functions here are called by one thread, the event loop's. */
#ifndef WORKER_LANES_H
#define WORKER_LANES_H

#include "common/json.h"
#include "worker/analyst.h"
#include "worker/item.h"

struct lanes;

struct last_stage;

struct lanes_config {
    struct subject *subject; /* with a probe */
    int check_seconds;       /* between two checks of the device with it */
    const json_t *model;     /* of every result; borrowed until lanes_close */
    int lanes, batch;
    bool isolates; /* the engine computes on a processor: images can be worked on apart */
    struct last_stage *last_stage; /* may be NULL; borrowed until lanes_close */
    const _Atomic int *held;       /* items that this worker has (committer.h) */
    const _Atomic int *sound; /* of those that are no suspects: for them a suspect stands back */
    /* Called by a lane or the committer, no lock held, when lanes_finished or lanes_freed_slot has
     * something. */
    void (*on_finished)(void *ctx);
    /* Called by a lane's thread when its engine is beyond use: the process should end with
     * `exit_status` (common/status.h). */
    void (*on_broken)(void *ctx, int exit_status);
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
bool lanes_are_settled(struct lanes *l);      /* nothing computed waits for lanes_finished */

/* Has the device answered the probe? Until then nothing is computed. */
bool lanes_are_fit(struct lanes *l);

/* Every `tick_ms`: does a lane compute the same batch for many times as long as any before? A thread
 * cannot be ended; the process should be. Time in which this process did not run is not seen. */
bool lanes_are_stuck(struct lanes *l, int tick_ms);

bool lanes_have_moved(struct lanes *l); /* a process apart, since the last call */

/* A slot that a submitted item has no more use for, or -1. Its item may not be finished yet. */
int lanes_freed_slot(struct lanes *l);

/* Batch, network and measure of `stages` are filled in. */
void lanes_stats(struct lanes *l, struct wire_stage_stats stages[STAGE_COUNT]);

#endif
