#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lesion/size_plan.h"

static const struct size_plan plan = {
    .coarse = 160,
    .fine = 256,
    .expected_min = 0.5,
    .score_low = 0.2,
    .score_high = 0.3,
    .fine_share = 0.25,
};

/* 100 of 1000 pixels are lesion; `inside` and `outside`: mean probability of lesion there. */
static struct lesion_input scene(double inside, double outside, double malignant)
{
    struct lesion_input in = {.lesion_px = 100, .content_px = 1000};

    in.lesion_sum[0] = 100 * (1 - inside);
    in.lesion_sum[1] = 100 * inside * malignant;
    in.lesion_sum[2] = 100 * inside * (1 - malignant);
    in.all_sum[0] = in.lesion_sum[0] + 900 * (1 - outside);
    in.all_sum[2] = in.lesion_sum[2] + 900 * outside;
    return in;
}

static void expected_index_is_that_of_the_probabilities(void **state)
{
    struct lesion_input in = scene(1, 0, 0);

    (void)state;
    assert_true(fabs(size_plan_expected_jaccard(&in) - 1) < 1e-12);
    in = scene(0.8, 0.1, 0); /* 80 of 100 + 90 */
    assert_true(fabs(size_plan_expected_jaccard(&in) - 80.0 / 190) < 1e-12);
    in.lesion_px = 0;
    assert_true(size_plan_expected_jaccard(&in) == 0);
}

static void doubt_is_of_contour_or_score(void **state)
{
    static const struct {
        const char *name;
        double inside, outside, malignant;
        bool is_doubtful;
    } cases[] = {
        {"sure",                 0.9, 0.01, 0.1,  false},
        {"sure and malignant",   0.9, 0.01, 0.8,  false},
        {"faint lesion",         0.5, 0.01, 0.1,  true },
        {"misty rest",           0.9, 0.2,  0.1,  true },
        {"score at the line",    0.9, 0.01, 0.25, true },
        {"score at the low end", 0.9, 0.01, 0.2,  true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct lesion_input in = scene(cases[i].inside, cases[i].outside, cases[i].malignant);
        if (size_plan_is_doubtful(&plan, &in) != cases[i].is_doubtful)
            fail_msg("%s: expected %.3f", cases[i].name, size_plan_expected_jaccard(&in));
    }
    assert_false(size_plan_doubts(&plan, 0.5, 0.3)); /* the bounds themselves */
    assert_true(size_plan_doubts(&plan, NAN, 0.1));
    assert_true(size_plan_doubts(&plan, 0.9, NAN));
}

static void no_lesion_is_doubt(void **state)
{
    struct lesion_input in = scene(0.9, 0.01, 0.1);

    (void)state;
    in.lesion_px = 0;
    assert_true(size_plan_is_doubtful(&plan, &in));
}

static void empty_band_doubts_no_score(void **state)
{
    struct size_plan p = plan;

    (void)state;
    p.score_high = p.score_low;
    for (double score = 0; score <= 1; score += 0.05)
        assert_false(size_plan_doubts(&p, 0.9, score));
    assert_false(size_plan_doubts(&p, 0.9, p.score_low));
}

static void json_comes_back(void **state)
{
    struct size_plan back = {0};
    struct err err = {0};
    json_t *object = size_plan_to_json(&plan);

    (void)state;
    assert_non_null(object);
    if (size_plan_from_json(&back, object, &err))
        fail_msg("%s", err.msg);
    assert_memory_equal(&back, &plan, sizeof(plan));
    json_decref(object);
}

static void bad_json_names_the_key(void **state)
{
    static const struct {
        const char *text, *named;
    } cases[] = {
        {"{}",                                                                       "coarse"              },
        {"{\"coarse\":16,\"fine\":256}",                                             "coarse"              },
        {"{\"coarse\":160,\"fine\":2000}",                                           "fine"                },
        {"{\"coarse\":160,\"fine\":256}",                                            "expected_jaccard_min"},
        {"{\"coarse\":160,\"fine\":256,\"expected_jaccard_min\":3}",                 "expected_jaccard_min"},
        {"{\"coarse\":160,\"fine\":256,\"expected_jaccard_min\":0.5,\"score\":[1]}", "score"               },
        {"{\"coarse\":256,\"fine\":256,\"expected_jaccard_min\":0.5,\"score\":[0,0],\"fine_share\":"
         "0}",                                                              "not below"           },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct size_plan out;
        struct err err = {0};
        json_t *object = json_parse(cases[i].text, strlen(cases[i].text), "test", &err);
        assert_non_null(object);
        if (size_plan_from_json(&out, object, &err) != -1 || err.code != ERR_CONFIG ||
            !strstr(err.msg, cases[i].named))
            fail_msg("%s: \"%s\"", cases[i].text, err.msg);
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expected_index_is_that_of_the_probabilities),
        cmocka_unit_test(doubt_is_of_contour_or_score),
        cmocka_unit_test(no_lesion_is_doubt),
        cmocka_unit_test(empty_band_doubts_no_score),
        cmocka_unit_test(json_comes_back),
        cmocka_unit_test(bad_json_names_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
