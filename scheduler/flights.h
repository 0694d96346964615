/* flights.h -- the images that are leased now: held here, or in the hands of a worker.
 *
 * Those held are also in a line of their own, longest held first: what an answer makes possible is found
 * without a look at all that the workers have. */
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
    struct broker_lease lease; /* entry "" = Redis knows nothing of it */
    struct child *worker;      /* NULL = held here; changed by flights_send and flights_hold */
    uint32_t leased_turn;      /* when this lease came ... */
    uint32_t asked_turn;       /* ... and when Redis was last asked to renew it or to try again */
    int attempt;               /* as sent to the worker */
    int tries;                 /* how often it came back for want of something */
    bool is_alone;             /* sent to run alone */
    bool is_careful;           /* sent to run in a process apart, together with others */
    bool has_moved;            /* was in an ALIVE since it was sent */
    int64_t not_before_ms;     /* held: earliest time to send it */
    int64_t progress_ms, renewed_ms; /* last sign of progress; last renewal in Redis */
    uint32_t before, after; /* held: its neighbours' images in the line, INDEX_NONE = none */
};

struct flights {
    struct flight *rows; /* order means nothing */
    int n, cap;
    int n_urgent; /* of class 0 */
    int n_held;
    uint32_t first_held, last_held; /* images; mean something while n_held > 0 */
    uint32_t turn;                  /* lease answers of Redis so far */
};

void flights_release(struct flights *f); /* safe on a zeroed one; leaves it zeroed */

/* The flight of the image, or NULL. Valid until the next add or remove. */
struct flight *flights_of(const struct flights *f, const struct index *x, uint32_t image);
struct flight *flights_of_entry(const struct flights *f, const struct broker_lease *lease);

/* A new, held flight; NULL when there are FLIGHTS_MAX or memory is gone. */
struct flight *flights_add(struct flights *f, struct index *x, uint32_t image,
                           const struct broker_lease *lease, int64_t now_ms);
void flights_remove(struct flights *f, struct index *x, struct flight *flight);

/* Redis answers in the order in which it was asked. So a lease answer that was on its way when it was asked
 * about a lease brings a newer one before it says that the old one is lost: that word is true and old, and
 * the newer lease stays. */
void flights_begin_turn(struct flights *f); /* before the leases of an answer are taken */
void flights_lease(const struct flights *f, struct flight *flight,
                   const struct broker_lease *lease);
void flights_ask(const struct flights *f, struct flight *flight);
void flights_lose(struct flight *flight); /* what Redis was asked about is no longer ours */

/* To the worker, and back to the end of the line (one that is held stays where it is). */
void flights_send(struct flights *f, const struct index *x, struct flight *flight,
                  struct child *worker);
void flights_hold(struct flights *f, const struct index *x, struct flight *flight);

/* The images that are held: `image` is the one before, INDEX_NONE = begin; INDEX_NONE = no more. */
uint32_t flights_next_held(const struct flights *f, const struct index *x, uint32_t image);

#endif
