#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/safetensors.h"
#include "train/bank.h"

static char path[] = "/tmp/lentigo-test-bank-XXXXXX"; /* made by setup */

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static void drawn_values(void **state)
{
    struct bank a, b;
    struct err err = {0};

    (void)state;
    assert_int_equal(bank_init(&a, &err), 0);
    assert_int_equal(bank_init(&b, &err), 0);
    bank_draw(&a, 1);
    bank_draw(&b, 1);
    assert_memory_equal(a.block, b.block, a.total * sizeof(float));
    bank_draw(&b, 2);
    assert_memory_not_equal(a.block, b.block, a.total * sizeof(float));
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct param *p = &a.table[i];
        double sum = 0, squares = 0, n = (double)a.count[i];
        for (size_t k = 0; k < a.count[i]; k++) {
            sum += (double)a.params.at[i][k];
            squares += pow((double)a.params.at[i][k], 2);
        }
        if (p->role != ROLE_WEIGHT) {
            int is_one = p->role == ROLE_GAMMA || p->role == ROLE_VARIANCE || p->role == ROLE_SCALE;
            assert_true(sum == n * is_one);
        } else if (n > 10000) {
            double variance = 2.0 / (double)(p->shape[1] * p->shape[2] * p->shape[3]);
            if (!(fabs(squares / n / variance - 1) < 0.06 && fabs(sum / n) < 0.05 * sqrt(variance)))
                fail_msg("%s: mean %g, mean square %g of %g", p->name, sum / n, squares / n,
                         variance);
        }
    }
    bank_release(&a);
    bank_release(&b);
}

static void round_trip(void **state)
{
    struct bank a, b;
    struct err err = {0};
    int missing = -1;

    (void)state;
    assert_int_equal(bank_init(&a, &err), 0);
    assert_int_equal(bank_init(&b, &err), 0);
    bank_draw(&a, 1);
    assert_int_equal(bank_write(&a, path, false, &err), 0);
    assert_int_equal(bank_read_model(&b, path, &missing, &err), 0);
    assert_int_equal(missing, 0);
    assert_memory_equal(a.block, b.block, a.total * sizeof(float));
    bank_release(&a);
    bank_release(&b);
}

/* Write `count` tensors, one of them with one value too many. */
static void write_some(const struct bank *b, int count, int wrong)
{
    struct tensor items[PARAM_COUNT];
    struct err err = {0};

    for (int i = 0; i < count; i++) {
        const struct param *p = &b->table[i];
        items[i] = (struct tensor){.name = p->name,
                                   .rank = p->rank,
                                   .data = (const unsigned char *)b->params.at[i],
                                   .count = b->count[i]};
        memcpy(items[i].shape, p->shape, sizeof(p->shape));
        if (i == wrong) {
            items[i].shape[0]--;
            items[i].count -= b->count[i] / (size_t)p->shape[0];
        }
    }
    assert_int_equal(safetensors_write(path, items, (size_t)count, DTYPE_F32, &err), 0);
}

static void what_is_missing_is_said(void **state)
{
    struct bank a, b;
    struct err err = {0};
    int missing = -1;

    (void)state;
    assert_int_equal(bank_init(&a, &err), 0);
    assert_int_equal(bank_init(&b, &err), 0);
    bank_draw(&a, 1);
    bank_draw(&b, 2);
    write_some(&a, PARAM_COUNT_INFERENCE, -1);
    float kept = b.params.at[PARAM_COUNT - 1][0];
    assert_int_equal(bank_read_model(&b, path, &missing, &err), 0);
    assert_int_equal(missing, PARAM_COUNT - PARAM_COUNT_INFERENCE);
    assert_true(b.params.at[PARAM_COUNT - 1][0] == kept);
    assert_true(b.params.at[0][0] == a.params.at[0][0]);

    write_some(&a, PARAM_COUNT_INFERENCE - 1, -1);
    assert_int_equal(bank_read_model(&b, path, &missing, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, a.table[PARAM_COUNT_INFERENCE - 1].name));

    err = (struct err){0};
    write_some(&a, PARAM_COUNT, PARAM_COUNT - 1); /* another number of classes in one head */
    assert_int_equal(bank_read_model(&b, path, &missing, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "has shape [7,64,1,1], not [8,64,1,1]"));

    err = (struct err){0};
    assert_int_equal(bank_read_model(&b, "/nowhere", &missing, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    bank_release(&a);
    bank_release(&b);
}

static void what_is_no_number_is_found(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct bank b;
    struct err err = {0};

    (void)state;
    assert_int_equal(bank_init(&b, &err), 0);
    bank_draw(&b, 1);
    assert_true(bank_is_finite(&b, false) && bank_is_finite(&b, true));
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 5; k++) { /* weight, factor, offset, mean, variance of one layer */
            float old = b.params.at[k][b.count[k] - 1];
            b.params.at[k][b.count[k] - 1] = bad[i];
            assert_false(bank_is_finite(&b, false));
            assert_int_equal(bank_is_finite(&b, true), k < 3);
            b.params.at[k][b.count[k] - 1] = old;
        }
    bank_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drawn_values),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(what_is_missing_is_said),
        cmocka_unit_test(what_is_no_number_is_found),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
