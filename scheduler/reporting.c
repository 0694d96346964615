#include "scheduler/reporting.h"

#include "common/log.h"
#include "scheduler/pause.h"
#include "scheduler/scheduler_priv.h"

enum {
    CREDIT_MAX = 32,
    STUCK_MS = 600000, /* a study of thousands of images takes minutes */
};

void reporting_release(struct reporting *r)
{
    free(r->line);
    free(r->jobs);
    *r = (struct reporting){0};
}

static int grow_line(struct reporting *r)
{
    if (r->head && r->head == r->n)
        r->head = r->n = 0;
    if (r->n < r->cap)
        return 0;
    uint32_t cap = r->cap ? 2 * r->cap : 64;
    uint32_t *grown = realloc(r->line, cap * sizeof(*grown));
    if (!grown)
        return -1;
    r->line = grown;
    r->cap = cap;
    return 0;
}

static struct report_job *add_job(struct reporting *r, uint32_t study)
{
    if (r->n_jobs == r->cap_jobs) {
        int cap = r->cap_jobs ? 2 * r->cap_jobs : 32;
        struct report_job *grown = realloc(r->jobs, (size_t)cap * sizeof(*grown));
        if (!grown)
            return NULL;
        r->jobs = grown;
        r->cap_jobs = cap;
    }
    r->jobs[r->n_jobs] = (struct report_job){.study = study};
    return &r->jobs[r->n_jobs++];
}

static void close_study(struct scheduler *s, uint32_t study, enum index_report report)
{
    index_set_report(&s->index, study, report);
    broker_forget_study(s->broker, index_upload_of(&s->index, study), s->index.studies[study].key);
    if (!index_studies_left(&s->index))
        scheduler_wake(s, 0); /* to end */
}

static void end_job(struct scheduler *s, struct report_job *job, enum index_report report)
{
    close_study(s, job->study, report);
    *job = s->reporting.jobs[--s->reporting.n_jobs];
}

void reporting_ready(struct scheduler *s, uint32_t study)
{
    struct reporting *r = &s->reporting;

    if (!s->want_reports) {
        close_study(s, study, REPORT_FINISHED);
        return;
    }
    if (grow_line(r)) {
        log_event(LOG_ERROR, "reports.memory", "waiting=%u", r->n - r->head);
        close_study(s, study, REPORT_FAILED); /* made at the next start */
        return;
    }
    index_set_report(&s->index, study, REPORT_READY);
    r->line[r->n++] = study;
    reporting_pump(s);
}

static struct child *freest_reporter(struct scheduler *s, bool alone)
{
    struct child *best = NULL;

    for (int i = 0; i < s->n_reporters; i++) {
        struct child *c = &s->reporters[i];
        int credit = c->credit < CREDIT_MAX ? c->credit : CREDIT_MAX;
        if (!child_is_up(c) || c->is_reserved || c->in_flight >= (alone ? 1 : credit))
            continue;
        if (!best || c->in_flight < best->in_flight)
            best = c;
    }
    return best;
}

static bool send_study(struct scheduler *s, struct report_job *job, struct child *reporter)
{
    static struct wire_message m; /* 90 kB; only the loop's thread comes here */
    const struct index_study *study = &s->index.studies[job->study];
    struct err err = {0};

    wire_begin(&m, WIRE_STUDY);
    m.attempt = job->tries + 1;
    index_format_study(&s->index, job->study, m.id);
    if (spool_study_dir(s->spool, index_upload_of(&s->index, job->study), study->key, m.dir,
                        &err) ||
        !child_send(reporter, &m))
        return false;
    job->reporter = reporter;
    job->tries++;
    job->is_alone = study->is_suspect;
    job->sent_ms = scheduler_now_ms();
    if (!s->reporting.first_ms)
        s->reporting.first_ms = job->sent_ms;
    reporter->is_reserved = job->is_alone;
    if (!reporter->in_flight++)
        reporter->progress_ms = job->sent_ms;
    index_set_report(&s->index, job->study, REPORT_SENT);
    return true;
}

static void send_again(struct scheduler *s, int64_t now)
{
    for (int i = 0; i < s->reporting.n_jobs; i++) {
        struct report_job *job = &s->reporting.jobs[i];
        if (job->reporter || now < job->not_before_ms)
            continue;
        struct child *c = freest_reporter(s, s->index.studies[job->study].is_suspect);
        if (c)
            send_study(s, job, c);
    }
}

void reporting_pump(struct scheduler *s)
{
    struct reporting *r = &s->reporting;
    struct child *c;

    if (s->state != SCHEDULER_RUNNING)
        return;
    send_again(s, scheduler_now_ms());
    while (r->head < r->n && (c = freest_reporter(s, false))) {
        struct report_job *job = add_job(r, r->line[r->head]);
        if (!job)
            return;
        r->head++;
        if (!send_study(s, job, c))
            return; /* it waits among the jobs */
    }
}

/* The reporter's job of this id, or NULL. */
static struct report_job *job_of(struct scheduler *s, const struct child *reporter, const char *id)
{
    uint32_t study = index_study_of_id(&s->index, id);

    for (int i = 0; study != INDEX_NONE && i < s->reporting.n_jobs; i++) {
        struct report_job *job = &s->reporting.jobs[i];
        if (job->study == study && job->reporter == reporter)
            return job;
    }
    return NULL;
}

static void put_off(struct scheduler *s, struct report_job *job, int64_t pause_ms)
{
    job->reporter = NULL;
    job->not_before_ms = scheduler_now_ms() + pause_ms;
    index_set_report(&s->index, job->study, REPORT_READY);
}

static void apply(struct scheduler *s, struct report_job *job, enum verdict verdict)
{
    struct index_study *study = &s->index.studies[job->study];
    char id[WIRE_ID_SIZE];

    if (verdict == VERDICT_CRASH)
        study->crashes++;
    if (verdict == VERDICT_UNEXPLAINED)
        study->deaths++;
    if (verdict == VERDICT_SUSPECT || verdict == VERDICT_CRASH || verdict == VERDICT_UNEXPLAINED)
        study->is_suspect = true;
    if (study->crashes < VERDICT_CRASHES_MAX && study->deaths < VERDICT_DEATHS_MAX) {
        put_off(s, job, verdict == VERDICT_LATER ? pause_after_ms(job->tries) : 0);
        return;
    }
    index_format_study(&s->index, job->study, id);
    log_event(LOG_ERROR, "study.given_up", "study=%s crashes=%d deaths=%d", id, study->crashes,
              study->deaths);
    end_job(s, job, REPORT_FAILED);
}

static void on_failed(struct scheduler *s, struct report_job *job, const struct wire_message *m)
{
    enum verdict verdict = verdict_of_failure(m->code, m->signal, job->is_alone);
    char quoted[512];

    log_event(LOG_WARN, "study.failed", "study=%s code=%s why=%s", m->id, err_name(m->code),
              log_quote(quoted, sizeof(quoted), m->text));
    if (verdict == VERDICT_STOP)
        scheduler_stop(s, STATUS_CONFIG, "reporter.config", m->text);
    else
        apply(s, job, verdict);
}

void reporting_message(struct scheduler *s, struct child *reporter, const struct wire_message *m)
{
    struct report_job *job =
        m->kind == WIRE_REPORTED || m->kind == WIRE_FAILED ? job_of(s, reporter, m->id) : NULL;

    reporter->progress_ms = scheduler_now_ms();
    if (!job && m->kind == WIRE_ALIVE)
        return;
    if (!job) {
        log_event(LOG_WARN, "reporter.odd_message", "pid=%d kind=%d", reporter->pid, (int)m->kind);
        return;
    }
    reporter->in_flight--;
    reporter->is_reserved = false;
    if (m->kind == WIRE_REPORTED) {
        reporter->items++;
        s->reporting.made++;
        end_job(s, job, REPORT_FINISHED);
    } else {
        on_failed(s, job, m);
    }
    reporting_pump(s);
}

void reporting_ended(struct scheduler *s, struct child *reporter, int status, int signal)
{
    const struct death death = {status, signal, reporter->in_flight, reporter->by_us};
    enum verdict verdict = verdict_of_death(&death);

    if (s->state != SCHEDULER_RUNNING)
        verdict = VERDICT_GIVE_BACK; /* we are the ones who end it */
    if (verdict == VERDICT_CRASH)
        child_excuse(reporter);
    for (int i = s->reporting.n_jobs; i-- > 0;) /* from behind: removal moves the last one */
        if (s->reporting.jobs[i].reporter == reporter)
            apply(s, &s->reporting.jobs[i], verdict);
}

void reporting_tick(struct scheduler *s, int64_t now_ms)
{
    for (int i = 0; i < s->n_reporters; i++) {
        struct child *c = &s->reporters[i];
        if (!c->in_flight || c->by_us || now_ms - c->progress_ms < STUCK_MS)
            continue;
        log_event(LOG_ERROR, "reporter.stuck", "pid=%d in_flight=%d", c->pid, c->in_flight);
        c->by_us = true;
        child_kill(c, SIGKILL);
    }
    reporting_pump(s);
}
