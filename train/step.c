/* One iteration of training. */
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "train/held.h"

enum { LOG_EVERY = 10 /* iterations between lines of the log */ };

/* Names the batch in the log and on stderr: one of its pictures may be at fault. */
static int stop_at(struct trainer *t, const struct batch *batch, const char *what, struct err *err)
{
    json_t *line = json_object(), *ids = json_array();
    struct err unwritten = {0};

    for (int i = 0; i < batch->n; i++)
        json_add(&ids, json_text(cache_label(t->cache, batch->rows[i])->id));
    char *names = ids ? json_line(ids) : NULL;
    ticker_say(&t->ticker, "iteration %lld: %s is not finite; batch: %s",
               (long long)t->state.iteration, what, names ? names : "?");
    free(names);
    json_put(&line, "iter", json_integer(t->state.iteration));
    json_put(&line, "stopped", json_text(what));
    json_put(&line, "batch", ids);
    if (history_note(&t->history, line, &unwritten))
        log_event(LOG_WARN, "log_unwritten", "why=\"%s\"", unwritten.msg);
    err_set(err, ERR_LIMIT, "iteration %lld: %s is not finite (a lower --lr or --clip may help)",
            (long long)t->state.iteration, what);
    return 1;
}

int trainer_lose(struct trainer *t, const struct batch *batch, double scale,
                 struct learn_head heads[LEARN_HEADS], double *loss, struct err *err)
{
    const struct learn_batch pictures = {batch->rgb, batch->n, batch->h, batch->w};
    const struct loss_batch labels = {batch->label, batch->n, batch->h, batch->w};
    double weight = t->plan.settings->teacher_weight, told = 0;
    struct loss_result result;

    if (loss_run(t->loss, &labels, scale, heads, &result, err))
        return -1;
    if (t->teacher && teacher_add(t->teacher, &pictures, weight * scale, &heads[0], &told, err))
        return -1;
    *loss = result.total + weight * told;
    return 0;
}

/* The gradients of a batch with weights of ours; its loss. */
static int learn(struct trainer *t, const struct batch *batch, double scale, double *loss,
                 struct err *err)
{
    const struct learn_batch pictures = {batch->rgb, batch->n, batch->h, batch->w};
    struct learn_head heads[LEARN_HEADS];

    if (learner_forward(t->learner, &t->weights.params, &pictures, heads, err) ||
        trainer_lose(t, batch, scale, heads, loss, err))
        return -1;
    if (!isfinite(*loss))
        return 0; /* the batch will be named */
    return learner_backward(t->learner, &t->weights.params, &t->gradients.params, err);
}

/* One batch's share of the gradients. */
static int accumulate(struct trainer *t, struct batch *batch, double *loss, struct err *err)
{
    double share = 1.0 / (double)t->plan.settings->accumulate, one;

    if (loader_next(t->loader, batch, err))
        return -1;
    if (learner_facts(t->learner)->holds ? held_learn(t, batch, share, &one, err)
                                         : learn(t, batch, share, &one, err))
        return -1;
    if (!isfinite(one))
        return stop_at(t, batch, "the loss", err);
    *loss += one * share;
    return 0;
}

/* New weights; the norm of the gradients, not finite when they were left as they are. */
static int update(struct trainer *t, double rate, double *norm, struct err *err)
{
    if (learner_facts(t->learner)->holds)
        return held_update(t, rate, norm, err);
    *norm = optimiser_step(&t->optimiser, &t->weights, &t->gradients, rate);
    return 0;
}

/* Are weights written after this iteration? */
static bool is_due(const struct trainer *t, int64_t iteration)
{
    const struct settings *s = t->plan.settings;

    return iteration == t->plan.end || iteration % s->save_every == 0 ||
           (s->validate_every && iteration % s->validate_every == 0);
}

/* Norms hide from the loss how large their inputs have grown. All weights are looked at before they are
 * written anywhere; before that the statistics, where they are at hand. */
static int check_weights(struct trainer *t, const struct batch *batch, struct err *err)
{
    int64_t done = t->state.iteration + 1;
    bool is_written = is_due(t, done);

    if (learner_facts(t->learner)->holds && !is_written)
        return 0;
    if (held_fetch(t, done, err))
        return -1;
    if (!bank_is_finite(&t->weights, !is_written))
        return stop_at(t, batch, is_written ? "a weight" : "a running statistic", err);
    return 0;
}

static void log_step(struct trainer *t, double rate, double norm)
{
    const struct settings *s = t->plan.settings;
    struct history_step step = {
        .iteration = t->state.iteration,
        .loss = t->state.loss_sum / (double)t->state.loss_count,
        .rate = rate,
        .gradient = norm,
        .images_per_s = ticker_images_per_s(&t->ticker, (int)(s->batch * s->accumulate)),
    };
    struct err err = {0};

    if (history_add_step(&t->history, &step, &err))
        log_event(LOG_WARN, "log_unwritten", "why=\"%s\"", err.msg);
    t->state.loss_sum = 0;
    t->state.loss_count = 0;
}

int trainer_step(struct trainer *t, struct err *err)
{
    const struct settings *s = t->plan.settings;
    double rate = schedule_rate(&t->plan.schedule, (long)t->state.iteration), loss = 0, norm;
    int64_t begin = clock_mono_us();
    struct batch batch = {0};

    for (int i = 0; i < s->accumulate; i++) {
        int failed = accumulate(t, &batch, &loss, err);
        if (failed)
            return failed;
    }
    if (update(t, rate, &norm, err))
        return -1;
    if (!isfinite(norm))
        return stop_at(t, &batch, "a gradient", err);
    int ret = check_weights(t, &batch, err);
    if (ret)
        return ret;
    t->state.iteration++;
    t->state.loss_sum += loss;
    t->state.loss_count++;
    struct tick tick = {
        .iteration = t->state.iteration,
        .total = t->plan.end,
        .loss = loss,
        .rate = rate,
        .seconds = (double)(clock_mono_us() - begin) / 1e6,
        .images = (int)(s->batch * s->accumulate),
    };
    bool is_end = t->state.iteration == t->plan.end;
    ticker_tick(&t->ticker, &tick, is_end);
    if (t->state.iteration % LOG_EVERY == 0 || is_end)
        log_step(t, rate, norm);
    return 0;
}
