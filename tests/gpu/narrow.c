/* narrow.c -- gpu_narrow DEVICE BATCH [SECONDS]: would int8 or fp8 be faster than fp16 on this device?
 *
 * Takes the network's three convolutions with the most work at 512x512 and asks cuDNN for each as the
 * network has it, fp16 with bias and ReLU, and as int8 or fp8 would need it: product, scale of each
 * channel, bias, ReLU, and narrow again, in one pass. The first TRIES of both its lists are made ready
 * and timed, as far as the kind's share of SECONDS goes; a JSON line for each convolution and kind says how
 * many there were and what the fastest takes.
 * DEVICE is cuda:N, or a file of tests/engine/devices: then all that it proposes are made ready, counted,
 * and nothing runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "engine/cudnn/conv.h"
#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/memory.h"
#include "engine/cudnn/steps.h"
#include "engine/wish.h"
#include "tests/gpu/line.h"

enum {
    SIDE = 512,
    HEAVIEST = 3,
    RUNS = 20,
    TRIES = 10,
    PARTS = 5,
    BATCH_MAX = 1024,
    SECONDS_MAX = 3600
};

static const struct kind {
    const char *name;
    cudnnDataType_t type, accumulate;
    size_t size; /* bytes of a value */
    bool is_scaled;
} kinds[] = {
    {"fp16", CUDNN_DATA_HALF,     CUDNN_DATA_FLOAT, 2, false},
    {"int8", CUDNN_DATA_INT8,     CUDNN_DATA_INT32, 1, true },
    {"fp8",  CUDNN_DATA_FP8_E4M3, CUDNN_DATA_FLOAT, 1, true },
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

struct bench {
    struct graph_target *target;
    cudnnHandle_t handle; /* NULL: nothing runs */
    cudaStream_t stream;
    cudaEvent_t begin, end;
    int64_t share_us, until_us; /* of each convolution and kind; of the one at hand */
};

struct found {
    int plans, with_tensor_cores;
    char engine[32];
    double us; /* of the fastest; 0: none ran */
    struct err why;
};

/* ---- the graph of a kind ------------------------------------------------------------------ */

enum { UID_X = 1, UID_W, UID_SCALE, UID_BIAS, UID_Y, UID_INNER };

static int tensor(struct graph *g, struct graph_tensor t, struct err *err)
{
    return graph_tensor(g, &t, err);
}

static int out_side(int side, int stride)
{
    return (side + stride - 1) / stride;
}

static int build(struct graph *g, const struct conv *c, const struct kind *k, struct err *err)
{
    const struct graph_conv conv = {c->kernel, c->stride, k->accumulate};
    const cudnnDataType_t inner = CUDNN_DATA_FLOAT, beside = k->is_scaled ? inner : k->type;
    int h = out_side(c->h, c->stride), w = out_side(c->w, c->stride), at[8], n = 0;

    at[0] = tensor(g, (struct graph_tensor){UID_X, k->type, c->n, c->c, c->h, c->w, 0}, err);
    at[1] =
        tensor(g, (struct graph_tensor){UID_W, k->type, c->k, c->c, c->kernel, c->kernel, 0}, err);
    at[2] = tensor(g, (struct graph_tensor){UID_BIAS, beside, 1, c->k, 1, 1, 0}, err);
    at[3] = tensor(g, (struct graph_tensor){UID_Y, k->type, c->n, c->k, h, w, 0}, err);
    for (n = 0; n < 2 + k->is_scaled; n++)
        at[4 + n] =
            tensor(g, (struct graph_tensor){UID_INNER + n, inner, c->n, c->k, h, w, true}, err);
    if (k->is_scaled)
        at[7] = tensor(g, (struct graph_tensor){UID_SCALE, inner, 1, c->k, 1, 1, 0}, err);
    if (err->code || graph_conv(g, GRAPH_FORWARD, &conv, (int[]){at[0], at[1], at[4]}, err) ||
        (k->is_scaled && graph_pointwise(g, CUDNN_POINTWISE_MUL, at[4], at[7], at[6], err)) ||
        graph_pointwise(g, CUDNN_POINTWISE_ADD, at[k->is_scaled ? 6 : 4], at[2], at[5], err) ||
        graph_pointwise(g, CUDNN_POINTWISE_RELU_FWD, at[5], -1, at[3], err))
        return -1;
    return graph_finish(g, err);
}

/* ---- running ------------------------------------------------------------------------------ */

static int bind(struct graph_plan *p, const struct conv *c, const struct kind *k, char **memory,
                struct err *err)
{
    const int64_t uids[PARTS] = {UID_X, UID_W, UID_BIAS, UID_Y, UID_SCALE};
    size_t out = (size_t)out_side(c->h, c->stride) * (size_t)out_side(c->w, c->stride);
    const size_t bytes[PARTS] = {
        (size_t)c->n * (size_t)c->h * (size_t)c->w * (size_t)c->c * k->size,
        conv_filter_count(c) * k->size, (size_t)c->k * sizeof(float),
        (size_t)c->n * out * (size_t)c->k * k->size, (size_t)c->k * sizeof(float)};
    size_t at[PARTS], all = 0;
    void *tensors[PARTS];

    for (int i = 0; i < PARTS; i++) {
        at[i] = all;
        all += memory_align(bytes[i]);
    }
    if (CUDA_FAILED(err, cudaMalloc((void **)memory, all + graph_plan_workspace(p))) ||
        CUDA_FAILED(err, cudaMemset(*memory, 0x11, all)))
        return -1;
    for (int i = 0; i < PARTS; i++)
        tensors[i] = *memory + at[i];
    return graph_plan_bind(p, uids, tensors, k->is_scaled ? PARTS : PARTS - 1, *memory + all, err);
}

static int run(const struct bench *b, const struct graph_plan *p, int runs, struct err *err)
{
    for (int i = 0; i < runs; i++)
        if (graph_plan_run(p, b->handle, err))
            return -1;
    return 0;
}

static int measure(const struct bench *b, struct graph_plan *p, const struct conv *c,
                   const struct kind *k, double *us, struct err *err)
{
    char *memory = NULL;
    float ms = 0;
    int ret = bind(p, c, k, &memory, err) || run(b, p, 2, err) ||
                      CUDA_FAILED(err, cudaEventRecord(b->begin, b->stream)) ||
                      run(b, p, RUNS, err) ||
                      CUDA_FAILED(err, cudaEventRecord(b->end, b->stream)) ||
                      CUDA_FAILED(err, cudaStreamSynchronize(b->stream)) ||
                      CUDA_FAILED(err, cudaEventElapsedTime(&ms, b->begin, b->end))
                  ? -1
                  : 0;

    cudaFree(memory);
    *us = 1e3 * (double)ms / RUNS;
    return ret;
}

/* ---- plans -------------------------------------------------------------------------------- */

static void take(const struct bench *b, struct graph_plan *p, const struct conv *c,
                 const struct kind *k, struct found *found)
{
    double us = 0;
    struct err why = {0};

    found->plans++;
    found->with_tensor_cores += graph_plan_has_tensor_cores(p);
    if (b->handle && measure(b, p, c, k, &us, &why)) {
        found->why = why;
        return;
    }
    if (found->plans > 1 && (!b->handle || (found->us > 0 && us >= found->us)))
        return;
    found->us = us;
    snprintf(found->engine, sizeof(found->engine), "%s", graph_plan_engine(p));
}

static void try_mode(const struct bench *b, const struct graph *g, cudnnBackendHeurMode_t mode,
                     const struct conv *c, const struct kind *k, struct found *found)
{
    struct graph_choices *choices;

    if (graph_choices_new(&choices, g, b->target, mode, &found->why))
        return;
    int n = graph_choices_count(choices);

    for (int i = 0; i < n && (!b->handle || (i < TRIES && clock_mono_us() < b->until_us)); i++) {
        struct graph_plan *p = NULL;
        struct err why = {0};

        if (graph_plan_new(&p, choices, i, &why))
            found->why = why;
        else
            take(b, p, c, k, found);
        graph_plan_free(p);
    }
    graph_choices_free(choices);
}

static void print(const struct conv *c, const struct kind *k, const struct found *found)
{
    char text[CONV_TEXT_SIZE];

    print_line(json_pack("{s:s, s:s, s:i, s:i, s:s, s:o, s:s}", "conv", conv_text(text, c), "kind",
                         k->name, "plans", found->plans, "with_tensor_cores",
                         found->with_tensor_cores, "engine", found->engine, "us",
                         found->us > 0 ? json_real(found->us) : json_null(), "why",
                         found->us > 0 ? "" : found->why.msg));
}

static int look_at(struct bench *b, const struct conv *c, struct err *err)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct found found = {.engine = ""};
        struct graph *g;

        if (graph_new(&g, err))
            return -1;
        b->until_us = clock_mono_us() + b->share_us;
        if (!build(g, c, &kinds[i], &found.why)) {
            try_mode(b, g, CUDNN_HEUR_MODE_A, c, &kinds[i], &found);
            try_mode(b, g, CUDNN_HEUR_MODE_FALLBACK, c, &kinds[i], &found);
        }
        print(c, &kinds[i], &found);
        graph_free(g);
    }
    return 0;
}

/* ---- the heaviest ------------------------------------------------------------------------- */

static double work_of(const struct conv *c)
{
    return (double)conv_filter_count(c) * out_side(c->h, c->stride) * out_side(c->w, c->stride);
}

static bool is_known(const struct conv known[HEAVIEST], const struct conv *c)
{
    char text[CONV_TEXT_SIZE], other[CONV_TEXT_SIZE];

    for (int i = 0; i < HEAVIEST && known[i].k; i++)
        if (!strcmp(conv_text(text, c), conv_text(other, &known[i])))
            return true;
    return false;
}

/* Different ones, the heaviest first. */
static void find_heaviest(struct conv heaviest[HEAVIEST], int batch)
{
    struct steps steps;

    steps_make(&steps, &(struct steps_shape){.n = batch, .h = SIDE, .w = SIDE, .elem_size = 2});
    memset(heaviest, 0, HEAVIEST * sizeof(*heaviest));
    for (int i = 0; i < steps.count; i++) {
        const struct layer *l = &network[steps.list[i].layer];
        struct conv c;

        if (steps.list[i].kind != STEP_CONV)
            continue;
        conv_of_layer(&c, l, batch, steps.shapes[l->in[0]], CUDNN_DATA_HALF);
        for (int k = 0; k < HEAVIEST && !is_known(heaviest, &c); k++)
            if (!heaviest[k].k || work_of(&c) > work_of(&heaviest[k])) {
                memmove(&heaviest[k + 1], &heaviest[k],
                        (size_t)(HEAVIEST - 1 - k) * sizeof(*heaviest));
                heaviest[k] = c;
            }
    }
}

static int open_described(struct bench *b, const char *path, struct err *err)
{
    struct buf json;

    buf_init(&json, 4096);
    int ret =
        file_read(path, &json, err) || graph_target_described(&b->target, json.data, json.len, err);
    buf_release(&json);
    return ret ? -1 : 0;
}

static int open_device(struct bench *b, int device, struct err *err)
{
    return CUDA_FAILED(err, cudaSetDevice(device)) ||
                   graph_target_device(&b->target, device, err) ||
                   CUDNN_FAILED(err, cudnnCreate(&b->handle)) ||
                   CUDA_FAILED(err, cudaStreamCreate(&b->stream)) ||
                   CUDNN_FAILED(err, cudnnSetStream(b->handle, b->stream)) ||
                   CUDA_FAILED(err, cudaEventCreateWithFlags(&b->begin, cudaEventDefault)) ||
                   CUDA_FAILED(err, cudaEventCreateWithFlags(&b->end, cudaEventDefault))
               ? -1
               : 0;
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    struct conv heaviest[HEAVIEST];
    struct err err = {0};

    long batch = argc == 3 || argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    long seconds = argc == 4 ? strtol(argv[3], NULL, 10) : SECONDS_MAX;

    if (batch < 1 || batch > BATCH_MAX || seconds < 1 || seconds > SECONDS_MAX) {
        fprintf(stderr, "usage: gpu_narrow DEVICE BATCH [SECONDS]\n");
        return 64;
    }
    int ret = wish_gpu(argv[1]) >= 0 ? open_device(&b, wish_gpu(argv[1]), &err)
                                     : open_described(&b, argv[1], &err);
    find_heaviest(heaviest, (int)batch);
    b.share_us = seconds * 1000000 / ((int64_t)HEAVIEST * KINDS);
    for (int i = 0; i < HEAVIEST && !ret; i++)
        ret = look_at(&b, &heaviest[i], &err);
    if (ret)
        fprintf(stderr, "gpu_narrow: %s\n", err.msg);
    graph_target_free(b.target);
    return ret ? 1 : 0;
}
