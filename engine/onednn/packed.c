#include "engine/onednn/packed.h"

#include <stdlib.h>

#include "engine/onednn/dnnl_try.h"
#include "engine/weights.h"

void packed_init(struct packed *p, const struct model *model, const struct quantised *quantised,
                 dnnl_engine_t engine)
{
    *p = (struct packed){.model = model, .quantised = quantised, .engine = engine};
    pthread_mutex_init(&p->lock, NULL);
}

void packed_release(struct packed *p)
{
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        while (p->weights[i]) {
            struct packed_weight *next = p->weights[i]->next;
            dnnl_memory_destroy(p->weights[i]->memory);
            free(p->weights[i]);
            p->weights[i] = next;
        }
        dnnl_memory_destroy(p->bias[i]);
    }
    pthread_mutex_destroy(&p->lock);
}

struct folded {
    double *weight, *bias;
    float *f32; /* the weight, out,in,kernel,kernel */
};

static void folded_release(struct folded *f)
{
    free(f->weight);
    free(f->bias);
    free(f->f32);
}

static int fold(struct packed *p, int layer, struct folded *f, struct err *err)
{
    size_t count = weights_count(layer);

    *f = (struct folded){.weight = malloc(count * sizeof(double)),
                         .bias = calloc((size_t)network[layer].channels, sizeof(double)),
                         .f32 = malloc(count * sizeof(float))};
    if (!f->weight || !f->bias || !f->f32)
        return err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
    if (weights_fold(p->model, layer, f->weight, f->bias, err))
        return -1;
    if (quantised_conv(p->quantised, layer))
        quantised_fold(p->quantised, layer, f->weight, f->bias);
    for (size_t i = 0; i < count; i++)
        f->f32[i] = (float)f->weight[i];
    return 0;
}

static int make_bias(struct packed *p, int layer, const struct folded *f, struct err *err)
{
    int channels = network[layer].channels;
    const dnnl_dims_t dims = {channels};
    dnnl_memory_desc_t desc;
    void *to = NULL;

    if (p->bias[layer])
        return 0;
    if (DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&desc, 1, dims, dnnl_f32, dnnl_a)) ||
        DNNL_FAILED(err,
                    dnnl_memory_create(&p->bias[layer], &desc, p->engine, DNNL_MEMORY_ALLOCATE)) ||
        DNNL_FAILED(err, dnnl_memory_get_data_handle(p->bias[layer], &to)))
        return -1;
    for (int c = 0; c < channels; c++)
        ((float *)to)[c] = (float)f->bias[c];
    return 0;
}

/* Plain f32 to the format and precision of `to`. */
static int reorder(struct packed *p, int layer, float *from, dnnl_memory_t to, dnnl_stream_t stream,
                   struct err *err)
{
    const struct layer *l = &network[layer];
    const dnnl_dims_t dims = {l->channels, network[l->in[0]].channels, l->kernel, l->kernel};
    const dnnl_memory_desc_t *to_desc;
    dnnl_memory_desc_t desc;
    dnnl_memory_t plain = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    int ret = -1;

    if (DNNL_FAILED(err, dnnl_memory_desc_init_by_tag(&desc, 4, dims, dnnl_f32, dnnl_oihw)) ||
        DNNL_FAILED(err, dnnl_memory_get_memory_desc(to, &to_desc)) ||
        DNNL_FAILED(err, dnnl_memory_create(&plain, &desc, p->engine, from)) ||
        DNNL_FAILED(err, dnnl_reorder_primitive_desc_create(&pd, &desc, p->engine, to_desc,
                                                            p->engine, NULL)) ||
        DNNL_FAILED(err, dnnl_primitive_create(&primitive, pd)))
        goto done;
    const dnnl_exec_arg_t args[] = {
        {DNNL_ARG_FROM, plain},
        {DNNL_ARG_TO,   to   }
    };
    if (!DNNL_FAILED(err, dnnl_primitive_execute(primitive, stream, 2, args)) &&
        !DNNL_FAILED(err, dnnl_stream_wait(stream)))
        ret = 0;
done:
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(pd);
    dnnl_memory_destroy(plain);
    return ret;
}

static struct packed_weight *find(const struct packed *p, int layer, const dnnl_memory_desc_t *desc)
{
    for (struct packed_weight *w = p->weights[layer]; w; w = w->next) {
        const dnnl_memory_desc_t *have;
        if (dnnl_memory_get_memory_desc(w->memory, &have) == dnnl_success &&
            dnnl_memory_desc_equal(have, desc))
            return w;
    }
    return NULL;
}

static struct packed_weight *make(struct packed *p, int layer, const dnnl_memory_desc_t *desc,
                                  dnnl_stream_t stream, struct err *err)
{
    struct packed_weight *w = calloc(1, sizeof(*w));
    struct folded f = {0};

    if (!w) {
        err_set(err, ERR_NOMEM, "out of memory for the weights of %s", network[layer].name);
        return NULL;
    }
    if (fold(p, layer, &f, err) || make_bias(p, layer, &f, err) ||
        DNNL_FAILED(err, dnnl_memory_create(&w->memory, desc, p->engine, DNNL_MEMORY_ALLOCATE)) ||
        reorder(p, layer, f.f32, w->memory, stream, err)) {
        dnnl_memory_destroy(w->memory);
        free(w);
        w = NULL;
    } else {
        w->next = p->weights[layer];
        p->weights[layer] = w;
    }
    folded_release(&f);
    return w;
}

int packed_get(struct packed *p, int layer, const dnnl_memory_desc_t *desc, dnnl_stream_t stream,
               dnnl_memory_t out[2], struct err *err)
{
    pthread_mutex_lock(&p->lock);
    struct packed_weight *w = find(p, layer, desc);
    if (!w)
        w = make(p, layer, desc, stream, err);
    if (w) {
        out[0] = w->memory;
        out[1] = p->bias[layer];
    }
    pthread_mutex_unlock(&p->lock);
    return w ? 0 : -1;
}
