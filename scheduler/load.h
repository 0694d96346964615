/* load.h -- how busy a child's stages were over the last seconds, from its STATS. */
#ifndef SCHEDULER_LOAD_H
#define SCHEDULER_LOAD_H

#include <stdint.h>

#include "queue/stats.h"

enum { LOAD_SAMPLES = 8 };

struct load {
    struct {
        int64_t at_us;
        struct wire_stage_stats stages[STAGE_COUNT];
    } samples[LOAD_SAMPLES]; /* oldest first */
    int n;
};

void load_forget(struct load *l); /* a new process counts from 0 again */
void load_add(struct load *l, int64_t at_us, const struct wire_stage_stats stages[STAGE_COUNT]);

/* The stages of several children as one: shares over all their lanes. Stages that nobody has told
 * of twice are NAN. */
void load_sum(const struct load *const loads[], int n, struct stats_stage out[STAGE_COUNT]);

/* The stage that was the bottleneck at most of the looks, and in what share of those that had one;
 * STAGE_COUNT and NAN when none ever was. */
enum wire_stage load_tightest(const int64_t looks[STAGE_COUNT], double *share);

#endif
