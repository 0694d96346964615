#include "scheduler/schedule.h"

#include <assert.h>

#include "common/log.h"
#include "scheduler/scheduler_priv.h"

void schedule_release(struct schedule *x)
{
    free(x->rows);
    *x = (struct schedule){0};
}

static bool is_upload_of(const struct index *x, const struct scheduled *row, uint32_t study)
{
    return x->studies[row->first].upload == x->studies[study].upload;
}

/* An upload's studies come one after the other. */
int schedule_add(struct scheduler *s, uint32_t study, int64_t not_before_ms, struct err *err)
{
    struct schedule *x = &s->schedule;
    struct scheduled *last = x->n ? &x->rows[x->n - 1] : NULL;

    s->index.studies[study].is_scheduled = true;
    if (last && is_upload_of(&s->index, last, study)) {
        last->end = study + 1;
        return 0;
    }
    if (x->n == x->cap) {
        int cap = x->cap ? 2 * x->cap : 8;
        struct scheduled *grown = realloc(x->rows, (size_t)cap * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "scheduled uploads");
        x->rows = grown;
        x->cap = cap;
    }
    assert(x->rows);
    x->rows[x->n++] = (struct scheduled){study, study + 1, not_before_ms};
    return 0;
}

static void begin(struct scheduler *s, int i)
{
    struct schedule *x = &s->schedule;
    struct scheduled row = x->rows[i];

    memmove(&x->rows[i], &x->rows[i + 1], (size_t)(x->n - i - 1) * sizeof(*x->rows));
    x->n--;
    for (uint32_t k = row.first; k < row.end; k++)
        s->index.studies[k].is_scheduled = false;
    log_event(LOG_INFO, "upload.due", "upload=%s", index_upload_of(&s->index, row.first));
    link_put_from(s, row.first);
}

void schedule_tick(struct scheduler *s, int64_t wall_ms)
{
    for (int i = s->schedule.n; i-- > 0;)
        if (s->schedule.rows[i].not_before_ms <= wall_ms)
            begin(s, i);
}

void schedule_begin(struct scheduler *s, uint32_t study)
{
    for (int i = s->schedule.n; i-- > 0;)
        if (is_upload_of(&s->index, &s->schedule.rows[i], study))
            begin(s, i);
}

static int64_t images_left(const struct index *x, const struct scheduled *row)
{
    int64_t n = 0;

    for (uint32_t k = row->first; k < row->end; k++)
        n += x->studies[k].remaining;
    return n;
}

/* Soonest first; when the list is full the latest one falls off its end. */
static void add_row(struct stats *st, const struct stats_scheduled *row)
{
    int at = st->n_scheduled;

    while (at > 0 && row->not_before_ms < st->scheduled[at - 1].not_before_ms)
        at--;
    if (at == STATS_SCHEDULED_MAX)
        return;
    int last = st->n_scheduled < STATS_SCHEDULED_MAX ? st->n_scheduled : STATS_SCHEDULED_MAX - 1;
    memmove(&st->scheduled[at + 1], &st->scheduled[at], (size_t)(last - at) * sizeof(*row));
    st->scheduled[at] = *row;
    st->n_scheduled = last + 1;
}

void schedule_gather(struct scheduler *s)
{
    struct stats *st = &s->figures.stats;

    st->n_scheduled = 0;
    st->scheduled_images = 0;
    for (int i = 0; i < s->schedule.n; i++) {
        const struct scheduled *from = &s->schedule.rows[i];
        struct stats_scheduled row = {.images = images_left(&s->index, from),
                                      .not_before_ms = from->not_before_ms};
        if (!row.images) /* cancelled, or found without originals at intake */
            continue;
        snprintf(row.upload, sizeof(row.upload), "%s", index_upload_of(&s->index, from->first));
        st->scheduled_images += row.images;
        add_row(st, &row);
    }
}
