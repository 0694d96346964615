#include "engine/cudnn/pass.h"

#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/kernels.h"
#include "engine/cudnn/threads_classes.h"

/* ---- plans ------------------------------------------------------------------------------- */

static int choose_all(struct pass *p, cudnnDataType_t type, const struct choose *how,
                      struct err *err)
{
    for (int i = 0; i < p->steps.count; i++) {
        const struct step *step = &p->steps.list[i];
        struct conv conv;
        if (step->kind != STEP_CONV)
            continue;
        steps_conv(&conv, &p->steps, step->layer, type);
        if (choose_plan(&p->plans[step->layer], how, &conv, err))
            return err_wrap(err, "%s", network[step->layer].name);
        size_t workspace = graph_plan_workspace(p->plans[step->layer]);
        if (workspace > p->workspace_bytes)
            p->workspace_bytes = workspace;
    }
    return 0;
}

int pass_new(struct pass **out, const struct steps_shape *shape, cudnnDataType_t type,
             struct choose *how, struct err *err)
{
    enum { WORKSPACE_MIN = 64 << 20 };
    struct pass *p = calloc(1, sizeof(*p));

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for a pass of the network");
    steps_make(&p->steps, shape);
    /* A plan may want as much again as all maps: some add up in parts. */
    how->workspace_max =
        p->steps.arena_bytes > WORKSPACE_MIN ? p->steps.arena_bytes : WORKSPACE_MIN;
    if (choose_all(p, type, how, err)) {
        pass_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

static void drop_graphs(struct pass *p)
{
    for (int i = 0; i < BERTHS; i++) {
        if (p->exec[i])
            cudaGraphExecDestroy(p->exec[i]);
        p->exec[i] = NULL;
    }
    p->generation = 0;
}

void pass_free(struct pass *p)
{
    if (!p)
        return;
    drop_graphs(p);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        graph_plan_free(p->plans[i]);
    free(p);
}

/* ---- memory ------------------------------------------------------------------------------ */

static size_t pixels(const struct pass *p)
{
    return (size_t)p->steps.shape.h * (size_t)p->steps.shape.w;
}

/* Where a berth's parts lie, bytes from its begin; rgb is the first. */
struct berth_layout {
    size_t class_map, content, scores, bytes;
};

static struct berth_layout lay_out(const struct pass *p)
{
    size_t n = (size_t)p->steps.shape.n;
    struct berth_layout l;

    l.class_map = memory_align(n * pixels(p) * 3);
    l.content = l.class_map + memory_align(n * pixels(p));
    l.scores = l.content + memory_align(n * sizeof(struct gpu_content));
    l.bytes = l.scores + memory_align(n * sizeof(struct gpu_scores));
    return l;
}

static struct berth berth_at(const struct berth_layout *l, char *begin)
{
    return (struct berth){
        .rgb = (uint8_t *)begin,
        .class_map = (uint8_t *)begin + l->class_map,
        .content = (struct gpu_content *)(begin + l->content),
        .scores = (struct gpu_scores *)(begin + l->scores),
    };
}

static size_t partials_bytes(const struct pass *p)
{
    const struct gpu_classes_job job = {
        .n = p->steps.shape.n, .h = p->steps.shape.h, .w = p->steps.shape.w};

    return memory_align(classes_partials(&job) * sizeof(float));
}

static size_t arena_bytes(const struct pass *p)
{
    return memory_align(p->steps.arena_bytes);
}

size_t pass_work_bytes(const struct pass *p)
{
    return arena_bytes(p) + memory_align(p->workspace_bytes) + partials_bytes(p);
}

size_t pass_berth_bytes(const struct pass *p)
{
    return lay_out(p).bytes;
}

static void place_all(struct pass *p, const struct memory *m)
{
    struct berth_layout l = lay_out(p);

    p->partials = (float *)(m->device + arena_bytes(p) + memory_align(p->workspace_bytes));
    for (int i = 0; i < BERTHS; i++) {
        p->device[i] = berth_at(&l, memory_device_berth(m, i));
        p->host[i] = berth_at(&l, memory_host_berth(m, i));
    }
}

/* ---- steps ------------------------------------------------------------------------------- */

static void *map_at(const struct pass *p, const struct pass_site *site, int layer)
{
    return site->memory->device + p->steps.place[layer].offset;
}

static int bind_conv(struct pass *p, const struct pass_site *site, int layer, struct err *err)
{
    const int64_t uids[] = {CONV_X, CONV_W, CONV_Y, CONV_B};
    const struct parameters *from = site->parameters;
    /* cuDNN only reads the constant ones */
    void *const tensors[] = {
        map_at(p, site, network[layer].in[0]),
        (void *)(uintptr_t)from->weight[layer],
        map_at(p, site, layer),
        (void *)(uintptr_t)from->bias[layer],
    };
    bool has_bias = network[layer].norm || network[layer].bias;

    return graph_plan_bind(p->plans[layer], uids, tensors, has_bias ? 4 : 3,
                           site->memory->device + arena_bytes(p), err);
}

static cudaError_t run_stem(const struct pass *p, const struct pass_site *site,
                            const struct berth *b)
{
    const struct steps_shape *shape = &p->steps.shape;
    const struct gpu_stem_job job = {
        .kind = site->parameters->kind,
        .rgb = b->rgb,
        .rgb_step = 3 * pixels(p),
        .n = shape->n,
        .h = shape->h,
        .w = shape->w,
        .weight = site->parameters->weight[L_F0],
        .bias = site->parameters->bias[L_F0],
        .out = map_at(p, site, L_F0),
    };

    return gpu_stem(&job, site->stream);
}

static cudaError_t run_halve(const struct pass *p, const struct pass_site *site, int conv)
{
    int in = network[conv].in[0], pool = conv + 1;
    struct shape shape = p->steps.shapes[in];
    const struct gpu_halve_job job = {
        .kind = site->parameters->kind,
        .in = map_at(p, site, in),
        .n = p->steps.shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .in_step = p->steps.place[in].pitch,
        .weight = site->parameters->weight[conv],
        .bias = site->parameters->bias[conv],
        .conv = map_at(p, site, conv),
        .conv_step = p->steps.place[conv].pitch,
        .pool = map_at(p, site, pool),
        .pool_step = p->steps.place[pool].pitch,
    };

    return gpu_halve(&job, site->stream);
}

/* The parts that lie in the whole are there already. */
static cudaError_t run_join(const struct pass *p, const struct pass_site *site, int concat)
{
    const struct layer *l = &network[concat];
    struct shape shape = p->steps.shapes[concat];
    struct gpu_join_job job = {
        .kind = site->parameters->kind,
        .n = p->steps.shape.n,
        .h = shape.h,
        .w = shape.w,
        .out = map_at(p, site, concat),
        .out_step = p->steps.place[concat].pitch,
    };

    for (int i = 0; i < layer_inputs(l); i++) {
        struct gpu_join_part part = {.at = map_at(p, site, l->in[i]),
                                     .c = network[l->in[i]].channels};
        (void)network_concat_of(l->in[i], &part.first);
        if (p->steps.place[l->in[i]].bytes)
            job.part[job.parts++] = part;
    }
    return gpu_join(&job, site->stream);
}

static cudaError_t run_bins(const struct pass *p, const struct pass_site *site)
{
    int in = network[L_BIN1].in[0];
    struct shape shape = p->steps.shapes[in];
    const struct gpu_bins_job job = {
        .kind = site->parameters->kind,
        .in = map_at(p, site, in),
        .n = p->steps.shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .in_step = p->steps.place[in].pitch,
        .out = {map_at(p, site, L_BIN1), map_at(p, site, L_BIN2), map_at(p, site, L_BIN4)},
    };

    return gpu_bins(&job, site->stream);
}

static cudaError_t run_sum(const struct pass *p, const struct pass_site *site)
{
    struct shape shape = p->steps.shapes[L_CMS];
    const struct gpu_sum_job job = {
        .kind = site->parameters->kind,
        .in = {map_at(p, site, L_CM1), map_at(p, site, L_CM2), map_at(p, site, L_CM4)},
        .n = p->steps.shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .out = map_at(p, site, L_CMS),
    };

    return gpu_sum(&job, site->stream);
}

static cudaError_t run_attend(const struct pass *p, const struct pass_site *site, int blend)
{
    const int *in = network[blend].in;
    int high = network[in[1]].in[0], stats = network[network[in[2]].in[0]].in[0];
    struct shape shape = p->steps.shapes[blend], from = p->steps.shapes[high];
    const struct gpu_attend_job job = {
        .kind = site->parameters->kind,
        .x = map_at(p, site, in[0]),
        .y = map_at(p, site, high),
        .n = p->steps.shape.n,
        .h = shape.h,
        .w = shape.w,
        .c = shape.c,
        .y_h = from.h,
        .y_w = from.w,
        .weights = site->parameters->attend[blend],
        .stats = map_at(p, site, stats),
        .out = map_at(p, site, blend),
    };

    return gpu_attend(&job, site->stream);
}

static cudaError_t run_classes(const struct pass *p, const struct pass_site *site,
                               const struct berth *b)
{
    const struct steps_shape *shape = &p->steps.shape;
    struct shape in = p->steps.shapes[L_LOGITS];
    const struct gpu_classes_job job = {
        .kind = site->parameters->kind,
        .logits = map_at(p, site, L_LOGITS),
        .n = shape->n,
        .in_h = in.h,
        .in_w = in.w,
        .h = shape->h,
        .w = shape->w,
        .content = b->content,
        .class_map = b->class_map,
        .partials = p->partials,
        .scores = b->scores,
    };

    return gpu_classes(&job, site->stream);
}

static cudaError_t run_own(const struct pass *p, const struct pass_site *site,
                           const struct step *step, const struct berth *b)
{
    switch (step->kind) {
    case STEP_STEM: return run_stem(p, site, b);
    case STEP_HALVE: return run_halve(p, site, step->layer);
    case STEP_JOIN: return run_join(p, site, step->layer);
    case STEP_BINS: return run_bins(p, site);
    case STEP_SUM: return run_sum(p, site);
    case STEP_ATTEND: return run_attend(p, site, step->layer);
    case STEP_CLASSES: return run_classes(p, site, b);
    default: return cudaErrorInvalidValue;
    }
}

static int run_step(const struct pass *p, const struct pass_site *site, const struct step *step,
                    const struct berth *b, struct err *err)
{
    int ret = step->kind == STEP_CONV
                  ? graph_plan_run(p->plans[step->layer], site->handle, err)
                  : cuda_failed(run_own(p, site, step, b), "launch of a kernel", err);

    return ret ? err_wrap(err, "%s", network[step->layer].name) : 0;
}

int pass_step(const struct pass *p, const struct pass_site *site, const struct step *step,
              struct err *err)
{
    return run_step(p, site, step, &p->device[0], err);
}

/* ---- graphs ------------------------------------------------------------------------------ */

/* Whatever fails in a capture, the capture has to be ended. */
static int capture(struct pass *p, const struct pass_site *site, int berth, struct err *err)
{
    cudaGraph_t graph = NULL;
    int failed = 0;

    /* of this thread: another stream's thread may allocate meanwhile */
    if (CUDA_FAILED(err, cudaStreamBeginCapture(site->stream, cudaStreamCaptureModeThreadLocal)))
        return -1;
    for (int i = 0; i < p->steps.count && !failed; i++)
        failed = run_step(p, site, &p->steps.list[i], &p->device[berth], err);
    if (CUDA_FAILED(err, cudaStreamEndCapture(site->stream, &graph)))
        failed = -1;
    if (!failed)
        failed = CUDA_FAILED(err, cudaGraphInstantiate(&p->exec[berth], graph, 0));
    if (graph)
        cudaGraphDestroy(graph);
    return failed;
}

int pass_bind(struct pass *p, const struct pass_site *site, struct err *err)
{
    int failed = 0;

    if (p->generation == site->memory->generation)
        return 0;
    drop_graphs(p);
    place_all(p, site->memory);
    for (int i = 0; i < LAYER_COUNT_INFERENCE && !failed; i++)
        failed = p->plans[i] && bind_conv(p, site, i, err);
    for (int i = 0; i < BERTHS && !failed; i++)
        failed = capture(p, site, i, err);
    if (failed) {
        drop_graphs(p);
        return -1;
    }
    p->generation = site->memory->generation;
    return 0;
}

int pass_launch(const struct pass *p, int berth, cudaStream_t stream, struct err *err)
{
    return CUDA_FAILED(err, cudaGraphLaunch(p->exec[berth], stream));
}
