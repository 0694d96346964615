/* stats.h -- the figures of one node, as the scheduler publishes them twice a second and the
 * dashboard and `status` read them.
 *
 * Kept in Redis under lentigo:{s0}:node:<name> as JSON with an expiry of ten seconds, and for a
 * run also at the end in OUT/.lentigo/stats.json. No patient's field is in it: cases carry our own
 * short ids ("<first 6 of upload>/<study key>/<n>"). Unknown numbers are NAN or -1. */
#ifndef QUEUE_STATS_H
#define QUEUE_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/json.h"
#include "queue/wire.h"

enum {
    STATS_CLASSES = 3,
    STATS_HISTORY = 240,
    STATS_WORKERS_MAX = 64,
    STATS_CASES_MAX = 200,
    STATS_SCHEDULED_MAX = 16,
    STATS_GPUS_MAX = 16
};

struct stats_class {
    char name[16];
    int64_t ready, leased;
    int64_t oldest_ms; /* age of the oldest entry, -1 = none */
    /* An operator paused it: ISO 8601, who, and why; "" = it goes on. */
    char paused_at[CLOCK_ISO_SIZE], paused_by[64], paused_why[240];
};

struct stats_stage {
    double busy;        /* share of the lanes' time at work over the last seconds, 0..1, NAN */
    double ms_per_item; /* busy time per item over the last seconds, NAN */
    int lanes, waiting;
};

struct stats_worker {
    int pid;
    char role[16], state[16]; /* "starting", "working", "idle", "draining", "backing off" */
    char device[32];
    int in_flight, restarts;
    int64_t items;
    int64_t memory_kb;
};

struct stats_gpu {
    int number;                                   /* as nvidia-smi counts */
    char name[48];                                /* the maker's */
    char state[16];                               /* "ok", "lost" */
    double load, memory;                          /* 0..1, NAN */
    int64_t memory_kb;                            /* of the GPU, -1 */
    double temperature_c, power_w, power_limit_w; /* NAN */
    char throttle[48];  /* what holds its clocks down: "heat, power cap", "" */
    int64_t ecc_errors; /* that could not be corrected, since the driver was loaded; -1 */
};

struct stats_case {
    char id[48];
    char risk[16]; /* flagged cases */
    double malignant_probability;
    char reason[32], stage[16]; /* set-aside list */
    int64_t at_ms;
};

struct stats_scheduled {
    char upload[64];
    int64_t images;        /* that are not terminal */
    int64_t not_before_ms; /* wall clock */
};

struct stats {
    char node[64], state[16]; /* "running", "paused", "no space", "draining", "done" */
    char model[64], precision[16], device[32];
    int size;
    int64_t at_ms, started_ms; /* wall clock */
    int64_t received, done, set_aside, cancelled;
    int64_t scheduled_images; /* of those that are left: their upload's time is still to come */
    int64_t studies, reports;
    int64_t urgent, review, routine, retake; /* images */
    struct stats_class classes[STATS_CLASSES];
    struct stats_stage stages[STAGE_COUNT];
    double images_per_s;          /* over the last ten seconds, of a run that is over all; NAN */
    double eta_s;                 /* NAN when unknown */
    float history[STATS_HISTORY]; /* images finished in each second, newest last */
    int n_history;
    double cpu; /* 0..1 of all cores, NAN */
    int cores;
    int64_t memory_kb;      /* PSS of all our processes */
    double gpu, gpu_memory; /* means over the GPUs, 0..1, NAN when unknown */
    int n_gpus;
    struct stats_gpu gpus[STATS_GPUS_MAX];
    int n_workers;
    struct stats_worker workers[STATS_WORKERS_MAX];
    int n_scheduled; /* uploads, soonest first */
    struct stats_scheduled scheduled[STATS_SCHEDULED_MAX];
    int n_flagged, n_aside; /* worst first; newest first */
    struct stats_case flagged[STATS_CASES_MAX], aside[STATS_CASES_MAX];
};

/* A new object of the caller; NULL when memory is gone. */
json_t *stats_to_json(const struct stats *s);
int stats_from_json(struct stats *out, const json_t *object, struct err *err);

/* The stage that limits the throughput now, or STAGE_COUNT when nothing is at work; `sentence`
 * receives what a person reads: "The network is the bottleneck: 96 % busy, 41 images wait." */
enum wire_stage stats_bottleneck(const struct stats *s, char sentence[160]);

#endif
