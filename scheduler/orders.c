#include "scheduler/orders.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "scheduler/scheduler_priv.h"

enum {
    STEPS = 128,     /* images of an order in one tick: some milliseconds of small files */
    ORDERS = 16,     /* small ones in one tick: each costs a sync */
    LATER_MS = 1000, /* after a full disk */
};

void orders_release(struct orders *o)
{
    for (int i = 0; i < o->n; i++)
        order_release(&o->rows[i]);
    free(o->rows);
    *o = (struct orders){0};
}

bool orders_pause_all(const struct orders *o)
{
    int n = 0;

    for (int i = 0; i < BROKER_CLASSES; i++)
        n += o->pauses[i].is_paused;
    return n == BROKER_CLASSES;
}

/* ---- the line ---- */

static void drop_order(struct orders *o, int i)
{
    order_release(&o->rows[i]);
    memmove(&o->rows[i], &o->rows[i + 1], (size_t)(o->n - i - 1) * sizeof(*o->rows));
    o->n--;
    o->step = 0;
    o->changed = 0;
    o->has_looked = false;
}

/* Takes the order over. */
static int add_order(struct orders *o, struct order *order, struct err *err)
{
    if (o->n == o->cap) {
        int cap = o->cap ? 2 * o->cap : 8;
        struct order *grown = realloc(o->rows, (size_t)cap * sizeof(*grown));
        if (!grown) {
            order_release(order);
            return err_set(err, ERR_NOMEM, "orders");
        }
        o->rows = grown;
        o->cap = cap;
    }
    o->rows[o->n++] = *order;
    return 0;
}

static void note_carried_out(struct orders *o, const char *id)
{
    for (int i = 0; i < o->n; i++)
        if (!strcmp(o->rows[i].id, id)) {
            drop_order(o, i);
            return;
        }
}

/* A run that is started again is meant to go on: only an installation can be paused. */
static void note_pause(struct scheduler *s, const struct order *order)
{
    bool is_pause = order->kind == ORDER_PAUSE;

    for (int i = 0; i < BROKER_CLASSES && !s->is_run; i++) {
        struct pause *p = &s->orders.pauses[i];
        if (order->target[0] && strcmp(order->target, broker_class_word(i)) != 0)
            continue;
        *p = (struct pause){.is_paused = is_pause};
        if (!is_pause)
            continue;
        snprintf(p->at, sizeof(p->at), "%s", order->at);
        snprintf(p->by, sizeof(p->by), "%s", order->by);
        snprintf(p->why, sizeof(p->why), "%s", order->why);
    }
}

static int on_event(void *ctx, const json_t *event, struct err *err)
{
    struct scheduler *s = ctx;
    struct order order;
    int ret = order_read(&order, event, err);

    if (ret <= 0)
        return ret;
    if (order.kind <= ORDER_BEGIN) { /* work, not a state */
        log_event(LOG_INFO, "order", "order=%s kind=%s", order.id, order_word(order.kind));
        return add_order(&s->orders, &order, err);
    }
    if (order.kind == ORDER_CARRIED_OUT) {
        note_carried_out(&s->orders, order.id);
    } else {
        log_event(LOG_INFO, order_word(order.kind), "class=%s",
                  order.target[0] ? order.target : "all");
        note_pause(s, &order);
    }
    order_release(&order);
    return 0;
}

int orders_read(struct scheduler *s, struct err *err)
{
    return spool_log_each(s->spool, &s->orders.log_at, on_event, s, err);
}

/* The disk or memory is short: wait. Anything else ails this image, which is passed over, or one bad
 * file would hold up every other order. */
static int pass_over(struct scheduler *s, uint32_t image, struct err *err)
{
    char id[WIRE_ID_SIZE], quoted[512];

    if (err->code == ERR_AGAIN || err->code == ERR_NOMEM)
        return -1;
    index_format_image(&s->index, image, id);
    log_event(LOG_ERROR, "order.image_skipped", "image=%s code=%s why=%s", id, err_name(err->code),
              log_quote(quoted, sizeof(quoted), err->msg));
    *err = (struct err){0};
    return 0;
}

/* ---- cancel ---- */

static int cancel_image(struct scheduler *s, const struct order *order, uint32_t image,
                        struct err *err)
{
    const struct study_image *record;
    enum result_status status;
    char dir[SPOOL_PATH_SIZE];

    if (s->index.images[image].status != RESULT_NONE)
        return 0;
    if (intake_look_up(s, image, &record, dir, err) ||
        walk_write_cancelled(dir, record, order, err) ||
        result_peek(dir, record->n, &status, NULL, err))
        return -1;
    if (status != RESULT_CANCELLED)
        return 0; /* a worker was first, and its answer is on the way */
    dispatch_cancelled(s, image);
    s->orders.changed++;
    return 0;
}

/* 1: done, 0: more to do, -1: not now. */
static int step_cancel(struct scheduler *s, const struct order *order, struct err *err)
{
    uint32_t first, end;

    if (!index_find_range(&s->index, order->target, &first, &end))
        return 1;
    for (int i = 0; i < STEPS && first + s->orders.step < end; i++, s->orders.step++) {
        uint32_t image = first + s->orders.step;
        if (cancel_image(s, order, image, err) && pass_over(s, image, err))
            return -1;
    }
    return first + s->orders.step >= end;
}

/* ---- retry ---- */

static int move(const char *from, const char *to, struct err *err)
{
    return rename(from, to) && errno != ENOENT
               ? err_set(err, err_code_of_errno(errno), "%s: rename: %s", from, strerror(errno))
               : 0;
}

/* Take the set-aside result out of the way. `*is_open` tells whether the image is to be done again:
 * not when it ended otherwise, nor when this order has had its effect long ago. */
static int retire_result(const char *dir, const struct order_image *what, int n, bool *is_open,
                         struct err *err)
{
    char number[16], from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE];
    enum result_status status;

    *is_open = false;
    snprintf(number, sizeof(number), "%d", n);
    if (path_format(from, sizeof(from), err, "%s/history", dir) || dir_make(from, err) ||
        path_format(from, sizeof(from), err, "%s/results/%d.json", dir, n) ||
        order_history_path(to, dir, number, what->retries, err) ||
        result_peek(dir, n, &status, NULL, err))
        return -1;
    bool was_moved = !access(to, F_OK);
    *is_open = was_moved ? status == RESULT_NONE : status == RESULT_SET_ASIDE;
    if (!*is_open)
        return 0;
    if (order_retire_report(dir, err))
        return -1;
    return was_moved ? 0 : move(from, to, err);
}

static void reopen(struct scheduler *s, uint32_t image)
{
    enum result_status was = (enum result_status)s->index.images[image].status;

    if (was == RESULT_NONE) /* killed after the step: the walk has found it open */
        return;
    index_reopen(&s->index, image);
    figures_forget(&s->figures, &s->index, image);
    link_put_again(s, image, was);
}

static int retry_image(struct scheduler *s, const struct order_image *what, uint32_t image,
                       struct err *err)
{
    const struct study_image *record;
    char dir[SPOOL_PATH_SIZE];
    bool is_open;

    if (intake_look_up(s, image, &record, dir, err))
        return -1;
    if (record->set_aside != REASON_NONE) /* there is no original */
        return 0;
    if (retire_result(dir, what, record->n, &is_open, err))
        return -1;
    suspects_retry(&s->suspects, image, what->retries);
    if (!is_open)
        return 0;
    reopen(s, image);
    s->orders.changed++;
    return 0;
}

static bool is_being_reported(const struct scheduler *s, uint32_t image)
{
    uint8_t report = s->index.studies[index_study_of_image(&s->index, image)].report;

    return report == REPORT_READY || report == REPORT_SENT;
}

/* It may have a result already, of which the worker's word is still on its way: that would be taken for
 * the end of the next try. */
static bool is_in_hand(const struct scheduler *s, uint32_t image)
{
    const struct flight *flight = flights_of(&s->flights, &s->index, image);

    return flight && flight->worker;
}

/* As step_cancel; what is at work and a study whose report is being made are waited for. */
static int step_retry(struct scheduler *s, const struct order *order, struct err *err)
{
    for (int i = 0; i < STEPS && s->orders.step < (uint32_t)order->n_images; i++) {
        const struct order_image *what = &order->images[s->orders.step];
        uint32_t image = index_image_of_id(&s->index, what->id);
        if (image != INDEX_NONE && (is_being_reported(s, image) || is_in_hand(s, image)))
            return 0;
        if (image != INDEX_NONE && retry_image(s, what, image, err) && pass_over(s, image, err))
            return -1;
        s->orders.step++;
    }
    return s->orders.step == (uint32_t)order->n_images;
}

/* ---- begin what is scheduled ---- */

/* The upload's record first: what is begun is so after a restart too. */
static int step_begin(struct scheduler *s, const struct order *order, struct err *err)
{
    uint32_t first, end;

    if (!index_find_range(&s->index, order->target, &first, &end))
        return 1;
    if (terms_release(s->spool, order->target, err))
        return -1;
    uint32_t study = index_study_of_image(&s->index, first);
    s->orders.changed = s->index.studies[study].is_scheduled ? (int)(end - first) : 0;
    schedule_begin(s, study);
    return 1;
}

/* ---- one after the other ---- */

/* An upload that was handed in just now may not be in the index yet. */
static bool is_known(const struct scheduler *s, const struct order *order)
{
    uint32_t first, end;

    return index_find_range(
        &s->index, order->kind == ORDER_RETRY ? order->images[0].id : order->target, &first, &end);
}

static int finish_order(struct scheduler *s, struct err *err)
{
    struct order done = {.kind = ORDER_CARRIED_OUT, .n_images = s->orders.changed};

    memcpy(done.id, s->orders.rows[0].id, sizeof(done.id));
    clock_iso(done.at, clock_wall_ms());
    if (file_sync_fs(spool_root(s->spool), err) || order_append(s->spool, &done, err))
        return -1;
    log_event(LOG_INFO, "order.carried_out", "order=%s images=%d", done.id, s->orders.changed);
    drop_order(&s->orders, 0);
    return 0;
}

static int work_on_first(struct scheduler *s, struct err *err)
{
    const struct order *order = &s->orders.rows[0];

    if (!s->orders.has_looked && !is_known(s, order)) {
        s->orders.has_looked = true;
        intake_start(s);
        return 0;
    }
    int ret = order->kind == ORDER_CANCEL  ? step_cancel(s, order, err)
              : order->kind == ORDER_RETRY ? step_retry(s, order, err)
                                           : step_begin(s, order, err);
    return ret > 0 ? finish_order(s, err) : ret;
}

void orders_tick(struct scheduler *s, int64_t now_ms)
{
    struct err err = {0};
    char quoted[512];

    if (s->state != SCHEDULER_RUNNING || !s->has_walked || s->is_walking || s->wants_walk ||
        now_ms < s->orders.not_before_ms)
        return;
    int ret = orders_read(s, &err), left = s->orders.n + 1;
    for (int i = 0; !ret && i < ORDERS && s->orders.n && s->orders.n < left; i++) {
        left = s->orders.n; /* again only when that one is done */
        ret = work_on_first(s, &err);
    }
    if (!ret)
        return;
    log_event(LOG_ERROR, "order.waits", "code=%s why=%s", err_name(err.code),
              log_quote(quoted, sizeof(quoted), err.msg));
    s->orders.not_before_ms = now_ms + LATER_MS;
}
