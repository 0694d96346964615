#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "remote/visit_priv.h"

enum { PAUSE_MIN_MS = 50, PAUSE_MAX_MS = 1000, HTTP_UNAVAILABLE = 503 };

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

void visit_stir(struct visit *v)
{
    if (v->is_settling || v->is_over)
        (void)eventfd_write(v->news, 1);
}

void visit_end(struct visit *v, enum visit_state state, const char *why)
{
    pthread_mutex_lock(&v->lock);
    if (v->state == VISIT_ON) {
        v->state = state;
        snprintf(v->why, sizeof(v->why), "%s", why);
    }
    v->is_over = true;
    pthread_cond_broadcast(&v->ended);
    pthread_mutex_unlock(&v->lock);
    luggage_close(v->luggage);
    (void)eventfd_write(v->news, 1);
}

/* ---- requests ---- */

bool visit_pause(struct visit_thread *t)
{
    struct visit *v = t->visit;
    struct timespec until;
    int timed_out = 0;

    t->pause_ms = t->pause_ms * 2 < PAUSE_MAX_MS ? t->pause_ms * 2 : PAUSE_MAX_MS;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += t->pause_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&v->lock);
    while (v->state == VISIT_ON && !timed_out)
        timed_out = pthread_cond_timedwait(&v->ended, &v->lock, &until);
    bool is_on = v->state == VISIT_ON;
    pthread_mutex_unlock(&v->lock);
    return is_on;
}

static bool has_failed_for_long(struct visit_thread *t)
{
    if (!t->failing_ms)
        t->failing_ms = t->moved_ms;
    return now_ms() - t->failing_ms > PROTOCOL_SILENT_MS;
}

/* Some lines let small requests through and no files. Then the seat hears from us for ever, while what we hold
 * stands still until the scheduler takes it for stuck, and blames it. So we leave before that. */
static bool is_cut_off(struct visit_thread *t, const struct err *err)
{
    char why[256];

    if (!has_failed_for_long(t))
        return false;
    snprintf(why, sizeof(why), "a request has failed for %d s: %.200s", PROTOCOL_SILENT_MS / 1000,
             err->msg);
    visit_end(t->visit, VISIT_LOST, why);
    return true;
}

static int try_again(struct visit_thread *t, const struct err *err)
{
    struct visit *v = t->visit;

    pthread_mutex_lock(&v->lock);
    v->failed = *err;
    pthread_mutex_unlock(&v->lock);
    if (is_cut_off(t, err))
        return -1;
    return visit_pause(t) ? 1 : -1;
}

/* The seat waits no longer for us than this, and has given away what we hold. */
static void end_if_silent(struct visit *v)
{
    char why[256];

    if (now_ms() - v->heard_ms <= PROTOCOL_SILENT_MS)
        return;
    pthread_mutex_lock(&v->lock);
    snprintf(why, sizeof(why), "nothing heard for %d s: %.200s", PROTOCOL_SILENT_MS / 1000,
             v->failed.msg);
    pthread_mutex_unlock(&v->lock);
    visit_end(v, VISIT_LOST, why);
}

int visit_try(struct visit_thread *t, struct http_request *request, struct http_answer *out,
              struct err *err)
{
    struct visit *v = t->visit;
    struct err failed = {0};

    request->session = v->config.session;
    if (v->is_over)
        return -1;
    t->moved_ms = now_ms();
    if (http_send(t->http, request, out, &failed)) {
        if (failed.code == ERR_AGAIN)
            return try_again(t, &failed);
        if (!v->is_over)
            *err = failed;
        return -1;
    }
    v->heard_ms = now_ms();
    if (out->status == HTTP_UNAVAILABLE && !has_failed_for_long(t))
        return visit_pause(t) ? 1 : -1;
    t->failing_ms = 0;
    t->pause_ms = PAUSE_MIN_MS;
    if (out->status != 410 && out->status != 401)
        return 0;
    visit_end(v, VISIT_LOST, out->text);
    return -1;
}

static bool is_over(void *ctx)
{
    const struct visit_thread *t = ctx;

    return t->visit->is_over;
}

static bool is_over_or_settling(void *ctx)
{
    const struct visit_thread *t = ctx;

    return t->visit->is_over || t->visit->is_settling;
}

static void on_heard(void *ctx)
{
    struct visit_thread *t = ctx;

    t->visit->heard_ms = now_ms();
}

static void on_moved(void *ctx)
{
    struct visit_thread *t = ctx;

    on_heard(ctx);
    t->moved_ms = now_ms();
    t->visit->moved++;
}

/* ---- life ---- */

static const struct role {
    void *(*run)(void *thread);
    int n;
    struct http_watch watch; /* without a function to ask: it sends no requests */
} roles[] = {
    {visit_poll,  1,              {is_over_or_settling, on_heard, NULL}},
    {visit_read,  1,              {NULL, NULL, NULL}                   },
    {visit_tell,  1,              {is_over, on_heard, NULL}            },
    {visit_fetch, VISIT_FETCHERS, {is_over_or_settling, on_moved, NULL}},
    {visit_send,  VISIT_SENDERS,  {is_over, on_moved, NULL}            },
};

static int start(struct visit *v, const struct role *role, struct err *err)
{
    struct visit_thread *t = &v->threads[v->n_threads];

    t->visit = v;
    t->watch = role->watch;
    t->watch.ctx = t;
    t->pause_ms = PAUSE_MIN_MS;
    if (t->watch.is_over && http_new(&t->http, v->config.seat, &t->watch, err))
        return -1;
    if (pthread_create(&t->id, NULL, role->run, t)) {
        http_free(t->http);
        return err_set(err, ERR_AGAIN, "no thread for the seat");
    }
    v->n_threads++;
    return 0;
}

static void init_locks(struct visit *v)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&v->lock, NULL);
    pthread_mutex_init(&v->knowing, NULL);
    pthread_mutex_init(&v->speaking, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&v->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int visit_open(struct visit **out, const struct visit_config *config, struct err *err)
{
    struct visit *v = calloc(1, sizeof(*v));
    int ret = 0;

    if (!v)
        return err_set(err, ERR_NOMEM, "visit at the seat: no memory");
    v->config = *config;
    v->heard_ms = now_ms();
    init_locks(v);
    v->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->news < 0)
        ret = err_set(err, ERR_AGAIN, "eventfd: %s", strerror(errno));
    else
        ret = luggage_new(&v->luggage, config->nest->root, config->credit, err);
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles) && !ret; i++)
        for (int k = 0; k < roles[i].n && !ret; k++)
            ret = start(v, &roles[i], err);
    if (ret)
        visit_close(v);
    else
        *out = v;
    return ret;
}

void visit_close(struct visit *v)
{
    if (!v)
        return;
    if (v->luggage)
        visit_end(v, VISIT_LOST, "closed");
    shutdown(v->config.worker->wire, SHUT_RDWR); /* who reads or writes there goes on */
    for (int i = 0; i < v->n_threads; i++) {
        pthread_join(v->threads[i].id, NULL);
        http_free(v->threads[i].http);
    }
    luggage_free(v->luggage);
    studies_release(&v->studies);
    if (v->news >= 0)
        close(v->news);
    pthread_cond_destroy(&v->ended);
    pthread_mutex_destroy(&v->speaking);
    pthread_mutex_destroy(&v->knowing);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

int visit_fd(const struct visit *v)
{
    return v->news;
}

enum visit_state visit_look(struct visit *v, char why[256])
{
    eventfd_t ignored;

    (void)eventfd_read(v->news, &ignored);
    end_if_silent(v);
    pthread_mutex_lock(&v->lock);
    enum visit_state state = v->state;
    memcpy(why, v->why, sizeof(v->why));
    pthread_mutex_unlock(&v->lock);
    return state;
}

/* Its own children may hold the other end: that no more is to be read is said here, and what it had written
 * is read all the same. */
void visit_settle(struct visit *v)
{
    v->is_settling = true;
    shutdown(v->config.worker->wire, SHUT_RD);
    (void)eventfd_write(v->news, 1);
}

bool visit_is_settled(struct visit *v)
{
    return v->is_read_out && v->has_polled_out && luggage_is_settled(v->luggage);
}

int visit_at_work(struct visit *v)
{
    return luggage_at_work(v->luggage);
}

bool visit_has_worked(const struct visit *v)
{
    return v->has_worked;
}
