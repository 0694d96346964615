/* sweep_taker_priv.h -- a taker's parts among themselves: sweep_taker.c (the loop), sweep_jobs.c (the queue)
 * and sweep_ends.c (what becomes of a job when its trainer has ended). One thread. */
#ifndef TRAIN_SWEEP_TAKER_PRIV_H
#define TRAIN_SWEEP_TAKER_PRIV_H

#include "queue/broker.h"
#include "train/sweep_child.h"
#include "train/sweep_screen.h"
#include "train/sweep_taker.h"
#include "train/sweep_ticker.h"

enum {
    TAKER_TRAINERS_MAX = 64,
    TAKER_CLASS = 2,         /* training */
    TAKER_LOOK_US = 1000000, /* between looks at disk and queue, and tries to connect */
};

struct taker_slot {
    struct sweep_child child;
    struct broker_lease lease;
    bool has_lease, is_agreed, is_foreign;
};

struct taker {
    struct sweep *w;
    const struct sweep_taking *how;
    struct taker_slot slots[TAKER_TRAINERS_MAX];
    struct broker *broker;
    int fd; /* the broker's; -1: none */
    short events;
    bool is_asking;  /* for jobs */
    bool is_stopped; /* by a signal */
    int at_work;     /* trainers of all takers, as the queue knows */
    int64_t connect_us, look_us, put_us, ask_us, renew_us, page_us; /* when it is due */
    int64_t again_us, again_wait_us;                                /* no job is taken before */
    double iterations, seconds;                                     /* trained here, for the ETA */
    struct sweep_screen screen;
    struct sweep_ticker ticker;
    struct err fatal; /* ends the taker */
    char why_down[128];
};

/* ---- sweep_jobs.c ---- */

struct broker_events taker_events(struct taker *t);

void taker_put_jobs(struct taker *t);    /* what the round still wants */
void taker_forget_jobs(struct taker *t); /* the whole queue, when the search is over */
void taker_ask_for_jobs(struct taker *t, int64_t now);
int taker_count_here(const struct taker *t); /* trainers */

/* The end of a lease: with a result, or for another try. With `waits` this taker takes no job for a
 * while, longer each time until a result comes. */
void taker_set_result(struct taker *t, const struct broker_lease *lease, int trial, int rung,
                      const struct sweep_result *result);
void taker_give_back(struct taker *t, const struct broker_lease *lease, bool waits);

/* Disk and memory may be there again later; any other error ends this taker. */
void taker_suffer(struct taker *t, const struct err *err);

/* The connection is gone, or could not be made. */
void taker_is_cut_off(struct taker *t, const char *why);

/* ---- sweep_ends.c ---- */

/* Hears what the trainers say, and settles the jobs of those that have ended. */
void taker_watch_trainers(struct taker *t, int64_t now);

#endif
