#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/split.h"

enum { N = 1000, CLASSES = 4, PER_LESION = 3 };

struct set {
    char ids[N][8];
    struct split_picture pictures[N];
    struct groups groups;
    uint8_t chosen[N];
};

/* Classes of very different sizes; every third of the pictures is one lesion in three. */
static void make(struct set *s, int seed)
{
    static const int percent[SPLIT_COUNT] = {70, 10, 20};
    struct err err = {0};

    assert_int_equal(groups_init(&s->groups, N, &err), 0);
    for (int i = 0; i < N; i++) {
        snprintf(s->ids[i], sizeof(s->ids[i]), "p%04d", i);
        s->pictures[i] = (struct split_picture){s->ids[i], i < 700   ? 2
                                                           : i < 900 ? 1
                                                           : i < 970 ? 5
                                                                     : 7};
        if (i >= N / 2 && i % PER_LESION)
            groups_join(&s->groups, i, i - 1);
    }
    assert_int_equal(
        split_assign(s->chosen, s->pictures, &s->groups, percent, (uint64_t)seed, &err), 0);
}

static void keeps_groups_together(void **state)
{
    static struct set s;

    (void)state;
    make(&s, 1);
    for (int i = N / 2; i < N; i++)
        if (i % PER_LESION)
            assert_int_equal(s.chosen[i], s.chosen[i - 1]);
    groups_release(&s.groups);
}

/* A group of three may be in the way by so much and no more. */
static void is_even_in_every_class(void **state)
{
    static const int from[] = {0, 700, 900, 970, N};
    static const int percent[SPLIT_COUNT] = {70, 10, 20};
    static struct set s;

    (void)state;
    make(&s, 1);
    for (int k = 0; k < CLASSES; k++)
        for (int split = 0; split < SPLIT_COUNT; split++) {
            int n = 0;
            for (int i = from[k]; i < from[k + 1]; i++)
                n += s.chosen[i] == split;
            double want = (from[k + 1] - from[k]) * percent[split] / 100.0;
            if (n < want - PER_LESION || n > want + PER_LESION)
                fail_msg("class %d, %s: %d, not %g", k, split_word(split), n, want);
        }
    groups_release(&s.groups);
}

static void seed_and_ids_decide(void **state)
{
    static struct set a, b, c, turned;
    static const int percent[SPLIT_COUNT] = {70, 10, 20};
    struct err err = {0};
    int same = 0;

    (void)state;
    make(&a, 1);
    make(&b, 1);
    make(&c, 2);
    assert_memory_equal(a.chosen, b.chosen, N);
    for (int i = 0; i < N; i++)
        same += a.chosen[i] == c.chosen[i];
    assert_in_range(same, N / 4, N * 3 / 4);
    /* the same rows, the last first */
    assert_int_equal(groups_init(&turned.groups, N, &err), 0);
    for (int i = 0; i < N; i++) {
        turned.pictures[i] = a.pictures[N - 1 - i];
        int other = N - 1 - i;
        if (other >= N / 2 && other % PER_LESION)
            groups_join(&turned.groups, i, i + 1);
    }
    assert_int_equal(split_assign(turned.chosen, turned.pictures, &turned.groups, percent, 1, &err),
                     0);
    for (int i = 0; i < N; i++)
        assert_int_equal(turned.chosen[i], a.chosen[N - 1 - i]);
    groups_release(&a.groups);
    groups_release(&b.groups);
    groups_release(&c.groups);
    groups_release(&turned.groups);
}

static void equal_values_belong_together(void **state)
{
    static const char *const values[] = {"x", "", "y", "x", "", "z", "x"};
    struct groups g;
    struct err err = {0};

    (void)state;
    assert_int_equal(groups_init(&g, 7, &err), 0);
    assert_int_equal(groups_join_equal(&g, values, &err), 1);
    assert_int_equal(groups_find(&g, 6), 0);
    assert_int_equal(groups_find(&g, 3), 0);
    assert_int_equal(groups_find(&g, 4), 4);
    assert_int_equal(groups_find(&g, 5), 5);
    groups_release(&g);
}

static void nothing_goes_where_nothing_is_wanted(void **state)
{
    static const int percent[SPLIT_COUNT] = {80, 20, 0};
    static struct set s;
    struct err err = {0};

    (void)state;
    make(&s, 1);
    assert_int_equal(split_assign(s.chosen, s.pictures, &s.groups, percent, 1, &err), 0);
    for (int i = 0; i < N; i++)
        assert_int_not_equal(s.chosen[i], SPLIT_TEST);
    groups_release(&s.groups);
}

static void percentages(void **state)
{
    static const char *const bad[] = {"",          "80,10",      "80,10,11",
                                      "0,50,50",   "80,10,10,0", "80, 10,10",
                                      "110,-5,-5", "80.5,9,10",  "a,b,c"};
    struct err err = {0};
    int percent[SPLIT_COUNT];

    (void)state;
    assert_int_equal(split_parse(percent, "70,20,10", &err), 0);
    assert_int_equal(percent[SPLIT_VAL], 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err said = {0};
        if (split_parse(percent, bad[i], &said) != -1 || said.code != ERR_INPUT)
            fail_msg("\"%s\" is taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_groups_together),
        cmocka_unit_test(is_even_in_every_class),
        cmocka_unit_test(seed_and_ids_decide),
        cmocka_unit_test(equal_values_belong_together),
        cmocka_unit_test(nothing_goes_where_nothing_is_wanted),
        cmocka_unit_test(percentages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
