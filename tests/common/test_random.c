#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"

/* Known answers of Random123's own test, philox4x32-10. */
static void the_generator_is_philox(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0},                                     {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}                                                          },
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}                                                          },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        uint32_t out[4];
        random_block(out, known[i].counter, known[i].key);
        assert_memory_equal(out, known[i].out, sizeof(out));
    }
}

static void a_place_gives_its_numbers_whenever_asked(void **state)
{
    struct random a, b;
    uint32_t first[9];

    (void)state;
    random_begin(&a, 7, 3, 11, RANDOM_COLOUR);
    for (int i = 0; i < 9; i++)
        first[i] = random_next(&a);
    random_begin(&b, 7, 3, 12, RANDOM_COLOUR);
    random_next(&b);
    random_begin(&b, 7, 3, 11, RANDOM_COLOUR);
    for (int i = 0; i < 9; i++)
        assert_int_equal(random_next(&b), first[i]);
}

/* Neighbours in any of the four numbers have nothing to do with each other. */
static void places_differ(void **state)
{
    static const uint32_t places[][4] = {
        {7,  3, 11, 0},
        {8,  3, 11, 0},
        {7,  4, 11, 0},
        {7,  3, 12, 0},
        {7,  3, 11, 1},
        {11, 3, 7,  0},
    };
    struct random r;
    uint32_t seen[6];

    (void)state;
    for (int i = 0; i < 6; i++) {
        const uint32_t *p = places[i];
        random_begin(&r, p[0], p[1], p[2], p[3]);
        seen[i] = random_next(&r);
        for (int k = 0; k < i; k++)
            assert_int_not_equal(seen[i], seen[k]);
    }
}

static void numbers_keep_to_their_range(void **state)
{
    struct random r;
    int count[5] = {0};
    double sum = 0;

    (void)state;
    random_begin(&r, 1, 0, 0, 0);
    for (int i = 0; i < 50000; i++) {
        float x = random_between(&r, -2, 6);
        assert_true(x >= -2 && x < 6);
        sum += x;
        count[random_below(&r, 5)]++;
        assert_false(random_chance(&r, 0));
        assert_true(random_chance(&r, 1));
    }
    assert_true(sum / 50000 > 1.95 && sum / 50000 < 2.05);
    for (int i = 0; i < 5; i++)
        assert_in_range(count[i], 9500, 10500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_generator_is_philox),
        cmocka_unit_test(a_place_gives_its_numbers_whenever_asked),
        cmocka_unit_test(places_differ),
        cmocka_unit_test(numbers_keep_to_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
