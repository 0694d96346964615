#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "lesion/colour.h"
#include "reports/words.h"

static void expect_percent(double share, const char *text)
{
    struct buf b;

    buf_init(&b, 64);
    words_percent(&b, share);
    assert_string_equal(b.data, text);
    buf_release(&b);
}

static void shares_are_rounded_honestly(void **state)
{
    (void)state;
    expect_percent(0.62, "62\u00a0%");
    expect_percent(0.0412, "4.1\u00a0%");
    expect_percent(0.09949, "9.9\u00a0%");
    expect_percent(0.0996, "10\u00a0%");
    expect_percent(0.00001, "< 0.1\u00a0%");
    expect_percent(0, "0.0\u00a0%");
    expect_percent(0.9999, "> 99\u00a0%"); /* never "100 %" for what is not certain */
    expect_percent(1, "100\u00a0%");
    expect_percent(NAN, "–");
}

static void outside_text_becomes_one_harmless_line(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    words_outside(&b, "a\r\nb\tc\x01"
                      "d \xe2\x80\xae"
                      "e\xe2\x81\xa6"
                      "f 王");
    assert_string_equal(b.data, "a  b cd ef 王");
    buf_release(&b);
}

static void expect_why(const char *why, const char *part)
{
    struct finding f = {.status = RESULT_DONE};
    struct buf b;

    snprintf(f.why, sizeof(f.why), "%s", why);
    buf_init(&b, 4096);
    words_why(&b, LANGUAGE_EN, &f);
    assert_non_null(b.data);
    assert_non_null(strstr(b.data, part));
    buf_release(&b);
}

static void reasons_are_sentences(void **state)
{
    (void)state;
    expect_why("melanoma_high+cut_off", "for urgent; the lesion is cut off");
    expect_why("bcc", "basal-cell");
    expect_why("new_word+bcc", "other (new_word); "); /* of a newer policy: said, not dropped */
}

static void set_aside_tells_what_to_do(void **state)
{
    struct finding f = {.status = RESULT_SET_ASIDE, .reason = REASON_TRUNCATED};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    words_why(&b, LANGUAGE_EN, &f);
    assert_non_null(strstr(b.data, "Copy it from the camera again"));
    buf_release(&b);
}

static void quality_says_what_it_means(void **state)
{
    struct lesion_quality q = {.verdict = QUALITY_DEGRADED, .why = "blur+hair"};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    words_quality(&b, LANGUAGE_EN, &q);
    assert_non_null(strstr(b.data, "out of focus; covered by hair"));
    assert_non_null(strstr(b.data, "at least Review"));
    buf_release(&b);
}

static void unknown_policy_claims_nothing(void **state)
{
    struct finding f = {.risk = RISK_URGENT, .why = "malignant_high"};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    words_ppv(&b, LANGUAGE_EN, NULL, &f);
    words_policy(&b, LANGUAGE_EN, NULL);
    assert_int_equal(b.len, 0);
    words_thresholds(&b, LANGUAGE_EN, NULL);
    assert_non_null(strstr(b.data, "not at hand"));
    buf_release(&b);
}

/* A doubt (no lesion, quality ...) says nothing of how likely cancer is. */
static void predictive_value_needs_a_score(void **state)
{
    struct policy_facts p = {
        .ppv_urgent = {0.061, 0.31},
          .ppv_flagged = {0.004, 0.12}
    };
    struct finding f = {.risk = RISK_REVIEW, .why = "quality"};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    words_ppv(&b, LANGUAGE_EN, &p, &f);
    assert_int_equal(b.len, 0);
    snprintf(f.why, sizeof(f.why), "malignant_raised+quality");
    words_ppv(&b, LANGUAGE_EN, &p, &f);
    assert_non_null(strstr(b.data, "urgent or review by their scores, about 0.4 show"));
    buf_clear(&b);
    f.risk = RISK_URGENT;
    words_ppv(&b, LANGUAGE_EN, &p, &f);
    assert_non_null(strstr(b.data, "urgent by their scores, about 6 show"));
    buf_clear(&b);
    f.risk = RISK_ROUTINE;
    buf_add_text(&b, "");
    words_ppv(&b, LANGUAGE_EN, &p, &f);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void colours_have_names(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    words_colours(&b, LANGUAGE_EN, 1u << COLOUR_RED | 1u << COLOUR_BLACK);
    assert_string_equal(b.data, "red, black");
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_rounded_honestly),
        cmocka_unit_test(outside_text_becomes_one_harmless_line),
        cmocka_unit_test(reasons_are_sentences),
        cmocka_unit_test(set_aside_tells_what_to_do),
        cmocka_unit_test(quality_says_what_it_means),
        cmocka_unit_test(predictive_value_needs_a_score),
        cmocka_unit_test(colours_have_names),
        cmocka_unit_test(unknown_policy_claims_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
