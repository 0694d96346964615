/* Interactive before bulk before training, and each class gets its share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/shares.h"

static const bool none_paused[BROKER_CLASSES];

/* What a queue with `waiting` images of each class gives: SCRIPT_LEASE in C. */
static void serve(int waiting[BROKER_CLASSES], int max, const int least[BROKER_CLASSES],
                  int leased[BROKER_CLASSES])
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < BROKER_CLASSES; i++) {
            int n = pass ? max : least[i];
            if (least[i] < 0)
                continue;
            n = n < max ? n : max;
            n = n < waiting[i] ? n : waiting[i];
            leased[i] += n;
            waiting[i] -= n;
            max -= n;
        }
}

/* Lease `rounds` times `max` images; `sum` receives how many of each class. */
static void lease(struct shares *x, int waiting[BROKER_CLASSES], int rounds, int max,
                  const bool is_paused[BROKER_CLASSES], int sum[BROKER_CLASSES])
{
    for (int i = 0; i < BROKER_CLASSES; i++)
        sum[i] = 0;
    for (int round = 0; round < rounds; round++) {
        int least[BROKER_CLASSES], leased[BROKER_CLASSES] = {0};
        shares_ask(x, max, is_paused, least);
        serve(waiting, max, least, leased);
        shares_note(x, leased);
        for (int i = 0; i < BROKER_CLASSES; i++)
            sum[i] += leased[i];
    }
}

static void each_class_gets_its_share_however_few_are_leased(void **state)
{
    static const int sizes[] = {1, 3, 16, 100};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct shares x = {0};
        int waiting[] = {1000000, 1000000, 1000000}, sum[BROKER_CLASSES];
        int rounds = 1600 / sizes[i] + 1, total = rounds * sizes[i];
        lease(&x, waiting, rounds, sizes[i], none_paused, sum);
        print_message("%d at once: %d %d %d\n", sizes[i], sum[0], sum[1], sum[2]);
        assert_in_range(sum[1], total / 8 - 16, total / 8 + 1);
        assert_in_range(sum[2], total / 16 - 8, total / 16 + 1);
        assert_int_equal(sum[0] + sum[1] + sum[2], total);
    }
}

static void a_class_alone_gets_all_and_owes_nothing_for_it(void **state)
{
    struct shares x = {0};
    int waiting[] = {0, 0, 1000}, sum[BROKER_CLASSES];

    (void)state;
    lease(&x, waiting, 10, 16, none_paused, sum);
    assert_int_equal(sum[2], 160);
    waiting[0] = 1000;
    lease(&x, waiting, 2, 16, none_paused, sum);
    assert_in_range(sum[0], 30, 32); /* at once, not after what training had too much */
}

static void a_class_without_work_saves_nothing_up(void **state)
{
    struct shares x = {0};
    int waiting[] = {1000000, 0, 0}, sum[BROKER_CLASSES];

    (void)state;
    lease(&x, waiting, 1000, 16, none_paused, sum);
    assert_int_equal(sum[0], 16000);
    waiting[1] = 1000;
    lease(&x, waiting, 1, 16, none_paused, sum);
    assert_true(sum[1] <= 3);
}

static void a_paused_class_gets_nothing(void **state)
{
    const bool is_paused[] = {false, true, false};
    struct shares x = {0};
    int waiting[] = {0, 1000, 1000}, sum[BROKER_CLASSES];

    (void)state;
    lease(&x, waiting, 10, 16, is_paused, sum);
    assert_int_equal(sum[1], 0);
    assert_int_equal(sum[2], 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_gets_its_share_however_few_are_leased),
        cmocka_unit_test(a_class_alone_gets_all_and_owes_nothing_for_it),
        cmocka_unit_test(a_class_without_work_saves_nothing_up),
        cmocka_unit_test(a_paused_class_gets_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
