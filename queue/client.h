/* client.h -- what tools outside the scheduler ask of Redis, one blocking call each.
 *
 * Not for use by two threads at once. A Redis that cannot be reached is ERR_AGAIN. */
#ifndef QUEUE_CLIENT_H
#define QUEUE_CLIENT_H

#include "common/err.h"
#include "queue/stats.h"

struct queue_client;

/* `address`: path of a unix socket, or host:port; either with #N for another database than 0. */
int queue_client_open(struct queue_client **out, const char *address, int timeout_ms,
                      struct err *err);
void queue_client_close(struct queue_client *c); /* NULL is fine */

/* All nodes' figures by name of node, at most `max`; `*n` receives how many were written. */
int queue_client_stats(struct queue_client *c, struct stats *out, int max, int *n, struct err *err);

/* Bytes that Redis has allocated (used_memory). */
int queue_client_memory(struct queue_client *c, int64_t *bytes, struct err *err);

/* Is the image "<upload>/<key>/<n>" in the queue, leased or not, and how many are done by now? Both at one
 * moment; ERR_AGAIN. */
int queue_client_look_at(struct queue_client *c, const char *image, bool *is_queued, int64_t *done,
                         struct err *err);

/* A word to every scheduler on the control stream: "rescan" (an upload was accepted). */
int queue_client_tell(struct queue_client *c, const char *word, struct err *err);

/* Is this database free, or the index of the spool of this id? ERR_CONFIG: it is another's. */
int queue_client_check_owner(struct queue_client *c, const char *spool_id, struct err *err);

/* Is this Redis fit for an installation: noeviction, append-only file, version 7. ERR_CONFIG says
 * which is not. */
int queue_client_check(struct queue_client *c, struct err *err);

#endif
