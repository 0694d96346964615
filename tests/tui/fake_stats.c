#include "tests/tui/fake_stats.h"

#include <math.h>
#include <stdio.h>

static void fill_classes(struct stats *s, enum fake_fill fill, int tick)
{
    static const char *const names[STATS_CLASSES] = {"interactive", "bulk", "training"};

    for (int i = 0; i < STATS_CLASSES; i++) {
        struct stats_class *c = &s->classes[i];
        snprintf(c->name, sizeof(c->name), "%s", names[i]);
        c->oldest_ms = -1;
        if (fill == FAKE_WIDEST)
            *c = (struct stats_class){
                .ready = 123456789012, .leased = 99999999, .oldest_ms = INT64_MAX};
        else if (fill == FAKE_USUAL && i == 1)
            c->ready = 4221 - tick, c->leased = 16, c->oldest_ms = 192000 + 500 * tick;
        snprintf(c->name, sizeof(c->name), "%s", names[i]);
    }
}

static void fill_stages(struct stats *s, enum fake_fill fill, int tick)
{
    static const double busy[STAGE_COUNT] = {0.71, 0.12, 0.96, 0.24, 0.05};
    static const double ms[STAGE_COUNT] = {12.31, 0.42, 17.08, 3.9, 14.6};

    for (int i = 0; i < STAGE_COUNT; i++) {
        struct stats_stage *stage = &s->stages[i];
        *stage = (struct stats_stage){.busy = NAN, .ms_per_item = NAN};
        if (fill == FAKE_USUAL)
            *stage = (struct stats_stage){.busy = busy[i] + 0.03 * sin(tick * 0.3 + i),
                                          .ms_per_item = ms[i] + sin(tick * 0.2 + i) * 0.3,
                                          .lanes = 1 + i % 3,
                                          .waiting = (int)(fabs(sin(tick * 0.1 + i)) * 40)};
        else if (fill == FAKE_WIDEST)
            *stage = (struct stats_stage){1e9, 1e12, INT32_MAX, INT32_MAX};
    }
}

static void fill_workers(struct stats *s, enum fake_fill fill, int tick)
{
    s->n_workers = fill == FAKE_WIDEST ? STATS_WORKERS_MAX : 3;
    for (int i = 0; i < s->n_workers; i++) {
        struct stats_worker *w = &s->workers[i];
        *w = (struct stats_worker){.pid = 81234 + i,
                                   .in_flight = i < 2 ? 8 : 0,
                                   .restarts = i == 1,
                                   .items = 3640 + tick * 10 - i,
                                   .memory_kb = 312 << 10};
        snprintf(w->role, sizeof(w->role), "%s", i < 2 ? "worker" : "reporter");
        snprintf(w->state, sizeof(w->state), "%s", i < 2 ? "working" : "idle");
        snprintf(w->device, sizeof(w->device), "%s", i < 2 ? "cpu" : "");
        if (fill != FAKE_WIDEST)
            continue;
        *w = (struct stats_worker){.pid = INT32_MAX,
                                   .in_flight = INT32_MAX,
                                   .restarts = INT32_MAX,
                                   .items = INT64_MAX,
                                   .memory_kb = INT64_MAX};
        snprintf(w->role, sizeof(w->role), "wwwwwwwwwwwwwww");
        snprintf(w->state, sizeof(w->state), "backing off ...");
        snprintf(w->device, sizeof(w->device), "%s", "cuda:0 cuda:0 cuda:0 cuda:0 cu");
    }
}

static void fill_gpus(struct stats *s)
{
    s->n_gpus = STATS_GPUS_MAX;
    for (int i = 0; i < s->n_gpus; i++) {
        s->gpus[i] = (struct stats_gpu){.number = INT32_MAX,
                                        .load = 7,
                                        .memory = 1e9,
                                        .memory_kb = INT64_MAX,
                                        .temperature_c = 1e18,
                                        .power_w = 1e18,
                                        .power_limit_w = 1e18,
                                        .ecc_errors = INT64_MAX};
        snprintf(s->gpus[i].name, sizeof(s->gpus[i].name), "%s",
                 "a name of forty-seven letters is as long as can");
        snprintf(s->gpus[i].state, sizeof(s->gpus[i].state), "%s", i % 3 ? "ok" : "lost");
        snprintf(s->gpus[i].throttle, sizeof(s->gpus[i].throttle), "%s",
                 "heat, power cap, power brake, hardware");
    }
}

static void fill_cases(struct stats *s, enum fake_fill fill)
{
    static const char *const reasons[] = {"truncated", "not_an_image", "decode_timeout", "empty"};

    s->n_flagged = fill == FAKE_WIDEST ? STATS_CASES_MAX : 31 + 60;
    for (int i = 0; i < s->n_flagged; i++) {
        struct stats_case *c = &s->flagged[i];
        *c = (struct stats_case){.malignant_probability = 0.98 - 0.02 * (i % 40),
                                 .at_ms = s->at_ms - 7000 * i};
        snprintf(c->id, sizeof(c->id), "a1b2c3/p%04d/%d", i * 37 % 1000, i % 3);
        snprintf(c->risk, sizeof(c->risk), "%s", i < 9 ? "urgent" : "review");
    }
    s->n_aside = fill == FAKE_WIDEST ? STATS_CASES_MAX : 12;
    for (int i = 0; i < s->n_aside; i++) {
        struct stats_case *c = &s->aside[i];
        *c = (struct stats_case){.malignant_probability = NAN, .at_ms = s->at_ms - 9000 * i};
        snprintf(c->id, sizeof(c->id), "a1b2c3/p%04d/%d", i * 91 % 1000, i % 2);
        snprintf(c->reason, sizeof(c->reason), "%s", reasons[i % 4]);
        snprintf(c->stage, sizeof(c->stage), "%s", i % 4 == 3 ? "" : "decode");
        if (fill == FAKE_WIDEST) {
            snprintf(c->id, sizeof(c->id), "%s", "a1b2c3/0123456789abcdef0123456789abcde/999999");
            snprintf(c->reason, sizeof(c->reason), "%s", "a_reason_of_thirty_one_letters_");
        }
    }
}

static void fill_top(struct stats *s, int tick)
{
    snprintf(s->model, sizeof(s->model), "starter");
    snprintf(s->precision, sizeof(s->precision), "bf16");
    snprintf(s->device, sizeof(s->device), "cpu");
    s->size = 512;
    s->started_ms = s->at_ms - 754000 - 500 * tick;
    s->received = 11533;
    s->done = 7280 + 29 * tick;
    s->set_aside = 12;
    s->studies = 2981;
    s->reports = 1802 + 7 * tick;
    s->urgent = 9;
    s->review = 82;
    s->routine = 7124;
    s->retake = 65;
    s->images_per_s = 58.3 + sin(tick * 0.2);
    s->eta_s = 72.4;
    s->n_history = STATS_HISTORY;
    for (int i = 0; i < STATS_HISTORY; i++)
        s->history[i] = (float)floor(58 + 9 * sin((i + tick / 2) * 0.11) + (i * 7 + tick) % 5);
    s->cpu = 0.93;
    s->cores = 16;
    s->memory_kb = 412 << 10;
}

static void widen(struct stats *s)
{
    snprintf(s->model, sizeof(s->model), "%s",
             "a-model-name-of-sixty-three-letters-a-model-name-of-sixty-three");
    snprintf(s->node, sizeof(s->node), "%s",
             "a-node-name-of-sixty-three-letters-a-node-name-of-sixty-three-l");
    s->received = s->done = s->set_aside = s->cancelled = INT64_MAX;
    s->studies = s->reports = s->urgent = s->review = s->routine = s->retake = INT64_MAX;
    s->images_per_s = 1e12;
    s->eta_s = 1e18;
    s->started_ms = 1;
    s->gpu = 7;
    s->gpu_memory = 1;
    s->cores = INT32_MAX;
    s->memory_kb = INT64_MAX;
}

void fake_stats(struct stats *s, enum fake_fill fill, int tick)
{
    *s = (struct stats){.images_per_s = NAN,
                        .eta_s = NAN,
                        .cpu = NAN,
                        .gpu = NAN,
                        .gpu_memory = NAN,
                        .memory_kb = -1,
                        .at_ms = 1795411200000 + 500 * tick};
    snprintf(s->node, sizeof(s->node), "clinic-a");
    snprintf(s->state, sizeof(s->state), "running");
    fill_classes(s, fill, tick);
    fill_stages(s, fill, tick);
    if (fill == FAKE_EMPTY)
        return;
    fill_top(s, tick);
    fill_workers(s, fill, tick);
    fill_cases(s, fill);
    if (fill == FAKE_WIDEST) {
        widen(s);
        fill_gpus(s);
    }
}
