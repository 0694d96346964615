#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/backend.h"
#include "engine/cudnn_module.h"
#include "engine/denormals.h"
#include "engine/engine_debug.h"
#include "engine/wish.h"

enum { SIDE_MAX = 16384, BATCH_MAX = 1024 };

struct engine {
    const struct backend *backend;
    struct backend_engine *inner;
    struct engine_facts facts;
    int threads; /* of each stream */
};

struct engine_stream {
    const struct backend *backend;
    struct backend_stream *inner;
};

/* The fastest first; in front of them all the GPU's, which stands in a module. */
static const struct backend *const backends[] = {
#ifdef HAVE_ONEDNN
    &backend_onednn,
#endif
    &backend_ref,
    NULL,
};

/* The fastest first; fp16 has more digits than bf16. */
static const char *const precisions[] = {"int8", "fp16", "bf16", "f32"};
enum { PRECISIONS = sizeof(precisions) / sizeof(*precisions) };

/* An explicit wish goes before the card's word: figures have to be measured somehow. */
static bool suits(const struct engine_config *c, const struct model *model, const char *precision)
{
    bool has_data = strcmp(precision, "int8") != 0 || (model && model_ranges(model));

    return has_data && (wish_is_auto(c->precision) ? !model || model_allows(model, precision)
                                                   : !strcmp(c->precision, precision));
}

/* Does `b` do what is asked for? Then *precision is the fastest that it can. */
static bool does(const struct backend *b, const struct engine_config *c, const struct model *model,
                 const char **precision)
{
    if (!wish_is_auto(c->backend) && strcmp(c->backend, b->name) != 0)
        return false;
    if (!wish_fits(c->device, b->device))
        return false;
    for (int i = 0; i < PRECISIONS; i++) {
        *precision = precisions[i];
        if (suits(c, model, *precision) && b->can(*precision, wish_gpu(c->device)))
            return true;
    }
    return false;
}

/* Is the GPU's backend not ruled out by the words alone? */
static bool may_be_gpu(const struct engine_config *c)
{
    return (wish_is_auto(c->backend) || !strcmp(c->backend, "cudnn")) &&
           (wish_is_auto(c->device) || !strncmp(c->device, "cuda", 4));
}

/* The GPU's backend when it does what is asked for, else NULL and why not. "auto" is "cuda:0". */
static const struct backend *choose_gpu(const struct engine_config *c, const struct model *model,
                                        const char **precision, struct err *why)
{
    const struct cudnn_module *m = may_be_gpu(c) ? cudnn_module_load(why) : NULL;
    struct engine_device list[ENGINE_DEVICES_MAX];
    int n = m ? m->gpus(list, ENGINE_DEVICES_MAX, why) : -1;

    if (n < 0)
        return NULL;
    const char *device = wish_is_auto(c->device) ? "cuda:0" : c->device;
    if (!device_is_listed(list, n, device))
        err_set(why, ERR_CONFIG, "there is no %s that lentigo can use; the last is %s (%s)", device,
                list[n - 1].name, list[n - 1].description);
    else if (does(m->backend, c, model, precision))
        return m->backend;
    else
        err_set(why, ERR_CONFIG, "%s cannot do that, or the model's card does not allow it",
                device);
    return NULL;
}

/* `why` says why the GPU cannot be had, if that was not ruled out. */
static const struct backend *choose(const struct engine_config *c, const struct model *model,
                                    const char **precision, struct err *why)
{
    const struct backend *gpu = choose_gpu(c, model, precision, why);

    for (const struct backend *const *b = backends; !gpu && *b; b++)
        if (does(*b, c, model, precision))
            return *b;
    return gpu;
}

static const struct backend *choose_or_fail(const struct engine_config *config,
                                            const struct model *model, const char **precision,
                                            struct err *err)
{
    struct err why = {0};
    const struct backend *backend = choose(config, model, precision, &why);
    bool int8 = config->precision && !strcmp(config->precision, "int8");

    if (!backend && int8 && model && !model_ranges(model))
        err_set(err, ERR_CONFIG,
                "model %s has no int8.json, which precision=int8 needs: lentigo model quantize",
                model_card(model)->name);
    else if (!backend)
        err_set(err, ERR_CONFIG,
                "no backend of this build does backend=%s precision=%s device=%s here%s%s",
                config->backend ? config->backend : "auto",
                config->precision ? config->precision : "auto",
                config->device ? config->device : "auto", *why.msg ? ": " : "", why.msg);
    return backend;
}

static struct engine_facts facts_of(const struct backend *backend, const char *precision,
                                    const char *device)
{
    bool is_gpu = !strcmp(backend->device, "cuda");
    struct engine_facts facts;

    snprintf(facts.backend, sizeof(facts.backend), "%s", backend->name);
    snprintf(facts.precision, sizeof(facts.precision), "%s", precision);
    if (is_gpu)
        snprintf(facts.device, sizeof(facts.device), "cuda:%d", wish_gpu(device));
    else
        snprintf(facts.device, sizeof(facts.device), "%s", backend->device);
    return facts;
}

int engine_choose(const struct engine_config *config, const struct model *model,
                  struct engine_facts *out, struct err *err)
{
    const char *precision = NULL;
    const struct backend *backend = choose_or_fail(config, model, &precision, err);

    if (!backend)
        return -1;
    *out = facts_of(backend, precision, config->device);
    return 0;
}

int engine_open(struct engine **out, const struct model *model, const struct engine_config *config,
                struct err *err)
{
    const char *precision = NULL;
    const struct backend *backend = choose_or_fail(config, model, &precision, err);

    if (!backend)
        return -1;
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for an engine");
    e->backend = backend;
    e->facts = facts_of(backend, precision, config->device);
    e->threads = config->threads > 0 ? config->threads : 1;
    if (backend->open(&e->inner, model, precision, wish_gpu(config->device), err)) {
        free(e);
        return -1;
    }
    *out = e;
    return 0;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    e->backend->close(e->inner);
    free(e);
}

const struct engine_facts *engine_facts(const struct engine *e)
{
    return &e->facts;
}

int engine_pin(struct engine *e, const void *base, size_t size, struct err *err)
{
    return e->backend->pin ? e->backend->pin(e->inner, base, size, err) : 0;
}

void engine_unpin(struct engine *e, const void *base)
{
    if (e->backend->unpin)
        e->backend->unpin(e->inner, base);
}

int engine_stream_open(struct engine_stream **out, struct engine *e, struct err *err)
{
    struct engine_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a stream");
    denormals_flush();
    s->backend = e->backend;
    if (e->backend->stream_open(&s->inner, e->inner, e->threads, err)) {
        free(s);
        return -1;
    }
    *out = s;
    return 0;
}

void engine_stream_close(struct engine_stream *s)
{
    if (!s)
        return;
    s->backend->stream_close(s->inner);
    free(s);
}

int engine_run(struct engine_stream *s, int w, int h, struct engine_image *images, int n,
               struct err *err)
{
    if (w < 1 || h < 1 || w > SIDE_MAX || h > SIDE_MAX || n < 1 || n > BATCH_MAX)
        return err_set(err, ERR_LIMIT, "%d images of %dx%d: sides 1 to %d, images 1 to %d", n, w, h,
                       SIDE_MAX, BATCH_MAX);
    for (int i = 0; i < n; i++) {
        struct engine_image *image = &images[i];
        if (image->content_w < 1 || image->content_w > w || image->content_h < 1 ||
            image->content_h > h)
            return err_set(err, ERR_BUG, "image %d: content %dx%d of %dx%d", i, image->content_w,
                           image->content_h, w, h);
        image->scores = (struct engine_scores){0};
    }
    return s->backend->run(s->inner, w, h, images, n, err);
}

void engine_debug_keep(struct engine_stream *s)
{
    s->backend->keep_layers(s->inner);
}

int engine_debug_layer(struct engine_stream *s, enum layer_id layer, int image, float *out,
                       struct err *err)
{
    return s->backend->layer(s->inner, layer, image, out, err);
}

const double *engine_debug_ms(struct engine_stream *s)
{
    return s->backend->layer_ms(s->inner);
}

int engine_debug_limit(const char *precision, int w, int h, int rounds,
                       struct engine_limit out[LAYER_COUNT], struct err *err)
{
    for (const struct backend *const *b = backends; *b; b++)
        if ((*b)->limit) {
            denormals_flush();
            return (*b)->limit(precision, w, h, rounds, out, err);
        }
    return err_set(err, ERR_CONFIG, "no backend of this build knows the machine's limit");
}
