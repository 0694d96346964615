#include "engine/cudnn/conv.h"

#include <stdio.h>
#include <string.h>

void conv_of_layer(struct conv *out, const struct layer *layer, int n, struct shape in,
                   cudnnDataType_t type)
{
    *out = (struct conv){
        .pass = GRAPH_FORWARD,
        .n = n,
        .h = in.h,
        .w = in.w,
        .c = in.c,
        .k = layer->channels,
        .kernel = layer->kernel,
        .stride = layer->stride,
        .groups = 1,
        .type = type,
    };
}

static int out_side(int side, int stride)
{
    return (side + stride - 1) / stride;
}

/* The tensors of a graph, by their place in it. */
struct tensors {
    int x, w, b, y, product, sum;
};

static int add(struct graph *g, int *at, struct graph_tensor t, struct err *err)
{
    *at = graph_tensor(g, &t, err);
    return *at < 0 ? -1 : 0;
}

static int add_tensors(struct graph *g, const struct conv *c, struct tensors *t, struct err *err)
{
    int h = out_side(c->h, c->stride), w = out_side(c->w, c->stride), inner = c->c / c->groups;
    const struct graph_tensor product = {CONV_Y + 1, CUDNN_DATA_FLOAT, c->n, c->k, h, w, true};
    const struct graph_tensor sum = {CONV_Y + 2, CUDNN_DATA_FLOAT, c->n, c->k, h, w, true};

    if (add(g, &t->x, (struct graph_tensor){CONV_X, c->type, c->n, c->c, c->h, c->w, 0}, err) ||
        add(g, &t->w, (struct graph_tensor){CONV_W, c->type, c->k, inner, c->kernel, c->kernel, 0},
            err) ||
        add(g, &t->y, (struct graph_tensor){CONV_Y, c->type, c->n, c->k, h, w, 0}, err))
        return -1;
    t->product = t->sum = t->y; /* the last operation writes y */
    if (c->bias && add(g, &t->b, (struct graph_tensor){CONV_B, c->type, 1, c->k, 1, 1, 0}, err))
        return -1;
    if ((c->bias || c->relu) && add(g, &t->product, product, err))
        return -1;
    if (c->bias && c->relu)
        return add(g, &t->sum, sum, err);
    if (c->relu)
        t->sum = t->product;
    return 0;
}

static int build(struct graph *g, const struct conv *c, struct err *err)
{
    const struct graph_conv conv = {c->kernel, c->stride, CUDNN_DATA_FLOAT};
    struct tensors t = {0};

    if (add_tensors(g, c, &t, err) ||
        graph_conv(g, c->pass, &conv, (int[]){t.x, t.w, t.product}, err) ||
        (c->bias && graph_pointwise(g, CUDNN_POINTWISE_ADD, t.product, t.b, t.sum, err)) ||
        (c->relu && graph_pointwise(g, CUDNN_POINTWISE_RELU_FWD, t.sum, -1, t.y, err)))
        return -1;
    return graph_finish(g, err);
}

int conv_graph(struct graph **out, const struct conv *c, struct err *err)
{
    struct graph *g;
    char text[CONV_TEXT_SIZE];

    if (graph_new(&g, err))
        return -1;
    if (build(g, c, err)) {
        graph_free(g);
        return err_wrap(err, "%s", conv_text(text, c));
    }
    *out = g;
    return 0;
}

static const char *type_name(cudnnDataType_t type)
{
    switch (type) {
    case CUDNN_DATA_HALF: return "f16";
    case CUDNN_DATA_BFLOAT16: return "bf16";
    case CUDNN_DATA_FLOAT: return "f32";
    default: return "?";
    }
}

char *conv_text(char out[CONV_TEXT_SIZE], const struct conv *c)
{
    static const char *const passes[] = {[GRAPH_FORWARD] = "fprop",
                                         [GRAPH_DATA_GRADIENT] = "dgrad",
                                         [GRAPH_WEIGHT_GRADIENT] = "wgrad"};

    snprintf(out, CONV_TEXT_SIZE, "%s %s %dx%dx%d %d %d %dx%d/%d g%d%s%s", passes[c->pass],
             type_name(c->type), c->n, c->h, c->w, c->c, c->k, c->kernel, c->kernel, c->stride,
             c->groups, c->bias ? " bias" : "", c->relu ? " relu" : "");
    return out;
}

size_t conv_filter_count(const struct conv *c)
{
    return (size_t)c->k * (size_t)(c->c / c->groups) * (size_t)(c->kernel * c->kernel);
}

void conv_filter(float *to, const struct conv *c, const double *from, int from_c, int from_k)
{
    int inner = c->c / c->groups, taps = c->kernel * c->kernel;

    memset(to, 0, conv_filter_count(c) * sizeof(*to));
    for (int k = 0; k < from_k; k++)
        for (int i = 0; i < from_c; i++)
            for (int t = 0; t < taps; t++)
                to[(size_t)(k * taps + t) * (size_t)inner + (size_t)i] = (float)
                    from[((size_t)k * (size_t)from_c + (size_t)i) * (size_t)taps + (size_t)t];
}
