/* flights.h -- the images that are leased now: held here, or in the hands of a worker. */
#ifndef SCHEDULER_FLIGHTS_H
#define SCHEDULER_FLIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/broker.h"
#include "scheduler/index.h"

struct child;

enum { FLIGHTS_MAX = 32768 };

struct flight {
    uint32_t image;
    struct broker_lease lease;       /* entry "" = Redis knows nothing of it */
    struct child *worker;            /* NULL = held here */
    int attempt;                     /* as sent to the worker */
    int tries;                       /* how often it came back for want of something */
    bool is_alone;                   /* sent to run alone */
    bool is_careful;                 /* sent to run in a process apart, together with others */
    bool has_moved;                  /* was in an ALIVE since it was sent */
    int64_t not_before_ms;           /* held: earliest time to send it */
    int64_t progress_ms, renewed_ms; /* last sign of progress; last renewal in Redis */
};

struct flights {
    struct flight *rows; /* order means nothing */
    int n, cap;
};

void flights_release(struct flights *f); /* safe on a zeroed one; leaves it zeroed */

/* The flight of the image, or NULL. Valid until the next add or remove. */
struct flight *flights_of(const struct flights *f, const struct index *x, uint32_t image);
struct flight *flights_of_entry(const struct flights *f, const struct broker_lease *lease);

/* A new, held flight; NULL when there are FLIGHTS_MAX or memory is gone. */
struct flight *flights_add(struct flights *f, struct index *x, uint32_t image,
                           const struct broker_lease *lease, int64_t now_ms);
void flights_remove(struct flights *f, struct index *x, struct flight *flight);

#endif
