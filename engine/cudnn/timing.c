#include "engine/cudnn/timing.h"

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/memory.h"

enum {
    RUNS = 10,
    FILL = 0x3c, /* 0x3c3c is 1.06 in fp16 and 0.011 in bf16: no zeros, which take less power */
};

int timing_open(struct timing *t, cudnnHandle_t handle, cudaStream_t stream, struct err *err)
{
    *t = (struct timing){.handle = handle, .stream = stream};
    if (CUDA_FAILED(err, cudaEventCreateWithFlags(&t->begin, cudaEventDefault)) ||
        CUDA_FAILED(err, cudaEventCreateWithFlags(&t->end, cudaEventDefault))) {
        timing_close(t);
        return -1;
    }
    return 0;
}

void timing_close(struct timing *t)
{
    if (t->begin)
        cudaEventDestroy(t->begin);
    if (t->end)
        cudaEventDestroy(t->end);
    if (t->memory)
        cudaFree(t->memory);
    *t = (struct timing){0};
}

static int reserve(struct timing *t, size_t bytes, struct err *err)
{
    if (bytes <= t->bytes)
        return 0;
    if (t->memory)
        cudaFree(t->memory);
    t->memory = NULL;
    t->bytes = 0;
    if (CUDA_FAILED(err, cudaMalloc((void **)&t->memory, bytes)) ||
        CUDA_FAILED(err, cudaMemsetAsync(t->memory, FILL, bytes, t->stream)))
        return err_wrap(err, "%zu MiB to time plans with", bytes >> 20);
    t->bytes = bytes;
    return 0;
}

/* Bytes of input, filter, bias and output. */
enum { PARTS = 4 };

static void measure(size_t bytes[PARTS], const struct conv *c)
{
    size_t elem = c->type == CUDNN_DATA_FLOAT ? 4 : 2, n = (size_t)c->n;
    size_t h = (size_t)(c->h + c->stride - 1) / (size_t)c->stride;
    size_t w = (size_t)(c->w + c->stride - 1) / (size_t)c->stride;

    bytes[0] = memory_align(n * (size_t)c->h * (size_t)c->w * (size_t)c->c * elem);
    bytes[1] = memory_align(conv_filter_count(c) * elem);
    bytes[2] = memory_align((size_t)c->k * elem);
    bytes[3] = memory_align(n * h * w * (size_t)c->k * elem);
}

static int bind(struct timing *t, const struct conv *c, struct graph_plan *p, struct err *err)
{
    const int64_t uids[PARTS] = {CONV_X, CONV_W, CONV_B, CONV_Y};
    size_t bytes[PARTS], at = 0;
    void *tensors[PARTS];

    measure(bytes, c);
    if (reserve(t, bytes[0] + bytes[1] + bytes[2] + bytes[3] + graph_plan_workspace(p), err))
        return -1;
    for (int i = 0; i < PARTS; i++) {
        tensors[i] = t->memory + at;
        at += bytes[i];
    }
    return graph_plan_bind(p, uids, tensors, PARTS, t->memory + at, err);
}

/* The runs as a CUDA graph. Whatever fails in a capture, the capture has to be ended. */
static int capture(struct timing *t, struct graph_plan *p, cudaGraphExec_t *out, struct err *err)
{
    cudaGraph_t graph = NULL;
    int failed = 0;

    if (CUDA_FAILED(err, cudaStreamBeginCapture(t->stream, cudaStreamCaptureModeThreadLocal)))
        return -1;
    for (int i = 0; i < RUNS && !failed; i++)
        failed = graph_plan_run(p, t->handle, err);
    if (CUDA_FAILED(err, cudaStreamEndCapture(t->stream, &graph)))
        failed = -1;
    if (!failed)
        failed = CUDA_FAILED(err, cudaGraphInstantiate(out, graph, 0));
    if (graph)
        cudaGraphDestroy(graph);
    return failed;
}

/* Why did a capture fail: a device that still answers was asked for what this plan cannot do. */
static int judge_capture(struct timing *t, struct err *err)
{
    struct err sick = {0};

    if (err->code == ERR_DEVICE && !CUDA_FAILED(&sick, cudaStreamSynchronize(t->stream)))
        err->code = ERR_CONFIG;
    return -1;
}

/* The first launch, which also loads code, is not timed. */
static int launch(struct timing *t, cudaGraphExec_t exec, float *ms, struct err *err)
{
    return CUDA_FAILED(err, cudaGraphLaunch(exec, t->stream)) ||
                   CUDA_FAILED(err, cudaEventRecord(t->begin, t->stream)) ||
                   CUDA_FAILED(err, cudaGraphLaunch(exec, t->stream)) ||
                   CUDA_FAILED(err, cudaEventRecord(t->end, t->stream)) ||
                   CUDA_FAILED(err, cudaStreamSynchronize(t->stream)) ||
                   CUDA_FAILED(err, cudaEventElapsedTime(ms, t->begin, t->end))
               ? -1
               : 0;
}

int timing_run(void *timing, const struct conv *c, struct graph_plan *p, double *us,
               struct err *err)
{
    struct timing *t = timing;
    cudaGraphExec_t exec = NULL;
    float ms = 0;

    /* f32 is asked for where exactness counts; tensor cores would round its inputs to ten bits. */
    if (c->type == CUDNN_DATA_FLOAT && graph_plan_has_tensor_cores(p))
        return err_set(err, ERR_CONFIG, "%s rounds f32 to TF32", graph_plan_engine(p));
    if (bind(t, c, p, err))
        return -1;
    if (capture(t, p, &exec, err))
        return judge_capture(t, err);
    int ret = launch(t, exec, &ms, err);
    cudaGraphExecDestroy(exec);
    *us = 1e3 * (double)ms / RUNS;
    return ret;
}
