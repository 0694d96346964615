/* What the seat and the worker say to each other, through us. */
#include <errno.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "remote/visit_priv.h"

enum { NEWS_MS = 500, ALIVE_MS = 2000 };

static void end_for(struct visit *v, const struct err *err)
{
    if (err->code)
        visit_end(v, VISIT_LOST, err->msg);
}

/* ---- from the seat to the worker ---- */

void visit_pass_drain(struct visit_thread *t)
{
    struct visit *v = t->visit;
    struct err gone = {0}; /* then it has ended, which is seen elsewhere */

    if (!luggage_may_drain(v->luggage))
        return;
    wire_begin(&t->message, WIRE_DRAIN);
    pthread_mutex_lock(&v->speaking);
    (void)wire_write(v->config.worker->wire, &t->message, &gone);
    pthread_mutex_unlock(&v->speaking);
}

static int on_seat_line(void *ctx, const char *line, size_t n, struct err *err)
{
    struct visit_thread *t = ctx;
    struct visit *v = t->visit;

    if (wire_parse(&t->message, line, n, err))
        return -1;
    v->offset += n + 1;
    if (t->message.kind == WIRE_JOBS)
        return luggage_take(v->luggage, &t->message, err);
    if (t->message.kind != WIRE_DRAIN)
        return err_set(err, ERR_BUG, "the seat says what no worker understands");
    luggage_drain(v->luggage);
    visit_pass_drain(t);
    return 0;
}

struct seat_lines {
    struct visit_thread *thread;
    struct buf pending; /* no whole line yet; one that was cut off is asked for again */
};

static int take_lines(void *ctx, const char *bytes, size_t n, struct err *err)
{
    struct seat_lines *lines = ctx;

    return wire_feed(&lines->pending, bytes, n, on_seat_line, lines->thread, err);
}

/* False: no more of that. */
static bool poll_once(struct seat_lines *lines, struct err *err)
{
    struct visit_thread *t = lines->thread;
    struct visit *v = t->visit;
    char path[64];
    uint64_t before = v->offset;
    struct http_request request = {.method = "GET", .path = path, .take = take_lines, .ctx = lines};
    struct http_answer answer;

    snprintf(path, sizeof(path), "/v1/jobs/%llu", (unsigned long long)before);
    buf_clear(&lines->pending);
    int tried = visit_try(t, &request, &answer, err);
    if (tried)
        return tried > 0;
    if (answer.status == 409)
        visit_end(v, VISIT_REFUSED, answer.text);
    else if (answer.status != 200 && answer.status != 204)
        err_set(err, ERR_BUG, "jobs: status %d: %.160s", answer.status, answer.text);
    else if (answer.status == 200 && v->offset == before)
        return visit_pause(t); /* no whole line: not at once again */
    return answer.status == 200 || answer.status == 204;
}

void *visit_poll(void *thread)
{
    struct visit_thread *t = thread;
    struct visit *v = t->visit;
    struct seat_lines lines = {.thread = t};
    struct err err = {0};

    buf_init(&lines.pending, WIRE_LINE_MAX);
    while (!v->is_settling && poll_once(&lines, &err))
        ;
    if (!v->is_settling)
        end_for(v, &err);
    buf_release(&lines.pending);
    v->has_polled_out = true;
    visit_stir(v);
    return NULL;
}

/* ---- from the worker to the seat ---- */

static int on_worker_line(void *ctx, const char *line, size_t n, struct err *err)
{
    struct visit_thread *t = ctx;
    struct visit *v = t->visit;
    int strange = 0;

    if (wire_parse(&t->message, line, n, err))
        return -1;
    switch (t->message.kind) {
    case WIRE_DONE:
        strange = luggage_note_done(v->luggage, &t->message);
        v->has_worked = true;
        break;
    case WIRE_FAILED: strange = luggage_note_failed(v->luggage, &t->message); break;
    case WIRE_ALIVE:
    case WIRE_STATS: return luggage_note_line(v->luggage, t->message.kind, line, n, err);
    default: return err_set(err, ERR_BUG, "message of kind %d is not a worker's", t->message.kind);
    }
    if (strange)
        log_event(LOG_WARN, "answer.late", "images=%d", strange);
    return 0;
}

/* To the end of what it says. Its HELLO was read before, and maybe the beginning of what followed. */
static int read_all(struct visit_thread *t, struct err *err)
{
    const struct worker *w = t->visit->config.worker;
    struct buf pending = {0};
    char chunk[4096];
    ssize_t n = 0;
    int ret = wire_feed(&pending, w->pending.data, w->pending.len, on_worker_line, t, err);

    while (!ret && ((n = read(w->wire, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            ret = wire_feed(&pending, chunk, (size_t)n, on_worker_line, t, err);
    buf_release(&pending);
    return ret;
}

/* What says something else than a worker is not to be trusted further. */
void *visit_read(void *thread)
{
    struct visit_thread *t = thread;
    struct err err = {0};
    char quoted[512];

    if (read_all(t, &err)) {
        log_event(LOG_ERROR, "worker.broken", "why=%s", log_quote(quoted, sizeof(quoted), err.msg));
        worker_kill(t->visit->config.worker);
    }
    t->visit->is_read_out = true;
    visit_stir(t->visit);
    return NULL;
}

/* The same bytes at the same offset until they are answered. */
static int post(struct visit_thread *t, uint64_t offset, const struct buf *lines, struct err *err)
{
    char path[64];
    struct http_request request = {
        .method = "POST", .path = path, .bytes = lines->data, .size_bytes = (int64_t)lines->len};
    struct http_answer answer;
    int tried;

    snprintf(path, sizeof(path), "/v1/answers/%llu", (unsigned long long)offset);
    while ((tried = visit_try(t, &request, &answer, err)) > 0)
        ;
    if (tried)
        return -1;
    return answer.status == 204
               ? 0
               : err_set(err, ERR_BUG, "answers: status %d: %.160s", answer.status, answer.text);
}

/* While files move an ALIVE of ours now and then: the scheduler knows no other clock than what it hears. */
static bool is_alive_due(struct visit_thread *t, int64_t *moved, int64_t *told_ms)
{
    int64_t now = clock_mono_us() / 1000;

    if (t->visit->moved == *moved || now - *told_ms < ALIVE_MS)
        return false;
    *moved = t->visit->moved;
    *told_ms = now;
    return true;
}

void *visit_tell(void *thread)
{
    struct visit_thread *t = thread;
    struct visit *v = t->visit;
    uint64_t offset = 0;
    int64_t moved = 0, alive_ms = 0;
    struct err err = {0};
    struct buf lines;

    buf_init(&lines, PROTOCOL_ANSWERS_MAX);
    while (!err.code && luggage_wait_news(v->luggage, NEWS_MS)) {
        buf_clear(&lines);
        if (luggage_gather(v->luggage, is_alive_due(t, &moved, &alive_ms), &lines, &err) ||
            (lines.len && post(t, offset, &lines, &err)))
            break;
        offset += lines.len;
        luggage_told(v->luggage);
        visit_stir(v);
    }
    end_for(v, &err);
    buf_release(&lines);
    return NULL;
}
