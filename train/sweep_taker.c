/* The loop of a taker. */
#include "train/sweep_taker.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/status.h"
#include "train/sweep_page.h"
#include "train/sweep_taker_priv.h"

enum {
    TURN_MS = 100,
    PUT_US = 5000000, /* jobs that Redis may have lost */
    PAGE_US = 10000000,
    FAREWELL_US = 2000000
};

static volatile sig_atomic_t is_asked_to_stop; /* the handler's; a flag is all it may touch */

static void ask_to_stop(int number)
{
    (void)number;
    is_asked_to_stop = 1;
}

/* The first asks; the second ends us, and the kernel our trainers. */
static void watch_signals(void)
{
    const struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = (int)SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void stop_trainers(struct taker *t)
{
    for (int i = 0; i < t->how->trainers; i++)
        sweep_child_stop(&t->slots[i].child);
}

static void renew(struct taker *t)
{
    struct broker_lease leases[TAKER_TRAINERS_MAX];
    int n = 0;

    for (int i = 0; i < t->how->trainers; i++)
        if (t->slots[i].has_lease)
            leases[n++] = t->slots[i].lease;
    broker_renew(t->broker, leases, n);
}

/* ---- what a person sees ---- */

static double iterations_left(const struct taker *t)
{
    const struct sweep_board *b = &t->w->board;
    bool in[SWEEP_TRIALS_MAX];
    int rung = sweep_board_rung(b, in);
    double left = 0;

    for (int i = 0; i < b->n && rung < b->rungs; i++)
        if (in[i] && sweep_board_at(b, rung, i)->status == SWEEP_OPEN)
            left += (double)(sweep_end(t->w, i, rung) - (rung ? sweep_end(t->w, i, rung - 1) : 0));
    for (int r = rung + 1; r < b->rungs; r++)
        left +=
            sweep_board_size(b, r) * (double)(sweep_end(t->w, 0, r) - sweep_end(t->w, 0, r - 1));
    return left;
}

static double guess_eta(const struct taker *t)
{
    double done = t->iterations, seconds = t->seconds, left = iterations_left(t);
    int64_t now = clock_mono_us();

    for (int i = 0; i < t->how->trainers; i++) {
        const struct sweep_child *c = &t->slots[i].child;
        if (c->pid <= 0 || c->from < 0 || c->iteration <= c->from)
            continue;
        done += (double)(c->iteration - c->from);
        left -= (double)(c->iteration - c->from);
        seconds += (double)(now - c->begun_us) / 1e6;
    }
    int trainers = t->at_work > 0 ? t->at_work : t->how->trainers;
    return done > 0 && left >= 0 ? left * seconds / done / trainers : (double)NAN;
}

static void show(struct taker *t, int64_t now)
{
    int here = taker_count_here(t);
    char waiting[160] = "";

    if (t->screen.is_paused && t->screen.gives_way)
        snprintf(waiting, sizeof(waiting), "paused: an operator paused the class training");
    else if (t->screen.gives_way)
        snprintf(waiting, sizeof(waiting), "waiting: %lld images to screen go first",
                 (long long)t->screen.images);
    else if (t->why_down[0])
        snprintf(waiting, sizeof(waiting), "Redis: %s", t->why_down);
    const struct sweep_progress progress = {
        .here = here,
        .at_work = t->at_work > here ? t->at_work : here,
        .eta_s = guess_eta(t),
        .waiting = waiting,
    };
    sweep_ticker_show(&t->ticker, t->w, &progress);
    if (now >= t->page_us) {
        sweep_page_write(t->w, waiting);
        t->page_us = now + PAGE_US;
    }
}

/* ---- turns ---- */

static void turn(struct taker *t, int wait_ms)
{
    struct pollfd fds[TAKER_TRAINERS_MAX + 1] = {
        {.fd = t->fd, .events = t->events}
    };

    for (int i = 0; i < t->how->trainers; i++)
        fds[i + 1] = (struct pollfd){.fd = t->slots[i].child.fd, .events = POLLIN};
    if (poll(fds, (nfds_t)t->how->trainers + 1, wait_ms) > 0) {
        if (fds[0].revents & (POLLIN | POLLERR | POLLHUP))
            broker_on_readable(t->broker);
        if (t->fd >= 0 && (fds[0].revents & POLLOUT))
            broker_on_writable(t->broker);
    }
    broker_tick(t->broker, clock_mono_us() / 1000);
}

static void keep_connected(struct taker *t, int64_t now)
{
    struct err err = {0};

    if (t->fd >= 0 || broker_is_ready(t->broker) || now < t->connect_us)
        return;
    t->connect_us = now + TAKER_LOOK_US;
    if (broker_connect(t->broker, &err))
        taker_is_cut_off(t, err.msg);
}

/* What is done now and then. */
static void do_rounds(struct taker *t, int64_t now)
{
    struct err err = {0};

    if (now >= t->look_us) {
        t->look_us = now + TAKER_LOOK_US;
        if (sweep_look(t->w, &err))
            taker_suffer(t, &err);
        broker_look(t->broker);
    }
    if (now >= t->put_us && broker_is_ready(t->broker)) {
        t->put_us = now + PUT_US;
        taker_put_jobs(t);
    }
    if (now >= t->renew_us) {
        t->renew_us = now + (int64_t)t->how->lease_ms * 1000 / 3;
        renew(t);
    }
    if (broker_is_ready(t->broker) && sweep_screen_look(&t->screen) && t->screen.gives_way) {
        stop_trainers(t);
        ticker_say(&t->ticker.line, "trials give way: %s",
                   t->screen.is_paused ? "an operator paused the class training"
                                       : "images to screen go first");
    }
}

static bool is_over(const struct taker *t)
{
    bool in[SWEEP_TRIALS_MAX];

    return sweep_board_rung(&t->w->board, in) == t->w->board.rungs;
}

/* Until nothing is left to do here, or no more may be done. */
static void work(struct taker *t)
{
    while (taker_count_here(t) || !(is_over(t) || t->is_stopped || t->fatal.code)) {
        int64_t now = clock_mono_us();
        if (is_asked_to_stop && !t->is_stopped) {
            t->is_stopped = true;
            ticker_say(&t->ticker.line, "saving what the trials have; a second time ends at once");
        }
        if (t->is_stopped || t->fatal.code)
            stop_trainers(t);
        keep_connected(t, now);
        do_rounds(t, now);
        taker_watch_trainers(t, now);
        taker_ask_for_jobs(t, now);
        show(t, now);
        turn(t, TURN_MS);
    }
}

/* The queue is told what became of the jobs; if it cannot be, leases run out by themselves. */
static void part(struct taker *t)
{
    int64_t end = clock_mono_us() + FAREWELL_US;

    if (is_over(t))
        taker_forget_jobs(t);
    while (broker_is_ready(t->broker) && !broker_is_idle(t->broker) && clock_mono_us() < end)
        turn(t, TURN_MS);
}

static int conclude_all(struct taker *t, struct err *err)
{
    int order[SWEEP_TRIALS_MAX];

    sweep_page_write(t->w, t->is_stopped ? "stopped; --resume goes on" : "");
    if (t->fatal.code)
        return err_set(err, t->fatal.code, "%s", t->fatal.msg);
    if (!is_over(t)) {
        ticker_say(&t->ticker.line, "%s: stopped; --resume goes on", t->w->dir);
        return STATUS_AGAIN;
    }
    sweep_clear(t->w);
    sweep_ticker_end(&t->ticker, t->w);
    return sweep_board_rank(&t->w->board, order) ? STATUS_OK : STATUS_UNFINISHED;
}

int sweep_take(struct sweep *w, const struct sweep_taking *how, struct err *err)
{
    struct taker *t = calloc(1, sizeof(*t));
    char host[64] = "", consumer[96];
    int ret = -1;

    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory for a taker");
    if (gethostname(host, sizeof(host) - 1))
        host[0] = 0;
    const char *node = how->node[0] ? how->node : host;
    snprintf(consumer, sizeof(consumer), "%.64s-%d", node, (int)getpid());
    *t = (struct taker){.w = w, .how = how, .fd = -1, .screen = {.redis = how->redis}};
    for (int i = 0; i < TAKER_TRAINERS_MAX; i++)
        t->slots[i].child.fd = -1;
    const struct broker_options options = {.address = how->redis,
                                           .consumer = consumer,
                                           .node = node,
                                           .shard = w->id,
                                           .lease_ms = how->lease_ms};
    const struct broker_events events = taker_events(t);
    watch_signals();
    sweep_ticker_open(&t->ticker);
    if (!broker_new(&t->broker, &options, &events, err)) {
        work(t);
        part(t);
        broker_free(t->broker);
        ret = conclude_all(t, err);
    }
    free(t);
    return ret;
}
