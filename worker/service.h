/* service.h -- the worker's event loop: jobs in from the scheduler, results back. */
#ifndef WORKER_SERVICE_H
#define WORKER_SERVICE_H

#include "common/settings.h"

/* Speak wire on WIRE_FD until drained, the scheduler is gone, or something is broken. Returns the
 * exit status (common/status.h): 0 drained, 1 scheduler gone, 69 its device computes wrongly,
 * 70 broken and to be restarted, 71 its device failed, 78 configuration. */
int service_run(const struct settings *s);

#endif
