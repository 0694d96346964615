/* kernels.c -- gpu_kernels DEVICE: each kernel of ours between the convolutions, alone on a device, beside
 * the same functions on the host.
 *
 * Whatever a kernel reads or writes is a block on the host and one on the device; the kernel writes there, the
 * host's loops (grids.h) here, and the results may differ by rounding. No cuDNN, no graph and no model takes
 * part, so that what a sanitizer finds is ours; a block each, so that it sees what goes beyond one, and scratch
 * is sent nowhere, so that it sees what reads it first. Prints a JSON line for each kernel and kind of element; status 1 when one is
 * further off than LIMIT_*. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/kernels.h"
#include "engine/cudnn/threads_classes.h"
#include "engine/wish.h"
#include "tests/engine/grids.h"
#include "tests/gpu/line.h"

/* NMSE of the values: the last bit of bf16, where a few in a hundred fall to the other side, gives 1e-7.
 * Share of the labels: two classes alike to a rounding may change places. */
static const double LIMIT_NMSE = 1e-6, LIMIT_LABELS = 1e-4;

enum { ALIGN = 256, BLOCKS_MAX = 16, N = 2, H = 75, W = 130, RESULTS_MAX = 3 };

static cudaStream_t stream;

static const char *const kinds[] = {"f32", "fp16", "bf16"};

/* Of the trial at hand. */
static struct block {
    char *host, *device;
    size_t bytes;
    bool is_sent; /* what is in it is input */
} blocks[BLOCKS_MAX];
static int n_blocks;

/* What a kernel made, where the host has it. */
struct result {
    const void *at;
    size_t count;
    enum { OF_KIND, OF_BYTES, OF_FLOATS, OF_DOUBLES } is;
};

struct trial {
    const char *kernel;
    enum elem kind;
    struct result results[RESULTS_MAX];
    int count;
};

/* ---- blocks ------------------------------------------------------------------------------ */

static uint32_t draw(void)
{
    static uint32_t state = 2463534242U; /* Marsaglia's xorshift */

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static float draw_value(void)
{
    return (float)(draw() >> 8) / (float)(1 << 23) - 1;
}

static struct block *place(size_t bytes)
{
    struct block *b = &blocks[n_blocks++];

    *b = (struct block){.bytes = bytes};
    if (n_blocks <= BLOCKS_MAX)
        b->host = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
    if (!b->host || cudaMalloc((void **)&b->device, bytes) != cudaSuccess) {
        fprintf(stderr, "gpu_kernels: %zu bytes: %s\n", bytes,
                cudaGetErrorString(cudaGetLastError()));
        exit(1);
    }
    return b;
}

static void *sent(size_t bytes)
{
    struct block *b = place(bytes);

    b->is_sent = true;
    return b->host;
}

/* To write to before it is read. */
static void *scratch(size_t bytes)
{
    return place(bytes)->host;
}

static void drop_blocks(void)
{
    for (; n_blocks; n_blocks--) {
        free(blocks[n_blocks - 1].host);
        cudaFree(blocks[n_blocks - 1].device);
    }
}

static const struct block *block_of(const void *at)
{
    const char *p = at;
    int i = 0;

    while (p < blocks[i].host || p >= blocks[i].host + blocks[i].bytes)
        i++; /* every pointer is into one of them */
    return &blocks[i];
}

static void *drawn(enum elem kind, size_t count, float largest)
{
    char *at = sent(count * elem_size(kind));

    for (size_t i = 0; i < count; i++) {
        float value = largest * draw_value();
        uint16_t half = (uint16_t)elem_narrow(value, kind);
        if (kind == ELEM_F32)
            memcpy(at + 4 * i, &value, 4);
        else
            memcpy(at + 2 * i, &half, 2);
    }
    return at;
}

/* Where results go: NaN on both sides, so that what nobody writes is seen. */
static void *blank(struct trial *t, size_t count, int is)
{
    static const size_t size[] = {[OF_BYTES] = 1, [OF_FLOATS] = 4, [OF_DOUBLES] = 8};
    size_t bytes = count * (is == OF_KIND ? elem_size(t->kind) : size[is]);
    void *at = memset(sent(bytes), 0xff, bytes);

    t->results[t->count++] = (struct result){at, count, is};
    return at;
}

static void *on_device(const void *at)
{
    const struct block *b = block_of(at);

    return b->device + ((const char *)at - b->host);
}

/* ---- comparing --------------------------------------------------------------------------- */

/* `at`: the result's own, or a copy of what the device made. */
static double value(const struct result *r, const void *at, size_t i, enum elem kind)
{
    switch (r->is) {
    case OF_KIND: return elem_one(at, i, kind);
    case OF_BYTES: return ((const uint8_t *)at)[i];
    case OF_FLOATS: return ((const float *)at)[i];
    case OF_DOUBLES: return ((const double *)at)[i];
    }
    return NAN;
}

static double nmse(const struct trial *t, const struct result *r, const char *made)
{
    double off = 0, size = 0;

    for (size_t i = 0; i < r->count; i++) {
        double want = value(r, r->at, i, t->kind);
        off += pow(value(r, made, i, t->kind) - want, 2);
        size += want * want;
    }
    return off / size;
}

static double differs(const struct trial *t, const struct result *r, const char *made)
{
    size_t differ = 0;

    for (size_t i = 0; i < r->count; i++)
        differ += value(r, r->at, i, t->kind) != value(r, made, i, t->kind);
    return (double)differ / (double)r->count;
}

/* Worst of the values and of the labels; not a number if the device left any value unwritten. */
struct gap {
    double nmse, labels;
};

static double worse(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static cudaError_t compare(const struct trial *t, struct gap *worst)
{
    *worst = (struct gap){0, 0};
    for (int i = 0; i < t->count; i++) {
        const struct result *r = &t->results[i];
        const struct block *b = block_of(r->at);
        char *made = malloc(b->bytes);
        cudaError_t status = made ? cudaMemcpy(made, b->device, b->bytes, cudaMemcpyDeviceToHost)
                                  : cudaErrorMemoryAllocation;
        if (status == cudaSuccess && r->is == OF_BYTES)
            worst->labels = worse(worst->labels, differs(t, r, made));
        else if (status == cudaSuccess)
            worst->nmse = worse(worst->nmse, nmse(t, r, made));
        free(made);
        if (status != cudaSuccess)
            return status;
    }
    return cudaSuccess;
}

static bool judge(const struct trial *t, cudaError_t status)
{
    struct gap gap = {NAN, NAN};
    char text[64];

    if (status == cudaSuccess)
        status = cudaStreamSynchronize(stream);
    if (status == cudaSuccess)
        status = compare(t, &gap);
    bool ok = status == cudaSuccess && gap.nmse <= LIMIT_NMSE && gap.labels <= LIMIT_LABELS;
    snprintf(text, sizeof(text), "%.2e, labels %.2e", gap.nmse, gap.labels); /* JSON has no NaN */
    print_line(json_pack("{s:s, s:s, s:s, s:s, s:b}", "kernel", t->kernel, "kind", kinds[t->kind],
                         "nmse", text, "error", status ? cudaGetErrorString(status) : "", "ok",
                         (int)ok));
    drop_blocks();
    return ok;
}

/* What is copied from memory that is not locked may still be on its way afterwards. */
static cudaError_t send_blocks(void)
{
    cudaError_t status = cudaSuccess;

    for (int i = 0; i < n_blocks && !status; i++)
        if (blocks[i].is_sent)
            status = cudaMemcpy(blocks[i].device, blocks[i].host, blocks[i].bytes,
                                cudaMemcpyHostToDevice);
    return status ? status : cudaDeviceSynchronize();
}

/* ---- the kernels ------------------------------------------------------------------------- */

#define MOVE(pointer) ((pointer) = on_device(pointer))

static bool try_stem(enum elem kind)
{
    struct trial t = {"stem", kind, .count = 0};
    struct gpu_stem_job job = {.kind = kind, .rgb_step = (size_t)H * W * 3, .n = N, .h = H, .w = W};
    uint8_t *rgb = sent(N * job.rgb_step);

    for (size_t i = 0; i < N * job.rgb_step; i++)
        rgb[i] = (uint8_t)draw();
    job.rgb = rgb;
    job.weight = drawn(ELEM_F32, (size_t)STEM_TAPS * STEM_CHANNELS, 1);
    job.bias = drawn(ELEM_F32, STEM_CHANNELS, 1);
    job.out = blank(&t, (size_t)N * ((H + 1) / 2) * ((W + 1) / 2) * STEM_CHANNELS, OF_KIND);
    cudaError_t status = send_blocks();
    grid_stem(&job);
    MOVE(job.rgb), MOVE(job.weight), MOVE(job.bias), MOVE(job.out);
    return judge(&t, status ? status : gpu_stem(&job, stream));
}

static bool try_halve(enum elem kind)
{
    enum { C = 128, OUT = ((H + 1) / 2) * ((W + 1) / 2) };
    struct trial t = {"halve", kind, .count = 0};
    struct gpu_halve_job job = {
        .kind = kind, .n = N, .h = H, .w = W, .c = C, .in_step = C, .conv_step = C, .pool_step = C};

    job.in = drawn(kind, (size_t)N * H * W * C, 1);
    job.weight = drawn(ELEM_F32, (size_t)9 * C, 1);
    job.bias = drawn(ELEM_F32, C, 1);
    job.conv = blank(&t, (size_t)N * OUT * C, OF_KIND);
    job.pool = blank(&t, (size_t)N * OUT * C, OF_KIND);
    cudaError_t status = send_blocks();
    grid_halve(&job);
    MOVE(job.in), MOVE(job.weight), MOVE(job.bias), MOVE(job.conv), MOVE(job.pool);
    return judge(&t, status ? status : gpu_halve(&job, stream));
}

static bool try_join(enum elem kind)
{
    static const int channels[] = {128, 32, 64};
    enum { BEFORE = 32, C = BEFORE + 128 + 32 + 64 };
    struct trial t = {"join", kind, .count = 0};
    struct gpu_join_job job = {.kind = kind, .n = N, .h = H, .w = W, .parts = 3, .out_step = C};

    for (int i = 0, first = BEFORE; i < job.parts; first += channels[i++])
        job.part[i] = (struct gpu_join_part){
            drawn(kind, (size_t)N * H * W * (size_t)channels[i], 1), channels[i], first};
    job.out = drawn(kind, (size_t)N * H * W * C, 1); /* what is before the parts stays */
    t.results[t.count++] = (struct result){job.out, (size_t)N * H * W * C, OF_KIND};
    cudaError_t status = send_blocks();
    grid_join(&job);
    for (int i = 0; i < job.parts; i++)
        MOVE(job.part[i].at);
    MOVE(job.out);
    return judge(&t, status ? status : gpu_join(&job, stream));
}

static bool try_bins(enum elem kind)
{
    enum { C = 256, SIDE = 17 };
    struct trial t = {"bins", kind, .count = 0};
    struct gpu_bins_job job = {
        .kind = kind, .n = N, .h = SIDE, .w = SIDE + 2, .c = C, .in_step = C};

    job.in = drawn(kind, (size_t)N * SIDE * (SIDE + 2) * C, 1);
    for (int i = 0; i < CONTEXT_LEVELS; i++)
        job.out[i] = blank(&t, (size_t)N * C << 2 * i, OF_KIND);
    cudaError_t status = send_blocks();
    grid_bins(&job);
    MOVE(job.in), MOVE(job.out[0]), MOVE(job.out[1]), MOVE(job.out[2]);
    return judge(&t, status ? status : gpu_bins(&job, stream));
}

static bool try_sum(enum elem kind)
{
    enum { C = 128, SIDE = 17 };
    struct trial t = {"sum", kind, .count = 0};
    struct gpu_sum_job job = {.kind = kind, .n = N, .h = SIDE, .w = SIDE + 2, .c = C};

    for (int i = 0; i < CONTEXT_LEVELS; i++)
        job.in[i] = drawn(kind, (size_t)N * C << 2 * i, 1);
    job.out = blank(&t, (size_t)N * SIDE * (SIDE + 2) * C, OF_KIND);
    cudaError_t status = send_blocks();
    grid_sum(&job);
    MOVE(job.in[0]), MOVE(job.in[1]), MOVE(job.in[2]), MOVE(job.out);
    return judge(&t, status ? status : gpu_sum(&job, stream));
}

static bool try_attend(enum elem kind)
{
    enum { C = 64 };
    struct trial t = {"attend", kind, .count = 0};
    struct gpu_attend_job job = {
        .kind = kind, .n = N, .h = H, .w = W, .c = C, .y_h = (H + 1) / 2, .y_w = (W + 1) / 2};
    float *weights = (float *)&job.weights;

    for (size_t i = 0; i < sizeof(job.weights) / sizeof(float); i++)
        weights[i] = draw_value() / 2;
    job.x = drawn(kind, (size_t)N * H * W * C, 1);
    job.y = drawn(kind, (size_t)N * job.y_h * job.y_w * C, 1);
    job.stats = blank(&t, (size_t)N * H * W * STATS_CHANNELS, OF_FLOATS);
    job.out = blank(&t, (size_t)N * H * W * C, OF_KIND);
    cudaError_t status = send_blocks();
    grid_stats(&job);
    grid_blend(&job);
    MOVE(job.x), MOVE(job.y), MOVE(job.stats), MOVE(job.out);
    return judge(&t, status ? status : gpu_attend(&job, stream));
}

static bool try_classes(enum elem kind)
{
    enum { IN_H = (H + 7) / 8, IN_W = (W + 7) / 8 };
    struct trial t = {"classes", kind, .count = 0};
    struct gpu_classes_job job = {.kind = kind, .n = N, .in_h = IN_H, .in_w = IN_W, .h = H, .w = W};
    struct gpu_content *content = sent(N * sizeof(*content));

    for (int i = 0; i < N; i++)
        content[i] = (struct gpu_content){W - 3 * i, H - 5 * i};
    job.content = content;
    job.logits = drawn(kind, (size_t)N * IN_H * IN_W * ARITH_CLASSES, 4);
    job.partials = scratch(classes_partials(&job) * sizeof(float));
    job.class_map = blank(&t, (size_t)N * H * W, OF_BYTES);
    job.scores = blank(&t, (size_t)N * ARITH_SUMS, OF_DOUBLES);
    cudaError_t status = send_blocks();
    grid_classes(&job);
    MOVE(job.logits), MOVE(job.content), MOVE(job.partials), MOVE(job.class_map), MOVE(job.scores);
    return judge(&t, status ? status : gpu_classes(&job, stream));
}

int main(int argc, char **argv)
{
    static bool (*const tries[])(enum elem) = {try_stem, try_halve,  try_join,   try_bins,
                                               try_sum,  try_attend, try_classes};
    bool ok = true;

    if (argc != 2) {
        fprintf(stderr, "usage: gpu_kernels DEVICE\n");
        return 64;
    }
    if (cudaSetDevice(wish_gpu(argv[1])) != cudaSuccess ||
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess) {
        fprintf(stderr, "gpu_kernels: %s: %s\n", argv[1], cudaGetErrorString(cudaGetLastError()));
        return 1;
    }
    for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++)
        for (enum elem kind = ELEM_F32; kind <= ELEM_BF16; kind++)
            ok &= tries[i](kind);
    cudaStreamDestroy(stream);
    return ok ? 0 : 1;
}
