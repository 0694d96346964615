#include "scene.h"

#include "lesion/nearest.h"

static struct lesion_measures m;

static const double brown[3] = {95, 60, 45};

static void measure(struct lesion_scratch *scratch, const struct lesion_input *in)
{
    struct err err = {0};

    if (lesion_measure(scratch, in, &m, &err))
        fail_msg("%s", err.msg);
}

static int count_full(const struct lesion_input *in)
{
    uint8_t *full = malloc((size_t)in->width * (size_t)in->height);
    int n = 0;

    lesion_full_map(in, full);
    for (int i = 0; i < in->width * in->height; i++)
        n += full[i] != 0;
    free(full);
    return n;
}

static void disc_has_its_size_place_and_no_asymmetry(void **state)
{
    struct scene s = scene_new(300, 225);

    scene_skin(&s);
    scene_disc(&s, 150, 110, 60, 1, brown, 2);
    struct lesion_input in = scene_input(&s);
    in.mm_per_px = 0.05;
    measure(*state, &in);
    assert_true(m.is_found);
    assert_true(fabs(m.area_px - 3.14159265 * 3600) < 60);
    assert_true(fabs(m.area_fraction - m.area_px / (300 * 225)) < 1e-12);
    assert_true(fabs(m.area_mm2 - m.area_px * 0.0025) < 1e-9);
    assert_in_range(m.bbox[0], 89, 91);
    assert_in_range(m.bbox[1], 49, 51);
    assert_in_range(m.bbox[2], 119, 121);
    assert_in_range(m.bbox[3], 119, 121);
    assert_int_equal(m.components, 1);
    assert_false(m.touches_border);
    assert_true(m.border_share == 0);
    assert_true(m.asymmetry == 0);
    assert_string_equal(m.quality.why, "");
    scene_free(&s);
}

/* Map of 256 x 192 in a padded 256 x 224, original 600 x 450: area is that of mask.png exactly. */
static void original_has_its_own_scale(void **state)
{
    struct scene s = scene_new(256, 224);
    struct scene rgb = scene_new(600, 450);

    scene_skin(&rgb);
    scene_disc(&rgb, 300, 200, 100, 1, brown, 2);
    scene_disc(&s, 128, 85.3, 42.7, 0, brown, 2);
    memset(s.map + 192 * 256, 5, 32 * 256); /* padding must not be looked at */
    struct lesion_input in = scene_input(&s);
    in.content_h = 192;
    in.rgb = rgb.rgb;
    in.measure_w = in.width = 600;
    in.measure_h = in.height = 450;
    measure(*state, &in);
    assert_int_equal(m.components, 1);
    assert_int_equal((int)m.area_px, count_full(&in));
    assert_true(fabs(m.area_px - 3.14159265 * 100 * 100) < 400);
    for (int i = 0; i < m.n_contour; i++)
        assert_true(fabs(hypot(m.contour[i].x - 300, m.contour[i].y - 200) - 100) < 2.5);
    in.width = 150; /* smaller than the map */
    in.height = 113;
    measure(*state, &in);
    assert_int_equal((int)m.area_px, count_full(&in));
    scene_free(&s);
    scene_free(&rgb);
}

static void half_plane_is_cut_off(void **state)
{
    struct scene s = scene_new(256, 192);

    scene_skin(&s);
    scene_disc(&s, 0, 96, 80, 1, brown, 2);
    struct lesion_input in = scene_input(&s);
    measure(*state, &in);
    assert_true(m.touches_border);
    assert_true(m.border_share > 0.3 && m.border_share < 0.5); /* 160 of 160 + 80 pi, in edges */
    assert_int_equal(m.quality.verdict, QUALITY_DEGRADED);
    assert_string_equal(m.quality.why, "cut_off");
    scene_free(&s);
}

static void two_discs_are_two(void **state)
{
    struct scene s = scene_new(256, 192);

    scene_skin(&s);
    scene_disc(&s, 70, 96, 40, 1, brown, 2);
    scene_disc(&s, 190, 96, 25, 1, brown, 3);
    s.map[0] = 1; /* a speck in the corner: neither a part nor border contact */
    struct lesion_input in = scene_input(&s);
    measure(*state, &in);
    assert_int_equal(m.components, 2);
    assert_false(m.touches_border);
    assert_in_range(m.bbox[0], 29, 31);
    assert_in_range(m.bbox[0] + m.bbox[2], 214, 216);
    for (int i = 0; i < m.n_contour; i++)
        assert_true(m.contour[i].x < 115);
    scene_free(&s);
}

static void empty_map_is_no_error(void **state)
{
    struct scene s = scene_new(128, 96);

    scene_skin(&s);
    struct lesion_input in = scene_input(&s);
    measure(*state, &in);
    assert_false(m.is_found);
    assert_int_equal(m.n_contour, 0);
    assert_true(isnan(m.asymmetry) && isnan(m.border) && isnan(m.colour) && isnan(m.area_mm2));
    assert_true(isnan(m.confidence));
    assert_true(fabs(m.classes[1] - 0.25) < 1e-12); /* of the whole picture */
    assert_true(fabs(m.malignant_probability - 0.25) < 1e-12);
    scene_free(&s);
}

static void odd_sizes_are_measured(void **state)
{
    static const struct {
        const char *name;
        int w, h, fill; /* class of all pixels but the last; -1: only one pixel in the middle */
    } cases[] = {
        {"full",      256,  192, 2 },
        {"one pixel", 256,  192, -1},
        {"32x32",     32,   32,  2 },
        {"32x32 one", 32,   32,  -1},
        {"1x1",       1,    1,   2 },
        {"1x300",     1,    300, 2 },
        {"1000x2",    1000, 2,   2 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s = scene_new(cases[i].w, cases[i].h);
        scene_skin(&s);
        if (cases[i].fill > 0)
            memset(s.map, cases[i].fill, (size_t)s.w * (size_t)s.h);
        else
            s.map[s.h / 2 * s.w + s.w / 2] = 1;
        struct lesion_input in = scene_input(&s);
        measure(*state, &in);
        int expected = cases[i].fill > 0 ? s.w * s.h : 1;
        if (!m.is_found || (int)m.area_px != expected || m.n_contour < 1)
            fail_msg("%s: area %g, %d points", cases[i].name, m.area_px, m.n_contour);
        assert_true(m.border >= 0 && m.border <= 8 && m.colour >= 1 && m.colour <= 6);
        scene_free(&s);
    }
}

static void sizes_that_disagree_are_a_bug(void **state)
{
    struct scene s = scene_new(64, 64);
    struct lesion_input good = scene_input(&s), bad[6] = {good, good, good, good, good, good};

    bad[0].content_w = 65;
    bad[1].content_h = 0;
    bad[2].measure_w = 0;
    bad[3].width = -1;
    bad[4].map_w = LESION_SIDE_MAX + 1;
    bad[5].measure_h = LESION_SIDE_MAX + 1;
    for (int i = 0; i < 6; i++) {
        struct err err = {0};
        assert_int_equal(lesion_measure(*state, bad + i, &m, &err), -1);
        assert_int_equal(err.code, ERR_BUG);
    }
    scene_free(&s);
}

/* Scores of the lesion: sums divided by their total, background left out. */
static void scores_are_of_the_lesion(void **state)
{
    struct scene s = scene_new(128, 96);

    scene_skin(&s);
    scene_disc(&s, 64, 48, 20, 1, brown, 1);
    struct lesion_input in = scene_input(&s);
    in.lesion_px = 10;
    memcpy(in.lesion_sum, (double[LESION_CLASSES]){1, 4, 1, 2, 1, 0.5, 0.25, 0.25},
           sizeof(in.lesion_sum));
    in.lesion_top_sum = 7;
    measure(*state, &in);
    assert_true(fabs(m.classes[1] - 4 / 9.0) < 1e-12);
    assert_true(fabs(m.malignant_probability - 7 / 9.0) < 1e-12);
    assert_true(fabs(m.confidence - 0.7) < 1e-12);
    scene_free(&s);
}

/* nearest_index is cv2's; the full map touches no byte after its end. */
static void full_map_is_nearest_and_in_bounds(void **state)
{
    static const int sizes[][4] = {
        {256, 192, 600,  450 },
        {512, 384, 6000, 4000},
        {256, 256, 200,  150 },
        {37,  53,  37,   53  },
        {1,   1,   9,    9   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        int cw = sizes[i][0], ch = sizes[i][1], w = sizes[i][2], h = sizes[i][3];
        int map_w = cw + 7, map_h = ch + 3;
        uint8_t *map = malloc((size_t)map_w * (size_t)map_h);
        uint8_t *out = malloc((size_t)w * (size_t)h + 1);
        for (int k = 0; k < map_w * map_h; k++)
            map[k] = (uint8_t)(lattice(k % map_w, k / map_w, 9) > 0 ? 3 : 0);
        struct lesion_input in = {.class_map = map,
                                  .map_w = map_w,
                                  .map_h = map_h,
                                  .content_w = cw,
                                  .content_h = ch,
                                  .width = w,
                                  .height = h};
        out[(size_t)w * (size_t)h] = 0xa5;
        lesion_full_map(&in, out);
        assert_int_equal(out[(size_t)w * (size_t)h], 0xa5);
        for (int k = 0; k < w * h; k += 11) {
            int x = (int)floor(k % w * (1.0 / ((double)w / cw)));
            int y = (int)floor(k / w * (1.0 / ((double)h / ch)));
            assert_int_equal(out[k], map[y * map_w + x]);
        }
        free(map);
        free(out);
    }
}

static void scratch_grows_and_is_used_again(void **state)
{
    struct lesion_scratch *scratch = *state;
    struct scene small = scene_new(64, 48), large = scene_new(700, 500);

    scene_skin(&small);
    scene_skin(&large);
    scene_disc(&small, 30, 24, 12, 0, brown, 2);
    scene_disc(&large, 300, 240, 120, 0, brown, 2);
    struct lesion_input a = scene_input(&small), b = scene_input(&large);
    measure(scratch, &a);
    double first = m.area_px;
    measure(scratch, &b);
    const void *runs = scratch->parts.runs, *shape = scratch->shape, *edges = scratch->edges;
    measure(scratch, &a);
    assert_true(m.area_px == first);
    measure(scratch, &b);
    assert_ptr_equal(scratch->parts.runs, runs);
    assert_ptr_equal(scratch->shape, shape);
    assert_ptr_equal(scratch->edges, edges);
    scene_free(&small);
    scene_free(&large);
}

static void contour_is_drawn_where_it_is(void **state)
{
    struct scene s = scene_new(300, 200);
    uint8_t *copy = malloc(600 * 400 * 3 + 1);
    int light = 0, dark = 0;

    scene_skin(&s);
    scene_disc(&s, 150, 100, 50, 1, brown, 2);
    struct lesion_input in = scene_input(&s);
    measure(*state, &in);
    memset(copy, 128, 600 * 400 * 3 + 1);
    lesion_draw_contour(&m, 300, 200, copy, 600, 400);
    for (int i = 0; i < 600 * 400; i++) {
        double r = hypot(i % 600 + 0.5 - 300, i / 600 + 0.5 - 200);
        if (r < 94 || r > 106)
            assert_int_equal(copy[3 * i], 128);
        light += copy[3 * i] > 180;
        dark += copy[3 * i] < 70;
    }
    assert_true(light > 600 && dark > 600); /* once round is 628 pixels */
    assert_int_equal(copy[600 * 400 * 3], 128);
    m.n_contour = 0;
    lesion_draw_contour(&m, 300, 200, copy, 600, 400);
    free(copy);
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disc_has_its_size_place_and_no_asymmetry),
        cmocka_unit_test(original_has_its_own_scale),
        cmocka_unit_test(half_plane_is_cut_off),
        cmocka_unit_test(two_discs_are_two),
        cmocka_unit_test(empty_map_is_no_error),
        cmocka_unit_test(odd_sizes_are_measured),
        cmocka_unit_test(sizes_that_disagree_are_a_bug),
        cmocka_unit_test(scores_are_of_the_lesion),
        cmocka_unit_test(full_map_is_nearest_and_in_bounds),
        cmocka_unit_test(scratch_grows_and_is_used_again),
        cmocka_unit_test(contour_is_drawn_where_it_is),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
