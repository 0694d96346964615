/* take_in.h -- an upload into the spool, with its progress on a terminal. */
#ifndef CLI_TAKE_IN_H
#define CLI_TAKE_IN_H

#include "queue/intake.h"

/* intake_accept with what every command does alike: the date (SOURCE_DATE_EPOCH when set), the look
 * at the first bytes, the count of files on stderr. The caller fills in the rest of `request`.
 * ERR_CONFIG also: SOURCE_DATE_EPOCH is no number of seconds up to the year 9999. */
int take_in_upload(struct spool *spool, struct intake_request *request, struct intake_result *out,
                   struct err *err);

#endif
