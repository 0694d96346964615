#include "remote/session.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "remote/store.h"

enum {
    JOBS_MAX = 4 << 20, /* bytes of lines that nobody has fetched */
    /* What was just told of is let go only then, and the scheduler may have filled its place before. */
    HELD_MAX = 2 * WIRE_ITEMS_MAX,
};

struct held {
    char id[WIRE_ID_SIZE];
    json_t *result; /* that came before its DONE; NULL: none yet */
};

struct session {
    int wire, ended_fd;
    pthread_mutex_t lock; /* guards all below but the answers' own */
    pthread_cond_t changed;
    char id[PROTOCOL_SESSION_SIZE]; /* "" = nobody sits here */
    char root[4096];                /* of the spool; "" before the first JOBS, and then for good */
    struct buf jobs;                /* what the scheduler said and is not known to have arrived */
    uint64_t jobs_at;               /* of its first byte */
    char refused[240];              /* why the scheduler has no use for this worker */
    struct protocol_end end;
    bool has_ended;
    int64_t heard_ms;
    int n_held;
    struct held held[HELD_MAX];

    pthread_mutex_t
        answering; /* taken before `lock`: one request at a time tells the scheduler something */
    uint64_t answers_at; /* bytes that were told */
    struct wire_message in, out;
};

/* ---- life ---- */

int session_new(struct session **out, int wire, struct err *err)
{
    struct session *s = calloc(1, sizeof(*s));
    pthread_condattr_t monotonic;

    if (!s)
        return err_set(err, ERR_NOMEM, "session");
    s->wire = wire;
    s->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->ended_fd < 0) {
        free(s);
        return err_set(err, ERR_AGAIN, "session: %s", strerror(errno));
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->answering, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    buf_init(&s->jobs, JOBS_MAX);
    *out = s;
    return 0;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_held; i++)
        json_decref(s->held[i].result);
    buf_release(&s->jobs);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->answering);
    pthread_mutex_destroy(&s->lock);
    close(s->ended_fd);
    free(s);
}

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- what is held; all under the lock ---- */

static struct held *find(struct session *s, const char *id)
{
    for (int i = 0; i < s->n_held; i++)
        if (!strcmp(s->held[i].id, id))
            return &s->held[i];
    return NULL;
}

static void let_go(struct session *s, const char *id)
{
    struct held *held = find(s, id);

    if (!held)
        return;
    json_decref(held->result);
    *held = s->held[--s->n_held];
}

static int hold_all(struct session *s, const struct wire_message *m, struct err *err)
{
    if (m->n_items > HELD_MAX - s->n_held)
        return err_set(err, ERR_BUG, "more than %d jobs", HELD_MAX);
    if (!s->root[0])
        memcpy(s->root, m->dir, sizeof(s->root));
    for (int i = 0; i < m->n_items; i++) {
        struct held *held = &s->held[s->n_held++];
        *held = (struct held){0};
        memcpy(held->id, m->items[i].id, sizeof(held->id));
    }
    return 0;
}

/* ---- the scheduler's side ---- */

static int take(struct session *s, const struct wire_message *m, struct err *err)
{
    if (!s->id[0])
        return m->kind == WIRE_DRAIN ? 1 : err_set(err, ERR_BUG, "jobs before a HELLO");
    if (m->kind == WIRE_JOBS && hold_all(s, m, err))
        return -1;
    if (m->kind == WIRE_REFUSED)
        memcpy(s->refused, m->text, sizeof(s->refused));
    else if (m->kind == WIRE_JOBS || m->kind == WIRE_DRAIN)
        return wire_format(m, &s->jobs, err);
    else
        return err_set(err, ERR_BUG, "message of kind %d is not for a seat", (int)m->kind);
    return 0;
}

int session_take(struct session *s, const struct wire_message *m, struct err *err)
{
    pthread_mutex_lock(&s->lock);
    int ret = take(s, m, err);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return ret;
}

int session_ended_fd(const struct session *s)
{
    return s->ended_fd;
}

bool session_end_of(struct session *s, struct protocol_end *out)
{
    pthread_mutex_lock(&s->lock);
    bool has_ended = s->has_ended;
    *out = s->end;
    pthread_mutex_unlock(&s->lock);
    return has_ended;
}

int64_t session_silent_ms(struct session *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t silent = s->id[0] ? now_ms() - s->heard_ms : -1;
    pthread_mutex_unlock(&s->lock);
    return silent;
}

/* ---- who sits here ---- */

static int check_hello(struct session *s, const char *line, size_t n, struct err *why)
{
    while (n && line[n - 1] == '\n')
        n--;
    if (wire_parse(&s->in, line, n, why) || s->in.kind != WIRE_HELLO) {
        err_set(why, ERR_INPUT, "this is no HELLO of a worker");
        return 400;
    }
    if (s->in.version != WIRE_VERSION) {
        err_set(why, ERR_CONFIG,
                "this seat speaks version %d of the wire, not %d: install the same lentigo on both "
                "machines",
                WIRE_VERSION, s->in.version);
        return 426;
    }
    if (strcmp(s->in.role, "worker") != 0 || s->in.credit < 1) {
        err_set(why, ERR_INPUT, "HELLO of another role or without credit");
        return 400;
    }
    return 0;
}

static int sit_down(struct session *s, char id[PROTOCOL_SESSION_SIZE], struct err *why)
{
    uint64_t chance[2];
    int ret = 201;

    if (getrandom(chance, sizeof(chance), 0) != sizeof(chance)) {
        err_set(why, ERR_AGAIN, "no random number");
        return 503;
    }
    pthread_mutex_lock(&s->lock);
    if (s->id[0]) {
        err_set(why, ERR_AGAIN, "somebody else sits here");
        ret = 409;
    } else {
        snprintf(s->id, sizeof(s->id), "%016llx%016llx", (unsigned long long)chance[0],
                 (unsigned long long)chance[1]);
        s->heard_ms = now_ms();
        memcpy(id, s->id, sizeof(s->id));
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

int session_hello(struct session *s, const char *line, size_t n, char id[PROTOCOL_SESSION_SIZE],
                  struct err *why)
{
    pthread_mutex_lock(&s->answering);
    int ret = check_hello(s, line, n, why);
    if (!ret)
        ret = sit_down(s, id, why);
    if (ret == 201) {
        s->in.pid = (int)getpid(); /* the one that the scheduler knows */
        if (wire_write(s->wire, &s->in, why))
            ret = 503;
    }
    pthread_mutex_unlock(&s->answering);
    return ret;
}

int session_visit(struct session *s, const char *id, struct err *why)
{
    pthread_mutex_lock(&s->lock);
    bool is_his = s->id[0] && !s->has_ended && id && !strcmp(id, s->id);
    if (is_his)
        s->heard_ms = now_ms();
    pthread_mutex_unlock(&s->lock);
    if (!is_his)
        err_set(why, ERR_CANCELLED, "the session is over: begin another");
    return is_his ? 200 : 410;
}

/* ---- from the scheduler to the worker ---- */

/* What arrived is forgotten. 0, or 400. */
static int pass(struct session *s, uint64_t offset, struct err *why)
{
    if (offset < s->jobs_at || offset - s->jobs_at > s->jobs.len) {
        err_set(why, ERR_INPUT, "no such offset");
        return 400;
    }
    size_t n = (size_t)(offset - s->jobs_at);
    if (!n)
        return 0;
    memmove(s->jobs.data, s->jobs.data + n, s->jobs.len - n + 1);
    s->jobs.len -= n;
    s->jobs_at = offset;
    return 0;
}

static void wait_for_jobs(struct session *s)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PROTOCOL_WAIT_MS / 1000;
    while (!s->jobs.len && !s->refused[0] && !s->has_ended)
        if (pthread_cond_timedwait(&s->changed, &s->lock, &until))
            return;
}

int session_jobs(struct session *s, uint64_t offset, struct buf *out, struct err *why)
{
    pthread_mutex_lock(&s->lock);
    int ret = pass(s, offset, why);
    if (!ret) {
        wait_for_jobs(s);
        s->heard_ms = now_ms();
        /* Another request may have gone on meanwhile. */
        ret = pass(s, offset, why);
    }
    if (!ret && s->refused[0]) {
        err_set(why, ERR_CONFIG, "%s", s->refused);
        ret = 409;
    } else if (!ret) {
        buf_add(out, s->jobs.data ? s->jobs.data : "", s->jobs.len);
        ret = s->jobs.len ? 200 : 204;
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* ---- from the worker to the scheduler ---- */

static void release(struct store_result *results, int n)
{
    for (int i = 0; i < n; i++)
        json_decref(results[i].result);
}

/* The results of a DONE. 0, or 409: one is missing or says something else. The caller releases them. */
static int gather(struct session *s, const struct wire_message *done, struct store_result *results,
                  int *n, struct err *why)
{
    int ret = 0;

    *n = 0;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < done->n_items && !ret; i++) {
        struct held *held = find(s, done->items[i].id);
        if (!held)
            continue; /* the scheduler will call it late */
        if (store_status_of(held->result) != done->items[i].status || !done->items[i].status) {
            err_set(why, ERR_INPUT, "%s: DONE without its result, or with another",
                    done->items[i].id);
            ret = 409;
        } else {
            results[(*n)++] = (struct store_result){done->items[i].id, json_incref(held->result)};
        }
    }
    pthread_mutex_unlock(&s->lock);
    return ret;
}

/* The disk failed: everything goes back, and comes again when there is room. */
static int give_back(struct session *s, const struct wire_message *done, const struct err *cause,
                     struct err *why)
{
    for (int i = 0; i < done->n_items; i++) {
        wire_begin(&s->out, WIRE_FAILED);
        memcpy(s->out.id, done->items[i].id, sizeof(s->out.id));
        memcpy(s->out.text, cause->msg, sizeof(s->out.text));
        s->out.text[sizeof(s->out.text) - 1] = 0;
        s->out.attempt = done->items[i].attempt;
        s->out.code = cause->code == ERR_NOMEM ? ERR_NOMEM : ERR_AGAIN;
        s->out.stage = STAGE_MEASURE;
        if (wire_write(s->wire, &s->out, why))
            return 503;
    }
    return 204;
}

/* The scheduler is told what is on the disk, and nothing else. */
static int commit(struct session *s, const struct wire_message *done,
                  const struct store_result *results, int n, struct err *why)
{
    struct err err = {0};

    if (!n || !store_commit(s->root, results, n, &err))
        return wire_write(s->wire, done, why) ? 503 : 204;
    log_event(LOG_ERROR, "seat.disk", "images=%d code=%s", n, err_name(err.code));
    return give_back(s, done, &err, why);
}

static int on_done(struct session *s, const struct wire_message *done, struct err *why)
{
    static struct store_result results[WIRE_ITEMS_MAX]; /* guarded by `answering` */
    int n, ret = gather(s, done, results, &n, why);

    if (!ret)
        ret = commit(s, done, results, n, why);
    pthread_mutex_lock(&s->lock);
    release(results, n);
    for (int i = 0; i < done->n_items && ret == 204; i++)
        let_go(s, done->items[i].id);
    pthread_mutex_unlock(&s->lock);
    return ret;
}

static int on_failed(struct session *s, const struct wire_message *m, struct err *why)
{
    int ret = wire_write(s->wire, m, why) ? 503 : 204;

    pthread_mutex_lock(&s->lock);
    let_go(s, m->id);
    pthread_mutex_unlock(&s->lock);
    return ret;
}

static int on_line(struct session *s, const char *line, size_t n, struct err *why)
{
    if (wire_parse(&s->in, line, n, why))
        return 400;
    switch (s->in.kind) {
    case WIRE_DONE: return on_done(s, &s->in, why);
    case WIRE_FAILED: return on_failed(s, &s->in, why);
    case WIRE_ALIVE:
    case WIRE_STATS: return wire_write(s->wire, &s->in, why) ? 503 : 204;
    default: err_set(why, ERR_INPUT, "no worker says such a line"); return 400;
    }
}

/* Line after line, so that a request that is sent again goes on where it failed. */
static int answer(struct session *s, uint64_t offset, const char *bytes, size_t n, struct err *why)
{
    int ret = 204;

    if (offset > s->answers_at || !n || bytes[n - 1] != '\n') {
        err_set(why, ERR_INPUT,
                "bytes before this offset are missing, or the last line is not whole");
        return 400;
    }
    size_t at = s->answers_at - offset < n ? (size_t)(s->answers_at - offset) : n;
    while (at < n && ret == 204) {
        size_t length = (size_t)((const char *)memchr(bytes + at, '\n', n - at) - (bytes + at));
        ret = on_line(s, bytes + at, length, why);
        at += length + 1;
        if (ret == 204)
            s->answers_at = offset + at;
    }
    return ret;
}

int session_answers(struct session *s, uint64_t offset, const char *bytes, size_t n,
                    struct err *why)
{
    pthread_mutex_lock(&s->answering);
    int ret = answer(s, offset, bytes, n, why);
    pthread_mutex_unlock(&s->answering);
    return ret;
}

/* ---- files ---- */

const char *session_root_of(struct session *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    const char *root = find(s, id) ? s->root : NULL;
    pthread_mutex_unlock(&s->lock);
    return root;
}

const char *session_root_of_study(struct session *s, const char *study)
{
    size_t n = strlen(study);
    const char *root = NULL;

    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n_held && !root; i++)
        if (!strncmp(s->held[i].id, study, n) && s->held[i].id[n] == '/')
            root = s->root;
    pthread_mutex_unlock(&s->lock);
    return root;
}

bool session_keep(struct session *s, const char *id, json_t *result)
{
    pthread_mutex_lock(&s->lock);
    struct held *held = find(s, id);
    if (held) {
        json_decref(held->result);
        held->result = result;
    }
    pthread_mutex_unlock(&s->lock);
    if (!held)
        json_decref(result);
    return held != NULL;
}

void session_end(struct session *s, const struct protocol_end *end)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&s->lock);
    s->end = *end;
    s->has_ended = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (write(s->ended_fd, &one, sizeof(one)) != sizeof(one))
        log_event(LOG_ERROR, "seat.end", "errno=%d", errno);
}
