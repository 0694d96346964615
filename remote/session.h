/* session.h -- who sits at a seat: the two streams of lines between the scheduler and a worker elsewhere,
 * and the images he holds.
 *
 * One session at most, once: when it is over the seat's process ends, and the scheduler starts the next. The answers
 * are statuses of HTTP (remote/protocol.h); `why` says in words what is not 2xx. Any thread. */
#ifndef REMOTE_SESSION_H
#define REMOTE_SESSION_H

#include "common/json.h"
#include "remote/protocol.h"

struct session;

/* `wire`: the descriptor on which the scheduler listens, borrowed. ERR_NOMEM, ERR_AGAIN. */
int session_new(struct session **out, int wire, struct err *err);
void session_free(struct session *s); /* NULL is fine; no thread may be in it */

/* ---- the scheduler's side: one thread ---- */

/* JOBS, DRAIN, REFUSED go to the worker. 1: it is drained, for nobody sits here; -1: ERR_BUG, ERR_NOMEM. */
int session_take(struct session *s, const struct wire_message *m, struct err *err);

/* Readable once the session is over by the worker's word or the scheduler is gone. */
int session_ended_fd(const struct session *s);

/* How the worker ended, as far as he said. False: he has not. */
bool session_end_of(struct session *s, struct protocol_end *out);

/* Milliseconds since a request of the session; -1: nobody sits here. */
int64_t session_silent_ms(struct session *s);

/* ---- the worker's side ---- */

/* 201 and the session; 400, 409, 426. */
int session_hello(struct session *s, const char *line, size_t n, char id[PROTOCOL_SESSION_SIZE],
                  struct err *why);

/* Whose request is it? 200, or 410: not of the session that is now. */
int session_visit(struct session *s, const char *id, struct err *why);

/* 200 and lines, 204, or 409: the scheduler has no use for this worker. 400: the offset was passed already. */
int session_jobs(struct session *s, uint64_t offset, struct buf *out, struct err *why);

/* 204; 400 for what is no line of a worker, 409 for a DONE without its result, 503. */
int session_answers(struct session *s, uint64_t offset, const char *bytes, size_t n,
                    struct err *why);

/* Is the image, or one of the study, in his hands? The root of the spool it lies in, else NULL; as long-lived
 * as the session. */
const char *session_root_of(struct session *s, const char *id);
const char *session_root_of_study(struct session *s, const char *study);

/* Keep the result of an image until its DONE; `result` is taken over. False: he does not hold it. */
bool session_keep(struct session *s, const char *id, json_t *result);

void session_end(struct session *s, const struct protocol_end *end);

#endif
