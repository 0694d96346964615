#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "engine/backend.h"
#include "engine/cudnn_module.h"
#include "engine/engine_debug.h"

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

static int is_auto(const char *word)
{
    return !word || !*word || !strcmp(word, "auto");
}

/* The fastest first. */
static const char *const precisions[] = {"int8", "bf16", "fp16", "f32"};
enum { PRECISIONS = sizeof(precisions) / sizeof(*precisions) };

/* An explicit wish goes before the card's word: figures have to be measured somehow. */
static bool suits(const struct engine_config *c, const struct model *model, const char *precision)
{
    bool has_data = strcmp(precision, "int8") != 0 || (model && model_ranges(model));

    return has_data && (is_auto(c->precision) ? !model || model_allows(model, precision)
                                              : !strcmp(c->precision, precision));
}

/* Does `b` do what is asked for? Then *precision is the fastest that it can. */
static bool does(const struct backend *b, const struct engine_config *c, const struct model *model,
                 const char **precision)
{
    if (!is_auto(c->backend) && strcmp(c->backend, b->name) != 0)
        return false;
    if (!is_auto(c->device) && strcmp(c->device, b->device) != 0)
        return false;
    for (int i = 0; i < PRECISIONS; i++) {
        *precision = precisions[i];
        if (suits(c, model, *precision) && b->can(*precision))
            return true;
    }
    return false;
}

/* Is the GPU's backend not ruled out by the words alone? */
static bool may_be_gpu(const struct engine_config *c)
{
    return (is_auto(c->backend) || !strcmp(c->backend, "cudnn")) &&
           (is_auto(c->device) || !strncmp(c->device, "cuda", 4));
}

/* `why` says why the module with the GPU's backend cannot be had, if it was asked for. */
static const struct backend *choose(const struct engine_config *c, const struct model *model,
                                    const char **precision, struct err *why)
{
    const struct cudnn_module *gpu = may_be_gpu(c) ? cudnn_module_load(why) : NULL;

    if (gpu && gpu->backend && does(gpu->backend, c, model, precision))
        return gpu->backend;
    for (const struct backend *const *b = backends; *b; b++)
        if (does(*b, c, model, precision))
            return *b;
    return NULL;
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

static struct engine_facts facts_of(const struct backend *backend, const char *precision)
{
    struct engine_facts facts;

    snprintf(facts.backend, sizeof(facts.backend), "%s", backend->name);
    snprintf(facts.precision, sizeof(facts.precision), "%s", precision);
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
    *out = facts_of(backend, precision);
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
    e->facts = facts_of(backend, precision);
    e->threads = config->threads > 0 ? config->threads : 1;
    if (backend->open(&e->inner, model, precision, err)) {
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

/* Denormals to zero, in and out: with AMX they make f32 convolutions 60 times slower. */
static void flush_denormals(void)
{
#if defined(__SSE__)
    enum { DENORMALS_ARE_ZERO = 1 << 6, FLUSH_TO_ZERO = 1 << 15 };
    _mm_setcsr(_mm_getcsr() | DENORMALS_ARE_ZERO | FLUSH_TO_ZERO);
#endif
}

int engine_stream_open(struct engine_stream **out, struct engine *e, struct err *err)
{
    struct engine_stream *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory for a stream");
    flush_denormals();
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
            flush_denormals();
            return (*b)->limit(precision, w, h, rounds, out, err);
        }
    return err_set(err, ERR_CONFIG, "no backend of this build knows the machine's limit");
}
