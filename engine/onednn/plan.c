#include "engine/onednn/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onednn/dnnl_try.h"

bool plan_is_conv(int layer)
{
    const struct layer *l = &network[layer];

    return l->op == LAYER_CONV && l->groups == 1 && l->channels > HIDDEN_CHANNELS && layer != L_F0;
}

size_t plan_elem_size(const struct shared *shared, int layer)
{
    return quantised_bytes(&shared->quantised, layer) ? 1 : shared->kernels->elem_size;
}

/* ---- memory ------------------------------------------------------------------------------ */

/* Of one image. */
static size_t layer_bytes(const struct plan *p, const struct shared *shared, int layer)
{
    struct shape s = p->shapes[layer];

    if (layer == L_IN || network[layer].op == LAYER_AVERAGE || network[layer].op == LAYER_RESIZE)
        return 0; /* read where it is; written into the concat; made where it is used */
    if (order_step_of(layer) != layer)
        return plane_size(s.h, s.w) * (size_t)s.c * sizeof(float);
    return (size_t)s.h * (size_t)s.w * (size_t)s.c * plan_elem_size(shared, layer);
}

/* Planes are of one image at a time. */
static int layer_copies(const struct plan *p, int layer, bool keep)
{
    bool all = keep || order_keeps_all(&p->order, layer);

    return all && order_step_of(layer) == layer ? p->n : 1;
}

static size_t align(size_t bytes)
{
    return (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
}

/* Images that the step of `layer` takes at once. */
static int batch_of(const struct plan *p, int layer)
{
    return order_runs_all(&p->order, layer) ? p->n : 1;
}

/* What the hungriest of our own loops wants. */
static size_t scratch_bytes(const struct plan *p, size_t elem_size)
{
    size_t most = classes_scratch(p->w) * sizeof(float);
    size_t stem = stem_scratch(p->w) * elem_size;

    most = stem > most ? stem : most;
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        size_t need =
            p->winograd[i].points ? winograd_scratch(i, p->shapes, batch_of(p, i), elem_size) : 0;
        most = need > most ? need : most;
    }
    return most > PIXEL_BYTES_MAX ? most : PIXEL_BYTES_MAX;
}

/* `scratchpad` bytes are what oneDNN's hungriest primitive wants. */
static void lay_out(struct plan *p, const struct shared *shared, size_t scratchpad, bool keep)
{
    size_t scratch = scratch_bytes(p, shared->kernels->elem_size);

    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        p->copies[i] = layer_copies(p, i, keep);
        p->bytes[i] = (size_t)p->copies[i] * layer_bytes(p, shared, i);
    }
    network_memory(&p->memory, p->bytes, &p->order.run, keep);
    p->scratchpad_at = align(p->memory.total);
    p->scratch_at = align(p->scratchpad_at + scratchpad);
    p->zeros_at = align(p->scratch_at + scratch);
    p->arena_bytes = align(p->zeros_at + PIXEL_BYTES_MAX);
}

/* ---- resize tables ----------------------------------------------------------------------- */

static struct tap *make_taps(int from, int to, struct err *err)
{
    struct tap *taps = malloc((size_t)to * sizeof(*taps));

    if (!taps)
        err_set(err, ERR_NOMEM, "out of memory for a resize to %d", to);
    for (int i = 0; taps && i < to; i++)
        taps[i].f = (float)resize_tap(from, to, i, &taps[i].lo, &taps[i].hi);
    return taps;
}

static int make_all_taps(struct plan *p, struct err *err)
{
    for (int i = 0; i <= LAYER_COUNT; i++) {
        bool classes = i == LAYER_COUNT;
        if (!classes && (i >= LAYER_COUNT_INFERENCE || network[i].op != LAYER_RESIZE))
            continue;
        struct shape from = p->shapes[classes ? L_LOGITS : network[i].in[0]];
        struct shape to = p->shapes[classes ? L_IN : i];
        p->taps[i][0] = make_taps(from.h, to.h, err);
        p->taps[i][1] = make_taps(from.w, to.w, err);
        if (!p->taps[i][0] || !p->taps[i][1])
            return -1;
    }
    return 0;
}

/* ---- convolutions ------------------------------------------------------------------------ */

static int describe_conv(const struct plan *p, const struct shared *shared, int layer,
                         dnnl_convolution_desc_t *out, struct err *err)
{
    const struct layer *l = &network[layer];
    struct shape in = p->shapes[l->in[0]], to = p->shapes[layer];
    int n = batch_of(p, layer);
    const dnnl_dims_t src_dims = {n, in.c, in.h, in.w}, dst_dims = {n, to.c, to.h, to.w};
    const dnnl_dims_t weight_dims = {to.c, in.c, l->kernel, l->kernel}, bias_dims = {to.c};
    const dnnl_dims_t strides = {l->stride, l->stride}, pad = {l->kernel / 2, l->kernel / 2};
    const struct quantised *q = &shared->quantised;
    dnnl_data_type_t from = quantised_type(q, l->in[0], shared->type);
    dnnl_data_type_t into = quantised_type(q, layer, shared->type);
    dnnl_data_type_t factor = quantised_conv(q, layer) ? dnnl_s8 : shared->type;
    dnnl_memory_desc_t src, weight, bias, dst;

    if (DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&src, 4, src_dims, from, dnnl_nhwc)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&dst, 4, dst_dims, into, dnnl_nhwc)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&weight, 4, weight_dims, factor,
                                                      dnnl_format_tag_any)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a)) ||
        DNNL_FAILED(err, dnnl_convolution_forward_desc_init(out, dnnl_forward_inference,
                                                            dnnl_convolution_direct, &src, &weight,
                                                            &bias, &dst, strides, pad, pad)))
        return -1;
    return 0;
}

/* Scratchpad from us: a primitive's own one is not safe when two threads run what the cache made
 * one of. */
static int make_attributes(dnnl_primitive_attr_t *out, const struct quantised *q, int layer,
                           struct err *err)
{
    bool relu = network[layer].relu;
    dnnl_post_ops_t ops = NULL;
    int ret = -1;

    if (!DNNL_FAILED(err, dnnl_primitive_attr_create(out)) &&
        !DNNL_FAILED(err,
                     dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user)) &&
        !DNNL_FAILED(err, dnnl_post_ops_create(&ops)) &&
        (!relu ||
         !DNNL_FAILED(err, dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0))) &&
        !DNNL_FAILED(err, dnnl_primitive_attr_set_post_ops(*out, ops)) &&
        !(quantised_conv(q, layer) && quantised_attributes(q, layer, *out, err)))
        ret = 0;
    dnnl_post_ops_destroy(ops);
    return ret;
}

static int check_implementation(const_dnnl_primitive_desc_t pd, int layer, struct shape in,
                                struct err *err)
{
    const char *name = NULL;

    if (DNNL_FAILED(err, dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name)))
        return -1;
    if (strstr(name, "ref"))
        return err_set(err, ERR_DEVICE,
                       "oneDNN would run %s at %dx%d by %s, hundreds of times slower",
                       network[layer].name, in.w, in.h, name);
    return 0;
}

/* Primitive and memories out of a description. */
static int fill_conv(struct plan_conv *c, struct shared *shared, dnnl_stream_t stream, int layer,
                     const_dnnl_primitive_desc_t pd, struct err *err)
{
    const dnnl_memory_desc_t *src = dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0);
    const dnnl_memory_desc_t *dst = dnnl_primitive_desc_query_md(pd, dnnl_query_dst_md, 0);
    const dnnl_memory_desc_t *pad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    const dnnl_memory_desc_t *weight = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    dnnl_memory_t shared_memories[2];

    if (DNNL_FAILED(err, dnnl_primitive_create(&c->primitive, pd)) ||
        DNNL_FAILED(err, dnnl_memory_create(&c->src, src, shared->engine, DNNL_MEMORY_NONE)) ||
        DNNL_FAILED(err, dnnl_memory_create(&c->dst, dst, shared->engine, DNNL_MEMORY_NONE)) ||
        DNNL_FAILED(err,
                    dnnl_memory_create(&c->scratchpad, pad, shared->engine, DNNL_MEMORY_NONE)) ||
        packed_get(&shared->packed, layer, weight, stream, shared_memories, err))
        return -1;
    c->weight = shared_memories[0];
    c->bias = shared_memories[1];
    return 0;
}

/* Raises *scratchpad to what this one needs. */
static int make_conv(struct plan *p, struct shared *shared, dnnl_stream_t stream, int layer,
                     size_t *scratchpad, struct err *err)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    int ret = -1;

    if (!describe_conv(p, shared, layer, &desc, err) &&
        !make_attributes(&attr, &shared->quantised, layer, err) &&
        !DNNL_FAILED(err, dnnl_primitive_desc_create(&pd, &desc, attr, shared->engine, NULL)) &&
        !check_implementation(pd, layer, p->shapes[network[layer].in[0]], err))
        ret = fill_conv(&p->conv[layer], shared, stream, layer, pd, err);
    if (!ret) {
        size_t need = dnnl_memory_desc_get_size(
            dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
        *scratchpad = need > *scratchpad ? need : *scratchpad;
    }
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return ret;
}

/* ---- the whole --------------------------------------------------------------------------- */

int plan_new(struct plan **out, struct shared *shared, dnnl_stream_t stream,
             struct plan_shape shape, struct err *err)
{
    struct plan *p = calloc(1, sizeof(*p));
    size_t scratchpad = 0;
    int ret = 0;

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory for a plan");
    p->n = shape.n;
    p->h = shape.h;
    p->w = shape.w;
    network_shapes(p->shapes, shape.h, shape.w);
    order_make(&p->order, p->shapes);
    for (int i = 0; i < LAYER_COUNT_INFERENCE && !ret; i++) {
        if (shared->use_winograd && winograd_does(&shared->winograd, i, p->shapes))
            ret = winograd_get(&shared->winograd, i, &p->winograd[i], err);
        else if (plan_is_conv(i))
            ret = make_conv(p, shared, stream, i, &scratchpad, err);
    }
    if (!ret)
        ret = make_all_taps(p, err);
    if (ret) {
        plan_free(p);
        return -1;
    }
    lay_out(p, shared, scratchpad, shape.keep);
    *out = p;
    return 0;
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        dnnl_primitive_destroy(p->conv[i].primitive);
        dnnl_memory_destroy(p->conv[i].src);
        dnnl_memory_destroy(p->conv[i].dst);
        dnnl_memory_destroy(p->conv[i].scratchpad);
    }
    for (int i = 0; i <= LAYER_COUNT; i++) {
        free(p->taps[i][0]);
        free(p->taps[i][1]);
    }
    free(p);
}
