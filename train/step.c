/* One iteration of training. */
#include <math.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "train/trainer.h"

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

/* One batch's share of the gradients. */
static int accumulate(struct trainer *t, struct batch *batch, double *loss, struct err *err)
{
    const struct settings *s = t->plan.settings;
    struct learn_head heads[LEARN_HEADS];
    struct loss_result result;
    double share = 1.0 / (double)s->accumulate, told = 0;

    if (loader_next(t->loader, batch, err))
        return -1;
    const struct learn_batch pictures = {batch->rgb, batch->n, batch->h, batch->w};
    const struct loss_batch labels = {batch->label, batch->n, batch->h, batch->w};
    if (learner_forward(t->learner, &t->weights.params, &pictures, heads, err) ||
        loss_run(t->loss, &labels, share, heads, &result, err))
        return -1;
    if (t->teacher &&
        teacher_add(t->teacher, &pictures, s->teacher_weight * share, &heads[0], &told, err))
        return -1;
    result.total += s->teacher_weight * told;
    if (!isfinite(result.total))
        return stop_at(t, batch, "the loss", err);
    *loss += result.total * share;
    return learner_backward(t->learner, &t->weights.params, &t->gradients.params, err);
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

/* Are weights written after this iteration? */
static bool is_due(const struct trainer *t, int64_t iteration)
{
    const struct settings *s = t->plan.settings;

    return iteration == t->plan.end || iteration % s->save_every == 0 ||
           (s->validate_every && iteration % s->validate_every == 0);
}

int trainer_step(struct trainer *t, struct err *err)
{
    const struct settings *s = t->plan.settings;
    double rate = schedule_rate(&t->plan.schedule, (long)t->state.iteration), loss = 0;
    int64_t begin = clock_mono_us();
    struct batch batch = {0};

    for (int i = 0; i < s->accumulate; i++) {
        int ret = accumulate(t, &batch, &loss, err);
        if (ret)
            return ret;
    }
    double norm = optimiser_step(&t->optimiser, &t->weights, &t->gradients, rate);
    if (!isfinite(norm))
        return stop_at(t, &batch, "a gradient", err);
    /* Norms hide from the loss how large their inputs have grown. All weights are looked at before they
     * are written anywhere. */
    bool is_written = is_due(t, t->state.iteration + 1);
    if (!bank_is_finite(&t->weights, !is_written))
        return stop_at(t, &batch, is_written ? "a weight" : "a running statistic", err);
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
