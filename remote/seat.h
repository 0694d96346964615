/* seat.h -- a chair beside the scheduler for a worker of another machine. */
#ifndef REMOTE_SEAT_H
#define REMOTE_SEAT_H

#include "common/settings.h"

/* Serve the scheduler on descriptor WIRE_FD until it or the one who sits here is gone; the exit status. A worker that
 * died of a signal: this process dies of it too, so that the scheduler sees what it would have seen of its
 * own. Not back then. */
int seat_run(const struct settings *settings);

#endif
