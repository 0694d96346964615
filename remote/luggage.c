#include "remote/luggage.h"

#include <assert.h>
#include <pthread.h>

#include "common/clock.h"
#include "remote/nest.h"

enum { NONE, WANTED, FETCHING, AT_WORK, MADE, SENDING, SENT, FAILED, STATES };

enum { ROOM_BEHIND = 2 * WIRE_LINE_MAX }; /* in what is told, for the longest DONE */

enum study_state { STUDY_MISSING, STUDY_COMING, STUDY_THERE };

/* One whose images are here. */
struct luggage_study {
    char name[WIRE_ID_SIZE]; /* "<upload>/<key>" */
    int n_images;            /* 0: the row is free */
    enum study_state state;
};

struct luggage {
    const char *root;
    int credit;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct luggage_item items[WIRE_ITEMS_MAX];
    struct luggage_study studies[WIRE_ITEMS_MAX];
    int n_in[STATES];
    uint64_t n_taken;
    struct buf alive, stats;     /* lines of the worker, or empty */
    struct wire_message message; /* to be told; large */
    bool is_telling, is_closed, is_to_drain;
};

int luggage_new(struct luggage **out, const char *root, int credit, struct err *err)
{
    struct luggage *l = calloc(1, sizeof(*l));
    pthread_condattr_t monotonic;

    if (!l)
        return err_set(err, ERR_NOMEM, "images in hand: no memory");
    l->root = root;
    l->credit = credit;
    l->n_in[NONE] = WIRE_ITEMS_MAX;
    buf_init(&l->alive, WIRE_LINE_MAX + 1);
    buf_init(&l->stats, WIRE_LINE_MAX + 1);
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = l;
    return 0;
}

void luggage_free(struct luggage *l)
{
    if (!l)
        return;
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    buf_release(&l->alive);
    buf_release(&l->stats);
    free(l);
}

static void unlock_changed(struct luggage *l)
{
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void luggage_close(struct luggage *l)
{
    pthread_mutex_lock(&l->lock);
    l->is_closed = true;
    unlock_changed(l);
}

static void move(struct luggage *l, struct luggage_item *item, int state)
{
    l->n_in[item->state]--;
    item->state = state;
    l->n_in[state]++;
}

static int n_here(const struct luggage *l)
{
    return WIRE_ITEMS_MAX - l->n_in[NONE];
}

/* ---- from the seat ---- */

static struct luggage_item *find(struct luggage *l, const char *id)
{
    for (int i = 0; i < WIRE_ITEMS_MAX; i++)
        if (l->items[i].state != NONE && !strcmp(l->items[i].row.id, id))
            return &l->items[i];
    return NULL;
}

static struct luggage_item *free_row(struct luggage *l)
{
    int i = 0;

    while (l->items[i].state != NONE)
        i++;
    return &l->items[i];
}

/* There is a row for each image, so a free one for each study. */
static int join_study(struct luggage *l, const char *id)
{
    size_t n = (size_t)(strrchr(id, '/') - id);
    int at = -1;

    for (int i = 0; i < WIRE_ITEMS_MAX; i++) {
        struct luggage_study *study = &l->studies[i];
        if (study->n_images && !strncmp(study->name, id, n) && !study->name[n]) {
            study->n_images++;
            return i;
        }
        if (!study->n_images && at < 0)
            at = i;
    }
    assert(at >= 0);
    l->studies[at] = (struct luggage_study){.n_images = 1};
    memcpy(l->studies[at].name, id, n);
    return at;
}

/* It becomes a path here and part of a URL. */
static bool is_plain(const char *root, const char *id)
{
    static const char plain[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-/";
    char dir[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    int n;

    return strspn(id, plain) == strlen(id) && !spool_image_of_id(root, id, dir, &n, &ignored);
}

static int take_one(struct luggage *l, const struct wire_item *job, bool want_display,
                    struct err *err)
{
    if (n_here(l) == l->credit)
        return err_set(err, ERR_BUG, "the seat hands out more than %d images", l->credit);
    if (!is_plain(l->root, job->id))
        return err_set(err, ERR_BUG, "the seat hands out \"%.80s\", which is no image", job->id);
    if (find(l, job->id))
        return err_set(err, ERR_BUG, "the seat hands out %.80s twice", job->id);
    struct luggage_item *item = free_row(l);
    int study = join_study(l, job->id);
    *item = (struct luggage_item){
        .row = *job, .want_display = want_display, .study = study, .order = l->n_taken++};
    move(l, item, WANTED);
    return 0;
}

int luggage_take(struct luggage *l, const struct wire_message *jobs, struct err *err)
{
    int ret = 0;

    pthread_mutex_lock(&l->lock);
    for (int i = 0; i < jobs->n_items && !ret; i++)
        ret = take_one(l, &jobs->items[i], jobs->want_display, err);
    unlock_changed(l);
    return ret;
}

void luggage_drain(struct luggage *l)
{
    pthread_mutex_lock(&l->lock);
    l->is_to_drain = true;
    pthread_mutex_unlock(&l->lock);
}

bool luggage_may_drain(struct luggage *l)
{
    pthread_mutex_lock(&l->lock);
    bool may = l->is_to_drain && !l->n_in[WANTED] && !l->n_in[FETCHING];
    l->is_to_drain = l->is_to_drain && !may;
    pthread_mutex_unlock(&l->lock);
    return may;
}

/* ---- taken out, and put on ---- */

static bool is_before(const struct luggage_item *a, const struct luggage_item *b)
{
    return a->row.is_urgent != b->row.is_urgent ? a->row.is_urgent : a->order < b->order;
}

static struct luggage_item *first_in(struct luggage *l, int state)
{
    struct luggage_item *first = NULL;

    for (int i = 0; l->n_in[state] && i < WIRE_ITEMS_MAX; i++)
        if (l->items[i].state == state && (!first || is_before(&l->items[i], first)))
            first = &l->items[i];
    return first;
}

/* The first that is in state `from`, then in `to`; NULL: closed. */
static struct luggage_item *next(struct luggage *l, int from, int to)
{
    pthread_mutex_lock(&l->lock);
    while (!l->n_in[from] && !l->is_closed)
        pthread_cond_wait(&l->changed, &l->lock);
    struct luggage_item *item = l->is_closed ? NULL : first_in(l, from);
    if (item)
        move(l, item, to);
    pthread_mutex_unlock(&l->lock);
    return item;
}

static void put(struct luggage *l, struct luggage_item *item, int state)
{
    pthread_mutex_lock(&l->lock);
    move(l, item, state);
    unlock_changed(l);
}

struct luggage_item *luggage_next_wanted(struct luggage *l)
{
    return next(l, WANTED, FETCHING);
}

void luggage_pass_on(struct luggage *l, struct luggage_item *item)
{
    put(l, item, AT_WORK);
}

struct luggage_item *luggage_next_made(struct luggage *l)
{
    return next(l, MADE, SENDING);
}

void luggage_put_sent(struct luggage *l, struct luggage_item *item)
{
    put(l, item, SENT);
}

void luggage_put_failed(struct luggage *l, struct luggage_item *item, const struct err *why)
{
    item->code = why->code;
    memcpy(item->text, why->msg, sizeof(item->text));
    item->stage = STAGE_COUNT;
    item->signal = 0;
    put(l, item, FAILED);
}

bool luggage_begin_study(struct luggage *l, const struct luggage_item *item)
{
    pthread_mutex_lock(&l->lock);
    struct luggage_study *study = &l->studies[item->study];
    while (study->state == STUDY_COMING && !l->is_closed)
        pthread_cond_wait(&l->changed, &l->lock);
    bool is_missing = study->state == STUDY_MISSING;
    if (is_missing)
        study->state = STUDY_COMING;
    pthread_mutex_unlock(&l->lock);
    return is_missing;
}

void luggage_end_study(struct luggage *l, const struct luggage_item *item, bool is_there)
{
    pthread_mutex_lock(&l->lock);
    l->studies[item->study].state = is_there ? STUDY_THERE : STUDY_MISSING;
    unlock_changed(l);
}

/* ---- from the worker ---- */

static struct luggage_item *find_at_work(struct luggage *l, const char *id, int attempt)
{
    struct luggage_item *item = find(l, id);

    return item && item->state == AT_WORK && item->row.attempt == attempt ? item : NULL;
}

int luggage_note_done(struct luggage *l, const struct wire_message *done)
{
    int strange = 0;

    pthread_mutex_lock(&l->lock);
    for (int i = 0; i < done->n_items; i++) {
        const struct wire_item *row = &done->items[i];
        struct luggage_item *item = find_at_work(l, row->id, row->attempt);
        strange += !item;
        if (!item)
            continue;
        bool is_urgent = item->row.is_urgent; /* DONE does not say */
        item->row = *row;
        item->row.is_urgent = is_urgent;
        move(l, item, MADE);
    }
    unlock_changed(l);
    return strange;
}

int luggage_note_failed(struct luggage *l, const struct wire_message *failed)
{
    pthread_mutex_lock(&l->lock);
    struct luggage_item *item = find_at_work(l, failed->id, failed->attempt);
    if (item) {
        item->code = failed->code;
        memcpy(item->text, failed->text, sizeof(item->text));
        item->stage = failed->stage;
        item->signal = failed->signal;
        move(l, item, FAILED);
    }
    unlock_changed(l);
    return !item;
}

int luggage_note_line(struct luggage *l, enum wire_kind kind, const char *line, size_t n,
                      struct err *err)
{
    struct buf *last = kind == WIRE_ALIVE ? &l->alive : &l->stats;

    pthread_mutex_lock(&l->lock);
    buf_clear(last);
    buf_add(last, line, n);
    buf_add_text(last, "\n");
    int ret = buf_check(last, "line of a worker", err);
    unlock_changed(l);
    return ret;
}

/* ---- to the seat ---- */

static bool has_news(const struct luggage *l)
{
    return l->n_in[SENT] || l->n_in[FAILED] || l->alive.len || l->stats.len;
}

bool luggage_wait_news(struct luggage *l, int wait_ms)
{
    struct timespec until;
    int timed_out = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&l->lock);
    while (!has_news(l) && !l->is_closed && !timed_out)
        timed_out = pthread_cond_timedwait(&l->changed, &l->lock, &until);
    bool is_open = !l->is_closed;
    pthread_mutex_unlock(&l->lock);
    return is_open;
}

static void leave(struct luggage *l, struct luggage_item *item)
{
    struct luggage_study *study = &l->studies[item->study];

    nest_forget_image(l->root, item->row.id);
    if (!--study->n_images)
        nest_forget_study(l->root, item->row.id);
    move(l, item, NONE);
}

/* So many at a time that a DONE still has room behind them. */
static int tell_failed(struct luggage *l, struct buf *out, struct err *err)
{
    struct luggage_item *item;

    while ((item = first_in(l, FAILED)) && out->len + ROOM_BEHIND < out->max) {
        wire_begin(&l->message, WIRE_FAILED);
        l->message.attempt = item->row.attempt;
        l->message.code = item->code;
        l->message.stage = item->stage;
        l->message.signal = item->signal;
        memcpy(l->message.id, item->row.id, sizeof(l->message.id));
        memcpy(l->message.text, item->text, sizeof(l->message.text));
        if (wire_format(&l->message, out, err))
            return -1;
        leave(l, item);
    }
    return 0;
}

static int tell_done(struct luggage *l, struct buf *out, struct err *err)
{
    struct luggage_item *item;

    wire_begin(&l->message, WIRE_DONE);
    for (int i = 0; i < WIRE_ITEMS_MAX; i++)
        if (l->items[i].state == SENT)
            *wire_add(&l->message, l->items[i].row.id) = l->items[i].row;
    if (!l->message.n_items)
        return 0;
    if (wire_format(&l->message, out, err))
        return -1;
    while ((item = first_in(l, SENT)))
        leave(l, item);
    return 0;
}

/* What the worker has finished is in no ALIVE of his any more, and its lease is to be renewed nevertheless.
 * What is only being fetched has been in none, and for that any line will do (scheduler). */
static int tell_moving(struct luggage *l, struct buf *out, struct err *err)
{
    wire_begin(&l->message, WIRE_ALIVE);
    for (int i = 0; i < WIRE_ITEMS_MAX; i++)
        if (l->items[i].state == MADE || l->items[i].state == SENDING)
            wire_add(&l->message, l->items[i].row.id);
    return wire_format(&l->message, out, err);
}

int luggage_gather(struct luggage *l, bool is_moving, struct buf *out, struct err *err)
{
    pthread_mutex_lock(&l->lock);
    l->is_telling = true;
    buf_add(out, l->alive.data, l->alive.len);
    buf_add(out, l->stats.data, l->stats.len);
    buf_clear(&l->alive);
    buf_clear(&l->stats);
    int ret = buf_check(out, "lines for the seat", err);
    if (!ret && is_moving)
        ret = tell_moving(l, out, err);
    if (!ret)
        ret = tell_failed(l, out, err);
    if (!ret)
        ret = tell_done(l, out, err);
    pthread_mutex_unlock(&l->lock);
    return ret;
}

void luggage_told(struct luggage *l)
{
    pthread_mutex_lock(&l->lock);
    l->is_telling = false;
    pthread_mutex_unlock(&l->lock);
}

bool luggage_is_settled(struct luggage *l)
{
    pthread_mutex_lock(&l->lock);
    bool is_settled = !l->is_telling && n_here(l) == l->n_in[AT_WORK];
    pthread_mutex_unlock(&l->lock);
    return is_settled;
}

int luggage_at_work(struct luggage *l)
{
    pthread_mutex_lock(&l->lock);
    int n = l->n_in[AT_WORK];
    pthread_mutex_unlock(&l->lock);
    return n;
}
