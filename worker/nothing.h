/* nothing.h -- a worker that does nothing: every job is answered at once, and nothing is written.
 *
 * For `lentigo bench queue`, which so measures all but the work. A spool worked on so is of no other
 * use. */
#ifndef WORKER_NOTHING_H
#define WORKER_NOTHING_H

#include "common/settings.h"

/* Serve the scheduler on WIRE_FD until it goes away or asks to drain, at most `batch` answers in a line;
 * the exit status. Refused, with a message, where the spool is not marked as a bench's (spool_is_bench): acknowledged jobs without results
 * are lost work anywhere else. */
int nothing_run(const struct settings *settings);

#endif
