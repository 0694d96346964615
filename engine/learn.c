#include "engine/learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cudnn_module.h"
#include "engine/denormals.h"
#include "engine/learn_backend.h"
#include "engine/learn_debug.h"
#include "engine/wish.h"

enum { SIDE_MAX = 16384, BATCH_MAX = 1024 };

struct learner {
    const struct learn_backend *backend;
    struct learn_inner *inner;
    struct learner_facts facts;
    bool has_forward; /* it went well, and its gradients have not been asked for */
    bool has_weights; /* they were put */
    bool has_back;    /* gradients that are held were asked for, and not what came of them */
    bool has_sum;     /* some are in the sum */
};

/* The fastest first. */
static const struct learn_backend *const backends[] = {
#ifdef HAVE_ONEDNN
    &learn_backend_onednn,
#endif
    &learn_backend_ref,
    NULL,
};

/* What `auto` takes first: a backend says yes to bf16 only where the processor multiplies in it. */
static const char *const cpu_precisions[] = {"bf16", "f32", NULL};
static const char *const gpu_precisions[] = {"bf16", "fp16", "f32", NULL};

static bool is_gpu(const struct learn_backend *b)
{
    return !strcmp(b->device, "cuda");
}

/* `config`'s precision, or what `auto` takes; false when the backend does not do it here. */
static bool does(const struct learn_backend *b, const struct learner_config *c,
                 const char **precision)
{
    const char *const *all = is_gpu(b) ? gpu_precisions : cpu_precisions;

    for (; *all; all++) {
        *precision = *all;
        if ((wish_is_auto(c->precision) || !strcmp(c->precision, *precision)) &&
            b->can(*precision, wish_gpu(c->device)))
            return true;
    }
    return false;
}

/* A GPU is for those who name it: a run must not change its numbers because a driver was installed. */
static bool wants_gpu(const struct learner_config *c)
{
    return (!wish_is_auto(c->device) && !strncmp(c->device, "cuda", 4)) ||
           (!wish_is_auto(c->backend) && !strcmp(c->backend, "cudnn"));
}

static const struct learn_backend *choose_gpu(const struct learner_config *c,
                                              const char **precision, struct err *why)
{
    const struct cudnn_module *m = cudnn_module_load(why);
    struct engine_device list[ENGINE_DEVICES_MAX];
    int n = m ? m->gpus(list, ENGINE_DEVICES_MAX, why) : -1;
    const char *device = wish_is_auto(c->device) ? "cuda:0" : c->device;

    if (n < 0)
        return NULL;
    if (!device_is_listed(list, n, device))
        err_set(why, ERR_CONFIG, "there is no %s that lentigo can use; the last is %s (%s)", device,
                list[n - 1].name, list[n - 1].description);
    else if (!wish_is_auto(c->backend) && strcmp(c->backend, m->learner->name) != 0)
        err_set(why, ERR_CONFIG, "%s is for backend=%s", device, m->learner->name);
    else if (does(m->learner, c, precision))
        return m->learner;
    else
        err_set(why, ERR_CONFIG, "%s does not do that precision", device);
    return NULL;
}

static const struct learn_backend *choose_cpu(const struct learner_config *c,
                                              const char **precision)
{
    for (const struct learn_backend *const *b = backends; *b; b++)
        if ((wish_is_auto(c->backend) || !strcmp(c->backend, (*b)->name)) &&
            wish_fits(c->device, (*b)->device) && does(*b, c, precision))
            return *b;
    return NULL;
}

static const struct learn_backend *choose(const struct learner_config *c, const char **precision,
                                          struct err *err)
{
    struct err why = {0};
    const struct learn_backend *b =
        wants_gpu(c) ? choose_gpu(c, precision, &why) : choose_cpu(c, precision);

    if (!b)
        err_set(err, ERR_CONFIG,
                "no backend of this build trains with backend=%s precision=%s device=%s here%s%s",
                c->backend ? c->backend : "auto", c->precision ? c->precision : "auto",
                c->device ? c->device : "auto", *why.msg ? ": " : "", why.msg);
    return b;
}

static struct learner_facts facts_of(const struct learn_backend *b, const struct learner_config *c)
{
    struct learner_facts facts = {0};

    snprintf(facts.backend, sizeof(facts.backend), "%s", b->name);
    snprintf(facts.precision, sizeof(facts.precision), "%s", c->precision);
    facts.holds = b->holder;
    if (is_gpu(b))
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

static int check_batch(const struct learn_batch *batch, struct err *err)
{
    if (batch->w < 1 || batch->h < 1 || batch->w > SIDE_MAX || batch->h > SIDE_MAX ||
        batch->n < 1 || batch->n > BATCH_MAX)
        return err_set(err, ERR_LIMIT,
                       "a batch of %d images of %dx%d: sides 1 to %d, images 1 to %d", batch->n,
                       batch->w, batch->h, SIDE_MAX, BATCH_MAX);
    return 0;
}

static int check_held(const struct learner *l, struct err *err)
{
    return l->has_weights ? 0 : err_set(err, ERR_BUG, "this learner holds no weights");
}

int learner_forward(struct learner *l, const struct learn_params *params,
                    const struct learn_batch *batch, struct learn_head heads[LEARN_HEADS],
                    struct err *err)
{
    if (check_batch(batch, err) || (!params && check_held(l, err)))
        return -1;
    if (params)
        l->has_weights = false; /* they are overwritten where they are held */
    l->has_forward = !l->backend->forward(l->inner, params, batch, heads, err);
    return l->has_forward ? 0 : -1;
}

int learner_backward(struct learner *l, const struct learn_params *params,
                     const struct learn_params *gradients, struct err *err)
{
    if (!l->has_forward)
        return err_set(err, ERR_BUG, "gradients asked for without a forward that went well");
    l->has_forward = false; /* the way back may write over its maps */
    if (!gradients && check_held(l, err))
        return -1;
    int ret = l->backend->backward(l->inner, params, gradients, err);
    l->has_back = !ret && !gradients;
    return ret;
}

int learner_debug_values(const struct learner *l, int layer, float *out, struct err *err)
{
    if (!l->has_forward || !l->backend->values)
        return err_set(err, ERR_INPUT, "%s keeps no values of %s", l->backend->name,
                       network[layer].name);
    return l->backend->values(l->inner, layer, out, err);
}

int learner_put(struct learner *l, enum learn_bank bank, const struct learn_params *from,
                struct err *err)
{
    if (!l->backend->holder || bank == LEARN_GRADIENTS)
        return err_set(err, ERR_BUG, "%s does not hold that", l->backend->name);
    if (l->backend->holder->put(l->inner, bank, from, err))
        return -1;
    l->has_weights |= bank == LEARN_WEIGHTS;
    return 0;
}

int learner_get(struct learner *l, enum learn_bank bank, const struct learn_params *to,
                struct err *err)
{
    return check_held(l, err) ? -1 : l->backend->holder->get(l->inner, bank, to, err);
}

int learner_learn(struct learner *l, const struct learn_batch *batch, const uint8_t *labels,
                  const struct learn_loss *loss, double scale, struct learn_made *out,
                  struct err *err)
{
    if (check_batch(batch, err) || check_held(l, err))
        return -1;
    l->has_forward = l->has_back = false;
    if (l->backend->holder->learn(l->inner, batch, labels, loss, scale, out, err))
        return -1;
    l->has_sum |= !out->is_dropped;
    return 0;
}

int learner_made(struct learner *l, struct learn_made *out, struct err *err)
{
    if (!l->has_back)
        return err_set(err, ERR_BUG, "no gradients were asked for");
    l->has_back = false;
    if (l->backend->holder->made(l->inner, out, err))
        return -1;
    l->has_sum |= !out->is_dropped;
    return 0;
}

int learner_update(struct learner *l, const struct learn_update *u, struct err *err)
{
    if (check_held(l, err))
        return -1;
    if (!l->has_sum)
        return err_set(err, ERR_BUG, "a step without gradients");
    l->has_sum = false;
    return l->backend->holder->update(l->inner, u, err);
}

int learner_pin(struct learner *l, const void *base, size_t size, struct err *err)
{
    if (!l->backend->holder)
        return err_set(err, ERR_BUG, "%s has no device to lock memory for", l->backend->name);
    return l->backend->holder->pin(l->inner, base, size, err);
}

struct learn_scaling learner_scaling(const struct learner *l)
{
    const struct learn_holder *h = l->backend->holder;

    return h ? *h->scaling(l->inner) : (struct learn_scaling){.scale = 1};
}

void learner_set_scaling(struct learner *l, const struct learn_scaling *scaling)
{
    if (l->backend->holder)
        *l->backend->holder->scaling(l->inner) = *scaling;
}
