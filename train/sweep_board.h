/* sweep_board.h -- the results of a search so far: which round it is in, who goes on, who is best. Pure.
 *
 * A trial has one result for each round that it took part in. A round is over when all its trials have
 * one; of those that are done the best 1/keep of all that took part, one at least, go on. Better is a
 * higher score, and of equal ones the smaller number, so that every machine decides alike. */
#ifndef TRAIN_SWEEP_BOARD_H
#define TRAIN_SWEEP_BOARD_H

#include <stdbool.h>
#include <stdint.h>

enum sweep_status {
    SWEEP_OPEN, /* no result */
    SWEEP_DONE,
    SWEEP_FAILED,   /* training itself ended it: a loss that is not finite */
    SWEEP_SET_ASIDE /* its trainers died */
};

struct sweep_result {
    enum sweep_status status;
    int64_t iteration, best_iteration; /* trained to; the best validation's */
    double score;                      /* of SWEEP_DONE: train/validate.h, the best so far */
    double mean_jaccard, failure_rate, auc_malignant, balanced_accuracy; /* NAN: unknown */
    char reason[240];                                                    /* "" when done */
};

struct sweep_board {
    int n, rungs, keep;       /* trials; rounds, 1 without halving */
    struct sweep_result *all; /* rungs,n; owned by who made it */
};

/* With no figure known yet. */
struct sweep_result sweep_result_of(enum sweep_status status);

/* Borrowed from the board. */
struct sweep_result *sweep_board_at(const struct sweep_board *b, int rung, int trial);

/* The round that is at work, or `rungs` when the search is over; `in` (n) receives who takes part in it. */
int sweep_board_rung(const struct sweep_board *b, bool *in);

/* How many take part in a round, as far as is known: of one that has not begun, at most so many. */
int sweep_board_size(const struct sweep_board *b, int rung);

/* The latest result of a trial, or NULL. */
const struct sweep_result *sweep_board_latest(const struct sweep_board *b, int trial);

/* All trials into `order` (n): the done by score, then those without a result, then the failed. Returns
 * how many are done. */
int sweep_board_rank(const struct sweep_board *b, int *order);

#endif
