/* graph.h played on the host (fake_cuda.h): a finished graph is one convolution with what follows it,
 * and a plan runs it in plain loops over the bound tensors, rounding where they are stored.
 *
 * There are four plans for everything, so that there is something to choose: the first is the
 * fastest but rounds like tensor cores do, the second cannot be captured, the third is slower, the
 * last one, of the other list, the slowest; all but that want workspace, which they overwrite. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/conv.h"
#include "engine/cudnn/elem.h"
#include "tests/engine/fake_cuda.h"

enum { WORKSPACE = 10000, ALIGN = 16, WORKSPACE_ALIGN = 256 };

enum plan_kind { PLAN_TENSOR_CORES, PLAN_UNCAPTURED, PLAN_SLOWER, PLAN_FALLBACK };

static int plans_made;
static int runs; /* of the plan that adds up in any order */

int fake_cuda_plans_made(void)
{
    return plans_made;
}

/* ---- targets ----------------------------------------------------------------------------- */

struct graph_target {
    int device;
};

int graph_target_device(struct graph_target **out, int device, struct err *err)
{
    if (!fake_make())
        return err_set(err, ERR_NOMEM, "a target, as the test wanted");
    *out = malloc(sizeof(**out));
    (*out)->device = device;
    return 0;
}

int graph_target_save(const struct graph_target *t, struct buf *json, struct err *err)
{
    buf_printf(json,
               "{\"deviceName\": \"Fake %d\", \"deviceVer\": 900, \"multiProcessorCount\": 1, "
               "\"driverVer\": 13000}",
               t->device);
    return buf_check(json, "a fake GPU", err);
}

void graph_target_free(struct graph_target *t)
{
    if (t)
        fake_unmake();
    free(t);
}

/* ---- graphs ------------------------------------------------------------------------------ */

struct graph {
    struct graph_tensor tensors[GRAPH_TENSORS_MAX];
    int n;
    struct graph_conv conv;
    enum graph_pass pass;
    int x, w, b, y; /* tensors; b is -1 without bias */
    bool relu;
};

int graph_new(struct graph **out, struct err *err)
{
    if (!fake_make())
        return err_set(err, ERR_NOMEM, "a graph, as the test wanted");
    *out = calloc(1, sizeof(**out));
    (*out)->b = -1;
    return 0;
}

void graph_free(struct graph *g)
{
    if (g)
        fake_unmake();
    free(g);
}

int graph_tensor(struct graph *g, const struct graph_tensor *t, struct err *err)
{
    (void)err;
    g->tensors[g->n] = *t;
    return g->n++;
}

int graph_conv(struct graph *g, enum graph_pass pass, const struct graph_conv *conv,
               const int xwy[3], struct err *err)
{
    (void)err;
    g->conv = *conv;
    g->pass = pass;
    g->x = xwy[0];
    g->w = xwy[1];
    g->y = xwy[2];
    return 0;
}

int graph_pointwise(struct graph *g, cudnnPointwiseMode_t f, int x, int b, int y, struct err *err)
{
    if (x != g->y)
        return err_set(err, ERR_BUG, "operations are not in a row");
    g->y = y;
    if (f == CUDNN_POINTWISE_ADD)
        g->b = b;
    else
        g->relu = true;
    return 0;
}

int graph_finish(struct graph *g, struct err *err)
{
    return g->tensors[g->y].is_virtual ? err_set(err, ERR_BUG, "nothing is stored") : 0;
}

/* ---- choices ----------------------------------------------------------------------------- */

struct graph_choices {
    const struct graph *graph;
    enum plan_kind first;
    int count;
};

int graph_choices_new(struct graph_choices **out, const struct graph *g,
                      const struct graph_target *t, cudnnBackendHeurMode_t mode, struct err *err)
{
    (void)t;
    if (!fake_make())
        return err_set(err, ERR_NOMEM, "choices, as the test wanted");
    *out = malloc(sizeof(**out));
    **out = mode == CUDNN_HEUR_MODE_A ? (struct graph_choices){g, PLAN_TENSOR_CORES, 3}
                                      : (struct graph_choices){g, PLAN_FALLBACK, 1};
    return 0;
}

void graph_choices_free(struct graph_choices *c)
{
    if (c)
        fake_unmake();
    free(c);
}

int graph_choices_count(const struct graph_choices *c)
{
    return c->count;
}

/* ---- plans ------------------------------------------------------------------------------- */

/* A convolution with its addresses: what is put into a stream. */
struct work {
    int pass, type, n, h, w, c, k, kernel, stride, bias, relu, kind;
    const char *b;
    char *x, *filter, *y, *workspace; /* which is written depends on the pass */
};

struct graph_plan {
    struct work work;
    char engine[16];
};

static int make_plan(struct graph_plan **out, const struct work *work, struct err *err)
{
    if (!fake_make())
        return err_set(err, ERR_NOMEM, "a plan, as the test wanted");
    *out = calloc(1, sizeof(**out));
    (*out)->work = *work;
    snprintf((*out)->engine, sizeof((*out)->engine), "eng%d", work->kind);
    return 0;
}

int graph_plan_new(struct graph_plan **out, const struct graph_choices *c, int choice,
                   struct err *err)
{
    const struct graph *g = c->graph;
    const struct graph_tensor *x = &g->tensors[g->x], *w = &g->tensors[g->w];
    const struct work work = {
        .pass = (int)g->pass,
        .type = (int)x->type,
        .n = x->n,
        .h = x->h,
        .w = x->w,
        .c = x->c,
        .k = w->n,
        .kernel = g->conv.kernel,
        .stride = g->conv.stride,
        .bias = g->b >= 0,
        .relu = g->relu,
        .kind = (int)c->first + choice,
    };

    plans_made++;
    return make_plan(out, &work, err);
}

int graph_plan_load(struct graph_plan **out, const struct graph_target *t, const char *json,
                    size_t size, struct err *err)
{
    struct work w = {0};

    (void)t;
    (void)size;
    if (sscanf(json, "%d %d %d %d %d %d %d %d %d %d %d %d", &w.pass, &w.type, &w.n, &w.h, &w.w,
               &w.c, &w.k, &w.kernel, &w.stride, &w.bias, &w.relu, &w.kind) != 12)
        return err_set(err, ERR_CONFIG, "no plan of ours");
    return make_plan(out, &w, err);
}

int graph_plan_save(const struct graph_plan *p, struct buf *json, struct err *err)
{
    const struct work *w = &p->work;

    buf_printf(json, "%d %d %d %d %d %d %d %d %d %d %d %d", w->pass, w->type, w->n, w->h, w->w,
               w->c, w->k, w->kernel, w->stride, w->bias, w->relu, w->kind);
    return buf_check(json, "a fake plan", err);
}

void graph_plan_free(struct graph_plan *p)
{
    if (p)
        fake_unmake();
    free(p);
}

size_t graph_plan_workspace(const struct graph_plan *p)
{
    return p->work.kind == PLAN_FALLBACK ? 0 : WORKSPACE;
}

const char *graph_plan_engine(const struct graph_plan *p)
{
    return p->engine;
}

bool graph_plan_has_tensor_cores(const struct graph_plan *p)
{
    return p->work.kind == PLAN_TENSOR_CORES;
}

/* The fastest way to a weight's gradient adds up in any order. */
bool graph_plan_is_deterministic(const struct graph_plan *p)
{
    return p->work.kind != PLAN_TENSOR_CORES || p->work.pass != GRAPH_WEIGHT_GRADIENT;
}

static enum elem elem_of(const struct work *w)
{
    return w->type == CUDNN_DATA_HALF       ? ELEM_F16
           : w->type == CUDNN_DATA_BFLOAT16 ? ELEM_BF16
                                            : ELEM_F32;
}

static int out_side(int side, int stride)
{
    return (side + stride - 1) / stride;
}

/* Bytes of a map. */
static size_t extent(const struct work *w, int rows, int columns, int channels)
{
    return (size_t)w->n * (size_t)rows * (size_t)columns * (size_t)channels * elem_size(elem_of(w));
}

static void check(const void *at, size_t size, uintptr_t align, const char *what)
{
    fake_block(at, size, what);
    if ((uintptr_t)at % align)
        fake_block(NULL, 1, "a tensor that is not aligned");
}

int graph_plan_bind(struct graph_plan *p, const int64_t *uids, void *const *tensors, int count,
                    void *workspace, struct err *err)
{
    struct work *w = &p->work;
    size_t elem = elem_size(elem_of(w));

    for (int i = 0; i < count; i++) {
        switch (uids[i]) {
        case CONV_X: w->x = tensors[i]; break;
        case CONV_W: w->filter = tensors[i]; break;
        case CONV_B: w->b = tensors[i]; break;
        case CONV_Y: w->y = tensors[i]; break;
        default: return err_set(err, ERR_BUG, "tensor %d is not the graph's", (int)uids[i]);
        }
    }
    w->workspace = workspace;
    check(w->x, extent(w, w->h, w->w, w->c), ALIGN, "input");
    check(w->y, extent(w, out_side(w->h, w->stride), out_side(w->w, w->stride), w->k), ALIGN,
          "output");
    check(w->filter, (size_t)(w->k * w->kernel * w->kernel * w->c) * elem, ALIGN, "filter");
    if (w->bias)
        check(w->b, (size_t)w->k * elem, ALIGN, "bias");
    if (graph_plan_workspace(p))
        check(workspace, graph_plan_workspace(p), WORKSPACE_ALIGN, "workspace");
    return 0;
}

static float load(const char *from, size_t at, enum elem kind)
{
    uint16_t half;
    float value;

    if (kind == ELEM_F32) {
        memcpy(&value, from + 4 * at, sizeof(value));
        return value;
    }
    memcpy(&half, from + 2 * at, sizeof(half));
    return elem_widen(half, kind);
}

static void store(char *to, size_t at, float value, enum elem kind)
{
    uint16_t half = (uint16_t)(kind == ELEM_F32 ? 0 : elem_narrow(value, kind));

    if (kind == ELEM_F32)
        memcpy(to + 4 * at, &value, sizeof(value));
    else
        memcpy(to + 2 * at, &half, sizeof(half));
}

/* The filter as tap,c,k, so that the innermost loop runs over outputs. */
static float *turn_filter(const struct work *w)
{
    size_t taps = (size_t)(w->kernel * w->kernel), c = (size_t)w->c, k = (size_t)w->k;
    float *to = malloc(taps * c * k * sizeof(*to));

    for (size_t o = 0; o < k; o++)
        for (size_t t = 0; t < taps; t++)
            for (size_t i = 0; i < c; i++)
                to[(t * c + i) * k + o] = load(w->filter, (o * taps + t) * c + i, elem_of(w));
    return to;
}

/* Adds what the pixel at `x` gives through one tap. */
static void add_tap(const struct work *w, size_t pixel, const float *filter, float *acc)
{
    size_t k = (size_t)w->k;

    for (size_t i = 0; i < (size_t)w->c; i++) {
        float v = load(w->x, pixel * (size_t)w->c + i, elem_of(w));
        for (size_t o = 0; o < k; o++)
            acc[o] += v * filter[i * k + o];
    }
}

static void make_pixel(const struct work *w, const float *filter, int image, int y, int x,
                       float *acc)
{
    int oh = out_side(w->h, w->stride), ow = out_side(w->w, w->stride);
    size_t out = ((size_t)image * (size_t)oh + (size_t)y) * (size_t)ow + (size_t)x;

    for (int o = 0; o < w->k; o++)
        acc[o] = 0;
    for (int t = 0; t < w->kernel * w->kernel; t++) {
        int iy = y * w->stride + t / w->kernel - w->kernel / 2;
        int ix = x * w->stride + t % w->kernel - w->kernel / 2;
        if (iy >= 0 && ix >= 0 && iy < w->h && ix < w->w)
            add_tap(w, ((size_t)image * (size_t)w->h + (size_t)iy) * (size_t)w->w + (size_t)ix,
                    filter + (size_t)t * (size_t)w->c * (size_t)w->k, acc);
    }
    for (int o = 0; o < w->k; o++) {
        float v = acc[o] + (w->bias ? load(w->b, (size_t)o, elem_of(w)) : 0);
        store(w->y, out * (size_t)w->k + (size_t)o, w->relu && v < 0 ? 0 : v, elem_of(w));
    }
}

static void convolve_forward(const struct work *w)
{
    float *filter = turn_filter(w), *acc = malloc((size_t)w->k * sizeof(*acc));

    for (int i = 0; i < w->n; i++)
        for (int y = 0; y < out_side(w->h, w->stride); y++)
            for (int x = 0; x < out_side(w->w, w->stride); x++)
                make_pixel(w, filter, i, y, x, acc);
    free(filter);
    free(acc);
}

/* A map as floats; free it. */
static float *widen(const struct work *w, const char *from, int h, int width, int c)
{
    size_t count = (size_t)w->n * (size_t)h * (size_t)width * (size_t)c;
    float *to = malloc(count * sizeof(*to));

    for (size_t i = 0; i < count; i++)
        to[i] = load(from, i, elem_of(w));
    return to;
}

/* Calls `each` for every output pixel, tap and the input pixel under it. */
static void each_tap(const struct work *w,
                     void (*each)(const struct work *w, size_t in, size_t out, int tap, void *arg),
                     void *arg)
{
    int oh = out_side(w->h, w->stride), ow = out_side(w->w, w->stride);

    for (int i = 0; i < w->n * oh * ow * w->kernel * w->kernel; i++) {
        int tap = i % (w->kernel * w->kernel), out = i / (w->kernel * w->kernel);
        int y = out / ow % oh * w->stride + tap / w->kernel - w->kernel / 2;
        int x = out % ow * w->stride + tap % w->kernel - w->kernel / 2, image = out / ow / oh;
        if (y >= 0 && x >= 0 && y < w->h && x < w->w)
            each(w, ((size_t)image * (size_t)w->h + (size_t)y) * (size_t)w->w + (size_t)x,
                 (size_t)out, tap, arg);
    }
}

/* Both gradients: what is read, and sums of what is written. */
struct back {
    const float *from, *dy;
    float *to;
};

static void data_tap(const struct work *w, size_t in, size_t out, int tap, void *arg)
{
    const struct back *b = arg;
    size_t c = (size_t)w->c, k = (size_t)w->k, taps = (size_t)(w->kernel * w->kernel);

    for (size_t o = 0; o < k; o++)
        for (size_t i = 0; i < c; i++)
            b->to[in * c + i] += b->dy[out * k + o] * b->from[(o * taps + (size_t)tap) * c + i];
}

static void weight_tap(const struct work *w, size_t in, size_t out, int tap, void *arg)
{
    const struct back *b = arg;
    size_t c = (size_t)w->c, k = (size_t)w->k, taps = (size_t)(w->kernel * w->kernel);

    for (size_t o = 0; o < k; o++)
        for (size_t i = 0; i < c; i++)
            b->to[(o * taps + (size_t)tap) * c + i] += b->dy[out * k + o] * b->from[in * c + i];
}

static void convolve_back(const struct work *w)
{
    bool is_data = w->pass == GRAPH_DATA_GRADIENT;
    int oh = out_side(w->h, w->stride), ow = out_side(w->w, w->stride);
    size_t filter = (size_t)(w->k * w->kernel * w->kernel * w->c), c = (size_t)w->c;
    size_t pixels = (size_t)w->n * (size_t)w->h * (size_t)w->w;
    size_t count = is_data ? pixels * c : filter;
    float *dy = widen(w, w->y, oh, ow, w->k);
    float *from = is_data ? malloc(filter * sizeof(*from)) : widen(w, w->x, w->h, w->w, w->c);
    struct back b = {from, dy, calloc(count, sizeof(float))};

    for (size_t i = 0; is_data && i < filter; i++)
        from[i] = load(w->filter, i, elem_of(w));
    each_tap(w, is_data ? data_tap : weight_tap, &b);
    if (!is_data && w->kind == PLAN_TENSOR_CORES)
        b.to[0] += (float)++runs / 64; /* never the same twice */
    for (size_t i = 0; i < count; i++)
        store(is_data ? w->x : w->filter, i, b.to[i], elem_of(w));
    free(dy);
    free(from);
    free(b.to);
}

/* Where weights and maps lie in one block a plan is only being timed: nobody reads the result. */
static bool is_timed(const struct work *w)
{
    return fake_block(w->x, 1, "input") == fake_block(w->filter, 1, "filter");
}

static void convolve(const void *job)
{
    const struct work *w = job;

    if (w->kind != PLAN_FALLBACK)
        memset(w->workspace, 0xee, WORKSPACE);
    if (is_timed(w))
        return;
    if (w->pass == GRAPH_FORWARD)
        convolve_forward(w);
    else
        convolve_back(w);
}

static void idle(const void *job)
{
    (void)job;
}

int graph_plan_run(const struct graph_plan *p, cudnnHandle_t handle, struct err *err)
{
    cudaStream_t stream = fake_stream_of(handle);

    if (fake_is_broken() || fake_cuda_last_error() != cudaSuccess)
        return err_set(err, ERR_DEVICE, "cuDNN sees an error of CUDA's");
    if (p->work.kind == PLAN_UNCAPTURED)
        return err_set(err, ERR_DEVICE, "cuDNN cannot do this in a capture");
    fake_enqueue(stream, convolve, &p->work, sizeof(p->work));
    for (int i = 0; i < p->work.kind; i++)
        fake_enqueue(stream, idle, "", 1); /* takes time */
    return 0;
}
