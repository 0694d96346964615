#include "engine/cudnn/learn_pass.h"

#include <stdlib.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/learn_layers.h"
#include "engine/cudnn/threads_learn.h"
#include "engine/cudnn/threads_loss.h"
#include "engine/cudnn/threads_plane.h"

/* ---- memory ------------------------------------------------------------------------------ */

static size_t take(struct learn_pass *p, size_t bytes)
{
    size_t at = p->arena_bytes;

    p->arena_bytes += memory_align(bytes);
    return at;
}

static size_t pixels_of(const struct learn_pass *p, int layer)
{
    struct shape s = p->shapes[layer];

    return (size_t)p->shape.n * (size_t)s.h * (size_t)s.w;
}

static size_t map_bytes(const struct learn_pass *p, int layer)
{
    bool is_f32 =
        learn_is_plane(layer) || learn_is_logits(layer) || network[layer].op == LAYER_STATS;

    return pixels_of(p, layer) * (size_t)p->shapes[layer].c *
           (is_f32 ? sizeof(float) : elem_size(p->shape.kind));
}

/* Not stored: the input, what is written in its place in a concatenation only, resizes, and what follows a
 * plane, which whoever reads the plane makes. */
static bool has_map(int layer)
{
    enum layer_op op = network[layer].op;

    return op != LAYER_INPUT && op != LAYER_AVERAGE && op != LAYER_RESIZE &&
           !learn_is_plane(layer) && (learn_wants_map(layer) || learn_is_logits(layer));
}

static void place_layer(struct learn_pass *p, int i)
{
    const struct layer *l = &network[i];
    bool has_back = learn_has_back(i) && !learn_is_plane(i);

    p->map[i] = has_map(i) ? take(p, map_bytes(p, i)) : LEARN_NOWHERE;
    p->inner[i] = l->op == LAYER_CONV ? take(p, map_bytes(p, i)) : LEARN_NOWHERE;
    p->back[i] = has_back ? take(p, map_bytes(p, l->in[0])) : LEARN_NOWHERE;
    if (l->op == LAYER_STATS || learn_is_plane(i)) /* the gradient by the planes themselves */
        p->back[i] = take(p, map_bytes(p, i));
    /* arrays of few channels are padded, as each is read by sixteen bytes */
    if (l->norm)
        p->values[i] = take(p, GPU_NORM_ARRAYS * memory_align((size_t)l->channels * sizeof(float)));
}

static size_t learned_bytes(const struct learn_pass *p, int layer)
{
    const struct layer *l = &network[layer];

    if (l->op != LAYER_CONV || learn_is_dense(layer))
        return 0;
    size_t blocks = LEARN_BLOCKS, values = (size_t)l->channels * 9;
    if (layer == L_F0)
        values *= STEM_INPUTS;
    else if (learn_is_logits(layer))
        values = (size_t)l->channels * (size_t)network[l->in[0]].channels;
    else if (learn_is_plane(layer)) {
        values *= (size_t)network[l->in[0]].channels;
        blocks = (pixels_of(p, layer) + PLANE_PIXELS - 1) / PLANE_PIXELS;
    }
    return blocks * values * sizeof(float);
}

static void place_loss(struct learn_pass *p)
{
    size_t cells = 0;

    for (int i = 0; i < LEARN_HEADS; i++)
        cells += pixels_of(p, learn_heads_at[i]);
    p->counts_at = take(p, ARITH_CLASSES * sizeof(double));
    p->sums_at = take(p, (size_t)LOSS_HEADS * LOSS_SUMS * sizeof(double));
    p->cells_at = take(p, cells * LOSS_CELL * sizeof(float));
    p->cell_sums_at = take(p, cells * LOSS_SUMS * sizeof(float));
    p->labels_at = take(p, (size_t)LOSS_LABEL_BLOCKS * ARITH_CLASSES * sizeof(int));
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

void learn_pass_lay_out(struct learn_pass *p, const struct learn_shape *shape)
{
    size_t wide = 0, planes = 0;

    *p = (struct learn_pass){.shape = *shape};
    network_shapes(p->shapes, shape->h, shape->w);
    for (int i = L_F0; i < LAYER_COUNT; i++) {
        place_layer(p, i);
        p->learned[i] = take(p, learned_bytes(p, i));
        if (network[i].op != LAYER_BLEND)
            continue;
        size_t groups = pixels_of(p, i) * (size_t)p->shapes[i].c / ELEM_GROUP;
        wide = most(wide, map_bytes(p, i));
        planes = most(planes, groups / ATTEND_THREADS + 1);
    }
    p->wide_at = take(p, wide);
    p->partials_at = take(p, NORM_PARTIALS * sizeof(float));
    p->planes_at = take(p, most(planes * PLANE_SUMS, GATHER_BLOCKS) * sizeof(double));
    p->done_at = take(p, NORM_SLICES_MAX * sizeof(unsigned));
    place_loss(p);
}

/* ---- plans ------------------------------------------------------------------------------- */

void learn_conv(struct conv *out, const struct learn_pass *p, int layer, enum graph_pass pass)
{
    const struct layer *l = &network[layer];

    conv_of_layer(out, l, p->shape.n, p->shapes[l->in[0]], p->shape.type);
    out->pass = pass;
}

static int choose_all(struct learn_pass *p, const struct choose *how, struct err *err)
{
    struct conv conv;

    for (int i = L_F0; i < LAYER_COUNT; i++)
        for (int pass = 0; pass < LEARN_PASSES && learn_is_dense(i); pass++) {
            struct graph_plan **plan = &p->plans[i][pass];
            learn_conv(&conv, p, i, (enum graph_pass)pass);
            if (choose_plan(plan, how, &conv, err))
                return err_wrap(err, "%s", network[i].name);
            p->workspace_bytes = most(p->workspace_bytes, graph_plan_workspace(*plan));
        }
    return 0;
}

int learn_pass_new(struct learn_pass **out, const struct learn_shape *shape, struct choose *how,
                   struct err *err)
{
    enum { WORKSPACE_MIN = 64 << 20 };
    struct learn_pass *p = malloc(sizeof(*p));

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for a training step");
    learn_pass_lay_out(p, shape);
    how->workspace_max = most(p->arena_bytes / 4, WORKSPACE_MIN);
    if (choose_all(p, how, err)) {
        learn_pass_free(p);
        return -1;
    }
    p->workspace_at = take(p, p->workspace_bytes);
    *out = p;
    return 0;
}

static void drop_graphs(struct learn_pass *p)
{
    if (p->forward)
        cudaGraphExecDestroy(p->forward);
    if (p->backward)
        cudaGraphExecDestroy(p->backward);
    p->forward = p->backward = NULL;
    p->generation = 0;
}

void learn_pass_free(struct learn_pass *p)
{
    if (!p)
        return;
    drop_graphs(p);
    for (int i = 0; i < LAYER_COUNT; i++)
        for (int pass = 0; pass < LEARN_PASSES; pass++)
            graph_plan_free(p->plans[i][pass]);
    free(p);
}

/* ---- berths ------------------------------------------------------------------------------ */

struct learn_berths learn_pass_berths(const struct learn_pass *p)
{
    size_t pixels = (size_t)p->shape.n * (size_t)p->shape.h * (size_t)p->shape.w, up, down;
    struct learn_berths b = {.rgb = 0, .labels = memory_align(pixels * 3), .outcome = 0};

    b.control = b.labels + memory_align(pixels);
    up = b.control + memory_align(sizeof(struct gpu_control));
    down = memory_align(sizeof(struct gpu_outcome));
    for (int i = 0; i < LEARN_HEADS; i++) {
        b.gradients[i] = up;
        b.logits[i] = down;
        up += memory_align(map_bytes(p, learn_heads_at[i]));
        down += memory_align(map_bytes(p, learn_heads_at[i]));
    }
    b.bytes = most(up, down);
    return b;
}

/* ---- graphs ------------------------------------------------------------------------------ */

static int bind_conv(struct learn_pass *p, const struct learn_site *site, int layer, int pass,
                     struct err *err)
{
    const int64_t uids[] = {CONV_X, CONV_W, CONV_Y};
    const struct learn_weights *w = site->weights;
    char *arena = site->memory->device;
    void *filter =
        learn_weights_filter(w, pass == GRAPH_WEIGHT_GRADIENT ? w->dense : w->packed, layer);
    /* a convolution's gradient stands where its output was */
    void *const tensors[] = {
        arena + (pass == GRAPH_DATA_GRADIENT ? p->back[layer] : p->map[network[layer].in[0]]),
        filter,
        arena + p->inner[layer],
    };

    return graph_plan_bind(p->plans[layer][pass], uids, tensors, 3, arena + p->workspace_at, err);
}

/* Whatever fails in a capture, the capture has to be ended. */
static int capture(struct learn_pass *p, const struct learn_site *site, cudaGraphExec_t *out,
                   int (*walk)(const struct learn_at *at, struct err *err), struct err *err)
{
    const struct learn_at at = learn_at(p, site);
    cudaGraph_t graph = NULL;

    if (CUDA_FAILED(err, cudaStreamBeginCapture(site->stream, cudaStreamCaptureModeThreadLocal)))
        return -1;
    int failed = walk(&at, err);
    if (CUDA_FAILED(err, cudaStreamEndCapture(site->stream, &graph)))
        failed = -1;
    if (!failed)
        failed = CUDA_FAILED(err, cudaGraphInstantiate(out, graph, 0));
    if (graph)
        cudaGraphDestroy(graph);
    return failed;
}

int learn_pass_bind(struct learn_pass *p, const struct learn_site *site, struct err *err)
{
    int failed = 0;

    if (p->generation == site->memory->generation)
        return 0;
    drop_graphs(p);
    for (int i = L_F0; i < LAYER_COUNT; i++)
        for (int pass = 0; pass < LEARN_PASSES && !failed; pass++)
            failed = p->plans[i][pass] && bind_conv(p, site, i, pass, err);
    /* blocks are counted from 0; passes share the memory, so what lies there is another's */
    if (failed || capture(p, site, &p->forward, layers_forward, err) ||
        capture(p, site, &p->backward, layers_back, err)) {
        drop_graphs(p);
        return -1;
    }
    p->generation = site->memory->generation;
    return 0;
}
