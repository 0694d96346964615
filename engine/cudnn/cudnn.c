/* cudnn.c -- the GPU backend: PP-LiteSeg-T on cuDNN and our own kernels, in fp16, bf16 or f32.
 *
 * An engine is one GPU with the packed weights on it (parameters.h); a stream runs batches
 * (stream.h) through passes of the network (pass.h), whose steps (steps.h) are cuDNN's graphs
 * (conv.h) and kernels (kernels.h). After an ERR_DEVICE nothing of CUDA works any more in this
 * process: it has to end. */
#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/gpus.h"
#include "engine/cudnn/stream.h"

struct backend_engine {
    struct shared shared;
};

static void engine_release(struct backend_engine *e)
{
    (void)cudaSetDevice(e->shared.gpu);
    pins_release(&e->shared.pins);
    parameters_release(&e->shared.parameters);
    plan_cache_close(e->shared.cache);
    graph_target_free(e->shared.target);
    pthread_mutex_destroy(&e->shared.lock);
    free(e);
}

static int engine_load(struct backend_engine **out, const struct model *model,
                       const char *precision, int gpu, struct err *err)
{
    struct backend_engine *e = calloc(1, sizeof(*e));

    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for an engine");
    e->shared.gpu = gpu;
    pins_init(&e->shared.pins);
    pthread_mutex_init(&e->shared.lock, NULL);
    if (CUDA_FAILED(err, cudaSetDevice(gpu)) ||
        parameters_load(&e->shared.parameters, model, precision, err) ||
        graph_target_device(&e->shared.target, gpu, err) ||
        plan_cache_open_usual(&e->shared.cache, e->shared.target, err)) {
        engine_release(e);
        return err_wrap(err, "cuda:%d", gpu);
    }
    *out = e;
    return 0;
}

/* A stream is one thread's: more would have nothing to do. */
static int open_stream(struct backend_stream **out, struct backend_engine *e, int threads,
                       struct err *err)
{
    (void)threads;
    return stream_open(out, &e->shared, err);
}

static int pin(struct backend_engine *e, const void *base, size_t size, struct err *err)
{
    if (CUDA_FAILED(err, cudaSetDevice(e->shared.gpu)))
        return -1;
    return pins_add(&e->shared.pins, base, size, err);
}

static void unpin(struct backend_engine *e, const void *base)
{
    pins_remove(&e->shared.pins, base);
}

const struct backend backend_cudnn = {
    .name = "cudnn",
    .device = "cuda",
    .can = gpus_can,
    .open = engine_load,
    .close = engine_release,
    .stream_open = open_stream,
    .stream_close = stream_close,
    .run = stream_run,
    .pin = pin,
    .unpin = unpin,
    .keep_layers = stream_keep_layers,
    .layer = stream_layer,
    .layer_ms = stream_layer_ms,
};
