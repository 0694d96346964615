/* `lentigo train`: the loop around trainer.h. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/status.h"
#include "train/held.h"
#include "train/tools.h"

enum { SHOW_US = 10000000 };

static volatile sig_atomic_t
    is_asked_to_stop; /* written by the handler; a flag is all it may touch */

static void ask_to_stop(int number)
{
    (void)number;
    is_asked_to_stop = 1;
}

/* The first asks, the second ends. */
static void watch_signals(void)
{
    const struct sigaction action = {.sa_handler = ask_to_stop, .sa_flags = SA_RESETHAND};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* A disk that is full now may have room later: training goes on from what is in memory, and the states
 * that were saved before are still there. Any other error ends the run. */
static int is_passing(struct trainer *t, const char *what, struct err *err)
{
    if (err->code != ERR_AGAIN)
        return 0;
    ticker_say(&t->ticker, "iteration %" PRId64 ": %s: %s; training goes on", t->state.iteration,
               what, err->msg);
    *err = (struct err){0};
    return 1;
}

static int save(struct trainer *t, struct err *err)
{
    char dir[SETTINGS_PATH_SIZE];

    if (held_fetch(t, t->state.iteration, err) ||
        path_format(dir, sizeof(dir), err, "%s/state", t->folder.dir) ||
        checkpoint_save(dir, &t->state, &t->weights, &t->optimiser, err))
        return -1;
    t->saved = t->state.iteration;
    return 0;
}

/* What is due between two iterations. At the last one an error is final. */
static int after_step(struct trainer *t, bool is_last, struct err *err)
{
    const struct settings *s = t->plan.settings;
    int64_t i = t->state.iteration;
    bool is_look = (s->validate_every && i % s->validate_every == 0) || i == t->plan.end;

    if (is_look && trainer_look(t, err) && (is_last || !is_passing(t, "validation", err)))
        return -1;
    if ((i % s->save_every == 0 || is_last) && save(t, err) &&
        (is_last || !is_passing(t, "saving", err)))
        return -1;
    return 0;
}

/* 0 done, 1 stopped by a signal or by what is not finite (then `err` is set), -1. */
static int run(struct trainer *t, struct err *err)
{
    int64_t shown = 0;

    while (t->state.iteration < t->plan.end) {
        int ret = trainer_step(t, err);
        if (ret)
            return ret;
        bool is_last = is_asked_to_stop || t->state.iteration == t->plan.end;
        int looks = t->history.n_looks;
        if (after_step(t, is_last, err))
            return -1;
        if (is_last)
            return t->state.iteration < t->plan.end;
        if (t->history.n_looks > looks || clock_mono_us() - shown > SHOW_US) {
            trainer_show(t, "training", true);
            shown = clock_mono_us();
        }
    }
    return 0;
}

static int finish(struct trainer *t, int outcome, struct err *err)
{
    char state[300];

    if (err->code) {
        snprintf(state, sizeof(state), "stopped: %s", err->msg);
        if (t->saved >= 0)
            ticker_say(&t->ticker, "%s: the state of iteration %" PRId64 " is kept", t->folder.dir,
                       t->saved);
    } else {
        snprintf(state, sizeof(state), "%s",
                 outcome                                 ? "stopped by a signal"
                 : t->plan.end < t->plan.settings->iters ? "stopped where stop-at says"
                                                         : "done");
    }
    trainer_show(t, state, false);
    if (err->code)
        return outcome > 0 ? (tool_fail(err), STATUS_UNFINISHED) : tool_fail(err);
    if (!outcome)
        return STATUS_OK;
    ticker_say(&t->ticker, "%s: saved at iteration %" PRId64 "; --resume goes on", t->folder.dir,
               t->saved);
    return STATUS_AGAIN;
}

int train_model(const struct settings *s, int n, char **operands)
{
    struct trainer *t = calloc(1, sizeof(*t)); /* paths of 4 kB */
    struct err err = {0};
    int status;

    if (!t)
        return STATUS_AGAIN;
    *t = (struct trainer)TRAINER_CLOSED;
    watch_signals();
    if (n > 0)
        err_set(&err, ERR_INPUT, "train: \"%.40s\" is no flag (see lentigo train --help)",
                operands[0]);
    if (err.code || trainer_open(t, s, &err)) {
        status = tool_fail(&err);
    } else {
        int outcome = run(t, &err);
        status = finish(t, outcome, &err);
    }
    trainer_close(t);
    free(t);
    return status;
}
