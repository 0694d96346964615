#include "train/sweep_ticker.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

enum { LIVE_US = 250000, EVERY_US = 2000000, TOP = 5, COMMAND_MAX = 1 << 16 };

void sweep_ticker_open(struct sweep_ticker *t)
{
    *t = (struct sweep_ticker){0};
    ticker_open(&t->line);
}

/* Trials of the round at work, and how many of them have ended. */
static int count_round(const struct sweep *w, int *rung, int *done)
{
    bool in[SWEEP_TRIALS_MAX];
    int n = 0;

    *rung = sweep_board_rung(&w->board, in);
    *rung = *rung < w->board.rungs ? *rung : w->board.rungs - 1;
    *done = 0;
    for (int i = 0; i < w->board.n; i++) {
        n += in[i];
        *done += in[i] && sweep_board_at(&w->board, *rung, i)->status != SWEEP_OPEN;
    }
    return n;
}

/* The best trial, or -1. */
static int best_of(const struct sweep *w)
{
    int order[SWEEP_TRIALS_MAX];

    return sweep_board_rank(&w->board, order) ? order[0] : -1;
}

static json_t *describe_best(const struct sweep *w)
{
    int best = best_of(w);
    json_t *object = json_object(), *values = json_object();

    if (best < 0) {
        json_decref(object);
        json_decref(values);
        return json_null();
    }
    for (int i = 0; i < w->spec.n_axes; i++)
        json_put(&values, w->spec.axes[i].key, json_text(sweep_value(w, best, i)));
    json_put(&object, "trial", json_integer(best + 1));
    json_put(&object, "score", json_rounded(sweep_board_latest(&w->board, best)->score, 6));
    json_put(&object, "settings", values);
    return object;
}

static void show_json(const struct sweep *w, const struct sweep_progress *p)
{
    int rung, done, n = count_round(w, &rung, &done);
    json_t *line = json_object();

    json_put(&line, "round", json_integer(rung + 1));
    json_put(&line, "rounds", json_integer(w->board.rungs));
    json_put(&line, "done", json_integer(done));
    json_put(&line, "trials", json_integer(n));
    json_put(&line, "at_work", json_integer(p->at_work));
    json_put(&line, "here", json_integer(p->here));
    json_put(&line, "eta_s", json_rounded(p->eta_s, 0));
    json_put(&line, "waiting", json_text(p->waiting));
    json_put(&line, "best", describe_best(w));
    ticker_put(line);
}

static void show_live(const struct sweep *w, const struct sweep_progress *p)
{
    int rung, done, n = count_round(w, &rung, &done), best = best_of(w);
    char round[48] = "", eta[32] = "--:--", words[120];

    if (w->board.rungs > 1)
        snprintf(round, sizeof(round), "round %d of %d  ", rung + 1, w->board.rungs);
    if (isfinite(p->eta_s))
        snprintf(eta, sizeof(eta), "%ld:%02ld:%02ld", lround(p->eta_s) / 3600,
                 lround(p->eta_s) / 60 % 60, lround(p->eta_s) % 60);
    fprintf(stderr, "\r\033[K%s%d of %d trials  %d at work  ETA %s", round, done, n, p->at_work,
            eta);
    if (p->waiting[0])
        fprintf(stderr, "  %s", p->waiting);
    else if (best >= 0)
        fprintf(stderr, "  best %.4f: trial %d, %s", sweep_board_latest(&w->board, best)->score,
                best + 1, sweep_describe(words, sizeof(words), w, best));
}

void sweep_ticker_show(struct sweep_ticker *t, const struct sweep *w,
                       const struct sweep_progress *p)
{
    int64_t now = clock_mono_us();

    if (now < t->due_us)
        return;
    t->due_us = now + (t->line.is_terminal ? LIVE_US : EVERY_US);
    if (t->line.is_terminal)
        show_live(w, p);
    else
        show_json(w, p);
}

static void print_ranking(const struct sweep *w, const int *order)
{
    char words[200];

    for (int i = 0; i < w->board.n && i < TOP; i++) {
        const struct sweep_result *r = sweep_board_latest(&w->board, order[i]);
        if (r && r->status == SWEEP_DONE)
            fprintf(stderr, "%3d. trial %-4d score %.4f  Jaccard %.4f  AUC %.3f  %s\n", i + 1,
                    order[i] + 1, r->score, r->mean_jaccard, r->auc_malignant,
                    sweep_describe(words, sizeof(words), w, order[i]));
    }
}

void sweep_ticker_end(struct sweep_ticker *t, const struct sweep *w)
{
    int order[SWEEP_TRIALS_MAX], done = sweep_board_rank(&w->board, order);
    struct err err = {0};
    struct buf command;

    buf_init(&command, COMMAND_MAX);
    if (t->line.is_terminal)
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%d trials: %d done, %d failed or set aside; %s/index.html\n", w->board.n, done,
            w->board.n - done, w->dir);
    print_ranking(w, order);
    if (done && !sweep_command(&command, w, order[0], &err)) {
        fprintf(stderr, "its model: %s/trials/%04d/best\nthe same again:\n%s\n", w->dir,
                order[0] + 1, command.data ? command.data : "");
        json_t *line = t->line.is_terminal ? NULL : json_object();
        json_put(&line, "best", describe_best(w));
        json_put(&line, "command", json_text(command.data ? command.data : ""));
        ticker_put(line);
    }
    buf_release(&command);
}
