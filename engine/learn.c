#include "engine/learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/denormals.h"
#include "engine/learn_backend.h"
#include "engine/wish.h"

enum { SIDE_MAX = 16384, BATCH_MAX = 1024 };

struct learner {
    const struct learn_backend *backend;
    struct learn_inner *inner;
    struct learner_facts facts;
    bool has_forward; /* it went well, and its gradients have not been asked for */
};

/* The fastest first. */
static const struct learn_backend *const backends[] = {
#ifdef HAVE_ONEDNN
    &learn_backend_onednn,
#endif
    &learn_backend_ref,
    NULL,
};

/* What `auto` takes first. bf16 is for those who ask for it: its tests passed on a Xeon (docs/figures.md), but
 * no model has been trained with it yet. */
static const char *const precisions[] = {"f32", "bf16"};
enum { PRECISIONS = sizeof(precisions) / sizeof(*precisions) };

static bool does(const struct learn_backend *b, const struct learner_config *c,
                 const char **precision)
{
    if (!wish_is_auto(c->backend) && strcmp(c->backend, b->name) != 0)
        return false;
    for (int i = 0; i < PRECISIONS && wish_fits(c->device, b->device); i++) {
        *precision = precisions[i];
        if ((wish_is_auto(c->precision) || !strcmp(c->precision, *precision)) &&
            b->can(*precision, wish_gpu(c->device)))
            return true;
    }
    return false;
}

static const struct learn_backend *choose(const struct learner_config *c, const char **precision,
                                          struct err *err)
{
    for (const struct learn_backend *const *b = backends; *b; b++)
        if (does(*b, c, precision))
            return *b;
    err_set(err, ERR_CONFIG,
            "no backend of this build trains with backend=%s precision=%s device=%s here",
            c->backend ? c->backend : "auto", c->precision ? c->precision : "auto",
            c->device ? c->device : "auto");
    return NULL;
}

static struct learner_facts facts_of(const struct learn_backend *b, const struct learner_config *c)
{
    struct learner_facts facts;

    snprintf(facts.backend, sizeof(facts.backend), "%s", b->name);
    snprintf(facts.precision, sizeof(facts.precision), "%s", c->precision);
    if (!strcmp(b->device, "cuda"))
        snprintf(facts.device, sizeof(facts.device), "cuda:%d", wish_gpu(c->device));
    else
        snprintf(facts.device, sizeof(facts.device), "%s", b->device);
    return facts;
}

int learner_open(struct learner **out, const struct learner_config *config, struct err *err)
{
    struct learner_config chosen = *config;
    const struct learn_backend *backend = choose(config, &chosen.precision, err);

    if (!backend)
        return -1;
    if (chosen.threads < 1)
        chosen.threads = 1;
    struct learner *l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(err, ERR_NOMEM, "out of memory for a learner");
    denormals_flush();
    l->backend = backend;
    l->facts = facts_of(backend, &chosen);
    if (backend->open(&l->inner, &chosen, wish_gpu(chosen.device), err)) {
        free(l);
        return -1;
    }
    *out = l;
    return 0;
}

void learner_close(struct learner *l)
{
    if (!l)
        return;
    l->backend->close(l->inner);
    free(l);
}

const struct learner_facts *learner_facts(const struct learner *l)
{
    return &l->facts;
}

int learner_forward(struct learner *l, const struct learn_params *params,
                    const struct learn_batch *batch, struct learn_head heads[LEARN_HEADS],
                    struct err *err)
{
    if (batch->w < 1 || batch->h < 1 || batch->w > SIDE_MAX || batch->h > SIDE_MAX ||
        batch->n < 1 || batch->n > BATCH_MAX)
        return err_set(err, ERR_LIMIT,
                       "a batch of %d images of %dx%d: sides 1 to %d, images 1 to %d", batch->n,
                       batch->w, batch->h, SIDE_MAX, BATCH_MAX);
    l->has_forward = !l->backend->forward(l->inner, params, batch, heads, err);
    return l->has_forward ? 0 : -1;
}

int learner_backward(struct learner *l, const struct learn_params *params,
                     const struct learn_params *gradients, struct err *err)
{
    if (!l->has_forward)
        return err_set(err, ERR_BUG, "gradients asked for without a forward that went well");
    l->has_forward = false; /* the way back may write over its maps */
    return l->backend->backward(l->inner, params, gradients, err);
}
