#include "train/held.h"

#include <math.h>

/* The banks that the learner keeps up to date, in its words. */
struct held {
    enum learn_bank name;
    struct bank *bank; /* block NULL: this run has none */
};
enum { HELD = 4 };

static void list(struct held out[HELD], struct trainer *t)
{
    out[0] = (struct held){LEARN_WEIGHTS, &t->weights};
    out[1] = (struct held){LEARN_FIRST, &t->optimiser.first};
    out[2] = (struct held){LEARN_SECOND, &t->optimiser.second};
    out[3] = (struct held){LEARN_AVERAGE, &t->optimiser.average};
}

/* What cannot be locked costs a copy, no more. */
static void lock_batches(struct trainer *t)
{
    struct err unlocked = {0};
    const void *base;
    size_t bytes;

    for (int i = 0; (base = loader_memory(t->loader, i, &bytes)); i++)
        (void)learner_pin(t->learner, base, bytes, &unlocked);
}

int held_begin(struct trainer *t, struct err *err)
{
    struct held held[HELD];

    list(held, t);
    for (int i = 0; i < HELD; i++)
        if (held[i].bank->block &&
            learner_put(t->learner, held[i].name, &held[i].bank->params, err))
            return -1;
    lock_batches(t);
    if (t->state.scaling.scale > 0)
        learner_set_scaling(t->learner, &t->state.scaling);
    t->fetched = t->state.iteration;
    return 0;
}

/* Does the learner make this loss? */
static bool is_there(const struct loss_config *c, struct learn_loss *out)
{
    *out = (struct learn_loss){.entropy = c->part[LOSS_ENTROPY], .dice = c->part[LOSS_DICE]};
    for (int i = 0; i < LEARN_HEADS; i++)
        out->head[i] = c->head[i];
    for (int i = 0; i < LEARN_CLASSES; i++)
        out->class_weight[i] = c->class_weight[i];
    return c->part[LOSS_OHEM] <= 0 && c->part[LOSS_LOVASZ] <= 0;
}

/* OHEM and Lovasz sort pixels, and a teacher has a stream of its own, which is the host's work: the
 * logits come here and their gradients go back. */
static int learn_with_our_loss(struct trainer *t, const struct batch *batch, double scale,
                               struct learn_made *made, struct err *err)
{
    const struct learn_batch pictures = {batch->rgb, batch->n, batch->h, batch->w};
    struct learn_head heads[LEARN_HEADS];
    double loss;

    if (learner_forward(t->learner, NULL, &pictures, heads, err) ||
        trainer_lose(t, batch, scale, heads, &loss, err) ||
        learner_backward(t->learner, NULL, NULL, err) || learner_made(t->learner, made, err))
        return -1;
    made->loss = loss;
    return 0;
}

int held_learn(struct trainer *t, const struct batch *batch, double scale, double *loss,
               struct err *err)
{
    const struct learn_batch pictures = {batch->rgb, batch->n, batch->h, batch->w};
    struct learn_loss there;
    struct learn_made made;
    int ret = is_there(&t->plan.loss, &there) && !t->teacher
                  ? learner_learn(t->learner, &pictures, batch->label, &there, scale, &made, err)
                  : learn_with_our_loss(t, batch, scale, &made, err);

    if (ret)
        return -1;
    *loss = made.loss;
    if (!made.is_dropped) {
        t->held_norm = made.norm;
        t->has_held = true;
    }
    return 0;
}

int held_update(struct trainer *t, double rate, double *norm, struct err *err)
{
    *norm = t->has_held ? t->held_norm : 0;
    if (!t->has_held || !isfinite(*norm))
        return 0;
    t->has_held = false;
    const struct learn_update update = optimiser_plan(&t->optimiser, *norm, rate);
    return learner_update(t->learner, &update, err);
}

int held_fetch(struct trainer *t, int64_t iteration, struct err *err)
{
    struct held held[HELD];

    if (!learner_facts(t->learner)->holds || t->fetched == iteration)
        return 0;
    list(held, t);
    for (int i = 0; i < HELD; i++)
        if (held[i].bank->block &&
            learner_get(t->learner, held[i].name, &held[i].bank->params, err))
            return -1;
    t->state.scaling = learner_scaling(t->learner);
    t->fetched = iteration;
    return 0;
}
