#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/sampling.h"

enum { N = 1000 };

static void order_of(int *order, const float *weights, uint64_t seed, uint32_t epoch)
{
    struct err err = {0};

    if (sampling_order(order, weights, N, seed, epoch, &err))
        fail_msg("%s", err.msg);
}

static void without_weights_each_comes_once(void **state)
{
    static int order[N], seen[N];
    int moved = 0;

    (void)state;
    order_of(order, NULL, 5, 0);
    for (int i = 0; i < N; i++) {
        seen[order[i]]++;
        moved += order[i] != i;
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > N * 98 / 100);
}

static void seed_and_epoch_decide(void **state)
{
    static int a[N], b[N];

    (void)state;
    order_of(a, NULL, 5, 3);
    order_of(b, NULL, 5, 3);
    assert_memory_equal(a, b, sizeof(a));
    order_of(b, NULL, 5, 4);
    assert_memory_not_equal(a, b, sizeof(a));
    order_of(b, NULL, 6, 3);
    assert_memory_not_equal(a, b, sizeof(a));
}

/* Each as often as its weight says, to one; over many epochs exactly, also for rare ones. */
static void weights_are_kept_to_one(void **state)
{
    enum { EPOCHS = 200 };
    static float weights[N];
    static int order[N], all[N];
    double sum = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        weights[i] = i % 10 == 0 ? 8 : i % 10 == 1 ? 0 : 0.3F;
        sum += (double)weights[i];
    }
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        int seen[N] = {0};
        order_of(order, weights, 1, epoch);
        for (int i = 0; i < N; i++)
            seen[order[i]]++;
        for (int i = 0; i < N; i++) {
            double share = (double)weights[i] * N / sum;
            if (seen[i] < floor(share - 1e-6) || seen[i] > ceil(share + 1e-6))
                fail_msg("epoch %u: picture %d came %d times, not %.3f", epoch, i, seen[i], share);
            all[i] += seen[i];
        }
    }
    for (int i = 0; i < N; i++) {
        double share = (double)weights[i] * N / sum * EPOCHS;
        if (fabs(all[i] - share) > 6 * sqrt(EPOCHS) * 0.5)
            fail_msg("picture %d came %d times, not %.1f", i, all[i], share);
    }
}

static void rules_even_classes(void **state)
{
    static int classes[N];
    static float w[N];
    struct err err = {0};
    enum sampling_rule rule;

    (void)state;
    for (int i = 0; i < N; i++)
        classes[i] = i < 900 ? 2 : 7;
    sampling_weights(w, SAMPLING_UNIFORM, classes, N);
    assert_true(w[0] == 1 && w[N - 1] == 1);
    sampling_weights(w, SAMPLING_EVEN, classes, N);
    assert_true(fabsf(w[0] * 900 - 500) < 0.01F && fabsf(w[N - 1] * 100 - 500) < 0.01F);
    sampling_weights(w, SAMPLING_ROOT, classes, N);
    assert_true(fabsf(w[N - 1] / w[0] - 3) < 1e-4F);
    assert_int_equal(sampling_rule_of(&rule, "root", &err), 0);
    assert_int_equal(rule, SAMPLING_ROOT);
    assert_int_equal(sampling_rule_of(&rule, "fair", &err), -1);
    assert_non_null(strstr(err.msg, "uniform"));
}

static void bad_weights_are_refused(void **state)
{
    static const float bad[][2] = {
        {-1,       3},
        {NAN,      1},
        {INFINITY, 1},
        {0,        0}
    };
    int order[2];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        assert_int_equal(sampling_order(order, bad[i], 2, 0, 0, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_weights_each_comes_once), cmocka_unit_test(seed_and_epoch_decide),
        cmocka_unit_test(weights_are_kept_to_one),         cmocka_unit_test(rules_even_classes),
        cmocka_unit_test(bad_weights_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
