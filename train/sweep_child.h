/* sweep_child.h -- one `lentigo train` at work on a trial, as a child of this process.
 *
 * It trains twelve steps nicer than we are, so that whoever screens on this machine goes first, in a process group of its
 * own (the terminal's Ctrl-C is ours to pass on), and the kernel kills it when we are gone. What it says
 * goes to DIR/logs. One thread. */
#ifndef TRAIN_SWEEP_CHILD_H
#define TRAIN_SWEEP_CHILD_H

#include <sys/types.h>

#include "common/buf.h"
#include "train/sweep.h"

struct sweep_child {
    pid_t pid; /* 0: none */
    int fd;    /* its standard output; -1: closed */
    struct buf line;
    int trial, rung;
    bool goes_on;                           /* the trial had been begun before */
    int64_t begun_us, heard_us, stopped_us; /* monotonic; 0: not (yet) */
    int64_t from, iteration; /* where it began, where it is; -1: it has not said so */
};

int sweep_child_start(struct sweep_child *c, const struct sweep *w, int trial, int rung,
                      struct err *err);

/* Reads what it has said. */
void sweep_child_read(struct sweep_child *c);

/* Asks it to save and end; later calls change nothing. */
void sweep_child_stop(struct sweep_child *c);
void sweep_child_kill(struct sweep_child *c);

/* True: it has ended, `*status` is waitpid's. */
bool sweep_child_ended(struct sweep_child *c, int *status);

/* Its last words: the last line of the trial's log, "" without one. */
void sweep_last_words(char out[200], const struct sweep *w, int trial);

#endif
