/* What a teacher adds: by hand, against central differences, and with a real model as its own pupil. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/teacher.h"

enum { C = 8, PIXELS = 3 };

static float chance(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) / 4194304.0f - 2;
}

static void pull_by_hand(void **state)
{
    float teacher[C] = {0}, student[C] = {0}, gradient[C] = {0};

    (void)state;
    teacher[2] = logf(9); /* q: 9/16 and 1/16 each; p: 1/8 each */
    double value = teacher_pull(teacher, student, gradient, 1, 4, 2);
    double want = 9.0 / 16 * log(9.0 / 16 * 8) + 7 * (1.0 / 16) * log(8.0 / 16);
    assert_float_equal(value, want / 4, 1e-7);
    for (int c = 0; c < C; c++)
        assert_float_equal(gradient[c], (1.0 / 8 - (c == 2 ? 9.0 : 1.0) / 16) * 2 / 4, 1e-7);
}

static void gradient_as_differences(void **state)
{
    float teacher[PIXELS * C], student[PIXELS * C], gradient[PIXELS * C] = {0}, unused[PIXELS * C];
    uint32_t seed = 7;

    (void)state;
    for (int i = 0; i < PIXELS * C; i++) {
        teacher[i] = chance(&seed);
        student[i] = chance(&seed);
    }
    teacher_pull(teacher, student, gradient, PIXELS, PIXELS, 1);
    for (int i = 0; i < PIXELS * C; i++) {
        float kept = student[i], up = kept + 0.01f, down = kept - 0.01f;
        student[i] = up;
        double above = teacher_pull(teacher, student, unused, PIXELS, PIXELS, 1);
        student[i] = down;
        double below = teacher_pull(teacher, student, unused, PIXELS, PIXELS, 1);
        student[i] = kept;
        assert_float_equal(gradient[i], (above - below) / ((double)up - (double)down), 1e-5);
    }
}

static void who_agrees_is_not_pulled(void **state)
{
    float logits[PIXELS * C], gradient[PIXELS * C] = {0};
    uint32_t seed = 3;

    (void)state;
    for (int i = 0; i < PIXELS * C; i++)
        logits[i] = 20 * chance(&seed);
    assert_float_equal(teacher_pull(logits, logits, gradient, PIXELS, PIXELS, 1), 0, 1e-12);
    for (int i = 0; i < PIXELS * C; i++)
        assert_float_equal(gradient[i], 0, 1e-12);
}

/* Two sizes one after the other, a batch whose images differ: what is added for an image must not depend on
 * its neighbours. */
static void each_image_by_itself(void **state)
{
    static const int sizes[][2] = {
        {64, 96},
        {32, 32}
    };
    struct settings s = {.backend = "auto", .device = "cpu"};
    struct teacher *t;
    struct err err = {0};
    uint32_t seed = 5;

    (void)state;
    if (teacher_open(&t, SOURCE_DIR "/models/starter", &s, 1, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(strlen(teacher_sha256(t)), 64);
    for (int k = 0; k < 2; k++) {
        int h = sizes[k][0], w = sizes[k][1], values = h / 8 * (w / 8) * C;
        uint8_t *rgb = malloc((size_t)h * (size_t)w * 6);
        float *logits = calloc(2 * (size_t)values, sizeof(*logits));
        float *both = calloc(2 * (size_t)values, sizeof(*both));
        float *alone = calloc((size_t)values, sizeof(*alone));
        double value = 0, parts = 0;
        for (int i = 0; i < h * w * 6; i++)
            rgb[i] = (uint8_t)(int)(64 * (chance(&seed) + 2));
        struct learn_batch batch = {rgb, 2, h, w};
        struct learn_head head = {h / 8, w / 8, logits, both};
        assert_int_equal(teacher_add(t, &batch, 1, &head, &value, &err), 0);
        assert_true(value > 0.01 && isfinite(value));
        for (int i = 0; i < 2; i++) {
            memset(alone, 0, (size_t)values * sizeof(*alone));
            batch = (struct learn_batch){rgb + (ptrdiff_t)i * h * w * 3, 1, h, w};
            head = (struct learn_head){h / 8, w / 8, logits, alone};
            assert_int_equal(teacher_add(t, &batch, 0.5, &head, &parts, &err), 0);
            assert_memory_equal(alone, both + (ptrdiff_t)i * values,
                                (size_t)values * sizeof(*alone));
        }
        assert_float_equal(value, parts / 2, 1e-9);
        free(rgb);
        free(logits);
        free(both);
        free(alone);
    }
    teacher_close(t);
}

static void missing_model_is_named(void **state)
{
    struct settings s = {.backend = "auto", .device = "cpu"};
    struct teacher *t;
    struct err err = {0};

    (void)state;
    assert_int_equal(teacher_open(&t, "/nowhere", &s, 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "--teacher"));
    assert_non_null(strstr(err.msg, "/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pull_by_hand),
        cmocka_unit_test(gradient_as_differences),
        cmocka_unit_test(who_agrees_is_not_pulled),
        cmocka_unit_test(each_image_by_itself),
        cmocka_unit_test(missing_model_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
