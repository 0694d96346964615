/* ref.c -- the oracle: every layer in plain loops and double precision, nothing fused.
 *
 * It is what the fast backends are compared with, so it keeps to the specification's words and to
 * one loop per operation. Activations are h,w,c; weights are kept as kernel,kernel,in,out so that
 * the innermost loop runs over outputs and the compiler may vectorise it without changing the order
 * of any sum. */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "engine/backend.h"
#include "engine/ref/ops.h"
#include "engine/weights.h"

struct backend_engine {
    struct ref_conv conv[LAYER_COUNT_INFERENCE];
    double scale[LAYER_COUNT_INFERENCE];
};

struct backend_stream {
    const struct backend_engine *engine;
    bool keep;
    int h, w, n; /* of the memory; 0 before the first run */
    struct shape shapes[LAYER_COUNT];
    struct memory_plan plan;
    size_t stride; /* doubles between two images' memories */
    double *memory;
    double *scratch; /* of the convolutions, one after the other; behind the images' memories */
    double ms[LAYER_COUNT + 1];
};

static bool ref_can(const char *precision, int number)
{
    (void)number;
    return !strcmp(precision, "f32");
}

static int load_conv(struct ref_conv *conv, const struct model *model, int layer, struct err *err)
{
    const struct layer *l = &network[layer];
    size_t count = weights_count(layer);
    double *raw = malloc(count * sizeof(*raw));
    int ret = -1;

    conv->weight = malloc(count * sizeof(*raw));
    conv->bias = malloc((size_t)l->channels * sizeof(*raw));
    if (!raw || !conv->weight || !conv->bias)
        err_set(err, ERR_NOMEM, "out of memory for the weights of %s", l->name);
    else
        ret = weights_fold(model, layer, raw, conv->bias, err);
    if (!ret)
        ref_conv_load(l, network[l->in[0]].channels / l->groups, raw, conv);
    free(raw);
    return ret;
}

static void ref_close(struct backend_engine *e)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        free(e->conv[i].weight);
        free(e->conv[i].bias);
    }
    free(e);
}

static int ref_open(struct backend_engine **out, const struct model *model, const char *precision,
                    int number, struct err *err)
{
    struct backend_engine *e = calloc(1, sizeof(*e));

    (void)precision; /* double, whatever was asked */
    (void)number;
    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for an engine");
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (network[i].op == LAYER_BLEND)
            e->scale[i] = weights_scale(model, i);
        if (network[i].op == LAYER_CONV && load_conv(&e->conv[i], model, i, err)) {
            ref_close(e);
            return -1;
        }
    }
    *out = e;
    return 0;
}

static int ref_stream_open(struct backend_stream **out, struct backend_engine *e, int threads,
                           struct err *err)
{
    struct backend_stream *s = calloc(1, sizeof(*s));

    (void)threads; /* nobody waits for the oracle */
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a stream");
    s->engine = e;
    *out = s;
    return 0;
}

static void ref_stream_close(struct backend_stream *s)
{
    free(s->memory);
    free(s);
}

static void ref_keep_layers(struct backend_stream *s)
{
    s->keep = true;
}

/* Memory for `n` images of this shape; kept until another is asked for. */
static int prepare(struct backend_stream *s, int w, int h, int n, struct err *err)
{
    size_t bytes[LAYER_COUNT] = {0};

    if (s->h == h && s->w == w && s->n >= n)
        return 0;
    free(s->memory);
    s->memory = NULL;
    s->n = 0;
    network_shapes(s->shapes, h, w);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        bytes[i] = (size_t)s->shapes[i].h * s->shapes[i].w * s->shapes[i].c * sizeof(double);
    network_memory(&s->plan, bytes, NULL, s->keep);
    s->stride = s->plan.total / sizeof(double) + MEMORY_ALIGN;
    s->memory = malloc(((size_t)n * s->stride + ref_conv_scratch_most(s->shapes)) * sizeof(double));
    if (!s->memory)
        return err_set(err, ERR_NOMEM, "out of memory for %d images of %dx%d", n, w, h);
    s->scratch = s->memory + (size_t)n * s->stride;
    s->h = h;
    s->w = w;
    s->n = n;
    return 0;
}

static struct ref_map map_of(const struct backend_stream *s, int layer, int image)
{
    char *base = (char *)(s->memory + (size_t)image * s->stride);

    return (struct ref_map){s->shapes[layer], (double *)(base + s->plan.offset[layer])};
}

static void run_layer(const struct backend_stream *s, int layer, int image)
{
    const struct layer *l = &network[layer];
    struct ref_map in[LAYER_INPUTS_MAX] = {0}, out = map_of(s, layer, image);
    int inputs = layer_inputs(l);

    for (int k = 0; k < inputs; k++)
        in[k] = map_of(s, l->in[k], image);
    switch (l->op) {
    case LAYER_INPUT: break;
    case LAYER_CONV: ref_conv(l, &s->engine->conv[layer], in[0], out, s->scratch); break;
    case LAYER_AVERAGE: ref_average(in[0], out); break;
    case LAYER_CONCAT: ref_concat(in, inputs, out); break;
    case LAYER_BINS: ref_bins(in[0], out); break;
    case LAYER_RESIZE: ref_resize(in[0], out); break;
    case LAYER_SUM: ref_sum(in, inputs, out); break;
    case LAYER_STATS: ref_stats(in, out); break;
    case LAYER_BLEND: ref_blend(in, s->engine->scale[layer], out); break;
    }
    if (l->relu)
        ref_relu(out);
}

static void run_image(struct backend_stream *s, struct engine_image *image, int index)
{
    ref_input(image->rgb, map_of(s, L_IN, index));
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        int64_t start = clock_mono_us();
        run_layer(s, i, index);
        s->ms[i] += (double)(clock_mono_us() - start) / 1e3;
    }
    int64_t start = clock_mono_us();
    ref_classes(map_of(s, L_LOGITS, index), s->h, s->w, image);
    s->ms[LAYER_COUNT] += (double)(clock_mono_us() - start) / 1e3;
}

static int ref_run(struct backend_stream *s, int w, int h, struct engine_image *images, int n,
                   struct err *err)
{
    if (prepare(s, w, h, n, err))
        return -1;
    memset(s->ms, 0, sizeof(s->ms));
    for (int i = 0; i < n; i++)
        run_image(s, &images[i], i);
    return 0;
}

static int ref_layer(struct backend_stream *s, int layer, int image, float *out, struct err *err)
{
    if (layer < 0 || layer >= LAYER_COUNT_INFERENCE || image >= s->n)
        return err_set(err, ERR_INPUT, "layer %d of image %d was not run", layer, image);
    struct ref_map m = map_of(s, layer, image);
    size_t count = (size_t)m.shape.h * m.shape.w * m.shape.c;
    for (size_t i = 0; i < count; i++)
        out[i] = (float)m.at[i];
    return 0;
}

static const double *ref_layer_ms(struct backend_stream *s)
{
    return s->ms;
}

const struct backend backend_ref = {
    .name = "ref",
    .device = "cpu",
    .can = ref_can,
    .open = ref_open,
    .close = ref_close,
    .stream_open = ref_stream_open,
    .stream_close = ref_stream_close,
    .run = ref_run,
    .keep_layers = ref_keep_layers,
    .layer = ref_layer,
    .layer_ms = ref_layer_ms,
};
