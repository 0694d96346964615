/* status.h -- the exit statuses of every program (sysexits.h has 64, 70, 75 and 78).
 *
 * A parent decides by them: systemd and `lentigo run` start again what ended with 70 or a signal,
 * nobody starts again what ended with 78. The scheduler starts a worker again after 71, and takes it
 * out of service after 69. */
#ifndef COMMON_STATUS_H
#define COMMON_STATUS_H

#include "common/err.h"

enum {
    STATUS_OK = 0,
    STATUS_UNFINISHED = 1, /* some of the work could not be finished */
    STATUS_MENDED = 2,     /* something was wrong and has been put right */
    STATUS_USAGE = 64,
    STATUS_UNFIT = 69,  /* the device computes wrongly: no process is to use it */
    STATUS_BROKEN = 70, /* this process is beyond use; a new one may do */
    STATUS_DEVICE = 71, /* the device failed this process; no image is to blame, a new one may do */
    STATUS_AGAIN = 75,  /* later: disk, memory, Redis, or somebody else is at it */
    STATUS_CONFIG = 78
};

/* The status for a command that ended with `err`. ERR_INPUT is what stands on the command line. */
int status_of_err(const struct err *err);

/* The status for a process that serves another and cannot go on for `err`. */
int status_of_broken(const struct err *err);

#endif
