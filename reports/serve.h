/* serve.h -- a report process at work for a scheduler on WIRE_FD; its other two words. */
#ifndef REPORTS_SERVE_H
#define REPORTS_SERVE_H

#include "common/settings.h"

/* Each returns the exit status of the process. */
int serve_run(const struct settings *s);
int bench_run(const struct settings *s, const char *dir); /* bench.c */

#endif
