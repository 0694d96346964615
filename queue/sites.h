/* sites.h -- how many images each site has handed in, for quotas.
 *
 * Counted from upload.json alone ({"sites":{"<site>":images}}; "" are those without a site), so what
 * an earlier version accepted counts for nobody. */
#ifndef QUEUE_SITES_H
#define QUEUE_SITES_H

#include "common/clock.h"
#include "queue/spool.h"
#include "queue/upload.h"

/* {"<site>": images} of an upload; NULL: no memory. The caller owns it. */
json_t *sites_of(const struct upload *u);

/* The same over all uploads accepted on the day of `at` ("2026-11-26T..." or the day alone, UTC),
 * those too that are being taken in now by a living process. ERR_AGAIN, ERR_NOMEM. */
int sites_of_day(const struct spool *s, const char *at, json_t **out, struct err *err);

#endif
