#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lesion/policy_fit.h"

enum { MEL = 1, NV = 2, BCC = 3 };

static struct policy_sample sample(int truth, double mel, double bcc)
{
    struct policy_sample s = {.truth = truth, .confidence = 0.9};

    s.classes[MEL] = mel;
    s.classes[BCC] = bcc;
    s.classes[NV] = 1 - mel - bcc;
    return s;
}

/* Values of Wilson's interval from R's binom::binom.confint(method = "wilson"). */
static void wilson_interval(void **state)
{
    static const struct {
        size_t k, n;
        double low, high;
    } cases[] = {
        {5,  10,  0.2365931, 0.7634069},
        {0,  10,  0,         0.2775328},
        {10, 10,  0.7224672, 1        },
        {95, 100, 0.8882495, 0.9784563},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct policy_rate r = policy_rate_of(cases[i].k, cases[i].n);
        assert_true(fabs(r.low - cases[i].low) < 1e-6);
        assert_true(fabs(r.high - cases[i].high) < 1e-6);
    }
}

/* Twenty benign with melanoma 0.00, 0.01 .. 0.19 and twenty malignant with 0.05, 0.10 .. 1.00.
 *   urgent: two of twenty benign may be: those with 0.18 and 0.19, so just above 0.17.
 *   review: one of twenty malignant may be lost: 0.05, so 0.10.
 *   urgent catches malignant 0.20 .. 1.00 = 17 of 20; review 19 of 20.
 *   benign over review: 0.10 .. 0.19 = 10 of 20. */
static void hand_computed_set(void **state)
{
    struct policy_sample s[42];
    struct policy_facts f;
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 20; i++) {
        s[i] = sample(NV, 0.01 * i, 0);
        s[20 + i] = sample(MEL, 0.05 * (i + 1), 0);
    }
    s[40] = sample(NV, 0.99, 0); /* unusable: no score of it may count */
    s[40].is_unusable = true;
    s[41] = sample(NV, 0, 0);
    s[41].is_unusable = true;
    s[0].is_doubtful = true;
    if (policy_fit(&f, "made-up", s, 42, &err))
        fail_msg("%s", err.msg);
    assert_true(f.urgent_melanoma > 0.17 && f.urgent_melanoma < 0.1701);
    assert_true(f.urgent_malignant > 0.17 && f.urgent_malignant < 0.1701);
    assert_true(fabs(f.review_malignant - 0.10) < 1e-12);
    assert_true(fabs(f.specificity.value - 0.90) < 1e-12);
    assert_true(fabs(f.sensitivity.value - 0.95) < 1e-12);
    assert_true(fabs(f.ppv_urgent[0] - 0.0085 / (0.0085 + 0.1 * 0.99)) < 1e-12);
    assert_true(fabs(f.ppv_flagged[1] - 0.0665 / (0.0665 + 0.5 * 0.93)) < 1e-12);
    assert_true(fabs(f.shares[RISK_RETAKE] - 2 / 42.0) < 1e-12);
    assert_true(fabs(f.shares[RISK_URGENT] - 19 / 42.0) < 1e-12);
    assert_true(fabs(f.shares[RISK_REVIEW] - 11 / 42.0) < 1e-12); /* 8 + 2 by score, 1 doubtful */
    assert_true(fabs(f.shares[RISK_ROUTINE] - 10 / 42.0) < 1e-12);
    /* malignant: 17 urgent, 2 review, 1 routine; benign, unusable ones too: 2, 9 and 9 of 22 */
    assert_true(fabs(f.expected[0].urgent - (100 * 17 / 20.0 + 9900 * 2 / 22.0)) < 1e-9);
    assert_true(fabs(f.expected[1].referred - (700 * 19 / 20.0 + 9300 * 11 / 22.0)) < 1e-9);
    assert_true(fabs(f.expected[0].missed - 5) < 1e-9);
    assert_true(f.confidence_min == 0.9);
    assert_true(fabs(f.abcd_field_accuracy - 0.5) < 1e-12); /* all scores are equal */
}

/* Both rules together must keep the specificity: benign that are high in different ways. */
static void two_rules_share_one_specificity(void **state)
{
    struct policy_sample s[60];
    struct policy_facts f;
    struct err err = {0};
    int urgent = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        s[i] = sample(NV, i < 20 ? 0.02 * i : 0, 0);
        s[i].classes[4] = i >= 20 ? 0.02 * (i - 20) + 0.4 : 0; /* AKIEC */
    }
    for (int i = 40; i < 60; i++)
        s[i] = sample(i % 2 ? MEL : BCC, 0.7, 0.1);
    assert_int_equal(policy_fit(&f, "two", s, 60, &err), 0);
    for (int i = 0; i < 40; i++)
        urgent += (policy_score(&f, s[i].classes) & POLICY_URGENT) != 0;
    assert_int_equal(urgent, 4);
    assert_true(f.specificity.value >= 0.90);
}

/* Basal-cell carcinoma in benign pictures does not raise the urgent threshold. */
static void bcc_does_not_make_urgent(void **state)
{
    struct policy_sample s[20];
    struct policy_facts f;
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        s[i] = sample(NV, 0.01 * i, 0.8);
        s[10 + i] = sample(MEL, 0.9, 0);
    }
    assert_int_equal(policy_fit(&f, "bcc", s, 20, &err), 0);
    assert_true(f.urgent_melanoma < 0.09);
    assert_true(f.specificity.value == 0.9);
}

static void abcd_accuracy_counts_pairs(void **state)
{
    struct policy_sample s[4] = {sample(NV, 0, 0), sample(NV, 0.1, 0), sample(MEL, 0.9, 0),
                                 sample(MEL, 0.8, 0)};
    struct policy_facts f;
    struct err err = {0};

    (void)state;
    s[0].asymmetry = 1; /* 13 */
    s[1].colour = 2;    /* 10 */
    s[2].asymmetry = 2; /* 26 */
    s[3].border = 10;   /* 10: above none, equal to one */
    assert_int_equal(policy_fit(&f, "abcd", s, 4, &err), 0);
    assert_true(fabs(f.abcd_field_accuracy - 2.5 / 4) < 1e-12);
    s[0].asymmetry = s[1].asymmetry = NAN;
    assert_int_equal(policy_fit(&f, "abcd", s, 4, &err), 0);
    assert_true(isnan(f.abcd_field_accuracy));
}

static void bad_sets_are_refused(void **state)
{
    struct policy_sample s[2] = {sample(NV, 0.1, 0), sample(MEL, 0.9, 0)};
    struct policy_facts f;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct policy_sample t[2] = {s[0], s[1]};
        struct err err = {0};
        if (i == 0)
            t[1].truth = 8;
        if (i == 1)
            t[0].truth = 0;
        if (i == 2)
            t[0].classes[5] = NAN;
        if (i == 3)
            t[1].is_unusable = true;
        if (i == 5)
            t[1].lesion = 2;
        assert_int_equal(policy_fit(&f, "bad", t, i == 4 ? 0 : 2, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
}

/* `n` malignant and `n` benign pictures, `per` of a lesion, in which scores rise evenly. */
static void even_set(struct policy_sample *s, int n, int per)
{
    for (int i = 0; i < n; i++) {
        s[i] = sample(NV, 0.5 * i / n, 0);
        s[n + i] = sample(MEL, 0.2 + 0.8 * i / n, 0);
        s[i].lesion = i / per;
        s[n + i].lesion = n + i / per;
    }
}

static void small_sets_support_nothing(void **state)
{
    enum { MANY = 200 };
    static struct policy_sample s[2 * MANY];
    struct policy_facts f;
    struct err err = {0};

    (void)state;
    even_set(s, MANY, 1);
    assert_int_equal(policy_fit(&f, "enough", s, 2 * MANY, &err), 0);
    assert_int_equal(f.support.malignant, MANY);
    assert_int_equal(f.support.benign, MANY);
    assert_int_equal(f.support.below_review, 10); /* one of twenty */
    assert_int_equal(f.support.above_urgent, 20); /* one of ten */
    assert_int_equal(policy_check_support(&f, &err), 0);
    even_set(s, MANY, 4); /* the same pictures of a quarter of the lesions */
    assert_int_equal(policy_fit(&f, "lesions", s, 2 * MANY, &err), 0);
    assert_int_equal(f.support.malignant, MANY / 4);
    assert_int_equal(f.support.below_review, 3);
    assert_int_equal(policy_check_support(&f, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.msg, "3 malignant lesions beyond"));
    err = (struct err){0};
    even_set(s, 110, 1); /* five are lost, but 0.955 of 110 may be 0.898 */
    assert_int_equal(policy_fit(&f, "wide", s, 220, &err), 0);
    assert_int_equal(f.support.below_review, 5);
    assert_int_equal(policy_check_support(&f, &err), -1);
    assert_non_null(strstr(err.msg, "0.90 is the least"));
    err = (struct err){0};
    even_set(s, MANY, 1);
    for (int i = 0; i < MANY; i++)
        s[i].lesion = i % 30; /* benign: 30 lesions */
    assert_int_equal(policy_fit(&f, "benign", s, 2 * MANY, &err), 0);
    assert_int_equal(policy_check_support(&f, &err), -1);
    assert_non_null(strstr(err.msg, "urgent threshold"));
}

static void written_policy_is_read_back(void **state)
{
    char path[] = "/tmp/lentigo-fit-XXXXXX";
    struct policy_sample s[40];
    struct policy_facts f;
    struct policy *p;
    struct stat empty;
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 40; i++) {
        s[i] = sample(i % 4 ? NV : MEL, i % 4 ? 0.013 * i : 0.4 + 0.0137 * i, 0);
        s[i].asymmetry = NAN;
        s[i].confidence = 0.3 + 0.0171 * i;
    }
    assert_int_equal(policy_fit(&f, "written", s, 40, &err), 0);
    assert_int_equal(close(mkstemp(path)), 0);
    assert_int_equal(policy_write(&f, path, &err), -1); /* it has no ranges yet */
    assert_int_equal(err.code, ERR_BUG);
    assert_non_null(strstr(err.msg, "temperature.ci"));
    assert_int_equal(stat(path, &empty), 0);
    assert_int_equal(empty.st_size, 0);
    f.temperature = 1.0 / 3;
    f.temperature_range = (struct policy_range){0.25, 0.5};
    f.review_range = (struct policy_range){0.12346, 0.2};
    if (policy_write(&f, path, &err) || policy_open(&p, path, &err))
        fail_msg("%s", err.msg);
    const struct policy_facts *g = policy_facts(p);
    assert_string_equal(g->model, "written");
    assert_true(g->urgent_malignant == f.urgent_malignant);
    assert_true(g->urgent_melanoma == f.urgent_melanoma);
    assert_true(g->review_malignant == f.review_malignant);
    assert_true(g->confidence_min == f.confidence_min);
    assert_true(fabs(g->sensitivity.low - f.sensitivity.low) < 1e-4);
    assert_true(isnan(g->abcd_field_accuracy));
    assert_true(fabs(g->temperature - 1.0 / 3) < 1e-15);
    assert_true(g->temperature_range.high == 0.5 && g->review_range.low == 0.1235);
    assert_true(fabs(g->expected[1].referred - f.expected[1].referred) <= 0.05);
    assert_memory_equal(&g->support, &f.support, sizeof(f.support));
    policy_close(p);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_interval),
        cmocka_unit_test(hand_computed_set),
        cmocka_unit_test(two_rules_share_one_specificity),
        cmocka_unit_test(bcc_does_not_make_urgent),
        cmocka_unit_test(abcd_accuracy_counts_pairs),
        cmocka_unit_test(bad_sets_are_refused),
        cmocka_unit_test(small_sets_support_nothing),
        cmocka_unit_test(written_policy_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
