/* cmd_bench_train.c -- `lentigo bench train`: images a second of training steps alone.
 *
 * A step is a forward and a backward over one batch; losses, optimiser and pictures belong to the
 * trainer, which prints its own rate. Where the learner holds the parameters (a GPU) it is a whole step:
 * pixels and labels up, cross-entropy of the three heads, SGD. A round is at least ROUND_MS long; the median of the rounds is
 * reported with the best and the worst. Weights are random, pictures and gradients by the logits
 * drawn: the time does not depend on them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "common/clock.h"
#include "engine/learn.h"

enum { ROUND_MS = 2000, WARM_STEPS = 2, SIZE_DEFAULT = 256 };

struct bench {
    const struct settings *settings;
    struct learner *learner;
    struct param table[PARAM_COUNT];
    float *values; /* parameters, then gradients */
    size_t count;  /* of each */
    struct learn_params params, gradients;
    uint8_t *rgb, *labels;
    bool is_whole; /* steps with loss and optimiser */
    struct learn_batch batch;
    double *round_ms;                  /* an image of each round */
    long images;                       /* of all rounds */
    double forward_us, all_us, cpu_us; /* of all rounds; cpu: of all cores */
};

/* Uniform in [-1, 1); xorshift64. */
static float random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (float)((double)(*state >> 11) / (double)(UINT64_C(1) << 52) - 1);
}

static void draw_param(const struct param *p, float *to, uint64_t *state)
{
    double inputs = p->rank == 4 ? (double)(p->shape[1] * p->shape[2] * p->shape[3]) : 1;
    bool one = p->role == ROLE_GAMMA || p->role == ROLE_VARIANCE || p->role == ROLE_SCALE;

    for (size_t i = 0; i < param_count(p); i++)
        to[i] = one ? 1 : p->role == ROLE_WEIGHT ? random_next(state) * (float)sqrt(6 / inputs) : 0;
}

/* The momentum begins as the gradients do, with zeros. Memory that cannot be locked costs a copy. */
static int hold(struct bench *b, struct err *err)
{
    size_t pixels = (size_t)b->batch.n * (size_t)b->batch.h * (size_t)b->batch.w;
    struct err unlocked = {0};

    (void)learner_pin(b->learner, b->rgb, 3 * pixels, &unlocked);
    (void)learner_pin(b->learner, b->labels, pixels, &unlocked);
    return learner_put(b->learner, LEARN_WEIGHTS, &b->params, err) ||
                   learner_put(b->learner, LEARN_FIRST, &b->gradients, err)
               ? -1
               : 0;
}

static int draw(struct bench *b, struct err *err)
{
    uint64_t state = 1;
    size_t at = 0, bytes;

    network_params(b->table);
    for (int i = 0; i < PARAM_COUNT; i++)
        b->count += param_count(&b->table[i]);
    bytes = (size_t)b->batch.n * (size_t)b->batch.h * (size_t)b->batch.w * 3;
    b->values = calloc(2 * b->count, sizeof(*b->values));
    b->rgb = malloc(bytes);
    b->labels = malloc(bytes / 3);
    b->round_ms = calloc((size_t)b->settings->rounds, sizeof(*b->round_ms));
    if (!b->values || !b->rgb || !b->labels || !b->round_ms)
        return err_set(err, ERR_NOMEM, "out of memory for %d pictures of %d px", b->batch.n,
                       b->batch.h);
    for (int i = 0; i < PARAM_COUNT; at += param_count(&b->table[i]), i++) {
        b->params.at[i] = b->values + at;
        b->gradients.at[i] = b->values + b->count + at;
        draw_param(&b->table[i], b->params.at[i], &state);
    }
    for (size_t i = 0; i < bytes; i++)
        b->rgb[i] = (uint8_t)(127 + 100 * random_next(&state));
    for (size_t i = 0; i < bytes / 3; i++)
        b->labels[i] = (uint8_t)(i / 64 % LEARN_CLASSES);
    b->batch.rgb = b->rgb;
    b->is_whole = learner_facts(b->learner)->holds;
    return b->is_whole ? hold(b, err) : 0;
}

static int whole_step(struct bench *b, struct err *err)
{
    static const struct learn_loss loss = {
        .entropy = 1, .head = {1,  1, 1},
             .class_weight = { 1, 1, 1, 1, 1, 1, 1, 1}
    };
    static const struct learn_update sgd = {
        .rate = 1e-3F, .scale = 1, .momentum = 0.9F, .decay = 5e-4F, .decay_spared = 5e-4F};
    struct learn_made made;
    int64_t start = clock_mono_us();

    if (learner_learn(b->learner, &b->batch, b->labels, &loss, 1, &made, err) ||
        (!made.is_dropped && learner_update(b->learner, &sgd, err)))
        return -1;
    b->all_us += (double)(clock_mono_us() - start);
    return 0;
}

static int gradient_step(struct bench *b, struct err *err)
{
    struct learn_head heads[LEARN_HEADS];
    int64_t start = clock_mono_us();

    if (learner_forward(b->learner, &b->params, &b->batch, heads, err))
        return -1;
    b->forward_us += (double)(clock_mono_us() - start);
    for (int i = 0; i < LEARN_HEADS; i++) {
        size_t count = (size_t)b->batch.n * (size_t)heads[i].h * (size_t)heads[i].w * 8;
        for (size_t k = 0; k < count; k++)
            heads[i].gradient[k] = (k % 8 ? -1.0F : 7.0F) / (float)count;
    }
    if (learner_backward(b->learner, &b->params, &b->gradients, err))
        return -1;
    b->all_us += (double)(clock_mono_us() - start);
    return 0;
}

static int step(struct bench *b, struct err *err)
{
    return b->is_whole ? whole_step(b, err) : gradient_step(b, err);
}

static int run_rounds(struct bench *b, struct err *err)
{
    for (int i = 0; i < WARM_STEPS; i++)
        if (step(b, err))
            return -1;
    b->forward_us = b->all_us = 0;
    clock_t cpu = clock();
    for (long round = 0; round < b->settings->rounds; round++) {
        int64_t start = clock_mono_us();
        long images = 0;
        do {
            if (step(b, err))
                return -1;
            images += b->batch.n;
        } while (clock_mono_us() - start < INT64_C(1000) * ROUND_MS);
        b->images += images;
        b->round_ms[round] = (double)(clock_mono_us() - start) / 1e3 / (double)images;
    }
    b->cpu_us = (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC;
    return 0;
}

static void print_result(const struct bench *b, int threads)
{
    const struct learner_facts *facts = learner_facts(b->learner);
    long rounds = b->settings->rounds;
    double median = bench_median(b->round_ms, (int)rounds);

    bench_print(json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:i}",
                          "what", "train", "step", b->is_whole ? "whole" : "gradients", "size",
                          b->batch.h, "batch", b->batch.n, "precision", facts->precision, "device",
                          facts->device, "backend", facts->backend, "ms_per_image",
                          json_rounded(median, 3), "images_per_s", json_rounded(1000 / median, 1),
                          "best", json_rounded(b->round_ms[0], 3), "worst",
                          json_rounded(b->round_ms[rounds - 1], 3), "cpu_ms_per_image",
                          json_rounded(b->cpu_us / 1e3 / (double)b->images, 3), "forward_share",
                          json_rounded(b->forward_us / b->all_us, 3), "threads", threads),
                b->settings->json);
}

int cmd_bench_train(const struct settings *s, int argc, char **argv)
{
    int size = s->size ? (int)s->size : SIZE_DEFAULT;
    struct learner_config config = {.backend = s->backend,
                                    .precision = s->precision,
                                    .device = s->device,
                                    .threads = s->threads ? (int)s->threads
                                                          : (int)sysconf(_SC_NPROCESSORS_ONLN)};
    struct bench b = {
        .settings = s, .batch = {.n = (int)s->batch, .h = size, .w = size}
    };
    struct err err = {0};

    (void)argv;
    if (argc > 0 || s->size == SETTINGS_AUTO)
        err_set(&err, ERR_INPUT, "bench train [--size N] [--batch N]: one size, no operands");
    else if (!learner_open(&b.learner, &config, &err) && !draw(&b, &err) && !run_rounds(&b, &err))
        print_result(&b, config.threads);
    learner_close(b.learner);
    free(b.values);
    free(b.rgb);
    free(b.labels);
    free(b.round_ms);
    return err.code ? command_fail(&err) : STATUS_OK;
}
