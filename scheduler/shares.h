/* shares.h -- interactive before bulk before training, and none starves.
 *
 * While every class has work, one image of eight is bulk and one of sixteen is training, whatever
 * waits before them; the rest goes in order. A class is owed its share of what is leased; what it is
 * owed is leased first, and a class that has nothing to give then is owed nothing. */
#ifndef SCHEDULER_SHARES_H
#define SCHEDULER_SHARES_H

#include <stdbool.h>

#include "queue/broker.h"

struct shares {
    double owed[BROKER_CLASSES]; /* images, 0 .. some */
    int asked[BROKER_CLASSES];
};

/* What to ask of each class when `max` are leased: broker_lease's `least`. */
void shares_ask(struct shares *x, int max, const bool is_paused[BROKER_CLASSES],
                int least[BROKER_CLASSES]);

/* What came of it. */
void shares_note(struct shares *x, const int leased[BROKER_CLASSES]);

#endif
