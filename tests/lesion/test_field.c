#include "scene.h"

#include "lesion/field.h"

static void sums_leave_out_what_they_are_told_to(void **state)
{
    float plane[29];
    uint8_t left_out[29];

    (void)state;
    for (int n = 0; n <= 29; n++) {
        double wanted = 0;
        for (int i = 0; i < n; i++) {
            plane[i] = (float)(i * i - 100) / 8;
            left_out[i] = i % 3 == 1;
            wanted += left_out[i] ? 0 : plane[i];
        }
        assert_true(field_sum(plane, left_out, n) == wanted); /* eighths: nothing is rounded */
    }
}

/* The place of a lesion of 2 x 3 field pixels, seen through a map of half the field's size. */
static void lesion_is_found_in_the_map(void **state)
{
    struct scene s = scene_new(16, 8);
    struct lesion_scratch *scratch = *state;
    uint8_t shape[6 * 10] = {0}, map[4 * 8] = {0};

    scene_skin(&s);
    field_make(&scratch->field, &scratch->lab, s.rgb, s.w, s.h, scratch->sums);
    assert_int_equal(scratch->field.w, 16);
    shape[2 * 10 + 4] = shape[3 * 10 + 4] = 1; /* map (3, 1) and (3, 2) */
    map[1 * 8 + 3] = 5;
    field_mark_lesion(&scratch->field, shape, map, 8, 8, 4);
    assert_int_equal(scratch->field.lesion_px, 8);
    assert_true(scratch->field.centre_x == 7 && scratch->field.centre_y == 4);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 16; x++) {
            size_t at = field_at(&scratch->field, x, y);
            assert_int_equal(scratch->field.lesion[at], x / 2 == 3 && y >= 2 && y < 6);
            assert_int_equal(scratch->field.any[at], x / 2 == 3 && y / 2 == 1);
        }
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_leave_out_what_they_are_told_to),
        cmocka_unit_test(lesion_is_found_in_the_map),
    };

    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
