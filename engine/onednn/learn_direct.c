#include "engine/onednn/learn_direct.h"

#include <string.h>

#include "engine/onednn/dnnl_try.h"

/* Which of a primitive's memories are which argument. */
struct role_of_map {
    dnnl_query_t query;
    int arg;
};

static const struct {
    int count;
    struct role_of_map maps[DIRECT_MAPS];
} kinds[DIRECT_KINDS] = {
    [DIRECT_FORWARD] = {3,
                        {{dnnl_query_src_md, DNNL_ARG_SRC},
                         {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                         {dnnl_query_dst_md, DNNL_ARG_DST}}                                      },
    [DIRECT_BACK] = {3,
                        {{dnnl_query_diff_dst_md, DNNL_ARG_DIFF_DST},
                      {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                      {dnnl_query_diff_src_md, DNNL_ARG_DIFF_SRC}}                               },
    [DIRECT_LEARN] = {3,
                        {{dnnl_query_src_md, DNNL_ARG_SRC},
                       {dnnl_query_diff_dst_md, DNNL_ARG_DIFF_DST},
                       {dnnl_query_diff_weights_md, DNNL_ARG_DIFF_WEIGHTS}}                      },
    [DIRECT_PACK_FORWARD] = {2,
                        {{dnnl_query_src_md, DNNL_ARG_FROM},
                              {dnnl_query_dst_md, DNNL_ARG_TO}}                                  },
    [DIRECT_PACK_BACK] = {2,
                        {{dnnl_query_src_md, DNNL_ARG_FROM}, {dnnl_query_dst_md, DNNL_ARG_TO}}   },
    [DIRECT_UNPACK] = {2, {{dnnl_query_src_md, DNNL_ARG_FROM}, {dnnl_query_dst_md, DNNL_ARG_TO}}},
};

static void pass_release(struct direct_pass *p)
{
    dnnl_primitive_destroy(p->primitive);
    for (int i = 0; i < p->count; i++)
        dnnl_memory_destroy(p->maps[i]);
    dnnl_memory_destroy(p->scratchpad);
}

void direct_release(struct direct *d)
{
    for (int i = 0; i < DIRECT_KINDS; i++)
        pass_release(&d->passes[i]);
    *d = (struct direct){0};
}

static int check_name(const_dnnl_primitive_desc_t pd, int layer, struct err *err)
{
    const char *name = NULL;

    if (DNNL_FAILED(err, dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name)))
        return -1;
    if (strstr(name, "ref"))
        return err_set(err, ERR_DEVICE, "oneDNN would train %s by %s, hundreds of times slower",
                       network[layer].name, name);
    return 0;
}

static void raise(size_t *to, size_t value)
{
    *to = value > *to ? value : *to;
}

/* The pass of `pd`. */
static int make_pass(struct direct *d, enum direct_kind kind, const struct direct_shape *s,
                     const_dnnl_primitive_desc_t pd, struct err *err)
{
    struct direct_pass *p = &d->passes[kind];
    const dnnl_memory_desc_t *pad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);

    if (check_name(pd, s->layer, err) || DNNL_FAILED(err, dnnl_primitive_create(&p->primitive, pd)))
        return -1;
    for (int i = 0; i < kinds[kind].count; i++, p->count++) {
        const dnnl_memory_desc_t *md =
            dnnl_primitive_desc_query_md(pd, kinds[kind].maps[i].query, 0);
        p->args[i] = kinds[kind].maps[i].arg;
        if (DNNL_FAILED(err, dnnl_memory_create(&p->maps[i], md, s->engine, DNNL_MEMORY_NONE)))
            return -1;
    }
    raise(&d->scratchpad, dnnl_memory_desc_get_size(pad));
    return DNNL_FAILED(err, dnnl_memory_create(&p->scratchpad, pad, s->engine, DNNL_MEMORY_NONE));
}

/* Between plain weights and those that a pass wants; `adds` to what is there. */
static int make_reorder(struct direct *d, enum direct_kind kind, const struct direct_shape *s,
                        const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to,
                        struct err *err)
{
    bool adds = kind == DIRECT_UNPACK;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_post_ops_t ops = NULL;
    int ret = -1;

    raise(&d->packed, dnnl_memory_desc_get_size(adds ? from : to));
    if (!DNNL_FAILED(err, dnnl_primitive_attr_create(&attr)) &&
        !DNNL_FAILED(err,
                     dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user)) &&
        !DNNL_FAILED(err, dnnl_post_ops_create(&ops)) &&
        (!adds || !DNNL_FAILED(err, dnnl_post_ops_append_sum(ops, 1))) &&
        !DNNL_FAILED(err, dnnl_primitive_attr_set_post_ops(attr, ops)) &&
        !DNNL_FAILED(err,
                     dnnl_reorder_primitive_desc_create(&pd, from, s->engine, to, s->engine, attr)))
        ret = make_pass(d, kind, s, pd, err);
    dnnl_post_ops_destroy(ops);
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return ret;
}

struct descs {
    dnnl_memory_desc_t src, dst, weight, learned, plain;
    dnnl_dims_t strides, pad;
};

static int describe(struct descs *d, const struct direct_shape *s, struct err *err)
{
    const struct layer *l = &network[s->layer];
    const dnnl_dims_t src = {s->n, s->in.c, s->in.h, s->in.w};
    const dnnl_dims_t dst = {s->n, s->out.c, s->out.h, s->out.w};
    const dnnl_dims_t weight = {s->out.c, s->in.c, l->kernel, l->kernel};

    d->strides[0] = d->strides[1] = l->stride;
    d->pad[0] = d->pad[1] = l->kernel / 2;
    if (DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&d->src, 4, src, s->type, dnnl_nhwc)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&d->dst, 4, dst, s->type, dnnl_nhwc)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&d->weight, 4, weight, s->type,
                                                      dnnl_format_tag_any)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&d->learned, 4, weight, dnnl_f32,
                                                      dnnl_format_tag_any)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&d->plain, 4, weight, dnnl_f32, dnnl_oihw)))
        return -1;
    return 0;
}

static int describe_pass(dnnl_convolution_desc_t *out, enum direct_kind kind, const struct descs *d,
                         struct err *err)
{
    switch (kind) {
    case DIRECT_FORWARD:
        return DNNL_FAILED(err, dnnl_convolution_forward_desc_init(
                                    out, dnnl_forward_training, dnnl_convolution_direct, &d->src,
                                    &d->weight, NULL, &d->dst, d->strides, d->pad, d->pad));
    case DIRECT_BACK:
        return DNNL_FAILED(err, dnnl_convolution_backward_data_desc_init(
                                    out, dnnl_convolution_direct, &d->src, &d->weight, &d->dst,
                                    d->strides, d->pad, d->pad));
    default:
        return DNNL_FAILED(err, dnnl_convolution_backward_weights_desc_init(
                                    out, dnnl_convolution_direct, &d->src, &d->learned, NULL,
                                    &d->dst, d->strides, d->pad, d->pad));
    }
}

/* A convolution's pass, and the reorder of its weights, which is of kind `reorder`. */
static int make_conv(struct direct *d, const struct direct_shape *s, const struct descs *descs,
                     enum direct_kind kind, dnnl_primitive_desc_t forward, struct err *err)
{
    static const enum direct_kind reorders[] = {DIRECT_PACK_FORWARD, DIRECT_PACK_BACK,
                                                DIRECT_UNPACK};
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    int ret = -1;

    if (!describe_pass(&desc, kind, descs, err) &&
        !DNNL_FAILED(err, dnnl_primitive_attr_create(&attr)) &&
        !DNNL_FAILED(err,
                     dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user)) &&
        !DNNL_FAILED(err, dnnl_primitive_desc_create(&pd, &desc, attr, s->engine, forward)))
        ret = make_pass(d, kind, s, pd, err);
    if (!ret) {
        const dnnl_memory_desc_t *weight = dnnl_primitive_desc_query_md(
            pd, kind == DIRECT_LEARN ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
        ret = kind == DIRECT_LEARN ? make_reorder(d, reorders[kind], s, weight, &descs->plain, err)
                                   : make_reorder(d, reorders[kind], s, &descs->plain, weight, err);
    }
    dnnl_primitive_desc_destroy(pd);
    dnnl_primitive_attr_destroy(attr);
    return ret;
}

int direct_init(struct direct *d, const struct direct_shape *shape, struct err *err)
{
    struct descs descs = {0};
    dnnl_convolution_desc_t desc;
    dnnl_primitive_desc_t forward = NULL; /* the hint that backward passes are made with */
    int ret = -1;

    *d = (struct direct){0};
    if (!describe(&descs, shape, err) && !describe_pass(&desc, DIRECT_FORWARD, &descs, err) &&
        !DNNL_FAILED(err, dnnl_primitive_desc_create(&forward, &desc, NULL, shape->engine, NULL)))
        ret = 0;
    for (int kind = DIRECT_FORWARD; kind <= DIRECT_LEARN && !ret; kind++)
        ret = make_conv(d, shape, &descs, kind, kind == DIRECT_FORWARD ? NULL : forward, err);
    dnnl_primitive_desc_destroy(forward);
    if (ret)
        direct_release(d);
    return ret;
}

int direct_run(const struct direct *d, enum direct_kind kind, dnnl_stream_t stream,
               void *const at[DIRECT_MAPS], void *scratchpad, struct err *err)
{
    const struct direct_pass *p = &d->passes[kind];
    dnnl_exec_arg_t args[DIRECT_MAPS + 1];

    for (int i = 0; i < p->count; i++) {
        if (DNNL_FAILED(err, dnnl_memory_set_data_handle(p->maps[i], at[i])))
            return -1;
        args[i] = (dnnl_exec_arg_t){p->args[i], p->maps[i]};
    }
    if (DNNL_FAILED(err, dnnl_memory_set_data_handle(p->scratchpad, scratchpad)))
        return -1;
    args[p->count] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->scratchpad};
    return DNNL_FAILED(err, dnnl_primitive_execute(p->primitive, stream, p->count + 1, args));
}
