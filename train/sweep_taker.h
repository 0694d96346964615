/* sweep_taker.h -- one process that works on a sweep; there may be any number, on as many machines.
 *
 *   DIR ──► what this round still wants ──► Redis: jobs of class `training` in the sweep's shard
 *                                              │ lease, renewed while the trainer lives
 *    results/<trial>.<round>.json ◄── trainer ◄┘ one of `trainers` children (sweep_child.h)
 *
 * What ends a trainer decides what becomes of its job:
 *   done, or the loss is not finite       a result
 *   told to end (Ctrl-C, the lease lost, screening wants the machine), disk full      given back
 *   a crash, or no sign for half an hour  noted, given back; the third time it is set aside
 *   configuration, data that changed, a device that computes wrongly      given back, and the taker ends */
#ifndef TRAIN_SWEEP_TAKER_H
#define TRAIN_SWEEP_TAKER_H

#include "train/sweep.h"

struct sweep_taking {
    const char *redis, *node; /* address; name of this machine, "" = its host name */
    int trainers;             /* at once */
    int lease_ms;
};

/* Works until the search is over (STATUS_OK, or STATUS_UNFINISHED when no trial has a score) or a signal
 * asked to stop (STATUS_AGAIN). -1: `err`. */
int sweep_take(struct sweep *w, const struct sweep_taking *how, struct err *err);

#endif
