/* audit.h -- does Redis say what the spool says? And fill it anew from the spool when it does not.
 *
 * For tools; a scheduler needs neither (its start puts in what is missing). Blocking. */
#ifndef QUEUE_AUDIT_H
#define QUEUE_AUDIT_H

#include "queue/census.h"
#include "queue/client.h"

struct audit {
    bool is_filled;       /* a scheduler has put the spool in; else nothing is checked */
    int64_t jobs, leases; /* in the streams */
    int64_t open;         /* images of the spool without a result */
    int64_t findings[CENSUS_FINDINGS]; /* from UNACKNOWLEDGED on */
};

/* Changes nothing. `found` as in spool_examine. Beside a scheduler at work what is found may be under
 * way: only what a second call some time later finds too is a finding. ERR_AGAIN: Redis or the spool
 * cannot be read, or a study does not parse. */
int queue_audit(struct queue_client *c, const struct spool *s, struct audit *out,
                void (*found)(void *ctx, enum census_finding f, const char *where), void *ctx,
                struct err *err);

/* Throw away what Redis has and put in every image without a result; `*jobs` receives how many. The
 * caller holds the spool's lock. ERR_AGAIN: also when a scheduler publishes its figures there, which
 * may be one of another spool. */
int queue_refill(struct queue_client *c, const struct spool *s, int64_t *jobs, struct err *err);

#endif
