/* seats.h -- where workers of other machines may join: the addresses of --seats. A lentigo-seat listens at
 * each (remote/protocol.h), a worker like any other to the scheduler. */
#ifndef SCHEDULER_SEATS_H
#define SCHEDULER_SEATS_H

#include "common/settings.h"

enum { SEATS_MAX = 32 };

struct seats {
    int n;
    char at[SEATS_MAX][SETTINGS_WORD_SIZE]; /* host:port */
};

/* ERR_CONFIG: no list of host:port, one of them twice, too many, or a token that is none (common/token.h). */
int seats_read(struct seats *out, const struct settings *settings, struct err *err);

#endif
