#include "scheduler/shares.h"

#include <string.h>

enum { OWED_MAX = 64 }; /* after a long wait for a worker, no flood of one class */

static const double share[BROKER_CLASSES] = {0, 1.0 / 8, 1.0 / 16};

void shares_ask(struct shares *x, int max, const bool is_paused[BROKER_CLASSES],
                int least[BROKER_CLASSES])
{
    for (int i = 0; i < BROKER_CLASSES; i++) {
        int owed = (int)x->owed[i];
        if (is_paused[i])
            x->owed[i] = owed = 0;
        x->asked[i] = owed < max ? owed : max;
        max -= x->asked[i];
        least[i] = is_paused[i] ? -1 : x->asked[i];
    }
}

void shares_note(struct shares *x, const int leased[BROKER_CLASSES])
{
    int total = 0;

    for (int i = 0; i < BROKER_CLASSES; i++)
        total += leased[i];
    for (int i = 0; i < BROKER_CLASSES; i++) {
        double owed = x->owed[i] + share[i] * total - leased[i];
        bool is_empty = leased[i] < x->asked[i];
        x->owed[i] = is_empty || owed < 0 ? 0 : owed > OWED_MAX ? OWED_MAX : owed;
    }
    memset(x->asked, 0, sizeof(x->asked));
}
