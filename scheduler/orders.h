/* orders.h -- what operators asked for (queue/order.h), carried out on the event loop.
 *
 * The log is looked at on every tick; cancels and retries wait in a line, and the first one is worked
 * on in small steps, so that leases and answers go on meanwhile. Every step may be repeated: a
 * scheduler that is killed in the middle starts the order over, and what was done stays done, because
 * a result that is there stays and a result goes into history only once. */
#ifndef SCHEDULER_ORDERS_H
#define SCHEDULER_ORDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/broker.h"
#include "queue/order.h"

struct scheduler;

struct pause {
    bool is_paused;
    char by[ORDER_BY_SIZE], why[ORDER_WHY_SIZE], at[CLOCK_ISO_SIZE];
};

struct orders {
    int64_t log_at;     /* how far the log was read */
    struct order *rows; /* cancels and retries, first first; owned */
    int n, cap;
    /* of the first one */
    uint32_t step; /* next image */
    int changed;
    bool has_looked; /* for its upload, which the index does not have */
    int64_t not_before_ms;
    struct pause pauses[BROKER_CLASSES];
};

void orders_release(struct orders *o); /* safe on a zeroed one; leaves it zeroed */

/* Read what is new in the log; ERR_NOMEM, ERR_AGAIN. */
int orders_read(struct scheduler *s, struct err *err);

bool orders_pause_all(const struct orders *o); /* every class is paused */

/* Read, and take a few steps. Only when the index is whole. */
void orders_tick(struct scheduler *s, int64_t now_ms);

#endif
