#include "engine/onednn/limit.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "engine/onednn/dnnl_try.h"

enum {
    BLOCK_US = 200,  /* runs timed together: the clock counts whole microseconds */
    TIMED_US = 6000, /* of each convolution in each round */
    CHANNELS_MAX = 1024,
};

/* What oneDNN is asked for; the fastest counts. One that a convolution cannot have, or has only by
 * the reference code, is passed over. */
static const struct variant {
    dnnl_alg_kind_t algorithm;
    dnnl_format_tag_t tag; /* of source and destination */
} variants[] = {
    {dnnl_convolution_direct,   dnnl_format_tag_any},
    {dnnl_convolution_direct,   dnnl_nChw16c       },
    {dnnl_convolution_winograd, dnnl_format_tag_any},
};

static const struct kind {
    const char *precision;
    unsigned needs; /* bits of dnnl_cpu_isa_t */
    dnnl_data_type_t src, weight, dst;
} kinds[] = {
    {"f32",  0,                             dnnl_f32,  dnnl_f32,  dnnl_f32 },
    {"bf16", dnnl_cpu_isa_avx512_core_bf16, dnnl_bf16, dnnl_bf16, dnnl_bf16},
    {"int8", dnnl_cpu_isa_avx512_core_vnni, dnnl_u8,   dnnl_s8,   dnnl_u8  },
    {"int8", dnnl_cpu_isa_avx2_vnni,        dnnl_u8,   dnnl_s8,   dnnl_u8  },
};

enum part { PART_SRC, PART_WEIGHT, PART_BIAS, PART_DST, PART_SCRATCHPAD, PART_COUNT };

/* One convolution by one implementation. */
struct trial {
    const struct kind *kind;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    struct shape in, out;
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[PART_COUNT];
};

static const struct kind *find_kind(const char *precision)
{
    unsigned have = (unsigned)dnnl_get_effective_cpu_isa();

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strcmp(precision, kinds[i].precision) && (have & kinds[i].needs) == kinds[i].needs)
            return &kinds[i];
    return NULL;
}

/* ---- making ------------------------------------------------------------------------------ */

static int make_attributes(dnnl_primitive_attr_t *out, const struct kind *kind,
                           const struct layer *l, struct err *err)
{
    static const float scale = 1.0F / 512;
    float scales[CHANNELS_MAX];
    dnnl_post_ops_t ops = NULL;
    int ret = -1;

    for (int c = 0; c < l->channels; c++)
        scales[c] = scale;
    if (!DNNL_FAILED(err, dnnl_primitive_attr_create(out)) &&
        !DNNL_FAILED(err,
                     dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user)) &&
        !DNNL_FAILED(err, dnnl_post_ops_create(&ops)) &&
        (!l->relu ||
         !DNNL_FAILED(err, dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0))) &&
        !DNNL_FAILED(err, dnnl_primitive_attr_set_post_ops(*out, ops)) &&
        (kind->src != dnnl_u8 || !DNNL_FAILED(err, dnnl_primitive_attr_set_output_scales(
                                                       *out, l->channels, 1 << 1, scales))))
        ret = 0;
    dnnl_post_ops_destroy(ops);
    return ret;
}

static int describe(const struct trial *t, const struct layer *l, const struct variant *v,
                    dnnl_convolution_desc_t *out, struct err *err)
{
    const dnnl_dims_t src_dims = {1, t->in.c, t->in.h, t->in.w};
    const dnnl_dims_t dst_dims = {1, t->out.c, t->out.h, t->out.w};
    const dnnl_dims_t dense = {t->out.c, t->in.c, l->kernel, l->kernel};
    const dnnl_dims_t grouped = {l->groups, t->out.c / l->groups, t->in.c / l->groups, l->kernel,
                                 l->kernel};
    const dnnl_dims_t bias_dims = {t->out.c}, strides = {l->stride, l->stride};
    const dnnl_dims_t pad = {l->kernel / 2, l->kernel / 2};
    bool is_dense = l->groups == 1;
    dnnl_memory_desc_t src, weight, bias, dst;

    if (DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&src, 4, src_dims, t->kind->src, v->tag)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&dst, 4, dst_dims, t->kind->dst, v->tag)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&weight, is_dense ? 4 : 5,
                                                      is_dense ? dense : grouped, t->kind->weight,
                                                      dnnl_format_tag_any)) ||
        DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a)) ||
        DNNL_FAILED(err, dnnl_convolution_forward_desc_init(out, dnnl_forward_inference,
                                                            v->algorithm, &src, &weight, &bias,
                                                            &dst, strides, pad, pad)))
        return -1;
    return 0;
}

/* Small values of both signs: zeros would let the processor run cooler than a picture does. */
static void invent(void *memory, size_t bytes, dnnl_data_type_t type)
{
    for (size_t i = 0; i < bytes / dnnl_data_type_size(type); i++) {
        int value = (int)(i * 7 % 13) - 6;
        float f = (float)value / 8;
        uint32_t bits;
        memcpy(&bits, &f, sizeof(bits));
        switch (type) {
        case dnnl_f32: ((uint32_t *)memory)[i] = bits; break;
        case dnnl_bf16: ((uint16_t *)memory)[i] = (uint16_t)(bits >> 16); break;
        case dnnl_u8: ((uint8_t *)memory)[i] = (uint8_t)(value + 6); break;
        default: ((int8_t *)memory)[i] = (int8_t)value; break;
        }
    }
}

static int make_memory(struct trial *t, enum part part, int arg, dnnl_query_t what, int index,
                       struct err *err)
{
    const dnnl_memory_desc_t *desc = dnnl_primitive_desc_query_md(t->pd, what, index);
    void *bytes = NULL;

    t->args[part].arg = arg;
    if (DNNL_FAILED(err, dnnl_memory_create(&t->args[part].memory, desc, t->engine,
                                            DNNL_MEMORY_ALLOCATE)) ||
        DNNL_FAILED(err, dnnl_memory_get_data_handle(t->args[part].memory, &bytes)))
        return -1;
    if (part <= PART_BIAS)
        invent(bytes, dnnl_memory_desc_get_size(desc), desc->data_type);
    return 0;
}

/* *name stays NULL when there is no such implementation, or only the reference code. */
static int trial_open(struct trial *t, const struct layer *l, const struct variant *v,
                      const char **name, struct err *err)
{
    dnnl_convolution_desc_t desc;
    dnnl_primitive_attr_t attr = NULL;
    int ret = make_attributes(&attr, t->kind, l, err);
    struct err absent = {0};

    if (!ret && !describe(t, l, v, &desc, &absent))
        ret = DNNL_FAILED(&absent,
                          dnnl_primitive_desc_create(&t->pd, &desc, attr, t->engine, NULL)) &&
              absent.code == ERR_NOMEM;
    dnnl_primitive_attr_destroy(attr);
    if (ret || !t->pd)
        return ret;
    if (DNNL_FAILED(err, dnnl_primitive_desc_query(t->pd, dnnl_query_impl_info_str, 0, name)))
        return -1;
    if (strstr(*name, "ref")) {
        *name = NULL;
        return 0;
    }
    if (DNNL_FAILED(err, dnnl_primitive_create(&t->primitive, t->pd)) ||
        make_memory(t, PART_SRC, DNNL_ARG_SRC, dnnl_query_src_md, 0, err) ||
        make_memory(t, PART_WEIGHT, DNNL_ARG_WEIGHTS, dnnl_query_weights_md, 0, err) ||
        make_memory(t, PART_BIAS, DNNL_ARG_BIAS, dnnl_query_weights_md, 1, err) ||
        make_memory(t, PART_DST, DNNL_ARG_DST, dnnl_query_dst_md, 0, err) ||
        make_memory(t, PART_SCRATCHPAD, DNNL_ARG_SCRATCHPAD, dnnl_query_scratchpad_md, 0, err))
        return -1;
    return 0;
}

static void trial_close(struct trial *t)
{
    for (int i = 0; i < PART_COUNT; i++)
        dnnl_memory_destroy(t->args[i].memory);
    dnnl_primitive_destroy(t->primitive);
    dnnl_primitive_desc_destroy(t->pd);
}

/* ---- timing ------------------------------------------------------------------------------ */

static int run_block(const struct trial *t, int runs, int64_t *us, struct err *err)
{
    int64_t start = clock_mono_us();

    for (int i = 0; i < runs; i++)
        if (DNNL_FAILED(err, dnnl_primitive_execute(t->primitive, t->stream, PART_COUNT, t->args)))
            return -1;
    if (DNNL_FAILED(err, dnnl_stream_wait(t->stream)))
        return -1;
    *us = clock_mono_us() - start;
    return 0;
}

/* The fastest block's mean, ms. */
static int trial_time(const struct trial *t, double *best_ms, struct err *err)
{
    int runs = 1;
    int64_t us = 0, spent = 0;

    for (;; runs *= 2) { /* warms up too */
        if (run_block(t, runs, &us, err))
            return -1;
        if (us >= BLOCK_US)
            break;
    }
    *best_ms = (double)us / runs / 1e3;
    while (spent < TIMED_US) {
        if (run_block(t, runs, &us, err))
            return -1;
        if ((double)us / runs / 1e3 < *best_ms)
            *best_ms = (double)us / runs / 1e3;
        spent += us;
    }
    return 0;
}

static int time_layer(const struct trial *common, const struct layer *l, struct engine_limit *out,
                      struct err *err)
{
    for (size_t i = 0; i < sizeof(variants) / sizeof(*variants); i++) {
        struct trial t = *common;
        const char *name = NULL;
        double ms = 0;
        int ret = trial_open(&t, l, &variants[i], &name, err);
        if (!ret && name)
            ret = trial_time(&t, &ms, err);
        if (!ret && name && (!out->ms || ms < out->ms)) {
            out->ms = ms;
            snprintf(out->implementation, sizeof(out->implementation), "%s", name);
        }
        if (!ret && name && variants[i].algorithm == dnnl_convolution_direct &&
            (!out->direct_ms || ms < out->direct_ms))
            out->direct_ms = ms;
        trial_close(&t);
        if (ret)
            return -1;
    }
    return out->ms
               ? 0
               : err_set(err, ERR_DEVICE, "oneDNN has nothing but reference code for %s", l->name);
}

int onednn_limit(const char *precision, int w, int h, int rounds,
                 struct engine_limit out[LAYER_COUNT], struct err *err)
{
    struct trial t = {.kind = find_kind(precision)};
    struct shape shapes[LAYER_COUNT];
    int ret = 0;

    if (!t.kind)
        return err_set(err, ERR_CONFIG, "oneDNN does not do %s on this CPU without emulation",
                       precision);
    omp_set_num_threads(1); /* frozen into each primitive when it is made */
    network_shapes(shapes, h, w);
    memset(out, 0, LAYER_COUNT * sizeof(*out));
    if (DNNL_FAILED(err, dnnl_engine_create(&t.engine, dnnl_cpu, 0)) ||
        DNNL_FAILED(err, dnnl_stream_create(&t.stream, t.engine, dnnl_stream_default_flags)))
        ret = -1;
    for (int i = 0; i < rounds * LAYER_COUNT_INFERENCE && !ret; i++) {
        int layer = i % LAYER_COUNT_INFERENCE;
        if (network[layer].op != LAYER_CONV)
            continue;
        t.in = shapes[network[layer].in[0]];
        t.out = shapes[layer];
        ret = time_layer(&t, &network[layer], &out[layer], err);
    }
    dnnl_stream_destroy(t.stream);
    dnnl_engine_destroy(t.engine);
    return ret;
}
