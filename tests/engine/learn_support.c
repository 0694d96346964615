#include "tests/engine/learn_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/pdparams.h"
#include "tests/engine/support.h"

void learn_tensors_init(struct learn_tensors *t)
{
    *t = (struct learn_tensors){0};
    network_params(t->table);
    for (int i = 0; i < PARAM_COUNT; i++)
        t->count += param_count(&t->table[i]);
    t->f64 = calloc(t->count, sizeof(*t->f64));
    t->f32 = calloc(t->count, sizeof(*t->f32));
    assert_true(t->f64 && t->f32);
    size_t at = 0;
    for (int i = 0; i < PARAM_COUNT; i++) {
        t->at.at[i] = t->f64 + at;
        t->at32.at[i] = t->f32 + at;
        at += param_count(&t->table[i]);
    }
}

void learn_tensors_release(struct learn_tensors *t)
{
    free(t->f64);
    free(t->f32);
}

void learn_tensors_copy(struct learn_tensors *to, const struct learn_tensors *from)
{
    memcpy(to->f64, from->f64, from->count * sizeof(*to->f64));
    memcpy(to->f32, from->f32, from->count * sizeof(*to->f32));
}

void learn_tensors_to_f32(struct learn_tensors *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->f32[i] = (float)t->f64[i];
}

void learn_tensors_to_f64(struct learn_tensors *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->f64[i] = t->f32[i];
}

void learn_tensors_random(struct learn_tensors *t, uint64_t seed)
{
    struct tensor *items = random_weights(seed);

    for (int i = 0; i < PARAM_COUNT; i++)
        memcpy(t->at32.at[i], items[i].data, items[i].count * sizeof(float));
    random_weights_free(items);
    learn_tensors_to_f64(t);
}

void learn_tensors_keep_off_corners(struct learn_tensors *t)
{
    enum { OFF = 5, LARGEST = 3 };

    for (int i = 0; i < PARAM_COUNT; i++) {
        bool beta = t->table[i].role == ROLE_BETA;
        if (!network[t->table[i].layer].relu || (!beta && t->table[i].role != ROLE_GAMMA))
            continue;
        for (size_t c = 0; c < param_count(&t->table[i]); c++)
            t->at.at[i][c] = !beta                ? 0.2 + 0.01 * (double)(c % 7)
                             : c == LARGEST       ? 4
                             : c % OFF == OFF - 1 ? -2
                                                  : 2;
    }
    learn_tensors_to_f32(t);
}

int learn_tensors_starter(struct learn_tensors *t)
{
    static const char path[] = BINARY_DIR "/tests/starter/starter.pdparams";
    struct tensor_set set = {0};
    struct err err = {0};

    if (access(path, R_OK))
        return -1;
    if (pdparams_read(&set, path, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct tensor *from = tensor_find(&set, t->table[i].name);
        if (!from || from->count != param_count(&t->table[i]))
            fail_msg("the starter has no %s", t->table[i].name);
        if (tensor_read(from, t->at32.at[i], &err))
            fail_msg("%s", err.msg);
    }
    tensor_set_release(&set);
    learn_tensors_to_f64(t);
    return 0;
}

double tensor_norm(const struct learn_tensors *t, int i)
{
    double sum = 0;

    for (size_t k = 0; k < param_count(&t->table[i]); k++)
        sum += t->at.at[i][k] * t->at.at[i][k];
    return sqrt(sum);
}

void sgd_step(const struct sgd *s, struct learn_tensors *p, const struct learn_tensors *g,
              struct learn_tensors *velocity)
{
    for (int i = 0; i < PARAM_COUNT; i++)
        for (size_t k = 0; k < param_count(&p->table[i]) && param_is_trained(&p->table[i]); k++) {
            double *v = &velocity->at.at[i][k];
            *v = s->momentum * *v + g->at.at[i][k] + s->decay * p->at.at[i][k];
            p->at.at[i][k] -= s->rate * *v;
        }
}

int recorded_open(struct recorded *r)
{
    char numbers[TEST_PATH], archive[TEST_PATH];
    struct err err = {0};

    *r = (struct recorded){0};
    if (shared_path(numbers, "golden/train-96.json") || shared_path(archive, "golden/train-96.npz"))
        return -1;
    r->numbers = json_read(numbers, 1 << 24, &err);
    if (!r->numbers)
        fail_msg("%s", err.msg);
    assert_int_equal(npz_read(&r->images, archive, "images_u8"), 0);
    assert_int_equal(npz_read(&r->labels, archive, "labels_u8"), 0);
    r->batch = (struct learn_batch){.rgb = r->images.data,
                                    .n = (int)r->images.shape[0],
                                    .h = (int)r->images.shape[1],
                                    .w = (int)r->images.shape[2]};
    return 0;
}

void recorded_close(struct recorded *r)
{
    npy_release(&r->images);
    npy_release(&r->labels);
    json_decref(r->numbers);
}

double recorded_loss(const struct recorded *r, int step)
{
    return json_number_value(json_array_get(json_object_get(r->numbers, "losses"), (size_t)step));
}

static void check(const char *what, const char *name, double have, double want, double allowed)
{
    if (!(fabs(have - want) <= allowed))
        fail_msg("%s of %s: %.12g, recorded %.12g, off by %.2g of %.2g allowed", what, name, have,
                 want, fabs(have - want), allowed);
}

void recorded_check_gradients(const struct recorded *r, const struct learn_tensors *g, double limit)
{
    const json_t *all = json_object_get(r->numbers, "gradients");
    size_t compared = 0;

    for (int i = 0; i < PARAM_COUNT; i++) {
        const char *name = g->table[i].name;
        const json_t *one = json_object_get(all, name), *head = json_object_get(one, "head");
        double norm = json_number_value(json_object_get(one, "norm"));
        double allowed = limit * fmax(norm, 1e-3);
        if (!one)
            continue;
        check("norm of the gradient", name, tensor_norm(g, i), norm, allowed);
        for (size_t k = 0; k < json_array_size(head); k++)
            check("a gradient", name, g->at.at[i][k], json_number_value(json_array_get(head, k)),
                  allowed);
        compared++;
    }
    assert_int_equal(compared, json_object_size(all));
}

void recorded_check_after(const struct recorded *r, const struct learn_tensors *p, double limit)
{
    const json_t *all = json_object_get(r->numbers, "after_six_steps");
    size_t compared = 0;

    for (int i = 0; i < PARAM_COUNT; i++) {
        const json_t *one = json_object_get(all, p->table[i].name);
        double norm = json_number_value(json_object_get(one, "norm"));
        if (!one)
            continue;
        check("norm after six steps", p->table[i].name, tensor_norm(p, i), norm,
              limit * fmax(norm, 1e-3));
        compared++;
    }
    assert_int_equal(compared, json_object_size(all));
}
