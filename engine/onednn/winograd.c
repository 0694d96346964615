#include "engine/onednn/winograd.h"

#include <stdlib.h>

#include "engine/weights.h"

enum {
    TILES = 64, /* at a time: points and sums stay near, and a weight is read for many */
    SHARE = 4,  /* tiles that a thread takes at a time */
    CACHE_LINE = 64,
};

void winograd_init(struct winograd *w, const struct model *model, const struct quantised *quantised,
                   const struct kernels *kernels)
{
    *w = (struct winograd){.model = model, .quantised = quantised, .kernels = kernels};
    pthread_mutex_init(&w->lock, NULL);
}

void winograd_release(struct winograd *w)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        free(w->weights[i].points);
        free(w->weights[i].bias);
    }
    pthread_mutex_destroy(&w->lock);
}

int winograd_tiles(struct shape s)
{
    return (s.h + WINOGRAD_OUT - 1) / WINOGRAD_OUT * ((s.w + WINOGRAD_OUT - 1) / WINOGRAD_OUT);
}

/* 36 products a tile against 9 a pixel. */
static bool needs_fewer_products(struct shape s)
{
    return 4 * winograd_tiles(s) < s.h * s.w;
}

bool winograd_does(const struct winograd *w, int layer, const struct shape shapes[LAYER_COUNT])
{
    const struct layer *l = &network[layer];

    if (quantised_conv(w->quantised, layer) &&
        winograd_tiles(shapes[layer]) <= WINOGRAD_BYTES_TILES)
        return false;

    return l->op == LAYER_CONV && l->kernel == 3 && l->stride == 1 && l->groups == 1 && l->relu &&
           l->channels % 32 == 0 && network[l->in[0]].channels % 32 == 0 &&
           needs_fewer_products(shapes[layer]);
}

/* ---- weights ----------------------------------------------------------------------------- */

struct raw {
    double *weight, *bias; /* out,in,3,3 and out */
    float *turned;         /* in,3,3,out */
};

static void raw_release(struct raw *r)
{
    free(r->weight);
    free(r->bias);
    free(r->turned);
}

static int load(const struct winograd *w, int layer, struct raw *r, struct err *err)
{
    size_t count = weights_count(layer), k = (size_t)network[layer].channels, c = count / 9 / k;
    double out = quantised_step(w->quantised, layer);
    double scale = quantised_step(w->quantised, network[layer].in[0]) / out;

    *r = (struct raw){.weight = malloc(count * sizeof(double)),
                      .bias = calloc(k, sizeof(double)),
                      .turned = malloc(count * sizeof(float))};
    if (!r->weight || !r->bias || !r->turned)
        return err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    if (weights_fold(w->model, layer, r->weight, r->bias, err))
        return -1;
    for (size_t o = 0; o < k; o++)
        for (size_t i = 0; i < c * 9; i++)
            r->turned[i * k + o] = (float)(r->weight[o * c * 9 + i] * scale);
    for (size_t o = 0; o < k; o++)
        r->bias[o] /= out;
    return 0;
}

static int pack(const struct kernels *kernels, int layer, const struct raw *raw,
                struct winograd_weight *to, struct err *err)
{
    int k = network[layer].channels, c = network[network[layer].in[0]].channels;

    to->points =
        aligned_alloc(CACHE_LINE, WINOGRAD_POINTS * (size_t)c * (size_t)k * kernels->elem_size);
    to->bias = malloc((size_t)k * sizeof(float));
    if (!to->points || !to->bias)
        return err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    kernels->winograd_pack(to->points, raw->turned, c, k);
    for (int i = 0; i < k; i++)
        to->bias[i] = (float)raw->bias[i];
    return 0;
}

static int make(struct winograd *w, int layer, struct err *err)
{
    struct winograd_weight *to = &w->weights[layer];
    struct raw raw;
    int ret = load(w, layer, &raw, err) || pack(w->kernels, layer, &raw, to, err);

    if (ret) {
        free(to->points);
        free(to->bias);
        *to = (struct winograd_weight){0};
    }
    raw_release(&raw);
    return ret ? -1 : 0;
}

int winograd_get(struct winograd *w, int layer, struct winograd_weight *out, struct err *err)
{
    pthread_mutex_lock(&w->lock);
    int ret = w->weights[layer].points ? 0 : make(w, layer, err);
    *out = w->weights[layer];
    pthread_mutex_unlock(&w->lock);
    return ret;
}

/* ---- run --------------------------------------------------------------------------------- */

size_t winograd_point_step(size_t elems, size_t elem_size)
{
    size_t lines = (elems * elem_size + CACHE_LINE - 1) / CACHE_LINE;

    return (lines | 1) * CACHE_LINE / elem_size;
}

size_t winograd_scratch_of(int tiles, int c, int k, size_t elem_size)
{
    size_t most = (size_t)(tiles < TILES ? tiles : TILES);

    return WINOGRAD_POINTS * (winograd_point_step(most * (size_t)c, elem_size) * elem_size +
                              winograd_point_step(most * (size_t)k, sizeof(float)) * sizeof(float));
}

size_t winograd_scratch(int layer, const struct shape shapes[LAYER_COUNT], int n, size_t elem_size)
{
    return winograd_scratch_of(n * winograd_tiles(shapes[layer]),
                               network[network[layer].in[0]].channels, network[layer].channels,
                               elem_size);
}

/* `job` for the tiles from `first` on of those whose points and sums are at hand. */
static struct winograd_job part_of(const struct winograd_job *job, int first, size_t elem_size)
{
    struct winograd_job part = *job;

    part.points = (char *)job->points + (size_t)first * (size_t)job->c * elem_size;
    part.sums = job->sums + (size_t)first * (size_t)job->k;
    return part;
}

/* The tiles from `first` on, `now` of them; by all threads of the team that calls it. */
static void run_group(const struct kernels *kernels, const struct winograd_job *job, int first,
                      int now)
{
#pragma omp for
    for (int t = 0; t < now; t += SHARE) {
        struct winograd_job part = part_of(job, t, kernels->elem_size);
        kernels->winograd_in(&part, first + t, now - t < SHARE ? now - t : SHARE);
    }
#pragma omp for
    for (int p = 0; p < WINOGRAD_POINTS; p++)
        kernels->winograd_multiply(job, p, now);
#pragma omp for
    for (int t = 0; t < now; t += SHARE) {
        struct winograd_job part = part_of(job, t, kernels->elem_size);
        kernels->winograd_out(&part, first + t, now - t < SHARE ? now - t : SHARE);
    }
}

void winograd_run(const struct kernels *kernels, const struct winograd_job *job, int n, int threads,
                  void *scratch)
{
    int tiles = n * winograd_tiles((struct shape){job->h, job->w, job->k});
    int most = tiles < TILES ? tiles : TILES;
    struct winograd_job all = *job;

    all.points = scratch;
    all.points_step = winograd_point_step((size_t)most * (size_t)job->c, kernels->elem_size);
    all.sums = (float *)((char *)scratch + WINOGRAD_POINTS * all.points_step * kernels->elem_size);
    all.sums_step = winograd_point_step((size_t)most * (size_t)job->k, sizeof(float));
#pragma omp parallel num_threads(threads) if (threads > 1)
    for (int first = 0; first < tiles; first += most)
        run_group(kernels, &all, first, tiles - first < most ? tiles - first : most);
}
