#include "engine/cudnn/parameters.h"

#include <stdlib.h>
#include <string.h>

#include "engine/cudnn/cudnn_try.h"
#include "engine/cudnn/steps.h"
#include "engine/weights.h"

enum { ALIGN = 256 };

/* Where a convolution's values lie, bytes from the block's begin. */
struct span {
    size_t weight, bias;
};

static bool is_attention(int layer)
{
    return network[layer].channels < ELEM_GROUP;
}

static bool is_convolution(int layer)
{
    return network[layer].op == LAYER_CONV && !is_attention(layer);
}

/* Do our kernels make it? */
static bool is_ours(int layer)
{
    return layer == L_F0 || network[layer].groups > 1;
}

static size_t elem_of(const struct parameters *p, int layer)
{
    return is_ours(layer) ? sizeof(float) : elem_size(p->kind);
}

static size_t align(size_t bytes)
{
    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t place_all(const struct parameters *p, struct span spans[LAYER_COUNT_INFERENCE])
{
    size_t at = 0;

    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (!is_convolution(i))
            continue;
        spans[i].weight = at;
        at += align(weights_count(i) * elem_of(p, i));
        spans[i].bias = at;
        at += align((size_t)network[i].channels * elem_of(p, i));
    }
    return at;
}

/* A convolution's folded values; all NULL on failure. */
struct folded {
    double *weight, *bias;
    float *packed; /* room for the weight */
};

static void folded_release(struct folded *f)
{
    free(f->weight);
    free(f->bias);
    free(f->packed);
    *f = (struct folded){0};
}

static int fold(struct folded *f, const struct model *model, int layer, struct err *err)
{
    size_t count = weights_count(layer);
    int ret = -1;

    f->weight = malloc(count * sizeof(*f->weight));
    f->bias = malloc((size_t)network[layer].channels * sizeof(*f->bias));
    f->packed = malloc(count * sizeof(*f->packed));
    if (!f->weight || !f->bias || !f->packed)
        err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    else
        ret = weights_fold(model, layer, f->weight, f->bias, err);
    if (ret)
        folded_release(f);
    return ret;
}

static void pack(struct folded *f, const struct parameters *p, int layer)
{
    /* a filter's order does not depend on the shape of the maps */
    const struct steps_shape shape = {.n = 1, .h = 1, .w = 1, .elem_size = elem_size(p->kind)};
    struct steps steps;
    struct conv conv;

    if (layer == L_F0) {
        pack_stem(f->packed, f->weight);
    } else if (is_ours(layer)) {
        pack_depthwise(f->packed, f->weight, network[layer].channels);
    } else {
        steps_make(&steps, &shape);
        steps_conv(&conv, &steps, layer, p->type);
        conv_filter(f->packed, &conv, f->weight, conv.c, conv.k);
    }
}

static void store(void *to, size_t at, float value, size_t elem, enum elem kind)
{
    if (elem == sizeof(float))
        ((float *)to)[at] = value;
    else
        ((uint16_t *)to)[at] = (uint16_t)elem_narrow(value, kind);
}

static int put_conv(const struct parameters *p, char *host, const struct model *model, int layer,
                    struct span span, struct err *err)
{
    struct folded f = {0};
    size_t elem = elem_of(p, layer);

    if (fold(&f, model, layer, err))
        return -1;
    pack(&f, p, layer);
    for (size_t i = 0; i < weights_count(layer); i++)
        store(host + span.weight, i, f.packed[i], elem, p->kind);
    for (int k = 0; k < network[layer].channels; k++)
        store(host + span.bias, (size_t)k, (float)f.bias[k], elem, p->kind);
    folded_release(&f);
    return 0;
}

static int put_blend(struct parameters *p, const struct model *model, int blend, struct err *err)
{
    int out = network[blend].in[2], hidden = network[out].in[0];
    struct folded a = {0}, b = {0};

    if (fold(&a, model, hidden, err))
        return -1;
    if (fold(&b, model, out, err)) {
        folded_release(&a);
        return -1;
    }
    pack_attend(&p->attend[blend], &(struct fusion_weights){a.weight, a.bias, b.weight, b.bias,
                                                            weights_scale(model, blend)});
    folded_release(&a);
    folded_release(&b);
    return 0;
}

static int put_all(struct parameters *p, char *host, const struct model *model,
                   const struct span *spans, struct err *err)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (network[i].op == LAYER_BLEND && put_blend(p, model, i, err))
            return -1;
        if (is_convolution(i) && put_conv(p, host, model, i, spans[i], err))
            return -1;
    }
    return 0;
}

static int upload(struct parameters *p, const char *host, size_t bytes, const struct span *spans,
                  struct err *err)
{
    if (CUDA_FAILED(err, cudaMalloc((void **)&p->block, bytes)) ||
        CUDA_FAILED(err, cudaMemcpy(p->block, host, bytes, cudaMemcpyHostToDevice)) ||
        CUDA_FAILED(err, cudaDeviceSynchronize())) /* the copy may return before its end */
        return err_wrap(err, "%zu MiB of weights", bytes >> 20);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        if (is_convolution(i)) {
            p->weight[i] = p->block + spans[i].weight;
            p->bias[i] = p->block + spans[i].bias;
        }
    return 0;
}

void parameters_types(const char *precision, cudnnDataType_t *type, enum elem *kind)
{
    static const struct {
        const char *name;
        cudnnDataType_t type;
        enum elem kind;
    } kinds[] = {
        {"fp16", CUDNN_DATA_HALF,     ELEM_F16 },
        {"bf16", CUDNN_DATA_BFLOAT16, ELEM_BF16},
        {"f32",  CUDNN_DATA_FLOAT,    ELEM_F32 },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (!strcmp(precision, kinds[i].name)) {
            *type = kinds[i].type;
            *kind = kinds[i].kind;
        }
}

int parameters_load(struct parameters *p, const struct model *model, const char *precision,
                    struct err *err)
{
    struct span spans[LAYER_COUNT_INFERENCE];
    int ret = -1;

    *p = (struct parameters){0};
    parameters_types(precision, &p->type, &p->kind);
    size_t bytes = place_all(p, spans);
    char *host = calloc(1, bytes);
    if (!host)
        return err_set(err, ERR_NOMEM, "out of memory for %zu MiB of weights", bytes >> 20);
    if (!put_all(p, host, model, spans, err))
        ret = upload(p, host, bytes, spans, err);
    free(host);
    if (ret)
        parameters_release(p);
    return ret;
}

void parameters_release(struct parameters *p)
{
    if (p->block)
        cudaFree(p->block);
    *p = (struct parameters){0};
}
