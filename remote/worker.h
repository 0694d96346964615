/* worker.h -- the worker of a machine that joins: started as a scheduler starts one, greeted, ended.
 *
 * It dies with the thread that started it. */
#ifndef REMOTE_WORKER_H
#define REMOTE_WORKER_H

#include <sys/types.h>

#include "queue/last_stage.h"
#include "remote/protocol.h"

struct worker {
    pid_t pid;  /* 0: none, or buried */
    int pid_fd; /* readable once it has ended */
    int wire;   /* our end of the socket */
    struct last_stage *last_stage;
    struct buf pending; /* read from the wire, no whole line yet */
};

/* Start lentigo-worker with our environment. ERR_CONFIG: it is not installed; ERR_AGAIN. */
int worker_start(struct worker *out, struct err *err);

/* Its HELLO, which stands in the wire or comes soon. ERR_CONFIG: it speaks another version of the wire;
 * ERR_BUG: something else came, or it ended. */
int worker_greet(struct worker *w, struct wire_message *hello, struct err *err);

void worker_kill(const struct worker *w); /* any thread, until it is buried */

/* Wait for its end and tell how it was. */
void worker_bury(struct worker *w, struct protocol_end *end);
void worker_release(struct worker *w); /* buried or never started */

#endif
