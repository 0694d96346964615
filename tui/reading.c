#include "tui/reading.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/format.h"

/* A mean that grows by weighted parts; unknown parts are left out, and without any it is NAN. */
struct mean {
    double sum, weight;
};

static void mean_add(struct mean *m, double value, double weight)
{
    if (!isfinite(value) || weight <= 0)
        return;
    m->sum += value * weight;
    m->weight += weight;
}

static double mean_of(const struct mean *m)
{
    return m->weight > 0 ? m->sum / m->weight : NAN;
}

int64_t reading_add(int64_t a, int64_t b)
{
    a = a < 0 ? 0 : a;
    b = b < 0 ? 0 : b;
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static int add_small(int a, int b)
{
    int64_t sum = reading_add(a, b);

    return sum > INT_MAX ? INT_MAX : (int)sum;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void sum_counts(struct stats *out, const struct stats *s)
{
    out->at_ms = larger(out->at_ms, s->at_ms);
    out->started_ms =
        out->started_ms && out->started_ms < s->started_ms ? out->started_ms : s->started_ms;
    out->received = reading_add(out->received, s->received);
    out->done = reading_add(out->done, s->done);
    out->set_aside = reading_add(out->set_aside, s->set_aside);
    out->cancelled = reading_add(out->cancelled, s->cancelled);
    out->studies = reading_add(out->studies, s->studies);
    out->reports = reading_add(out->reports, s->reports);
    out->urgent = reading_add(out->urgent, s->urgent);
    out->review = reading_add(out->review, s->review);
    out->routine = reading_add(out->routine, s->routine);
    out->retake = reading_add(out->retake, s->retake);
    out->scheduled_images = reading_add(out->scheduled_images, s->scheduled_images);
    out->cores = add_small(out->cores, s->cores);
    out->memory_kb = reading_add(out->memory_kb, s->memory_kb);
    if (isfinite(s->images_per_s))
        out->images_per_s += s->images_per_s;
    if (isfinite(s->eta_s) && !(out->eta_s > s->eta_s))
        out->eta_s = s->eta_s;
}

static void sum_classes(struct stats *out, const struct stats *s)
{
    for (int i = 0; i < STATS_CLASSES; i++) {
        struct stats_class *to = &out->classes[i];
        const struct stats_class *from = &s->classes[i];
        memcpy(to->name, from->name, sizeof(to->name));
        to->ready = larger(to->ready, from->ready);
        to->leased = larger(to->leased, from->leased);
        to->oldest_ms = larger(to->oldest_ms, from->oldest_ms);
        if (!from->paused_at[0])
            continue;
        memcpy(to->paused_at, from->paused_at, sizeof(to->paused_at));
        memcpy(to->paused_by, from->paused_by, sizeof(to->paused_by));
        memcpy(to->paused_why, from->paused_why, sizeof(to->paused_why));
    }
}

/* Time per item is time spent over items made: a machine weighs by the items it makes. */
static void sum_stages(struct stats *out, const struct reading *r)
{
    for (int k = 0; k < STAGE_COUNT; k++) {
        struct mean busy = {0};
        double spent = 0, made = 0;
        for (int i = 0; i < r->n; i++) {
            const struct stats_stage *stage = &r->nodes[i].stages[k];
            double work = stage->busy * stage->lanes;
            mean_add(&busy, stage->busy, stage->lanes);
            out->stages[k].lanes = add_small(out->stages[k].lanes, stage->lanes);
            out->stages[k].waiting = add_small(out->stages[k].waiting, stage->waiting);
            if (isfinite(work) && stage->ms_per_item > 0) {
                spent += work;
                made += work / stage->ms_per_item;
            }
        }
        out->stages[k].busy = mean_of(&busy);
        out->stages[k].ms_per_item = made > 0 ? spent / made : NAN;
    }
}

static void sum_history(struct stats *out, const struct stats *s)
{
    int n = s->n_history;

    if (n > out->n_history) {
        int shift = n - out->n_history;
        memmove(out->history + shift, out->history, (size_t)out->n_history * sizeof(float));
        memset(out->history, 0, (size_t)shift * sizeof(float));
        out->n_history = n;
    }
    for (int i = 0; i < n; i++)
        if (isfinite(s->history[i]))
            out->history[out->n_history - n + i] += s->history[i];
}

static void append_cases(struct stats_case *to, int *n, const struct stats_case *from, int more)
{
    for (int i = 0; i < more && *n < STATS_CASES_MAX; i++)
        to[(*n)++] = from[i];
}

static void sum_lists(struct stats *out, const struct stats *s)
{
    append_cases(out->flagged, &out->n_flagged, s->flagged, s->n_flagged);
    append_cases(out->aside, &out->n_aside, s->aside, s->n_aside);
    for (int i = 0; i < s->n_scheduled && out->n_scheduled < STATS_SCHEDULED_MAX; i++)
        out->scheduled[out->n_scheduled++] = s->scheduled[i];
    for (int i = 0; i < s->n_workers && out->n_workers < STATS_WORKERS_MAX; i++) {
        struct stats_worker *worker = &out->workers[out->n_workers++];
        *worker = s->workers[i];
        snprintf(worker->device, sizeof(worker->device), "%.15s %.15s", s->node,
                 s->workers[i].device);
    }
}

/* What the machines agree on, or "mixed". */
static void agree(char *out, size_t size, const char *value, bool is_first)
{
    if (is_first)
        snprintf(out, size, "%s", value);
    else if (strcmp(out, value) != 0)
        snprintf(out, size, "mixed");
}

static void sum_words(struct stats *out, const struct reading *r)
{
    for (int i = 0; i < r->n; i++) {
        const struct stats *s = &r->nodes[i];
        agree(out->state, sizeof(out->state), s->state, i == 0);
        agree(out->model, sizeof(out->model), s->model, i == 0);
        agree(out->precision, sizeof(out->precision), s->precision, i == 0);
        agree(out->device, sizeof(out->device), s->device, i == 0);
        if (i && out->size != s->size)
            out->size = 0;
        else
            out->size = s->size;
    }
    snprintf(out->node, sizeof(out->node), "%d machines", r->n);
}

void reading_sum(struct stats *out, const struct reading *r)
{
    struct mean cpu = {0}, gpu = {0}, gpu_memory = {0};

    *out = (struct stats){.eta_s = NAN};
    for (int i = 0; i < STATS_CLASSES; i++)
        out->classes[i].oldest_ms = -1;
    for (int i = 0; i < r->n; i++) {
        const struct stats *s = &r->nodes[i];
        sum_counts(out, s);
        sum_classes(out, s);
        sum_history(out, s);
        sum_lists(out, s);
        mean_add(&cpu, s->cpu, s->cores);
        mean_add(&gpu, s->gpu, 1);
        mean_add(&gpu_memory, s->gpu_memory, 1);
    }
    sum_stages(out, r);
    sum_words(out, r);
    out->cpu = mean_of(&cpu);
    out->gpu = mean_of(&gpu);
    out->gpu_memory = mean_of(&gpu_memory);
}

void reading_select(struct stats *out, const struct reading *r, int tab)
{
    if (r->n == 0) {
        *out = (struct stats){0};
        snprintf(out->node, sizeof(out->node), FORMAT_UNKNOWN);
    } else if (r->n == 1) {
        *out = r->nodes[0];
    } else if (tab > 0 && tab <= r->n) {
        *out = r->nodes[tab - 1];
    } else {
        reading_sum(out, r);
    }
}
