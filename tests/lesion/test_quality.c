#include "scene.h"

#include "lesion/view.h"

static struct lesion_measures m;

static const double brown[3] = {95, 60, 45};

static const struct lesion_quality *judge(struct lesion_scratch *scratch, const struct scene *s,
                                          bool is_degraded)
{
    struct lesion_input in = scene_input(s);
    struct err err = {0};

    in.is_degraded = is_degraded;
    assert_int_equal(lesion_measure(scratch, &in, &m, &err), 0);
    return &m.quality;
}

static struct scene good_scene(int w, int h)
{
    struct scene s = scene_new(w, h);

    scene_skin(&s);
    scene_disc(&s, w / 2.0, h / 2.0, h / 5.0, 3, brown, 2);
    return s;
}

/* Box blur of (2 r + 1) squared, twice. */
static void blur(struct scene *s, int r)
{
    uint8_t *copy = malloc((size_t)s->w * (size_t)s->h * 3);

    for (int pass = 0; pass < 4; pass++) {
        memcpy(copy, s->rgb, (size_t)s->w * (size_t)s->h * 3);
        for (int i = 0; i < s->w * s->h * 3; i++) {
            int x = i / 3 % s->w, y = i / 3 / s->w, sum = 0;
            for (int k = -r; k <= r; k++) {
                int nx = pass % 2 ? x : x + k, ny = pass % 2 ? y + k : y;
                nx = nx < 0 ? 0 : nx < s->w ? nx : s->w - 1;
                ny = ny < 0 ? 0 : ny < s->h ? ny : s->h - 1;
                sum += copy[3 * (ny * s->w + nx) + i % 3];
            }
            s->rgb[i] = (uint8_t)(sum / (2 * r + 1));
        }
    }
    free(copy);
}

static void brighten(struct scene *s, double factor)
{
    for (int i = 0; i < s->w * s->h * 3; i++)
        s->rgb[i] = (uint8_t)fmin(s->rgb[i] * factor, 255);
}

static void good_picture_is_ok(void **state)
{
    struct scene s = good_scene(256, 192);
    const struct lesion_quality *q = judge(*state, &s, false);

    assert_string_equal(q->why, "");
    assert_int_equal(q->verdict, QUALITY_OK);
    assert_true(q->dermoscopy > 0.8);
    assert_true(q->exposure > 60 && q->exposure < 80);
    assert_true(q->hair_fraction < 0.01 && q->vignette == 0);
    scene_free(&s);
}

static void blur_grows_with_its_radius(void **state)
{
    double last = 100;

    for (int r = 0; r < 5; r++) {
        struct scene s = good_scene(256, 192);
        if (r)
            blur(&s, r);
        const struct lesion_quality *q = judge(*state, &s, false);
        assert_true(q->blur < last);
        last = q->blur;
        assert_int_equal(strstr(q->why, "blur") != NULL, r >= 1);
        assert_true(r == 0 || q->verdict != QUALITY_OK);
        assert_true(r < 3 || q->verdict == QUALITY_UNUSABLE);
        scene_free(&s);
    }
}

static void light_that_is_wrong_is_told(void **state)
{
    static const struct {
        double factor;
        const char *word;
        enum quality_verdict at_least;
    } cases[] = {
        {0.45, "dark",   QUALITY_DEGRADED},
        {0.10, "dark",   QUALITY_UNUSABLE},
        {1.50, "bright", QUALITY_DEGRADED},
        {4.00, "bright", QUALITY_UNUSABLE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s = good_scene(256, 192);
        brighten(&s, cases[i].factor);
        const struct lesion_quality *q = judge(*state, &s, false);
        if (!strstr(q->why, cases[i].word) || q->verdict < cases[i].at_least)
            fail_msg("times %.2f: \"%s\", L* %.1f", cases[i].factor, q->why, q->exposure);
        scene_free(&s);
    }
}

/* Draw lines of two pixels; returns the share of the picture that they cover. */
static double draw_hairs(struct scene *s, int n)
{
    uint8_t *covered = calloc((size_t)s->w, (size_t)s->h);
    int sum = 0;

    for (int k = 0; k < n; k++) {
        double angle = 0.5 + 0.3 * lattice(k, 1, 7), at = (k + 0.5) / n * s->w * 1.6 - 0.3 * s->w;
        for (double t = 0; t < 1.6 * s->h; t += 0.4)
            for (double d = 0; d < 2; d += 0.5) {
                int x = (int)(at + t * sin(angle) + d * cos(angle));
                int y = (int)(t * cos(angle) - d * sin(angle));
                if (x >= 0 && y >= 0 && x < s->w && y < s->h) {
                    covered[y * s->w + x] = 1;
                    scene_put(s, x, y, 60, 45, 40);
                }
            }
    }
    for (int i = 0; i < s->w * s->h; i++)
        sum += covered[i];
    free(covered);
    return (double)sum / (s->w * s->h);
}

static void hair_is_measured(void **state)
{
    for (int n = 0; n <= 16; n += 4) {
        struct scene s = good_scene(256, 192);
        double drawn = draw_hairs(&s, n);
        double seen = judge(*state, &s, false)->hair_fraction;
        if (fabs(seen - drawn) > 0.01 + 0.3 * drawn)
            fail_msg("%d hairs cover %.3f, seen %.3f", n, drawn, seen);
        assert_int_equal(strstr(m.quality.why, "hair") != NULL, seen > 0.08);
        scene_free(&s);
    }
}

static void dots_are_no_hair(void **state)
{
    struct scene s = good_scene(256, 192);
    static const double dark[3] = {70, 40, 35};

    for (int k = 0; k < 40; k++)
        scene_disc(&s, 10 + k % 8 * 32, 10 + k / 8 * 40, 2.5, 0.5, dark, 0);
    assert_true(judge(*state, &s, false)->hair_fraction < 0.005);
    scene_free(&s);
}

static void vignette_is_dark_corners_only(void **state)
{
    struct scene s = good_scene(256, 192);
    static const double black[3] = {15, 12, 12};
    int dark = 0;

    for (int y = 0; y < 192; y++)
        for (int x = 0; x < 256; x++)
            if (hypot(x - 127.5, y - 95.5) > 120) {
                scene_put(&s, x, y, 4, 4, 5);
                dark++;
            }
    scene_disc(&s, 128, 96, 30, 2, black, 2); /* a black lesion is no vignette */
    const struct lesion_quality *q = judge(*state, &s, false);
    assert_true(fabs(q->vignette - dark / (256.0 * 192)) < 0.01);
    assert_true(q->exposure > 55);
    scene_free(&s);
}

static void file_damage_degrades(void **state)
{
    struct scene s = good_scene(256, 192);

    assert_int_equal(judge(*state, &s, true)->verdict, QUALITY_DEGRADED);
    assert_string_equal(m.quality.why, "file_damage");
    scene_free(&s);
}

/* A thumbnail must not pass as routine: the shorter side counts. */
static void few_pixels_are_told(void **state)
{
    static const struct {
        int w, h;
        enum quality_verdict verdict;
    } sizes[] = {
        {200, 150, QUALITY_OK      },
        {170, 128, QUALITY_OK      },
        {170, 127, QUALITY_DEGRADED},
        {64,  64,  QUALITY_DEGRADED},
        {84,  63,  QUALITY_UNUSABLE},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct scene s = good_scene(sizes[i].w, sizes[i].h);
        const struct lesion_quality *q = judge(*state, &s, false);
        assert_true((strstr(q->why, "small") != NULL) == (sizes[i].verdict != QUALITY_OK));
        assert_true(q->verdict >= sizes[i].verdict);
        scene_free(&s);
    }
}

/* ---- pictures that are no dermoscopy ---- */

static void draw_blank_white(struct scene *s)
{
    scene_flat(s, 255, 255, 255);
}

static void draw_blank_black(struct scene *s)
{
    scene_flat(s, 0, 0, 0);
}

static void draw_blank_skin(struct scene *s)
{
    scene_flat(s, 224, 176, 160);
}

static void draw_gradient(struct scene *s)
{
    for (int i = 0; i < s->w * s->h; i++)
        scene_put(s, i % s->w, i / s->w, 120 + 0.4 * (i % s->w), 80 + 0.4 * (i % s->w),
                  70 + 0.4 * (i / s->w));
}

static void draw_spot_on_skin_colour(struct scene *s)
{
    for (int i = 0; i < s->w * s->h; i++) {
        double r = hypot(i % s->w - s->w / 2.0, i / s->w - s->h / 2.0) / s->h;
        scene_put(s, i % s->w, i / s->w, 90 + 240 * r, 50 + 220 * r, 40 + 210 * r);
    }
}

/* Lines of boxes, as text is from afar. */
static void draw_text(struct scene *s)
{
    for (int i = 0; i < s->w * s->h; i++) {
        int x = i % s->w, y = i / s->w;
        bool is_ink =
            y % 12 < 7 && x % 6 < 4 && lattice(x / 6, y / 12, 3) > -0.6 && lattice(x, y, 4) > -0.3;
        scene_put(s, x, y, is_ink ? 30 : 250, is_ink ? 28 : 246, is_ink ? 26 : 238);
    }
}

static void draw_text_on_skin_colour(struct scene *s)
{
    draw_text(s);
    for (int i = 0; i < s->w * s->h; i++) {
        bool is_ink = s->rgb[3 * i] < 128;
        scene_put(s, i % s->w, i / s->w, is_ink ? 120 : 235, is_ink ? 60 : 190, is_ink ? 50 : 175);
    }
}

static void draw_noise(struct scene *s)
{
    for (int i = 0; i < s->w * s->h; i++)
        scene_put(s, i % s->w, i / s->w, 128 + 127 * lattice(i, 0, 1), 128 + 127 * lattice(i, 0, 2),
                  128 + 127 * lattice(i, 0, 3));
}

static void draw_landscape(struct scene *s)
{
    for (int i = 0; i < s->w * s->h; i++) {
        int x = i % s->w, y = i / s->w;
        double n = 20 * noise_at(x, y, 4, 1), hill = 90 + 25 * noise_at(x, 0, 60, 2);
        if (y < hill)
            scene_put(s, x, y, 110 + y + n / 4, 150 + y / 2.0 + n / 4, 215 + n / 4);
        else
            scene_put(s, x, y, 70 + n, 110 + n, 50 + n);
    }
}

static void draw_checkers(struct scene *s)
{
    for (int i = 0; i < s->w * s->h; i++) {
        int v = (i % s->w / 20 + i / s->w / 20) % 2 ? 240 : 20;
        scene_put(s, i % s->w, i / s->w, v, v, v);
    }
}

static void other_pictures_are_retakes(void **state)
{
    static const struct {
        const char *name;
        void (*draw)(struct scene *);
    } cases[] = {
        {"white",        draw_blank_white        },
        {"black",        draw_blank_black        },
        {"skin, blank",  draw_blank_skin         },
        {"gradient",     draw_gradient           },
        {"spot",         draw_spot_on_skin_colour},
        {"text",         draw_text               },
        {"text on skin", draw_text_on_skin_colour},
        {"noise",        draw_noise              },
        {"landscape",    draw_landscape          },
        {"chequered",    draw_checkers           },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scene s = scene_new(256, 192);
        cases[i].draw(&s);
        const struct lesion_quality *q = judge(*state, &s, false);
        if (q->verdict != QUALITY_UNUSABLE || !strstr(q->why, "not_dermoscopy"))
            fail_msg("%s: score %.2f, \"%s\"", cases[i].name, q->dermoscopy, q->why);
        scene_free(&s);
    }
}

/* The same picture at four times the size is judged alike. */
static void size_does_not_matter(void **state)
{
    struct scene s = good_scene(256, 192), big = scene_new(1024, 768);

    for (int i = 0; i < 1024 * 768; i++)
        memcpy(big.rgb + 3 * i, s.rgb + 3 * (i / 1024 / 4 * 256 + i % 1024 / 4), 3);
    double small_blur = judge(*state, &s, false)->blur;
    assert_true(fabs(judge(*state, &big, false)->blur - small_blur) < 1e-6);
    scene_free(&s);
    scene_free(&big);
}

static void too_small_to_tell_is_not_measured(void **state)
{
    struct scene s = good_scene(40, 40);

    judge(*state, &s, false);
    assert_string_equal(m.quality.why, "small"); /* and nothing that could not be measured */
    assert_true(isnan(m.quality.dermoscopy) && isnan(m.quality.blur));
    scene_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_picture_is_ok),
        cmocka_unit_test(blur_grows_with_its_radius),
        cmocka_unit_test(light_that_is_wrong_is_told),
        cmocka_unit_test(hair_is_measured),
        cmocka_unit_test(dots_are_no_hair),
        cmocka_unit_test(vignette_is_dark_corners_only),
        cmocka_unit_test(file_damage_degrades),
        cmocka_unit_test(few_pixels_are_told),
        cmocka_unit_test(other_pictures_are_retakes),
        cmocka_unit_test(size_does_not_matter),
        cmocka_unit_test(too_small_to_tell_is_not_measured),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
