/* sweep_ticker.h -- how far a sweep is, for whoever waits: one live line on a terminal, else JSON lines.
 *
 * {"round","rounds","done","trials","at_work","here","eta_s","best":{"trial","score","settings"}} on stdout
 * every two seconds: done and trials are of this round, at_work all trainers, here those of this process. */
#ifndef TRAIN_SWEEP_TICKER_H
#define TRAIN_SWEEP_TICKER_H

#include "train/sweep.h"
#include "train/ticker.h"

struct sweep_ticker {
    struct ticker line; /* what it knows of terminals */
    int64_t due_us;
};

struct sweep_progress {
    int here, at_work;   /* trainers: of this process, of all */
    double eta_s;        /* NAN: unknown */
    const char *waiting; /* why nothing runs, or "" */
};

void sweep_ticker_open(struct sweep_ticker *t);
void sweep_ticker_show(struct sweep_ticker *t, const struct sweep *w,
                       const struct sweep_progress *p);

/* The end: ranking, and the command for the best, on stderr; without a terminal also a JSON line. */
void sweep_ticker_end(struct sweep_ticker *t, const struct sweep *w);

#endif
