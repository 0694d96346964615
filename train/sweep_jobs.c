/* A taker and the queue: jobs that are wanted, leases that are taken and how they end. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "train/sweep_taker_priv.h"

enum {
    ASK_US = 250000,    /* for jobs, after there were none */
    AGAIN_US = 1000000, /* before the first try after a trainer that could not go on; doubles */
    AGAIN_MAX_US = 60000000,
};

static void name_round(char out[16], int rung)
{
    snprintf(out, 16, "round%d", rung + 1);
}

static struct broker_job job_of(const struct taker *t, int trial, const char *round)
{
    return (struct broker_job){t->w->id, round, trial + 1};
}

static void finish(struct taker *t, const struct broker_lease *lease, int trial, int rung)
{
    char round[16];

    name_round(round, rung);
    struct broker_job job = job_of(t, trial, round);
    broker_finish(t->broker, lease, &job, sweep_board_size(&t->w->board, rung), "done", 0);
    t->look_us = t->put_us = 0; /* this may have been the round's last */
}

/* What the round still wants; Redis refuses what it has. */
void taker_put_jobs(struct taker *t)
{
    struct broker_job jobs[BROKER_PUT_MAX];
    bool in[SWEEP_TRIALS_MAX];
    char round[16];
    int rung = sweep_board_rung(&t->w->board, in), n = 0;

    if (rung == t->w->board.rungs)
        return;
    name_round(round, rung);
    for (int i = 0; i < t->w->board.n; i++) {
        if (!in[i] || sweep_board_at(&t->w->board, rung, i)->status != SWEEP_OPEN)
            continue;
        jobs[n++] = job_of(t, i, round);
        if (n == BROKER_PUT_MAX) {
            broker_put(t->broker, TAKER_CLASS, jobs, n);
            n = 0;
        }
    }
    if (n)
        broker_put(t->broker, TAKER_CLASS, jobs, n);
}

void taker_forget_jobs(struct taker *t)
{
    char round[16];

    for (int r = 0; r < t->w->board.rungs; r++) {
        name_round(round, r);
        broker_forget_study(t->broker, t->w->id, round);
    }
    broker_forget_shard(t->broker);
}

int taker_count_here(const struct taker *t)
{
    int n = 0;

    for (int i = 0; i < t->how->trainers; i++)
        n += t->slots[i].child.pid > 0;
    return n;
}

static bool may_take(const struct taker *t, int64_t now)
{
    return !t->is_asking && !t->is_stopped && !t->fatal.code && !t->screen.gives_way &&
           now >= t->again_us && now >= t->ask_us && broker_is_ready(t->broker);
}

void taker_ask_for_jobs(struct taker *t, int64_t now)
{
    int free_slots = t->how->trainers - taker_count_here(t);
    int least[BROKER_CLASSES] = {-1, -1, free_slots};

    if (free_slots <= 0 || !may_take(t, now))
        return;
    t->is_asking = true;
    broker_lease(t->broker, free_slots, least);
}

static struct taker_slot *free_slot(struct taker *t)
{
    for (int i = 0; i < t->how->trainers; i++)
        if (t->slots[i].child.pid <= 0)
            return &t->slots[i];
    return NULL;
}

/* A trial that cannot be begun or gone on with now: a little later, by whoever is free then. */
void taker_give_back(struct taker *t, const struct broker_lease *lease, bool waits)
{
    broker_release(t->broker, lease);
    if (!waits)
        return;
    t->again_wait_us = t->again_wait_us ? 2 * t->again_wait_us : AGAIN_US;
    t->again_wait_us = t->again_wait_us < AGAIN_MAX_US ? t->again_wait_us : AGAIN_MAX_US;
    t->again_us = clock_mono_us() + t->again_wait_us;
}

/* Disk and memory may be there again later; all else ends this taker. */
void taker_suffer(struct taker *t, const struct err *err)
{
    if (err->code == ERR_AGAIN || err->code == ERR_NOMEM)
        ticker_say(&t->ticker.line, "%s; trying again", err->msg);
    else
        err_set(&t->fatal, err->code, "%s", err->msg);
}

void taker_set_result(struct taker *t, const struct broker_lease *lease, int trial, int rung,
                      const struct sweep_result *result)
{
    struct err err = {0};

    if (sweep_keep(t->w, trial, rung, result, &err)) {
        taker_suffer(t, &err);
        taker_give_back(t, lease, true);
        return;
    }
    t->again_wait_us = 0;
    t->page_us = 0;
    finish(t, lease, trial, rung);
}

static void begin_job(struct taker *t, const struct broker_lease *lease, int trial, int rung)
{
    struct taker_slot *slot = free_slot(t);
    struct sweep_result aside;
    struct err err = {0};
    int hopeless = slot ? sweep_is_hopeless(t->w, trial, &aside, &err) : 0;

    if (hopeless > 0)
        return taker_set_result(t, lease, trial, rung, &aside);
    if (!slot || hopeless < 0 || sweep_child_start(&slot->child, t->w, trial, rung, &err)) {
        if (err.code)
            taker_suffer(t, &err);
        return taker_give_back(t, lease, true);
    }
    slot->lease = *lease;
    slot->has_lease = true;
    slot->is_agreed = slot->is_foreign = false;
}

/* What a job of this queue means; -1: nothing. */
static int read_job(const struct taker *t, const struct broker_job *job, int *rung)
{
    char round[16];

    for (*rung = 0; *rung < t->w->board.rungs; ++*rung) {
        name_round(round, *rung);
        if (!strcmp(job->study, round))
            break;
    }
    return *rung < t->w->board.rungs && job->n >= 1 && job->n <= t->w->board.n ? job->n - 1 : -1;
}

static void take_job(struct taker *t, const struct broker_leased *leased)
{
    bool in[SWEEP_TRIALS_MAX];
    int rung, trial = read_job(t, &leased->job, &rung);

    if (trial < 0)
        return broker_discard(t->broker, &leased->lease, &leased->job);
    if (sweep_board_at(&t->w->board, rung, trial)->status != SWEEP_OPEN)
        return finish(t, &leased->lease, trial, rung);
    if (sweep_board_rung(&t->w->board, in) != rung || !in[trial] || t->is_stopped || t->fatal.code)
        return taker_give_back(t, &leased->lease, true); /* somebody's disk is ahead of ours */
    begin_job(t, &leased->lease, trial, rung);
}

/* ---- the broker's events ---- */

static void on_watch(void *ctx, int fd, bool read, bool write)
{
    struct taker *t = ctx;

    t->fd = fd;
    t->events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0));
}

static void on_unwatch(void *ctx, int fd)
{
    (void)fd;
    ((struct taker *)ctx)->fd = -1;
}

static void on_ready(void *ctx, bool has_epoch, bool is_same)
{
    struct taker *t = ctx;

    (void)has_epoch; /* jobs are put in again as often as they are wanted */
    (void)is_same;
    t->is_asking = false;
    t->put_us = 0;
    t->why_down[0] = 0;
}

void taker_is_cut_off(struct taker *t, const char *why)
{
    bool in[SWEEP_TRIALS_MAX];
    struct err ignored = {0};

    t->is_asking = false;
    t->at_work = 0;
    t->connect_us = clock_mono_us() + TAKER_LOOK_US;
    if (!sweep_look(t->w, &ignored) && sweep_board_rung(&t->w->board, in) == t->w->board.rungs)
        return; /* another taker saw the end first, and the queue is gone as it should be */
    if (!t->why_down[0])
        ticker_say(&t->ticker.line, "Redis (%s): %s; trying again, and trials at work go on",
                   t->how->redis, why);
    snprintf(t->why_down, sizeof(t->why_down), "%s", why);
}

static void on_down(void *ctx, const char *why)
{
    taker_is_cut_off(ctx, why);
}

static void on_put(void *ctx, int added)
{
    if (added)
        ((struct taker *)ctx)->ask_us = 0;
}

static void on_leased(void *ctx, const struct broker_leased *jobs, int n)
{
    struct taker *t = ctx;
    struct err err = {0};

    t->is_asking = false;
    t->ask_us = n ? 0 : clock_mono_us() + ASK_US;
    if (n && sweep_look(t->w, &err))
        taker_suffer(t, &err);
    for (int i = 0; i < n; i++)
        take_job(t, &jobs[i]);
}

/* Somebody else has it now, or Redis was emptied: the trainer makes room and saves what it has. */
static void on_lost(void *ctx, const struct broker_lease *lease)
{
    struct taker *t = ctx;

    for (int i = 0; i < t->how->trainers; i++)
        if (t->slots[i].has_lease && !strcmp(t->slots[i].lease.entry, lease->entry)) {
            t->slots[i].has_lease = false;
            sweep_child_stop(&t->slots[i].child);
        }
}

static void on_finished(void *ctx, uint32_t tag, int remaining)
{
    (void)ctx;
    (void)tag;
    (void)remaining;
}

static void on_again(void *ctx, uint32_t tag, int attempt)
{
    (void)ctx;
    (void)tag;
    (void)attempt;
}

static void on_look(void *ctx, const struct broker_look *look)
{
    ((struct taker *)ctx)->at_work = (int)look->classes[TAKER_CLASS].leased;
}

struct broker_events taker_events(struct taker *t)
{
    return (struct broker_events){t,         on_watch, on_unwatch,  on_ready, on_down, on_put,
                                  on_leased, on_lost,  on_finished, on_again, on_look};
}
