#include "scene.h"

#include "lesion/colour.h"

/* sRGB of typical patches on skin of (214, 168, 150). */
static const double patches[COLOUR_COUNT][3] = {
    [COLOUR_WHITE] = {236, 222, 214},
      [COLOUR_RED] = {178, 62,  66 },
    [COLOUR_LIGHT_BROWN] = {164, 112, 72 },
      [COLOUR_DARK_BROWN] = {98,  56,  40 },
    [COLOUR_BLUE_GREY] = {104, 104, 116},
      [COLOUR_BLACK] = {34,  28,  27 },
};

/* A lesion of stripes of the colours in `set`; `cast` tints the whole picture. */
static unsigned colours_of(struct lesion_scratch *scratch, unsigned set, const double cast[3])
{
    struct scene s = scene_new(240, 180);
    int n = __builtin_popcount(set), order[COLOUR_COUNT], k = 0;

    for (int c = 0; c < COLOUR_COUNT; c++)
        if (set >> c & 1)
            order[k++] = c;
    for (int y = 0; y < 180; y++)
        for (int x = 0; x < 240; x++) {
            bool is_in = x >= 60 && x < 180 && y >= 40 && y < 140;
            const double skin[3] = {214, 168, 150};
            const double *c = is_in ? patches[order[(x - 60) * n / 120]] : skin;
            s.map[y * 240 + x] = is_in ? 2 : 0;
            scene_put(&s, x, y, c[0] * cast[0], c[1] * cast[1], c[2] * cast[2]);
        }
    scene_field(scratch, &s);
    scene_free(&s);
    return colour_measure(&scratch->field, NULL);
}

static void every_set_of_colours_is_told(void **state)
{
    static const double plain[3] = {1, 1, 1};

    for (unsigned set = 1; set < 1u << COLOUR_COUNT; set++)
        assert_int_equal(colours_of(*state, set, plain), set);
}

static void tinted_light_changes_little(void **state)
{
    static const double casts[][3] = {
        {1,    0.88, 0.74},
        {0.84, 0.95, 1   },
        {1,    0.86, 0.95},
        {0.9,  0.9,  0.9 },
    };

    for (size_t i = 0; i < 4; i++)
        for (int c = 0; c < COLOUR_COUNT; c++) {
            unsigned seen = colours_of(*state, 1u << c, casts[i]);
            if (seen != 1u << c)
                fail_msg("cast %zu: %s seen as %#x", i, colour_word((enum colour)c), seen);
        }
}

static void rare_colour_does_not_count(void **state)
{
    struct lesion_scratch *scratch = *state;
    struct scene s = scene_new(200, 150);
    double shares[COLOUR_COUNT];

    scene_flat(&s, 214, 168, 150);
    scene_disc(&s, 100, 75, 50, 0, patches[COLOUR_DARK_BROWN], 2);
    scene_disc(&s, 100, 75, 6, 0, patches[COLOUR_BLACK], 2); /* 1.6 % of what is off the rim */
    scene_field(scratch, &s);
    assert_int_equal(colour_measure(&scratch->field, shares), 1u << COLOUR_DARK_BROWN);
    assert_true(fabs(shares[COLOUR_BLACK] - 0.016) < 0.002);
    scene_disc(&s, 100, 75, 8, 0, patches[COLOUR_BLACK], 2); /* 2.8 % */
    scene_field(scratch, &s);
    assert_int_equal(colour_measure(&scratch->field, NULL),
                     1u << COLOUR_DARK_BROWN | 1u << COLOUR_BLACK);
    scene_free(&s);
}

/* Along a soft margin black fades through every brown; that is no colour of the lesion. */
static void margin_is_not_asked(void **state)
{
    struct lesion_scratch *scratch = *state;
    struct scene s = scene_new(200, 150);

    scene_flat(&s, 214, 168, 150);
    scene_disc(&s, 100, 75, 40, 2, patches[COLOUR_BLACK], 2);
    scene_field(scratch, &s);
    assert_int_equal(colour_measure(&scratch->field, NULL), 1u << COLOUR_BLACK);
    scene_free(&s);
}

/* A lesion that looks like the skin around still has one colour. */
static void never_none(void **state)
{
    struct lesion_scratch *scratch = *state;
    struct scene s = scene_new(200, 150);
    static const double skin[3] = {214, 168, 150};

    scene_flat(&s, 214, 168, 150);
    scene_disc(&s, 100, 75, 50, 0, skin, 2);
    scene_field(scratch, &s);
    assert_int_equal(__builtin_popcount(colour_measure(&scratch->field, NULL)), 1);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_of_colours_is_told),
        cmocka_unit_test(tinted_light_changes_little),
        cmocka_unit_test(rare_colour_does_not_count),
        cmocka_unit_test(margin_is_not_asked),
        cmocka_unit_test(never_none),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
