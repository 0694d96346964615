/* scheduler.h -- leases images to workers and studies to reporters until the spool is finished.
 *
 * It never touches a pixel. The spool is the truth: an index in memory is made from it at the start,
 * Redis is filled from the index, workers get what they have credit for, and a study goes to a
 * reporter when all its images are terminal. With `output` set (`lentigo run`) it ends by itself;
 * else it runs until SIGTERM, which drains; a second one stops at once. One thread, one loop. */
#ifndef SCHEDULER_SCHEDULER_H
#define SCHEDULER_SCHEDULER_H

#include "common/settings.h"

/* The exit status of design section 3: 0 everything finished, or drained (an installation);
 * 1 some studies could not be finished; 75 stopped before the end, in use or no Redis; 78
 * configuration. Errors are logged. */
int scheduler_run(const struct settings *settings);

#endif
