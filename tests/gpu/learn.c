/* learn.c -- gpu_learn MODEL DEVICE PRECISION BATCH...: training steps on a device beside the processor's
 * in f32.
 *
 * A BATCH is NxHxW, pictures that are drawn, for one step from the model's weights (what it lacks is drawn
 * by chance); or "recorded ARCHIVE NUMBERS WEIGHTS", those of ../shared/golden (train-96.npz,
 * train-96.json) for six from the .pdparams file WEIGHTS, whose losses are known. Both learners take
 * steps of SGD. Prints a JSON line for each batch; status 1 when one is
 * further off than its precision's limits, or cannot be run. The same steps again on the device must
 * give the same bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/learn.h"
#include "engine/pdparams.h"
#include "engine/safetensors.h"
#include "tests/engine/cross_entropy.h"
#include "tests/engine/npz.h"
#include "tests/gpu/line.h"

enum { STEPS_MAX = 6 };

/* How far a precision may be off: losses, relative; NMSE of all gradients of the first step, and the
 * worst of a tensor that counts (its share of the whole is SMALL or more); NMSE of the weights'
 * changes after all steps. */
static const struct limits {
    const char *precision;
    double loss, gradients, tensor, change;
} all_limits[] = {
    {"f32",  1e-3, 1e-6, 1e-3, 1e-2},
    {"fp16", 5e-2, 2e-2, 0.1,  0.2 },
    {"bf16", 0.1,  0.3,  0.7,  0.5 },
};
static const double SMALL = 1e-4;

/* All parameters, or one value for each. */
struct values {
    struct param table[PARAM_COUNT];
    size_t count;
    float *block;
    struct learn_params at;
};

struct task {
    const char *name;
    int n, h, w, steps;
    uint8_t *rgb, *labels;
    double recorded[STEPS_MAX]; /* losses; 0: not recorded */
    const struct values *start;
    struct values own; /* what `start` may point to */
};

struct outcome {
    double loss[STEPS_MAX], norm[STEPS_MAX];
    struct values gradients, weights; /* of the first step; after the last */
};

static int values_new(struct values *v, struct err *err)
{
    size_t at = 0;

    *v = (struct values){0};
    network_params(v->table);
    for (int i = 0; i < PARAM_COUNT; i++)
        v->count += param_count(&v->table[i]);
    v->block = calloc(v->count, sizeof(*v->block));
    if (!v->block)
        return err_set(err, ERR_NOMEM, "out of memory for parameters");
    for (int i = 0; i < PARAM_COUNT; at += param_count(&v->table[i]), i++)
        v->at.at[i] = v->block + at;
    return 0;
}

/* Factors and variances 1, convolutions as large as keeps what they make, all else 0. */
static void draw_param(const struct param *p, float *to)
{
    double inputs = p->rank == 4 ? (double)(p->shape[1] * p->shape[2] * p->shape[3]) : 1;
    bool is_one = p->role == ROLE_GAMMA || p->role == ROLE_VARIANCE || p->role == ROLE_SCALE;
    uint64_t state = 88172645463325252U;

    for (size_t i = 0; i < param_count(p); i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double u = (double)(state >> 11) / (double)(UINT64_C(1) << 52) - 1;
        to[i] = is_one ? 1 : p->role == ROLE_WEIGHT ? (float)(u * sqrt(6 / inputs)) : 0;
    }
}

static int read_set(struct values *v, const struct tensor_set *set, struct err *err)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct tensor *t = tensor_find(set, v->table[i].name);
        if (!t || t->count != param_count(&v->table[i]))
            draw_param(&v->table[i], v->at.at[i]);
        else if (tensor_read(t, v->at.at[i], err))
            return -1;
    }
    return 0;
}

static int read_weights(struct values *v, const char *model, struct err *err)
{
    struct tensor_set set = {0};
    char path[4096];
    int ret;

    if (values_new(v, err))
        return -1;
    snprintf(path, sizeof(path), "%s/weights.safetensors", model);
    if (safetensors_read(&set, path, err))
        return -1;
    ret = read_set(v, &set, err);
    tensor_set_release(&set);
    return ret;
}

/* ---- one run ----------------------------------------------------------------------------- */

static const struct learn_loss plain = {
    .entropy = 1, .head = {1,  1, 1},
         .class_weight = { 1, 1, 1, 1, 1, 1, 1, 1}
};
enum { RATE_PERMILLE = 10, MOMENTUM_PERCENT = 90 };

/* Cross-entropy of a head, for a learner that does not make it; writes the gradient. */
static double entropy_of(const struct task *t, const struct learn_head *head)
{
    const struct cross_entropy c = {t->n, t->h, t->w, t->labels, head->h, head->w};
    size_t count = (size_t)t->n * (size_t)head->h * (size_t)head->w * LEARN_CLASSES;
    double *wide = malloc(2 * count * sizeof(*wide)), loss = NAN;

    for (size_t i = 0; wide && i < count; i++)
        wide[i] = head->logits[i];
    if (wide)
        loss = cross_entropy(&c, wide, wide + count);
    for (size_t i = 0; wide && i < count; i++)
        head->gradient[i] = (float)wide[count + i];
    free(wide);
    return loss;
}

/* A step of a learner whose parameters are ours. */
static int host_step(struct learner *l, const struct task *t, struct outcome *o,
                     struct values *momentum, int step, struct err *err)
{
    const struct learn_batch batch = {t->rgb, t->n, t->h, t->w};
    struct learn_head heads[LEARN_HEADS];
    struct values g;
    double squares = 0;

    if (values_new(&g, err) || learner_forward(l, &o->weights.at, &batch, heads, err))
        return -1;
    for (int i = 0; i < LEARN_HEADS; i++)
        o->loss[step] += entropy_of(t, &heads[i]);
    if (learner_backward(l, &o->weights.at, &g.at, err))
        return -1;
    for (size_t k = 0; k < g.count; k++) {
        squares += (double)g.block[k] * (double)g.block[k];
        momentum->block[k] = MOMENTUM_PERCENT / 100.0F * momentum->block[k] + g.block[k];
        o->weights.block[k] -= RATE_PERMILLE / 1000.0F * momentum->block[k];
    }
    o->norm[step] = sqrt(squares);
    if (!step)
        memcpy(o->gradients.block, g.block, g.count * sizeof(float));
    free(g.block);
    return 0;
}

/* A step of a learner that holds them; `momentum` is what it begins with. */
static int held_step(struct learner *l, const struct task *t, struct outcome *o,
                     const struct values *momentum, int step, struct err *err)
{
    const struct learn_batch batch = {t->rgb, t->n, t->h, t->w};
    const struct learn_update sgd = {
        .rate = RATE_PERMILLE / 1000.0F, .scale = 1, .momentum = MOMENTUM_PERCENT / 100.0F};
    struct learn_made made = {0};

    if (learner_scaling(l).scale > 1) /* none of the batches may be dropped */
        learner_set_scaling(l, &(struct learn_scaling){.scale = 128});
    if (!step && (learner_put(l, LEARN_WEIGHTS, &o->weights.at, err) ||
                  learner_put(l, LEARN_FIRST, &momentum->at, err)))
        return -1;
    if (learner_learn(l, &batch, t->labels, &plain, 1, &made, err))
        return -1;
    if (made.is_dropped)
        return err_set(err, ERR_LIMIT, "step %d: loss scaling is too large", step);
    o->loss[step] = made.loss;
    o->norm[step] = made.norm;
    if (!step && learner_get(l, LEARN_GRADIENTS, &o->gradients.at, err))
        return -1;
    return learner_update(l, &sgd, err);
}

/* What the steps of `t` come to from `start`; the caller frees the blocks. */
static int run(struct outcome *o, struct learner *l, const struct task *t,
               const struct values *start, struct err *err)
{
    struct values momentum;
    bool holds = learner_facts(l)->holds;

    *o = (struct outcome){0};
    if (values_new(&o->gradients, err) || values_new(&o->weights, err) ||
        values_new(&momentum, err))
        return -1;
    memcpy(o->weights.block, start->block, start->count * sizeof(float));
    int ret = 0;
    for (int step = 0; step < t->steps && !ret; step++)
        ret = holds ? held_step(l, t, o, &momentum, step, err)
                    : host_step(l, t, o, &momentum, step, err);
    if (!ret && holds)
        ret = learner_get(l, LEARN_WEIGHTS, &o->weights.at, err);
    free(momentum.block);
    return ret;
}

static void outcome_free(struct outcome *o)
{
    free(o->gradients.block);
    free(o->weights.block);
}

/* ---- comparison -------------------------------------------------------------------------- */

struct gap {
    double loss, recorded, gradients, tensor, change;
    int worst; /* the tensor */
};

static double squares(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sum;
}

static void compare_gradients(const struct values *have, const struct values *want,
                              const float *zeros, struct gap *gap)
{
    double all = squares(want->block, zeros, want->count);

    gap->gradients = squares(have->block, want->block, want->count) / all;
    for (int i = 0; i < PARAM_COUNT; i++) {
        size_t n = param_count(&want->table[i]);
        double size = squares(want->at.at[i], zeros, n);
        double off = squares(have->at.at[i], want->at.at[i], n);
        if (size < SMALL * all || off / size <= gap->tensor)
            continue;
        gap->tensor = off / size;
        gap->worst = i;
    }
}

static void compare(const struct task *t, const struct outcome *have, const struct outcome *want,
                    const struct values *start, struct gap *gap)
{
    float *zeros = calloc(start->count, sizeof(*zeros));

    *gap = (struct gap){0};
    for (int i = 0; i < t->steps; i++) {
        gap->loss = fmax(gap->loss, fabs(have->loss[i] / want->loss[i] - 1));
        if (t->recorded[i] > 0)
            gap->recorded = fmax(gap->recorded, fabs(have->loss[i] / t->recorded[i] - 1));
    }
    if (zeros)
        compare_gradients(&have->gradients, &want->gradients, zeros, gap);
    gap->change = squares(have->weights.block, want->weights.block, start->count) /
                  squares(want->weights.block, start->block, start->count);
    free(zeros);
}

static bool check(struct learner *gpu, struct learner *cpu, const struct task *t)
{
    const struct limits *limits = all_limits;
    const struct values *start = t->start;
    struct outcome have = {0}, again = {0}, want = {0};
    struct gap gap = {0};
    struct err err = {0};
    bool ok = false, same = false;

    while (strcmp(limits->precision, learner_facts(gpu)->precision) != 0)
        limits++;
    if (!run(&have, gpu, t, start, &err) && !run(&again, gpu, t, start, &err) &&
        !run(&want, cpu, t, start, &err)) {
        compare(t, &have, &want, start, &gap);
        same = !memcmp(have.weights.block, again.weights.block, start->count * sizeof(float));
        ok = same && gap.loss <= limits->loss && gap.recorded <= limits->loss &&
             gap.gradients <= limits->gradients && gap.tensor <= limits->tensor &&
             gap.change <= limits->change;
    }
    print_line(json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:b, s:b}",
                         "batch", t->name, "backend", learner_facts(gpu)->backend, "precision",
                         learner_facts(gpu)->precision, "error", err.msg, "loss", gap.loss,
                         "recorded", gap.recorded, "gradients", gap.gradients, "worst_tensor",
                         gap.tensor, "worst", start->table[gap.worst].name, "change", gap.change,
                         "first_loss", have.loss[0], "first_norm", have.norm[0], "same_bits",
                         (int)same, "ok", (int)ok));
    outcome_free(&have);
    outcome_free(&again);
    outcome_free(&want);
    return ok;
}

/* ---- batches ----------------------------------------------------------------------------- */

/* Skin with a spot on it, and the spot's labels; some are ignored. */
static int draw(struct task *t, struct err *err)
{
    size_t pixels = (size_t)t->n * (size_t)t->h * (size_t)t->w;

    t->rgb = malloc(pixels * 3);
    t->labels = malloc(pixels);
    if (!t->rgb || !t->labels)
        return err_set(err, ERR_NOMEM, "out of memory for pictures");
    for (size_t i = 0; i < pixels; i++) {
        int x = (int)(i % (size_t)t->w), y = (int)(i / (size_t)t->w % (size_t)t->h);
        int image = (int)(i / (size_t)t->w / (size_t)t->h);
        double dx = 2.0 * x / t->w - 1, dy = 2.0 * y / t->h - 1;
        bool spot = dx * dx + dy * dy < 0.2 + 0.05 * (image % 5);
        t->labels[i] = (uint8_t)(i % 101 == 7 ? 255 : spot ? 1 + image % 7 : 0);
        for (int c = 0; c < 3; c++)
            t->rgb[3 * i + (size_t)c] =
                (uint8_t)((spot ? 90 : 190) - 25 * c + (int)((i * 7919 + (size_t)c * 31) % 23));
    }
    return 0;
}

static int read_recorded(struct task *t, const char *archive, const char *numbers, struct err *err)
{
    struct npy images, labels;
    json_t *object = json_read(numbers, 1 << 24, err);

    if (!object)
        return -1;
    if (npz_read(&images, archive, "images_u8") || npz_read(&labels, archive, "labels_u8")) {
        json_decref(object);
        return err_set(err, ERR_INPUT, "%s: not there, or not of ../shared/golden", archive);
    }
    t->n = (int)images.shape[0];
    t->h = (int)images.shape[1];
    t->w = (int)images.shape[2];
    t->rgb = malloc(images.count);
    t->labels = malloc(labels.count);
    if (t->rgb && t->labels) {
        memcpy(t->rgb, images.data, images.count);
        memcpy(t->labels, labels.data, labels.count);
    }
    for (int i = 0; i < STEPS_MAX; i++)
        t->recorded[i] =
            json_number_value(json_array_get(json_object_get(object, "losses"), (size_t)i));
    npy_release(&images);
    npy_release(&labels);
    json_decref(object);
    return t->rgb && t->labels ? 0 : err_set(err, ERR_NOMEM, "out of memory for pictures");
}

static int read_start(struct task *t, const char *weights, struct err *err)
{
    struct tensor_set set = {0};

    if (values_new(&t->own, err) || pdparams_read(&set, weights, err))
        return -1;
    int ret = read_set(&t->own, &set, err);
    tensor_set_release(&set);
    t->start = &t->own;
    return ret;
}

/* The batch that argv[*i] begins. */
static int make_task(struct task *t, char **argv, int argc, int *i, struct err *err)
{
    t->name = argv[*i];
    t->steps = 1;
    if (!strcmp(t->name, "recorded") && *i + 3 < argc) {
        t->steps = STEPS_MAX;
        *i += 3;
        return read_recorded(t, argv[*i - 2], argv[*i - 1], err) || read_start(t, argv[*i], err)
                   ? -1
                   : 0;
    }
    if (sscanf(t->name, "%dx%dx%d", &t->n, &t->h, &t->w) != 3 || t->n < 1 || t->n > 64 ||
        t->h < 1 || t->w < 1 || t->h > 2048 || t->w > 2048)
        return err_set(err, ERR_INPUT, "\"%s\" is no batch NxHxW", t->name);
    return draw(t, err);
}

int main(int argc, char **argv)
{
    const struct learner_config reference = {
        .device = "cpu", .precision = "f32", .threads = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    struct learner *gpu = NULL, *cpu = NULL;
    struct values start = {0};
    struct err err = {0};
    bool ok = true;

    if (argc < 5) {
        fprintf(stderr, "usage: gpu_learn MODEL DEVICE PRECISION BATCH...\n");
        return 64;
    }
    const struct learner_config wanted = {.precision = argv[3], .device = argv[2], .threads = 1};
    if (learner_open(&gpu, &wanted, &err) || learner_open(&cpu, &reference, &err) ||
        read_weights(&start, argv[1], &err))
        ok = false;
    for (int i = 4; !err.code && i < argc; i++) {
        struct task task = {.start = &start};
        if (!make_task(&task, argv, argc, &i, &err))
            ok &= check(gpu, cpu, &task);
        free(task.own.block);
        free(task.rgb);
        free(task.labels);
    }
    if (err.code)
        fprintf(stderr, "gpu_learn: %s\n", err.msg);
    learner_close(gpu);
    learner_close(cpu);
    free(start.block);
    return ok && !err.code ? 0 : 1;
}
