#include "engine/cudnn/jobs.h"

#include <limits.h>

enum { ALIGN = 16 };

/* A pointer that a kernel moves 16 bytes through. */
static bool is_ready(const void *p)
{
    return p && (uintptr_t)p % ALIGN == 0;
}

static bool are_sizes_ok(enum elem kind, int n, int h, int w)
{
    return (kind == ELEM_F32 || kind == ELEM_F16 || kind == ELEM_BF16) && n >= 1 &&
           n <= JOB_IMAGES_MAX && h >= 1 && h <= JOB_SIDE_MAX && w >= 1 && w <= JOB_SIDE_MAX;
}

static bool are_channels_ok(int c, int unit)
{
    return c >= unit && c <= JOB_CHANNELS_MAX && c % unit == 0;
}

static bool is_step_ok(int step, int c)
{
    return step >= c && step <= JOB_CHANNELS_MAX && step % ELEM_GROUP == 0;
}

/* A thread's place in all of it is divided in 32 bits, which take a quarter of the instructions of 64. */
static bool is_countable(int n, int h, int w, int c)
{
    return (double)n * h * w * c <= (double)ELEM_GROUP * INT_MAX;
}

bool gpu_stem_ok(const struct gpu_stem_job *job)
{
    return are_sizes_ok(job->kind, job->n, job->h, job->w) && job->rgb &&
           job->rgb_step >= (size_t)job->h * (size_t)job->w * STEM_INPUTS && job->weight &&
           is_ready(job->bias) && is_ready(job->out);
}

bool gpu_halve_ok(const struct gpu_halve_job *job)
{
    return are_sizes_ok(job->kind, job->n, job->h, job->w) && are_channels_ok(job->c, 64) &&
           is_step_ok(job->in_step, job->c) && is_step_ok(job->conv_step, job->c) &&
           is_step_ok(job->pool_step, job->c) && is_ready(job->in) && is_ready(job->weight) &&
           is_ready(job->bias) && is_ready(job->conv) && is_ready(job->pool);
}

bool gpu_join_ok(const struct gpu_join_job *job)
{
    bool ok = are_sizes_ok(job->kind, job->n, job->h, job->w) && job->parts >= 1 &&
              job->parts <= JOIN_PARTS_MAX && is_ready(job->out) &&
              is_step_ok(job->out_step, ELEM_GROUP) &&
              is_countable(job->n, job->h, job->w, 2 * job->out_step); /* in f32 twice as many */

    for (int i = 0, end = 0; ok && i < job->parts; end = job->part[i].first + job->part[i].c, i++) {
        const struct gpu_join_part *p = &job->part[i];
        ok = are_channels_ok(p->c, ELEM_GROUP) && p->first >= end && p->first % ELEM_GROUP == 0 &&
             p->first <= job->out_step - p->c && is_ready(p->at);
    }
    return ok;
}

bool gpu_bins_ok(const struct gpu_bins_job *job)
{
    return are_sizes_ok(job->kind, job->n, job->h, job->w) && are_channels_ok(job->c, 16) &&
           is_step_ok(job->in_step, job->c) && is_ready(job->in) && is_ready(job->out[0]) &&
           is_ready(job->out[1]) && is_ready(job->out[2]);
}

bool gpu_sum_ok(const struct gpu_sum_job *job)
{
    return are_sizes_ok(job->kind, job->n, job->h, job->w) && are_channels_ok(job->c, ELEM_GROUP) &&
           is_ready(job->in[0]) && is_ready(job->in[1]) && is_ready(job->in[2]) &&
           is_ready(job->out);
}

bool gpu_stats_ok(const struct gpu_attend_job *job)
{
    enum { CHANNELS_MAX = 256 }; /* a warp reduces a pixel */
    bool is_power = (job->c & (job->c - 1)) == 0;

    return are_sizes_ok(job->kind, job->n, job->h, job->w) &&
           are_sizes_ok(job->kind, job->n, job->y_h, job->y_w) &&
           are_channels_ok(job->c, ELEM_GROUP) && job->c <= CHANNELS_MAX && is_power &&
           is_countable(job->n, job->h, job->w, job->c) && is_ready(job->x) && is_ready(job->y) &&
           is_ready(job->stats);
}

bool gpu_attend_ok(const struct gpu_attend_job *job)
{
    return gpu_stats_ok(job) && is_ready(job->out);
}

bool gpu_classes_ok(const struct gpu_classes_job *job)
{
    return are_sizes_ok(job->kind, job->n, job->h, job->w) &&
           are_sizes_ok(job->kind, job->n, job->in_h, job->in_w) && is_ready(job->logits) &&
           is_ready(job->content) && job->class_map && is_ready(job->partials) &&
           is_ready(job->scores);
}

void pack_stem(float to[STEM_TAPS * STEM_CHANNELS], const double *weight)
{
    for (int tap = 0; tap < 9; tap++)
        for (int i = 0; i < STEM_INPUTS; i++)
            for (int o = 0; o < STEM_CHANNELS; o++)
                to[(tap * STEM_INPUTS + i) * STEM_CHANNELS + o] =
                    (float)weight[(o * STEM_INPUTS + i) * 9 + tap];
}

void pack_depthwise(float *to, const double *weight, int c)
{
    for (int tap = 0; tap < 9; tap++)
        for (int k = 0; k < c; k++)
            to[(size_t)tap * (size_t)c + (size_t)k] = (float)weight[(size_t)k * 9 + (size_t)tap];
}

void pack_attend(struct gpu_attend_weights *to, const struct fusion_weights *from)
{
    for (int tap = 0; tap < 9; tap++)
        for (int o = 0; o < HIDDEN_CHANNELS; o++) {
            for (int i = 0; i < STATS_CHANNELS; i++)
                to->hidden[o][tap][i] = (float)from->hidden[(o * STATS_CHANNELS + i) * 9 + tap];
            to->out[tap][o] = (float)from->out[o * 9 + tap];
        }
    for (int o = 0; o < HIDDEN_CHANNELS; o++)
        to->hidden_bias[o] = (float)from->hidden_bias[o];
    to->out_bias = (float)*from->out_bias;
    to->scale = (float)from->scale;
}
