/* visit.h -- one session at a seat, from its number to its end: threads that carry lines and files between
 * the seat and the worker of this machine.
 *
 * One polls for jobs, some fetch originals, one reads what the worker says, some send results, one tells the
 * seat. The main thread waits on visit_fd, and looks. */
#ifndef REMOTE_VISIT_H
#define REMOTE_VISIT_H

#include "remote/http.h"
#include "remote/nest.h"
#include "remote/worker.h"

struct visit;

enum visit_state {
    VISIT_ON,
    VISIT_LOST,    /* the session is over, or the seat cannot be reached any more */
    VISIT_REFUSED, /* the scheduler has no use for this worker */
};

/* All borrowed, for longer than the visit. */
struct visit_config {
    const struct http_seat *seat;
    const char *session;
    const struct nest *nest;
    const struct worker *worker; /* alive; what it has said after HELLO is unread */
    int credit;
};

/* ERR_NOMEM, ERR_AGAIN: no thread. */
int visit_open(struct visit **out, const struct visit_config *config, struct err *err);

/* The worker has ended or is to be killed: after this. Waits for the threads, a second at most; NULL is
 * fine. */
void visit_close(struct visit *v);

/* Readable when there is something to look at; once a second is to be looked in any case, for then the seat may
 * have been silent for too long. */
int visit_fd(const struct visit *v);
enum visit_state visit_look(struct visit *v, char why[256]);

/* The worker has ended: what it had said is still told, what it has not got goes back to the queue, and no
 * more is taken. */
void visit_settle(struct visit *v);

/* Is all of that done? */
bool visit_is_settled(struct visit *v);
int visit_at_work(struct visit *v); /* images that the worker had when it ended */
bool visit_has_worked(const struct visit *v);

#endif
