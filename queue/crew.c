#include "queue/crew.h"

#include <pthread.h>
#include <signal.h>

#include "common/process.h"

struct crew {
    int (*work)(void *ctx, int i, struct err *err);
    void *ctx;
    pthread_mutex_t lock; /* guards what follows */
    int next, end;        /* the things not handed out yet */
    int failed_at;        /* the first that failed; n = none */
    struct err err;       /* its own */
};

static int take(struct crew *c)
{
    pthread_mutex_lock(&c->lock);
    int i = c->next < c->end ? c->next++ : -1;
    pthread_mutex_unlock(&c->lock);
    return i;
}

static void note_failure(struct crew *c, int i, const struct err *err)
{
    pthread_mutex_lock(&c->lock);
    c->end = c->next;
    if (i < c->failed_at) {
        c->failed_at = i;
        c->err = *err;
    }
    pthread_mutex_unlock(&c->lock);
}

static void *crew_main(void *arg)
{
    struct crew *c = arg;
    int i;

    while ((i = take(c)) >= 0) {
        struct err err = {0};
        if (c->work(c->ctx, i, &err))
            note_failure(c, i, &err);
    }
    return NULL;
}

/* Signals are for the thread that called. */
static int start_threads(struct crew *c, pthread_t *thread, int n)
{
    sigset_t all, before;
    int started = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < n && !pthread_create(&thread[started], NULL, crew_main, c))
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

int crew_run(int threads, int n, int (*work)(void *ctx, int i, struct err *err), void *ctx,
             struct err *err)
{
    struct crew c = {.work = work, .ctx = ctx, .end = n, .failed_at = n};
    pthread_t thread[CREW_THREADS_MAX];

    if (threads <= 0)
        threads = process_cores();
    if (threads > CREW_THREADS_MAX)
        threads = CREW_THREADS_MAX;
    if (threads > n)
        threads = n;
    pthread_mutex_init(&c.lock, NULL);
    int started = start_threads(&c, thread, threads - 1);
    crew_main(&c);
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    pthread_mutex_destroy(&c.lock);
    return c.failed_at < n ? err_set(err, c.err.code, "%s", c.err.msg) : 0;
}
