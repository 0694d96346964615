#include "engine/cudnn/stream.h"

#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/timing.h"

/* Images of a batch that go through together. */
struct chunk {
    struct engine_image *images;
    int count;
    struct pass *pass; /* for `count` or more */
};

struct backend_stream {
    struct shared *shared;
    cudnnHandle_t handle; /* on `network` */
    cudaStream_t upload, network, download;
    cudaEvent_t uploaded[BERTHS], computed[BERTHS], downloaded[BERTHS];
    struct memory memory;
    bool keep;
    struct pass *passes[PASSES_MAX];
    uint64_t clock; /* counts runs */
    int n_chunks;   /* of the run */
    struct chunk chunks[CHUNKS_MAX];
    const struct pass *last; /* of the last run's last chunk; NULL: none */
    int last_count;          /* images of it */
    double ms[LAYER_COUNT + 1];
};

/* ---- open and close ---------------------------------------------------------------------- */

static int make_events(cudaEvent_t events[BERTHS], unsigned flags, struct err *err)
{
    for (int i = 0; i < BERTHS; i++)
        if (CUDA_FAILED(err, cudaEventCreateWithFlags(&events[i], flags)))
            return -1;
    return 0;
}

/* Who waits for a chunk sleeps: the cores are the decoders'. */
static int make_parts(struct backend_stream *s, struct err *err)
{
    const unsigned order = cudaEventDisableTiming, sleep = order | cudaEventBlockingSync;

    return CUDA_FAILED(err, cudaStreamCreateWithFlags(&s->upload, cudaStreamNonBlocking)) ||
                   CUDA_FAILED(err,
                               cudaStreamCreateWithFlags(&s->network, cudaStreamNonBlocking)) ||
                   CUDA_FAILED(err,
                               cudaStreamCreateWithFlags(&s->download, cudaStreamNonBlocking)) ||
                   make_events(s->uploaded, order, err) || make_events(s->computed, order, err) ||
                   make_events(s->downloaded, sleep, err) ||
                   CUDNN_FAILED(err, cudnnCreate(&s->handle)) ||
                   CUDNN_FAILED(err, cudnnSetStream(s->handle, s->network))
               ? -1
               : 0;
}

int stream_open(struct backend_stream **out, struct shared *shared, struct err *err)
{
    struct backend_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a stream");
    s->shared = shared;
    if (CUDA_FAILED(err, cudaSetDevice(shared->gpu)) || make_parts(s, err)) {
        stream_close(s);
        return err_wrap(err, "cuda:%d", shared->gpu);
    }
    *out = s;
    return 0;
}

static void destroy_events(cudaEvent_t events[BERTHS])
{
    for (int i = 0; i < BERTHS; i++)
        if (events[i])
            cudaEventDestroy(events[i]);
}

void stream_close(struct backend_stream *s)
{
    const cudaStream_t streams[] = {s->upload, s->network, s->download};

    (void)cudaSetDevice(s->shared->gpu);
    for (int i = 0; i < PASSES_MAX; i++)
        pass_free(s->passes[i]);
    if (s->handle)
        cudnnDestroy(s->handle);
    destroy_events(s->uploaded);
    destroy_events(s->computed);
    destroy_events(s->downloaded);
    for (int i = 0; i < 3; i++)
        if (streams[i])
            cudaStreamDestroy(streams[i]);
    memory_release(&s->memory);
    free(s);
}

void stream_keep_layers(struct backend_stream *s)
{
    s->keep = true;
}

/* ---- passes ------------------------------------------------------------------------------ */

static int power_of_two(int n)
{
    int power = 1;

    while (power < n)
        power *= 2;
    return power;
}

int chunk_size(int left)
{
    int n = left < CHUNK_MAX ? left : CHUNK_MAX, above = power_of_two(n);

    return n >= above - above / 4 ? above : above / 2;
}

static bool is_for(const struct pass *p, const struct steps_shape *shape)
{
    return p && p->steps.shape.n == shape->n && p->steps.shape.h == shape->h &&
           p->steps.shape.w == shape->w;
}

/* The slot that holds this shape, else the one to fill: empty, or used longest ago. */
static int find_slot(const struct backend_stream *s, const struct steps_shape *shape)
{
    int slot = 0;

    for (int i = 0; i < PASSES_MAX; i++) {
        const struct pass *p = s->passes[i];
        if (is_for(p, shape))
            return i;
        if (s->passes[slot] && (!p || p->used < s->passes[slot]->used))
            slot = i;
    }
    return slot;
}

/* One stream chooses at a time, so that none disturbs the other's times and each finds what was
 * chosen before. */
static int make_pass(struct backend_stream *s, const struct steps_shape *shape, struct pass **out,
                     struct err *err)
{
    struct shared *shared = s->shared;
    struct err unsaved = {0}; /* a cache that cannot be written costs time at the next start */
    struct timing timing;
    struct choose how = {
        .target = shared->target,
        .cache = shared->cache,
        .time = timing_run,
        .ctx = &timing,
        .tries = CHOOSE_ALL,
    };

    if (timing_open(&timing, s->handle, s->network, err))
        return -1;
    pthread_mutex_lock(&shared->lock);
    int ret = pass_new(out, shape, shared->parameters.type, &how, err);
    if (!ret && shared->cache)
        (void)plan_cache_save(shared->cache, &unsaved);
    pthread_mutex_unlock(&shared->lock);
    timing_close(&timing);
    return ret;
}

static int find_pass(struct backend_stream *s, const struct steps_shape *shape, struct pass **out,
                     struct err *err)
{
    int slot = find_slot(s, shape);

    if (!is_for(s->passes[slot], shape)) {
        struct pass *p;
        if (make_pass(s, shape, &p, err))
            return -1;
        pass_free(s->passes[slot]);
        s->passes[slot] = p;
    }
    s->passes[slot]->used = s->clock;
    *out = s->passes[slot];
    return 0;
}

static struct pass_site site_of(const struct backend_stream *s)
{
    return (struct pass_site){&s->shared->parameters, &s->memory, s->handle, s->network};
}

/* Cuts the batch into chunks and finds a pass for each. Layers are kept of whole batches only. */
static int cut(struct backend_stream *s, const struct steps_shape *whole,
               struct engine_image *images, struct err *err)
{
    struct steps_shape shape = *whole;
    int done = 0;

    s->n_chunks = 0;
    while (done < whole->n) {
        struct chunk *c = &s->chunks[s->n_chunks];
        int left = whole->n - done;
        shape.n = s->keep ? power_of_two(left) : chunk_size(left);
        if (find_pass(s, &shape, &c->pass, err))
            return -1;
        c->images = images + done;
        c->count = left < shape.n ? left : shape.n;
        done += c->count;
        s->n_chunks++;
    }
    return 0;
}

/* Memory for the largest of the passes, and all of them bound to it. */
static int bind_all(struct backend_stream *s, struct err *err)
{
    const struct pass_site site = site_of(s);
    size_t work = 0, berth = 0;

    for (int i = 0; i < s->n_chunks; i++) {
        const struct pass *p = s->chunks[i].pass;
        work = pass_work_bytes(p) > work ? pass_work_bytes(p) : work;
        berth = pass_berth_bytes(p) > berth ? pass_berth_bytes(p) : berth;
    }
    if (memory_reserve(&s->memory, work, berth, err))
        return -1;
    for (int i = 0; i < s->n_chunks; i++)
        if (pass_bind(s->chunks[i].pass, &site, err))
            return -1;
    return 0;
}

/* ---- a chunk on its way ------------------------------------------------------------------ */

static size_t pixels_of(const struct chunk *c)
{
    return (size_t)c->pass->steps.shape.h * (size_t)c->pass->steps.shape.w;
}

/* What fills the pass up has no content, so that it adds up nothing; its pixels are whatever is
 * there. */
static int upload(struct backend_stream *s, const struct chunk *c, int berth, struct err *err)
{
    const struct berth *to = &c->pass->device[berth], *by = &c->pass->host[berth];
    size_t bytes = 3 * pixels_of(c), n = (size_t)c->pass->steps.shape.n;

    for (size_t i = 0; i < n; i++)
        by->content[i] = (struct gpu_content){0};
    for (int i = 0; i < c->count; i++) {
        const struct engine_image *image = &c->images[i];
        const uint8_t *from = image->rgb;
        by->content[i] = (struct gpu_content){image->content_w, image->content_h};
        if (!pins_hold(&s->shared->pins, from, bytes))
            from = memcpy(by->rgb + (size_t)i * bytes, from, bytes);
        if (CUDA_FAILED(err, cudaMemcpyAsync(to->rgb + (size_t)i * bytes, from, bytes,
                                             cudaMemcpyHostToDevice, s->upload)))
            return -1;
    }
    return CUDA_FAILED(err, cudaMemcpyAsync(to->content, by->content, n * sizeof(*by->content),
                                            cudaMemcpyHostToDevice, s->upload)) ||
                   CUDA_FAILED(err, cudaEventRecord(s->uploaded[berth], s->upload))
               ? -1
               : 0;
}

static int compute(struct backend_stream *s, const struct chunk *c, int berth, struct err *err)
{
    return CUDA_FAILED(err, cudaStreamWaitEvent(s->network, s->uploaded[berth], 0)) ||
                   pass_launch(c->pass, berth, s->network, err) ||
                   CUDA_FAILED(err, cudaEventRecord(s->computed[berth], s->network))
               ? -1
               : 0;
}

static int download(struct backend_stream *s, const struct chunk *c, int berth, struct err *err)
{
    const struct berth *from = &c->pass->device[berth], *by = &c->pass->host[berth];
    size_t bytes = pixels_of(c);

    if (CUDA_FAILED(err, cudaStreamWaitEvent(s->download, s->computed[berth], 0)))
        return -1;
    for (int i = 0; i < c->count; i++) {
        uint8_t *to = c->images[i].class_map;
        if (!pins_hold(&s->shared->pins, to, bytes))
            to = by->class_map + (size_t)i * bytes;
        if (CUDA_FAILED(err, cudaMemcpyAsync(to, from->class_map + (size_t)i * bytes, bytes,
                                             cudaMemcpyDeviceToHost, s->download)))
            return -1;
    }
    return CUDA_FAILED(err, cudaMemcpyAsync(by->scores, from->scores,
                                            (size_t)c->count * sizeof(*by->scores),
                                            cudaMemcpyDeviceToHost, s->download)) ||
                   CUDA_FAILED(err, cudaEventRecord(s->downloaded[berth], s->download))
               ? -1
               : 0;
}

static int start(struct backend_stream *s, int index, struct err *err)
{
    const struct chunk *c = &s->chunks[index];
    int berth = index % BERTHS;

    return upload(s, c, berth, err) || compute(s, c, berth, err) || download(s, c, berth, err) ? -1
                                                                                               : 0;
}

static void read_scores(struct engine_image *image, const struct gpu_scores *from)
{
    struct engine_scores *to = &image->scores;

    to->content_px = (uint32_t)image->content_w * (uint32_t)image->content_h;
    to->lesion_px = (uint32_t)(from->sums[ARITH_LESION_PX] + 0.5);
    to->lesion_top_sum = from->sums[ARITH_TOP];
    for (int k = 0; k < ENGINE_CLASSES; k++) {
        to->all_sum[k] = from->sums[ARITH_ALL + k];
        to->lesion_sum[k] = from->sums[ARITH_LESION + k];
    }
}

/* Waits for a chunk; then its berth is free. */
static int finish(struct backend_stream *s, int index, struct err *err)
{
    const struct chunk *c = &s->chunks[index];
    const struct berth *by = &c->pass->host[index % BERTHS];
    size_t bytes = pixels_of(c);

    if (CUDA_FAILED(err, cudaEventSynchronize(s->downloaded[index % BERTHS])))
        return -1;
    for (int i = 0; i < c->count; i++) {
        uint8_t *map = c->images[i].class_map;
        if (!pins_hold(&s->shared->pins, map, bytes))
            memcpy(map, by->class_map + (size_t)i * bytes, bytes);
        read_scores(&c->images[i], &by->scores[i]);
    }
    return 0;
}

static int run_chunks(struct backend_stream *s, struct err *err)
{
    int started = 0, finished = 0;

    while (finished < s->n_chunks) {
        bool is_room = started < s->n_chunks && started - finished < BERTHS;
        if (is_room ? start(s, started++, err) : finish(s, finished++, err))
            return -1;
    }
    return 0;
}

/* After a failure nothing may go on that uses the caller's memory. */
static void drain(struct backend_stream *s)
{
    (void)cudaStreamSynchronize(s->upload);
    (void)cudaStreamSynchronize(s->network);
    (void)cudaStreamSynchronize(s->download);
    (void)cudaGetLastError();
}

static int run(struct backend_stream *s, const struct steps_shape *shape,
               struct engine_image *images, struct err *err)
{
    s->clock++;
    if (cut(s, shape, images, err) || bind_all(s, err))
        return -1;
    if (run_chunks(s, err)) {
        drain(s);
        return -1;
    }
    s->last = s->chunks[s->n_chunks - 1].pass;
    s->last_count = s->chunks[s->n_chunks - 1].count;
    return 0;
}

int stream_run(struct backend_stream *s, int w, int h, struct engine_image *images, int n,
               struct err *err)
{
    const struct steps_shape shape = {n, h, w, elem_size(s->shared->parameters.kind), s->keep};

    s->last = NULL;
    if (!run(s, &shape, images, err))
        return 0;
    return err_wrap(err, "cuda:%d, %d of %dx%d%s", s->shared->gpu, n, w, h,
                    err->code == ERR_DEVICE ? " (the kernel's log may name an Xid)" : "");
}

/* ---- debug ------------------------------------------------------------------------------- */

int stream_layer(struct backend_stream *s, int layer, int image, float *out, struct err *err)
{
    const struct pass *p = s->last;

    if (!p || layer < 0 || layer >= LAYER_COUNT_INFERENCE || image < 0 || image >= s->last_count ||
        !p->steps.place[layer].pitch)
        return err_set(err, ERR_INPUT, "layer %d of image %d is not stored", layer, image);
    enum elem kind = network[layer].op == LAYER_STATS ? ELEM_F32 : s->shared->parameters.kind;
    struct shape shape = p->steps.shapes[layer];
    size_t pixels = (size_t)shape.h * (size_t)shape.w, elem = elem_size(kind);
    size_t step = (size_t)p->steps.place[layer].pitch * elem;
    size_t pixel = (size_t)shape.c * elem;
    const char *from =
        s->memory.device + p->steps.place[layer].offset + (size_t)image * pixels * step;
    char *raw = malloc(pixels * pixel);

    if (!raw)
        return err_set(err, ERR_NOMEM, "out of memory for layer %d", layer);
    int ret = CUDA_FAILED(
        err, cudaMemcpy2D(raw, pixel, from, step, pixel, pixels, cudaMemcpyDeviceToHost));
    for (size_t i = 0; !ret && i < pixels * (size_t)shape.c; i++)
        out[i] = kind == ELEM_F32 ? ((float *)raw)[i] : elem_widen(((uint16_t *)raw)[i], kind);
    free(raw);
    return ret;
}

static int time_step(struct backend_stream *s, const struct step *step, struct timing *t, float *ms)
{
    const struct pass_site site = site_of(s);
    struct err err = {0};

    return cudaEventRecord(t->begin, s->network) != cudaSuccess ||
                   pass_step(s->last, &site, step, &err) ||
                   cudaEventRecord(t->end, s->network) != cudaSuccess ||
                   cudaStreamSynchronize(s->network) != cudaSuccess ||
                   cudaEventElapsedTime(ms, t->begin, t->end) != cudaSuccess
               ? -1
               : 0;
}

/* The last chunk's pass once more, step by step: within the graph nothing can be timed. All zeros
 * when there was none or it fails, which the next run will tell. */
const double *stream_layer_ms(struct backend_stream *s)
{
    struct timing t;
    struct err err = {0};

    memset(s->ms, 0, sizeof(s->ms));
    if (!s->last || timing_open(&t, s->handle, s->network, &err))
        return s->ms;
    for (int i = 0; i < s->last->steps.count; i++) {
        const struct step *step = &s->last->steps.list[i];
        float ms = 0;
        if (time_step(s, step, &t, &ms))
            break;
        s->ms[step->kind == STEP_CLASSES ? LAYER_COUNT : step->layer] = (double)ms;
    }
    timing_close(&t);
    return s->ms;
}
