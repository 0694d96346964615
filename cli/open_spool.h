/* open_spool.h -- the spool that a command is about: a run's, or the installation's. */
#ifndef CLI_OPEN_SPOOL_H
#define CLI_OPEN_SPOOL_H

#include "common/settings.h"
#include "queue/spool.h"

/* Open the spool of the run that writes or wrote `out`; NULL: of s->spool. ERR_CONFIG when there is
 * none: unlike spool_open it makes nothing. */
int open_spool(struct spool **spool, const struct settings *s, const char *out, struct err *err);

#endif
