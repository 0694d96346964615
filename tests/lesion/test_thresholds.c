#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lesion/thresholds.h"

enum { MEL = 1, NV = 2, MALIGNANT = 150, BENIGN = 300, ALL = MALIGNANT + BENIGN };

static struct policy_sample samples[ALL];
static const char *lesions[ALL];

/* Two classes that overlap; all lesions have one picture. */
static void draw_set(void)
{
    for (int i = 0; i < ALL; i++) {
        double mel = i < MALIGNANT ? 0.2 + 0.75 * i / MALIGNANT : 0.6 * (i - MALIGNANT) / BENIGN;
        samples[i] = (struct policy_sample){.truth = i < MALIGNANT ? MEL : NV, .confidence = 0.8};
        for (int k = 1; k < LESION_CLASSES; k++)
            samples[i].classes[k] = 0.01;
        samples[i].classes[MEL] = mel + 0.01;
        samples[i].classes[NV] = 0.94 - mel;
        lesions[i] = "";
    }
}

static struct thresholds_set the_set(void)
{
    return (struct thresholds_set){.model = "made",
                                   .samples = samples,
                                   .lesions = lesions,
                                   .n = ALL,
                                   .replicates = 200,
                                   .seed = 1};
}

static void policy_with_intervals(void **state)
{
    struct thresholds_set set;
    struct policy_facts f, again;
    struct policy_sample before[ALL];
    struct err err = {0};

    (void)state;
    draw_set();
    set = the_set();
    memcpy(before, samples, sizeof(before));
    if (thresholds_fit(&f, &set, &err) || thresholds_fit(&again, &set, &err))
        fail_msg("%s", err.msg);
    assert_true(f.temperature > 0.3 && f.temperature < 1); /* the scores are too modest */
    assert_true(f.temperature_range.low <= f.temperature &&
                f.temperature <= f.temperature_range.high);
    assert_true(f.review_range.low <= f.review_malignant &&
                f.review_malignant <= f.review_range.high);
    assert_true(f.urgent_malignant_range.low < f.urgent_malignant_range.high);
    assert_memory_equal(&f.temperature_range, &again.temperature_range,
                        sizeof(f.temperature_range));
    assert_memory_equal(samples[7].classes, before[7].classes, sizeof(before[7].classes));
    /* 7 of 150 are lost: 4.7 of 100, and for a share like that 1.96 sqrt(p (1 - p) / n) = 3.4 */
    assert_true(fabs(f.expected[0].missed - 100 * 7 / 150.0) < 1e-9);
    assert_true(fabs(f.expected[0].missed_range.high - f.expected[0].missed - 3.4) < 0.8);
    assert_true(fabs(f.expected[0].missed - f.expected[0].missed_range.low - 3.4) < 0.8);
    assert_int_equal(f.support.malignant, MALIGNANT);
}

static void lesions_are_counted_not_pictures(void **state)
{
    struct thresholds_set set;
    struct policy_facts f;
    struct err err = {0};
    static char names[MALIGNANT][8];

    (void)state;
    draw_set();
    for (int i = 0; i < MALIGNANT; i++) {
        snprintf(names[i], sizeof(names[i]), "L%d", i / 3);
        lesions[i] = names[i];
    }
    set = the_set();
    assert_int_equal(thresholds_fit(&f, &set, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.msg, "malignant lesions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_with_intervals),
        cmocka_unit_test(lesions_are_counted_not_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
