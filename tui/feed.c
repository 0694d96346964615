#include "tui/feed.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { READ_MS = 500, RETRY_MS = 1000 };

struct feed {
    struct source *source; /* the thread's until it has ended */
    pthread_t thread;
    int fd;
    pthread_mutex_t lock; /* guards is_stopping and latest */
    pthread_cond_t stopping;
    bool is_stopping;
    struct reading latest;
    struct reading working; /* the thread's own */
};

/* Without the unused rows of a megabyte. */
static void copy_reading(struct reading *to, const struct reading *from)
{
    to->link = from->link;
    to->since_ms = from->since_ms;
    to->n = from->n;
    memcpy(to->nodes, from->nodes, (size_t)from->n * sizeof(*from->nodes));
}

static bool is_new(const struct reading *a, const struct reading *b)
{
    if (a->link != b->link || a->n != b->n || a->since_ms != b->since_ms)
        return true;
    for (int i = 0; i < a->n; i++)
        if (a->nodes[i].at_ms != b->nodes[i].at_ms)
            return true;
    return false;
}

/* With the lock held; false = time to end. */
static bool wait_ms(struct feed *f, int ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000L;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (!f->is_stopping)
        if (pthread_cond_timedwait(&f->stopping, &f->lock, &until) == ETIMEDOUT)
            break;
    return !f->is_stopping;
}

static void *feed_main(void *ctx)
{
    struct feed *f = ctx;
    bool is_first = true;
    struct err err;

    pthread_mutex_lock(&f->lock);
    do {
        pthread_mutex_unlock(&f->lock);
        err = (struct err){0};
        (void)source_read(f->source, &f->working, &err); /* the reading says it too */
        pthread_mutex_lock(&f->lock);
        if (is_first || is_new(&f->working, &f->latest)) {
            copy_reading(&f->latest, &f->working);
            eventfd_write(f->fd, 1); /* fails only when 2^64 wake-ups are waiting */
            is_first = false;
        }
    } while (wait_ms(f, f->working.link == READING_LIVE ? READ_MS : RETRY_MS));
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* Signals are for the thread that owns the terminal. */
static int start_thread(struct feed *f)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&f->thread, NULL, feed_main, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

static void feed_free(struct feed *f)
{
    close(f->fd);
    pthread_cond_destroy(&f->stopping);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int feed_start(struct feed **out, struct source *source, struct err *err)
{
    struct feed *f = calloc(1, sizeof(*f));
    pthread_condattr_t monotonic;

    if (!f)
        return err_set(err, ERR_NOMEM, "no memory for the figures");
    f->source = source;
    f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (f->fd < 0) {
        free(f);
        return err_set(err, ERR_AGAIN, "eventfd: %s", strerror(errno));
    }
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->stopping, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int e = start_thread(f);
    if (e) {
        feed_free(f);
        return err_set(err, ERR_AGAIN, "no thread: %s", strerror(e));
    }
    *out = f;
    return 0;
}

void feed_stop(struct feed *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->is_stopping = true;
    pthread_cond_signal(&f->stopping);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    feed_free(f);
}

int feed_fd(const struct feed *f)
{
    return f->fd;
}

void feed_take(struct feed *f, struct reading *out)
{
    eventfd_t n;

    pthread_mutex_lock(&f->lock);
    eventfd_read(f->fd, &n); /* nothing to read: the same reading once more */
    copy_reading(out, &f->latest);
    pthread_mutex_unlock(&f->lock);
}
