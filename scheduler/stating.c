#include "scheduler/stating.h"

#include "common/clock.h"
#include "common/log.h"
#include "scheduler/scheduler_priv.h"

enum { LOOK_EVERY_MS = 60000, AFTER_FAILURE_MS = 300000 };

static int note_last(void *ctx, const struct statement *statement, const json_t *text,
                     struct err *err)
{
    (void)text;
    (void)err;
    memcpy(ctx, statement->day, STATEMENT_DAY_SIZE);
    return 0;
}

/* The oldest day on which something was accepted. */
static int note_first(void *ctx, const struct spool *spool, const char *upload, struct err *err)
{
    char *first = ctx;
    json_t *record;

    if (spool_upload_read(spool, upload, &record, err))
        return -1;
    const char *at = json_text_or(record, "accepted_at", "");
    if (at[0] && (!first[0] || strncmp(at, first, STATEMENT_DAY_SIZE - 1) < 0))
        snprintf(first, STATEMENT_DAY_SIZE, "%s", at);
    json_decref(record);
    return 0;
}

struct first {
    const struct spool *spool;
    char day[STATEMENT_DAY_SIZE];
};

static int visit_upload(void *ctx, const char *upload, struct err *err)
{
    struct first *first = ctx;

    return note_first(first->day, first->spool, upload, err);
}

/* In the pool. */
static void state(uv_work_t *work)
{
    struct scheduler *s = work->data;
    struct stating *g = &s->stating;
    char last[STATEMENT_DAY_SIZE] = "", day[STATEMENT_DAY_SIZE];
    struct first first = {.spool = s->spool};

    g->made = (struct statement){0};
    g->err = (struct err){0};
    if (statement_each(s->spool, note_last, last, &g->err) ||
        (!last[0] && spool_each_upload(s->spool, visit_upload, &first, &g->err)) ||
        !statement_is_due(last, first.day, g->now_ms, day))
        return;
    (void)statement_make(s->spool, day, true, &g->is_cancelled, &g->made, &g->err);
}

static void on_stated(uv_work_t *work, int status)
{
    struct scheduler *s = work->data;
    struct stating *g = &s->stating;
    char quoted[512];

    (void)status;
    g->is_at_work = false;
    if (g->made.file[0])
        log_event(LOG_INFO, "statement", "file=%s sha256=%s facts=%lld left=%lld", g->made.file,
                  g->made.sha256, (long long)g->made.facts, (long long)g->made.total.left);
    if (!g->err.code || g->err.code == ERR_CANCELLED)
        return;
    log_event(LOG_ERROR, "statement.failed", "why=%s",
              log_quote(quoted, sizeof(quoted), g->err.msg));
    g->look_ms = scheduler_now_ms() + AFTER_FAILURE_MS;
}

void stating_tick(struct scheduler *s, int64_t now_ms)
{
    struct stating *g = &s->stating;

    if (s->state != SCHEDULER_RUNNING || !s->has_walked || g->is_at_work || now_ms < g->look_ms ||
        s->is_run)
        return;
    g->look_ms = now_ms + LOOK_EVERY_MS;
    g->now_ms = clock_wall_ms();
    g->work.data = s;
    g->is_at_work = !uv_queue_work(&s->loop, &g->work, state, on_stated);
}
