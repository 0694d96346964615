/* Steps of the optimiser against the same formulas in f64, value by value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/optimiser.h"

enum { STEPS = 3 };
#define RATE 0.05

static const struct optimiser_config sgd = {
    .momentum = 0.9, .decay = 0.01, .clip = 3, .ema = 0.5, .threads = 2};
static const struct optimiser_config adamw = {.kind = OPTIMISER_ADAMW,
                                              .momentum = 0.9,
                                              .beta2 = 0.99,
                                              .decay = 0.02,
                                              .spares_norms = true,
                                              .threads = 3};

static float gradient_at(size_t i, int step)
{
    return (float)((double)((i * 2654435761U + (size_t)step * 40503U) % 1009) / 1009 - 0.5);
}

static void fill(struct bank *g, int step)
{
    for (int p = 0; p < PARAM_COUNT; p++)
        for (size_t i = 0; i < g->count[p] && param_is_trained(&g->table[p]); i++)
            g->params.at[p][i] = gradient_at((size_t)p * 977 + i, step);
}

struct trial {
    struct bank weights, gradients;
    struct optimiser o;
    double norm;
};

static void trial_init(struct trial *t, const struct optimiser_config *config)
{
    struct err err = {0};

    assert_int_equal(bank_init(&t->weights, &err), 0);
    assert_int_equal(bank_init(&t->gradients, &err), 0);
    bank_draw(&t->weights, 3);
    assert_int_equal(optimiser_init(&t->o, config, &t->weights, &err), 0);
}

static void trial_release(struct trial *t)
{
    bank_release(&t->weights);
    bank_release(&t->gradients);
    optimiser_release(&t->o);
}

static void trial_run(struct trial *t, const struct optimiser_config *config)
{
    trial_init(t, config);
    for (int step = 0; step < STEPS; step++) {
        fill(&t->gradients, step);
        t->norm = optimiser_step(&t->o, &t->weights, &t->gradients, RATE);
    }
}

/* One value through the same steps; `clip` for each step. */
static double follow(const struct optimiser_config *c, double w, size_t index, double decay,
                     const double *clip, double *average)
{
    double v = 0, s = 0, a = w;

    for (int t = 0; t < STEPS; t++) {
        double g = clip[t] * (double)gradient_at(index, t);
        if (c->kind == OPTIMISER_SGD) {
            v = c->momentum * v + g + decay * w;
            w -= RATE * v;
        } else {
            v = c->momentum * v + (1 - c->momentum) * g;
            s = c->beta2 * s + (1 - c->beta2) * g * g;
            w -= RATE * (v / (1 - pow(c->momentum, t + 1)) /
                             (sqrt(s / (1 - pow(c->beta2, t + 1))) + 1e-8) +
                         decay * w);
        }
        double kept = fmin(c->ema, (1.0 + t) / (10.0 + t));
        a = kept * a + (1 - kept) * w;
    }
    *average = a;
    return w;
}

static double norm_of_step(const struct bank *b, int step)
{
    double sum = 0;

    for (int p = 0; p < PARAM_COUNT; p++)
        for (size_t i = 0; i < b->count[p] && param_is_trained(&b->table[p]); i++)
            sum += pow((double)gradient_at((size_t)p * 977 + i, step), 2);
    return sqrt(sum);
}

static void near(float ours, double theirs, const char *name)
{
    if (!(fabs((double)ours - theirs) <= 2e-6 * (1 + fabs(theirs))))
        fail_msg("%s: %.9g, not %.9g", name, (double)ours, theirs);
}

static void check(const struct optimiser_config *config)
{
    struct trial t;
    struct bank begin;
    struct err err = {0};
    double clip[STEPS];

    trial_run(&t, config);
    assert_int_equal(bank_init(&begin, &err), 0);
    bank_draw(&begin, 3);
    for (int i = 0; i < STEPS; i++) {
        double norm = norm_of_step(&begin, i);
        clip[i] = config->clip > 0 && norm > config->clip ? config->clip / norm : 1;
        if (i + 1 == STEPS)
            assert_true(fabs(norm / t.norm - 1) < 1e-9);
    }
    for (int p = 0; p < PARAM_COUNT; p++) {
        const struct param *row = &begin.table[p];
        double decay = config->spares_norms && param_is_norm_or_bias(row) ? 0 : config->decay;
        for (size_t i = 0; i < begin.count[p]; i += 1 + begin.count[p] / 50) {
            double w = (double)begin.params.at[p][i], average;
            if (!param_is_trained(row)) {
                assert_true(t.weights.params.at[p][i] == begin.params.at[p][i]);
                continue;
            }
            near(t.weights.params.at[p][i],
                 follow(config, w, (size_t)p * 977 + i, decay, clip, &average), row->name);
            if (config->ema > 0)
                near(t.o.average.params.at[p][i], average, row->name);
        }
    }
    for (size_t i = 0; i < t.gradients.total; i++)
        assert_true(t.gradients.block[i] == 0);
    bank_release(&begin);
    trial_release(&t);
}

static void both_kinds(void **state)
{
    (void)state;
    check(&sgd);
    check(&adamw);
}

static void threads_change_no_bit(void **state)
{
    struct trial one, many;
    struct optimiser_config config = sgd;

    (void)state;
    config.threads = 1;
    trial_run(&one, &config);
    config.threads = 7;
    trial_run(&many, &config);
    assert_memory_equal(one.weights.block, many.weights.block, one.weights.total * sizeof(float));
    assert_memory_equal(one.o.average.block, many.o.average.block,
                        one.weights.total * sizeof(float));
    trial_release(&one);
    trial_release(&many);
}

/* Running statistics take part in the average, though no gradient changes them. */
static void statistics_are_averaged(void **state)
{
    struct trial t;
    int mean = 0;

    (void)state;
    trial_init(&t, &sgd);
    while (t.weights.table[mean].role != ROLE_MEAN)
        mean++;
    t.weights.params.at[mean][0] = 2;
    optimiser_step(&t.o, &t.weights, &t.gradients, RATE);
    assert_true(t.weights.params.at[mean][0] == 2);
    near(t.o.average.params.at[mean][0], 1.8, "mean"); /* 1/10 of 0 and 9/10 of 2 */
    assert_ptr_equal(optimiser_result(&t.o, &t.weights), &t.o.average);
    trial_release(&t);
}

static void what_is_not_finite_changes_nothing(void **state)
{
    static const float bad[] = {NAN, INFINITY};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct trial t;
        struct bank before;
        struct err err = {0};
        trial_init(&t, &sgd);
        assert_int_equal(bank_init(&before, &err), 0);
        bank_copy(&before, &t.weights);
        fill(&t.gradients, 0);
        t.gradients.params.at[0][5] = bad[i];
        double norm = optimiser_step(&t.o, &t.weights, &t.gradients, RATE);
        assert_true(isnan(norm) || isinf(norm));
        assert_memory_equal(before.block, t.weights.block, before.total * sizeof(float));
        assert_int_equal(t.o.steps, 0);
        bank_release(&before);
        trial_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(statistics_are_averaged),
        cmocka_unit_test(what_is_not_finite_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
