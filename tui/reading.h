/* reading.h -- what is known of the machines at one moment: the figures and how fresh they are. */
#ifndef TUI_READING_H
#define TUI_READING_H

#include "queue/stats.h"

enum { READING_NODES_MAX = 16 };

enum reading_link {
    READING_WAITING, /* connected, but no machine has published figures yet */
    READING_LIVE,
    READING_OVER,  /* the run has ended; these are its last figures */
    READING_LOST,  /* no connection since `since_ms`; the figures are those of before */
    READING_SILENT /* connected, but no figures since `since_ms` */
};

struct reading {
    enum reading_link link;
    int64_t since_ms; /* wall clock */
    int n;
    struct stats nodes[READING_NODES_MAX];
};

/* The sum of two counts from outside: unknown ones (negative) are left out, and it stops at the
 * largest number instead of running over. */
int64_t reading_add(int64_t a, int64_t b);

/* All machines as one: counts, rates and lists added up, shares weighted by cores or lanes. The
 * queue's classes are the same on every machine, so the fullest report of them stands. */
void reading_sum(struct stats *out, const struct reading *r);

/* As reading_sum for tab 0, else the figures of machine `tab` - 1. */
void reading_select(struct stats *out, const struct reading *r, int tab);

#endif
