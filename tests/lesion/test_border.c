#include "scene.h"

/* A disc whose margin is sharp in the octants of `sharp` and fades over 60 pixels in the others. */
static int score_of(struct lesion_scratch *scratch, unsigned sharp, double contrast)
{
    struct scene s = scene_new(256, 256);
    static struct lesion_measures m;
    struct err err = {0};

    for (int y = 0; y < 256; y++)
        for (int x = 0; x < 256; x++) {
            double angle = atan2(y - 127.5, x - 127.5) + 2 * 3.14159265358979;
            int octant = (int)(angle / (3.14159265358979 / 4)) % 8;
            double c = disc_cover(x, y, 128, 128, 70, sharp >> octant & 1 ? 0.7 : 30);
            s.map[y * 256 + x] = disc_cover(x, y, 128, 128, 70, 0) > 0 ? 2 : 0;
            scene_put(&s, x, y, 210 - contrast * c, 165 - contrast * c, 150 - contrast * c);
        }
    struct lesion_input in = scene_input(&s);
    assert_int_equal(lesion_measure(scratch, &in, &m, &err), 0);
    scene_free(&s);
    return (int)m.border;
}

static void each_octant_is_judged_by_itself(void **state)
{
    static const unsigned masks[] = {0x00, 0xff, 0x01, 0x80, 0x0f, 0x55, 0xfe, 0x24};

    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++)
        assert_int_equal(score_of(*state, masks[i], 110), __builtin_popcount(masks[i]));
}

static void faint_margin_is_not_abrupt(void **state)
{
    assert_int_equal(score_of(*state, 0xff, 12), 0);
}

/* Where the picture ends nothing can be said of the margin. */
static void frame_is_no_margin(void **state)
{
    struct scene s = scene_new(256, 256);
    static struct lesion_measures m;
    static const double brown[3] = {95, 60, 45};
    struct err err = {0};

    scene_flat(&s, 210, 165, 150);
    scene_disc(&s, 0, 128, 90, 0.7, brown, 2);
    struct lesion_input in = scene_input(&s);
    assert_int_equal(lesion_measure(*state, &in, &m, &err), 0);
    assert_int_equal((int)m.border, 6); /* two octants are half frame, two are frame only */
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_octant_is_judged_by_itself),
        cmocka_unit_test(faint_margin_is_not_abrupt),
        cmocka_unit_test(frame_is_no_margin),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
