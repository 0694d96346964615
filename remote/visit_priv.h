/* visit_priv.h -- the parts of a visit: visit.c its life, visit_lines.c what is said, visit_files.c what is
 * carried. */
#ifndef REMOTE_VISIT_PRIV_H
#define REMOTE_VISIT_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "queue/studies.h"
#include "remote/luggage.h"
#include "remote/visit.h"

enum { VISIT_FETCHERS = 4, VISIT_SENDERS = 4, VISIT_THREADS = 3 + VISIT_FETCHERS + VISIT_SENDERS };

/* One thread and what it alone uses. */
struct visit_thread {
    struct visit *visit;
    pthread_t id;
    struct http *http;           /* NULL: the reader, who needs none */
    struct http_watch watch;     /* of `http` */
    struct wire_message message; /* large */
    int64_t pause_ms;            /* before what failed is tried again */
    int64_t moved_ms;            /* when the request under way began, or bytes of it came or went */
    int64_t failing_ms;          /* since when none of its requests comes through; 0: they do */
};

struct visit {
    struct visit_config config;
    struct luggage *luggage;
    int news;             /* eventfd: look */
    pthread_mutex_t lock; /* guards state, why, failed */
    pthread_cond_t ended; /* state is no longer VISIT_ON */
    enum visit_state state;
    char why[256];
    struct err failed;       /* of the last request that did not come through */
    pthread_mutex_t knowing; /* guards studies */
    struct studies studies;
    pthread_mutex_t speaking; /* one writer at a time on the worker's wire */
    _Atomic bool is_over, is_settling, is_read_out, has_polled_out, has_worked;
    _Atomic int64_t heard_ms; /* when the seat answered last, or bytes came or went */
    _Atomic int64_t moved;    /* how often bytes of files did */
    uint64_t offset;          /* of the seat's lines: the poller's */
    struct visit_thread threads[VISIT_THREADS];
    int n_threads;
};

/* The visit is over, for the first reason given. */
void visit_end(struct visit *v, enum visit_state state, const char *why);

/* Whoever waits for it may look again: something was put on while the visit settles. */
void visit_stir(struct visit *v);

/* One try. 0: there is an answer for the caller, 503 once it has been that for long; 1: to be tried again, the pause
 * is made; -1: over, or with `err` set something of ours. */
int visit_try(struct visit_thread *t, struct http_request *request, struct http_answer *out,
              struct err *err);

/* False: the visit is over. */
bool visit_pause(struct visit_thread *t);

/* DRAIN goes to the worker once nothing else is on its way to him. */
void visit_pass_drain(struct visit_thread *t);

void *visit_poll(void *thread);  /* jobs of the seat */
void *visit_read(void *thread);  /* what the worker says */
void *visit_tell(void *thread);  /* to the seat */
void *visit_fetch(void *thread); /* originals */
void *visit_send(void *thread);  /* results */

#endif
