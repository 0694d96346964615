/* join.h -- a machine that helps another: a worker here does what a seat there hands out, one session after
 * the other, until it is told to stop. */
#ifndef REMOTE_JOIN_H
#define REMOTE_JOIN_H

#include "common/settings.h"

/* `url`: of the seat, "https://intake:8700"; `s` was exported (settings_export). The exit status: 0 told to stop,
 * 64 no URL, 69 the device computes wrongly, 78 something is set up wrongly: the log says what. The first SIGTERM
 * or SIGINT lets it say goodbye, the second does not. */
int join_run(const struct settings *s, const char *url);

#endif
