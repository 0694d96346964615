#include "engine/cudnn/learn_jobs.h"

enum { ALIGN = 16, PIXELS_MAX = 1 << 30 };

static bool is_ready(const void *p)
{
    return p && (uintptr_t)p % ALIGN == 0;
}

static bool are_sizes_ok(enum elem kind, int n, int h, int w)
{
    return (kind == ELEM_F32 || kind == ELEM_F16 || kind == ELEM_BF16) && n >= 1 &&
           n <= JOB_IMAGES_MAX && h >= 1 && h <= JOB_SIDE_MAX && w >= 1 && w <= JOB_SIDE_MAX &&
           (long long)n * h * w <= PIXELS_MAX;
}

/* Eight times a power of two. */
static bool are_channels_ok(int c)
{
    return c >= ELEM_GROUP && c <= JOB_CHANNELS_MAX && (c & (c - 1)) == 0;
}

static bool are_values_ok(const struct gpu_norm_values *v)
{
    return is_ready(v->mean) && is_ready(v->inverse) && is_ready(v->scale) && is_ready(v->shift) &&
           is_ready(v->by_g) && is_ready(v->by_z) && is_ready(v->rest);
}

static bool are_params_ok(const struct gpu_norm_params *p)
{
    return p->gamma && p->beta && p->running_mean && p->running_variance && p->d_gamma &&
           p->d_beta && !p->bias == !p->d_bias;
}

bool gpu_norm_ok(const struct gpu_norm_job *job)
{
    return are_channels_ok(job->c) && job->c <= NORM_SLICES_MAX * 256 && job->pixels >= 1 &&
           job->pixels <= PIXELS_MAX && is_ready(job->z) && are_values_ok(&job->values) &&
           are_params_ok(&job->params) && is_ready(job->partials) && job->done;
}

bool gpu_stem_learn_ok(const struct gpu_stem_learn_job *job)
{
    return gpu_stem_ok(&job->stem) && is_ready(job->partials);
}

bool gpu_halve_back_ok(const struct gpu_halve_back_job *job)
{
    const struct gpu_halve_job *h = &job->halve;

    return are_sizes_ok(h->kind, h->n, h->h, h->w) && are_channels_ok(h->c) && h->c >= 64 &&
           is_ready(h->in) && is_ready(h->weight) && is_ready(h->conv) && is_ready(job->out) &&
           is_ready(job->partials);
}

bool gpu_bins_back_ok(const struct gpu_bins_back_job *job)
{
    return are_sizes_ok(job->kind, job->n, job->h, job->w) && are_channels_ok(job->c) &&
           is_ready(job->from[0]) && is_ready(job->from[1]) && is_ready(job->from[2]) &&
           is_ready(job->to);
}

bool gpu_resize_back_ok(const struct gpu_resize_back_job *job)
{
    bool ok = are_sizes_ok(job->kind, job->n, job->h, job->w) && are_channels_ok(job->c) &&
              is_ready(job->from) && job->count >= 1 && job->count <= CONTEXT_LEVELS;

    for (int i = 0; ok && i < job->count; i++)
        ok = are_sizes_ok(job->kind, job->n, job->to[i].h, job->to[i].w) && is_ready(job->to[i].at);
    return ok;
}

bool gpu_plane_ok(const struct gpu_plane_job *job)
{
    return are_sizes_ok(ELEM_F32, job->n, job->h, job->w) && job->in && job->weight && job->z &&
           are_values_ok(&job->values) && are_params_ok(&job->params) && job->partials && job->done;
}

bool gpu_fuse_ok(const struct gpu_fuse_job *job)
{
    return gpu_attend_ok(&job->attend) && job->t && job->scale && are_values_ok(&job->values);
}

bool gpu_classify_ok(const struct gpu_classify_job *job)
{
    return are_sizes_ok(job->kind, 1, 1, 1) && (job->c == 32 || job->c == 64) && job->pixels >= 1 &&
           job->pixels <= PIXELS_MAX && is_ready(job->in) && is_ready(job->weight) &&
           is_ready(job->logits);
}

bool gpu_columns_ok(const struct gpu_columns_job *job)
{
    bool ok = job->count >= 1 && job->count <= COLUMNS_MAX;

    for (int i = 0; ok && i < job->count; i++)
        ok = job->list[i].partials && job->list[i].out && job->list[i].blocks >= 1 &&
             job->list[i].values >= 1;
    return ok;
}

bool gpu_loss_ok(const struct gpu_loss_job *job)
{
    bool ok = are_sizes_ok(ELEM_F32, job->n, job->h, job->w) && job->labels && job->control &&
              job->outcome && job->label_partials && job->done && job->counts && job->sums &&
              job->cells && (job->dice <= 0 || job->cell_sums);

    for (int i = 0; ok && i < LOSS_HEADS; i++)
        ok = are_sizes_ok(ELEM_F32, job->n, job->heads[i].h, job->heads[i].w) &&
             is_ready(job->heads[i].logits) && is_ready(job->heads[i].gradient);
    return ok;
}

bool gpu_gather_ok(const struct gpu_gather_job *job)
{
    return job->count % 4 == 0 && is_ready(job->dense) && is_ready(job->fresh) && job->rule &&
           is_ready(job->sum) && job->control && job->outcome && job->partials && job->done;
}

bool gpu_update_ok(const struct gpu_update_job *job)
{
    return job->count % 4 == 0 && is_ready(job->weights) && job->rule &&
           (job->packed == NULL) == (job->kind == ELEM_F32) && (!job->sum || is_ready(job->first));
}
