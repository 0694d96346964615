#include "train/optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/wide.h"
#include "train/spread.h"

enum { LANES = 16 };

/* The arrays of one tensor, or a part of one. */
struct slice {
    float *w, *g, *first, *second;
    size_t n;
};

WIDE static double squares(const float *restrict g, size_t n)
{
    double lanes[LANES] = {0}, sum = 0;

    for (size_t i = 0; i < n; i += LANES) /* n is a multiple */
        for (int k = 0; k < LANES; k++)
            lanes[k] += (double)g[i + (size_t)k] * (double)g[i + (size_t)k];
    for (int k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

WIDE static void sgd(float *restrict w, float *restrict g, float *restrict v, size_t n,
                     const struct learn_update *k)
{
    float rate = k->rate, scale = k->scale, momentum = k->momentum, decay = k->decay;

    for (size_t i = 0; i < n; i++) {
        float u = momentum * v[i] + (scale * g[i] + decay * w[i]);
        v[i] = u;
        w[i] -= rate * u;
        g[i] = 0;
    }
}

WIDE static void adamw(const struct slice *s, const struct learn_update *k)
{
    float *restrict w = s->w, *restrict g = s->g, *restrict m = s->first, *restrict q = s->second;
    const struct learn_update f = *k;

    for (size_t i = 0; i < s->n; i++) {
        float x = f.scale * g[i];
        float a = f.momentum * m[i] + (1 - f.momentum) * x;
        float b = f.beta2 * q[i] + (1 - f.beta2) * x * x;
        m[i] = a;
        q[i] = b;
        w[i] -=
            f.rate * (a * f.unbias_first / (sqrtf(b * f.unbias_second) + 1e-8F) + f.decay * w[i]);
        g[i] = 0;
    }
}

WIDE static void average(float *restrict a, const float *restrict w, float share, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a[i] += share * (w[i] - a[i]);
}

int optimiser_init(struct optimiser *o, const struct optimiser_config *config,
                   const struct bank *weights, struct err *err)
{
    *o = (struct optimiser){.config = *config};
    o->parts = calloc(weights->total / BANK_PART, sizeof(*o->parts));
    if (!o->parts)
        return err_set(err, ERR_NOMEM, "out of memory for the optimiser");
    if (bank_init(&o->first, err) ||
        (config->kind == OPTIMISER_ADAMW && bank_init(&o->second, err)) ||
        (config->ema > 0 && bank_init(&o->average, err)))
        return -1;
    if (config->ema > 0)
        bank_copy(&o->average, weights);
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct param *p = &weights->table[i];
        o->is_trained[i] = param_is_trained(p);
        o->decay[i] = config->spares_norms && param_is_norm_or_bias(p) ? 0 : (float)config->decay;
    }
    return 0;
}

void optimiser_release(struct optimiser *o)
{
    bank_release(&o->first);
    bank_release(&o->second);
    bank_release(&o->average);
    free(o->parts);
    *o = (struct optimiser){0};
}

struct step {
    struct optimiser *o;
    struct bank *weights, *gradients;
    struct learn_update update;
};

static void norm_part(void *arg, int thread, int part)
{
    struct step *s = arg;

    (void)thread;
    s->o->parts[part] = squares(s->gradients->block + (size_t)part * BANK_PART, BANK_PART);
}

static double norm_of(struct step *s)
{
    int parts = (int)(s->gradients->total / BANK_PART);
    double sum = 0;

    spread(s->o->config.threads, parts, norm_part, s);
    for (int i = 0; i < parts; i++)
        sum += s->o->parts[i];
    return sqrt(sum);
}

/* Tensor i's share of a part of the block: where it begins and how long it is. */
static size_t overlap(const struct bank *b, int i, size_t part, size_t *from)
{
    size_t begin = (size_t)(b->params.at[i] - b->block), end = begin + b->count[i];
    size_t low = part * BANK_PART, high = low + BANK_PART;

    *from = begin > low ? begin : low;
    end = end < high ? end : high;
    return end > *from ? end - *from : 0;
}

static void step_part(void *arg, int thread, int part)
{
    struct step *s = arg;
    struct optimiser *o = s->o;
    size_t from, n;

    (void)thread;
    for (int i = 0; i < PARAM_COUNT; i++) {
        n = overlap(s->weights, i, (size_t)part, &from);
        if (!n || !o->is_trained[i])
            continue;
        struct learn_update k = s->update;
        k.decay = o->decay[i];
        if (o->config.kind == OPTIMISER_SGD) {
            sgd(s->weights->block + from, s->gradients->block + from, o->first.block + from, n, &k);
            continue;
        }
        struct slice slice = {s->weights->block + from, s->gradients->block + from,
                              o->first.block + from, o->second.block + from, n};
        adamw(&slice, &k);
    }
    if (o->average.block)
        average(o->average.block + (size_t)part * BANK_PART,
                s->weights->block + (size_t)part * BANK_PART, s->update.share, BANK_PART);
}

struct learn_update optimiser_plan(struct optimiser *o, double norm, double rate)
{
    const struct optimiser_config *c = &o->config;
    double t = (double)o->steps++, kept = fmin(c->ema, (1 + t) / (10 + t));

    return (struct learn_update){
        .is_adamw = c->kind == OPTIMISER_ADAMW,
        .rate = (float)rate,
        .scale = c->clip > 0 && norm > c->clip ? (float)(c->clip / norm) : 1,
        .momentum = (float)c->momentum,
        .beta2 = (float)c->beta2,
        .unbias_first = (float)(1 / (1 - pow(c->momentum, t + 1))),
        .unbias_second = (float)(1 / (1 - pow(c->beta2, t + 1))),
        .decay = (float)c->decay,
        .decay_spared = c->spares_norms ? 0 : (float)c->decay,
        .share = (float)(1 - kept),
    };
}

double optimiser_step(struct optimiser *o, struct bank *weights, struct bank *gradients,
                      double rate)
{
    struct step s = {.o = o, .weights = weights, .gradients = gradients};
    double norm = norm_of(&s);

    if (!isfinite(norm))
        return norm;
    s.update = optimiser_plan(o, norm, rate);
    spread(o->config.threads, (int)(weights->total / BANK_PART), step_part, &s);
    return norm;
}

const struct bank *optimiser_result(const struct optimiser *o, const struct bank *weights)
{
    return o->average.block ? &o->average : weights;
}
