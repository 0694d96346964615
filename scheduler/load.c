#include "scheduler/load.h"

#include <math.h>

void load_forget(struct load *l)
{
    l->n = 0;
}

void load_add(struct load *l, int64_t at_us, const struct wire_stage_stats stages[STAGE_COUNT])
{
    if (l->n == LOAD_SAMPLES)
        memmove(l->samples, l->samples + 1, (size_t)(--l->n) * sizeof(*l->samples));
    l->samples[l->n].at_us = at_us;
    memcpy(l->samples[l->n].stages, stages, sizeof(l->samples[l->n].stages));
    l->n++;
}

void load_sum(const struct load *const loads[], int n, struct stats_stage out[STAGE_COUNT])
{
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        double lane_us = 0, busy_us = 0, items = 0;
        out[stage] = (struct stats_stage){0};
        for (int i = 0; i < n; i++) {
            const struct load *l = loads[i];
            if (!l->n)
                continue;
            const struct wire_stage_stats *last = &l->samples[l->n - 1].stages[stage];
            const struct wire_stage_stats *first = &l->samples[0].stages[stage];
            double us = (double)(l->samples[l->n - 1].at_us - l->samples[0].at_us);
            out[stage].lanes += last->lanes;
            out[stage].waiting += last->waiting;
            lane_us += us * last->lanes;
            busy_us += (double)(last->busy_us - first->busy_us);
            items += (double)(last->items - first->items);
        }
        out[stage].busy = lane_us > 0 ? busy_us / lane_us : (double)NAN;
        out[stage].ms_per_item = items > 0 ? busy_us / items / 1000 : (double)NAN;
    }
}

enum wire_stage load_tightest(const int64_t looks[STAGE_COUNT], double *share)
{
    int64_t sum = 0;
    int most = 0;

    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        sum += looks[stage];
        if (looks[stage] > looks[most])
            most = stage;
    }
    *share = sum ? (double)looks[most] / (double)sum : (double)NAN;
    return sum ? (enum wire_stage)most : STAGE_COUNT;
}
