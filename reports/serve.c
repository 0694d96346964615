/* A reporter: one thread, blocking. Takes the studies that wait, up to its credit, as one batch
 * with one sync. */
#include "reports/serve.h"

#include <poll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/status.h"
#include "queue/wire.h"
#include "reports/publish.h"

enum { CREDIT = 32, STATS_EVERY_MS = 1000 };

struct job {
    char id[WIRE_ID_SIZE];
    char dir[SPOOL_PATH_SIZE];
    int attempt;
    bool is_made;
    struct publish_outcome outcome;
};

struct server {
    struct publisher publisher;
    struct buf pending;
    struct wire_message message; /* 90 kB: one for all, in and out */
    struct job jobs[CREDIT];
    int n_jobs;
    bool is_draining;
    int64_t items, busy_us, stats_us;
};

static int send_hello(struct server *v, struct err *err)
{
    struct wire_message *m = &v->message;

    wire_begin(m, WIRE_HELLO);
    m->version = WIRE_VERSION;
    m->pid = (int)getpid();
    m->credit = CREDIT;
    snprintf(m->role, sizeof(m->role), "reporter");
    if (v->publisher.policy)
        snprintf(m->policy_sha256, sizeof(m->policy_sha256), "%s",
                 policy_sha256(v->publisher.policy));
    return wire_write(WIRE_FD, m, err);
}

static int send_stats(struct server *v, struct err *err)
{
    struct wire_message *m = &v->message;

    v->stats_us = clock_mono_us();
    wire_begin(m, WIRE_STATS);
    m->stages[STAGE_REPORT] =
        (struct wire_stage_stats){.items = v->items, .busy_us = v->busy_us, .lanes = 1};
    m->memory_kb = memory_tree_kb((int)getpid());
    return wire_write(WIRE_FD, m, err);
}

static int send_reported(struct server *v, const struct job *job, struct err *err)
{
    struct wire_message *m = &v->message;

    wire_begin(m, WIRE_REPORTED);
    m->attempt = job->attempt;
    snprintf(m->id, sizeof(m->id), "%s", job->id);
    snprintf(m->risk, sizeof(m->risk), "%s", risk_word(job->outcome.risk));
    return wire_write(WIRE_FD, m, err);
}

static int send_failed(struct server *v, const struct job *job, const struct err *why,
                       struct err *err)
{
    struct wire_message *m = &v->message;
    char text[300];

    log_event(LOG_WARN, "report.failed", "study=%s code=%s text=%s", job->id, err_name(why->code),
              log_quote(text, sizeof(text), why->msg));
    wire_begin(m, WIRE_FAILED);
    m->attempt = job->attempt;
    m->code = why->code;
    m->stage = STAGE_REPORT;
    snprintf(m->id, sizeof(m->id), "%s", job->id);
    snprintf(m->text, sizeof(m->text), "%s", why->msg);
    return wire_write(WIRE_FD, m, err);
}

/* One study made; on failure the scheduler is told at once and the batch goes on without it. */
static int make_job(struct server *v, struct job *job, struct err *err)
{
    struct err why = {0};

    job->is_made = !publish_make(&v->publisher, job->dir, &job->outcome, &why);
    return job->is_made ? 0 : send_failed(v, job, &why, err);
}

static int finish_job(struct server *v, const struct job *job, struct err *err)
{
    struct err why = {0};

    if (publish_finish(job->dir, &why))
        return send_failed(v, job, &why, err);
    v->items++;
    return send_reported(v, job, err);
}

static int fail_batch(struct server *v, const struct err *why, struct err *err)
{
    for (int i = 0; i < v->n_jobs; i++)
        if (v->jobs[i].is_made && send_failed(v, &v->jobs[i], why, err))
            return -1;
    return 0;
}

/* All studies lie in one spool, so any that was made tells which file system to sync. */
static const struct job *first_made(const struct server *v)
{
    for (int i = 0; i < v->n_jobs; i++)
        if (v->jobs[i].is_made)
            return &v->jobs[i];
    return NULL;
}

static int work_batch(struct server *v, struct err *err)
{
    int64_t start = clock_mono_us();
    struct err why = {0};
    int ret = 0;

    for (int i = 0; i < v->n_jobs && !ret; i++)
        ret = make_job(v, &v->jobs[i], err);
    const struct job *made = first_made(v);
    if (!ret && made && publish_sync(&v->publisher, made->dir, &why)) {
        ret = fail_batch(v, &why, err);
        v->n_jobs = 0;
    }
    for (int i = 0; i < v->n_jobs && !ret; i++)
        if (v->jobs[i].is_made)
            ret = finish_job(v, &v->jobs[i], err);
    /* The scheduler is gone, and the next one has a reporter. */
    for (int i = 0; i < v->n_jobs && ret; i++)
        if (v->jobs[i].is_made)
            publish_abandon(v->jobs[i].dir);
    v->n_jobs = 0;
    v->busy_us += clock_mono_us() - start;
    return ret;
}

static void take_message(struct server *v)
{
    const struct wire_message *m = &v->message;

    if (m->kind == WIRE_DRAIN)
        v->is_draining = true;
    if (m->kind != WIRE_STUDY || v->n_jobs == CREDIT)
        return;
    struct job *job = &v->jobs[v->n_jobs++];
    memset(job, 0, sizeof(*job));
    job->attempt = m->attempt;
    snprintf(job->id, sizeof(job->id), "%s", m->id);
    snprintf(job->dir, sizeof(job->dir), "%s", m->dir);
}

static bool has_line(const struct server *v)
{
    return v->pending.len && memchr(v->pending.data, '\n', v->pending.len);
}

/* Wait for input, telling the figures about once a second. */
static int wait_input(struct server *v, struct err *err)
{
    struct pollfd p = {.fd = WIRE_FD, .events = POLLIN};

    while (!has_line(v) && poll(&p, 1, STATS_EVERY_MS) <= 0)
        if (send_stats(v, err))
            return -1;
    if (clock_mono_us() - v->stats_us >= STATS_EVERY_MS * INT64_C(1000))
        return send_stats(v, err);
    return 0;
}

/* 1 = go on, 0 = the other side is gone. */
static int gather_batch(struct server *v, struct err *err)
{
    struct pollfd p = {.fd = WIRE_FD, .events = POLLIN};
    int got;

    if (wait_input(v, err))
        return -1;
    do {
        got = wire_read(WIRE_FD, &v->pending, &v->message, err);
        if (got > 0)
            take_message(v);
    } while (got > 0 && !v->is_draining && v->n_jobs < CREDIT &&
             (has_line(v) || poll(&p, 1, 0) > 0));
    return got;
}

static int serve(struct server *v, struct err *err)
{
    if (send_hello(v, err))
        return -1;
    while (!v->is_draining) {
        int got = gather_batch(v, err);
        if (got <= 0)
            return got;
        if (work_batch(v, err))
            return -1;
    }
    return send_stats(v, err);
}

int serve_run(const struct settings *s)
{
    struct server *v = calloc(1, sizeof(*v));
    struct err err = {0};
    char text[300];
    int ret = -1;

    if (!v)
        return STATUS_AGAIN;
    if (!publisher_init(&v->publisher, s, &err))
        ret = serve(v, &err);
    if (ret)
        log_event(LOG_ERROR, "report.end", "code=%s text=%s", err_name(err.code),
                  log_quote(text, sizeof(text), err.msg));
    publisher_release(&v->publisher);
    buf_release(&v->pending);
    free(v);
    if (!ret || err.code == ERR_CANCELLED) /* cancelled: the scheduler went away */
        return 0;
    return err.code == ERR_CONFIG ? STATUS_CONFIG : STATUS_AGAIN;
}
