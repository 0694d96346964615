#include "train/ticker.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

enum { EVERY_US = 2000000, LIVE_US = 250000 };

void ticker_open(struct ticker *t)
{
    const char *term = getenv("TERM");

    *t = (struct ticker){
        .is_terminal =
            isatty(STDERR_FILENO) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0,
    };
}

double ticker_images_per_s(const struct ticker *t, int images)
{
    return t->seconds > 0 ? images / t->seconds : NAN;
}

double ticker_eta(const struct ticker *t, int64_t left)
{
    return t->seconds > 0 ? t->seconds * (double)left : NAN;
}

void ticker_put(json_t *line)
{
    char *text = line ? json_line(line) : NULL;

    if (text && puts(text) >= 0)
        (void)fflush(stdout);
    free(text);
    json_decref(line);
}

static void show_json(const struct ticker *t, const struct tick *tick)
{
    json_t *line = json_object();

    json_put(&line, "iter", json_integer(tick->iteration));
    json_put(&line, "loss", json_rounded(t->loss_sum / (double)t->count, 6));
    json_put(&line, "lr", json_rounded(tick->rate, 9));
    json_put(&line, "images_per_s", json_rounded(ticker_images_per_s(t, tick->images), 2));
    json_put(&line, "eta_s", json_rounded(ticker_eta(t, tick->total - tick->iteration), 0));
    ticker_put(line);
}

static void show_live(const struct ticker *t, const struct tick *tick)
{
    double eta = ticker_eta(t, tick->total - tick->iteration);
    long s = isfinite(eta) ? lround(eta) : 0;

    fprintf(
        stderr, "\r\033[K%lld of %lld  loss %.4f  lr %.3g  %.1f images/s  ETA %ld:%02ld:%02ld  %s",
        (long long)tick->iteration, (long long)tick->total, t->loss_sum / (double)t->count,
        tick->rate, ticker_images_per_s(t, tick->images), s / 3600, s / 60 % 60, s % 60, t->look);
}

void ticker_tick(struct ticker *t, const struct tick *tick, bool is_last)
{
    int64_t now = clock_mono_us();

    t->seconds = t->seconds > 0 ? 0.95 * t->seconds + 0.05 * tick->seconds : tick->seconds;
    t->loss_sum += tick->loss;
    t->count++;
    if (now < t->due_us && !is_last)
        return;
    if (t->is_terminal)
        show_live(t, tick);
    else
        show_json(t, tick);
    t->due_us = now + (t->is_terminal ? LIVE_US : EVERY_US);
    t->loss_sum = 0;
    t->count = 0;
}

void ticker_look(struct ticker *t, int64_t iteration, const json_t *figures, double score,
                 bool is_best)
{
    snprintf(t->look, sizeof(t->look), "val %.4f / %.3f at %lld%s",
             json_number_or(figures, "mean_jaccard", 0),
             json_number_or(figures, "auc_malignant", 0), (long long)iteration,
             is_best ? " (best)" : "");
    if (t->is_terminal)
        return;
    json_t *line = json_object();
    json_put(&line, "iter", json_integer(iteration));
    json_put(&line, "validation", json_deep_copy(figures));
    json_put(&line, "score", json_rounded(score, 4));
    json_put(&line, "is_best", json_boolean(is_best));
    ticker_put(line);
}

void ticker_say(struct ticker *t, const char *fmt, ...)
{
    va_list args;

    fputs(t->is_terminal ? "\r\033[Klentigo: " : "lentigo: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}
