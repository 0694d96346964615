#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/judge.h"

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-9))
        fail_msg("got %.12f, want %.12f", got, want);
}

/* Ten pixels, of which the first `lesion` are lesion and the first `found` are called class 1. */
struct drawn {
    struct label label;
    int lesion, found;
    double scores[METRICS_CLASSES];
};

static const struct drawn drawn[] = {
    {{"a", "val", "X", "L1", 1}, 5, 5, {0, 0.8, 0.2}             }, /* Jaccard 1, right */
    {{"b", "val", "X", "L1", 1}, 5, 2, {0, 0.4, 0.3, 0, 0, 0.3}  }, /* 2/5: fails; right */
    {{"c", "val", "X", "", 2},   4, 4, {0, 0.1, 0.9}             }, /* 1, right */
    {{"d", "val", "Y", "", 2},   8, 6, {0, 0.45, 0.35, 0, 0, 0.2}}, /* 6/8, wrong */
};
enum { IMAGES = sizeof(drawn) / sizeof(*drawn) };

static void fill(struct judgement *j, int replicates)
{
    struct err err = {0};

    *j = (struct judgement){0};
    for (int i = 0; i < IMAGES; i++) {
        uint8_t predicted[10] = {0}, lesion[10] = {0};
        for (int k = 0; k < 10; k++) {
            predicted[k] = k < drawn[i].found;
            lesion[k] = k < drawn[i].lesion;
        }
        const struct metrics_case seen = {predicted,      lesion, 10, 1, drawn[i].label.class,
                                          drawn[i].scores};
        assert_int_equal(judgement_add(j, &seen, &drawn[i].label, &err), 0);
    }
    assert_int_equal(judgement_finish(j, &(struct judge_plan){replicates, 1}, &err), 0);
}

static void figures_by_hand(void **state)
{
    struct judgement j;

    (void)state;
    fill(&j, 0);
    const double *all = j.whole.value;
    near(all[METRIC_MEAN_JACCARD], (1 + 0.4 + 1 + 0.75) / 4);
    near(all[METRIC_FAILURE], 0.25);
    near(all[METRIC_LESION_IOU], 17.0 / 22);
    near(all[METRIC_BALANCED], 0.75);
    near(all[METRIC_AUC_MALIGNANT], 0.75); /* 0.8 over both, 0.4 over 0.1 only */
    near(all[METRIC_AUC_NV], 1);
    assert_true(isnan(all[METRIC_AUC_BCC]));
    near(all[METRIC_BRIER], (0.04 + 0.36 + 0.01 + 0.2025) / 4);
    near(all[METRIC_NLL], -(log(0.8) + log(0.4) + log(0.9) + log(0.35)) / 4);
    /* |0.8 - 1|, |0.1 - 0|, and two images in one tenth: 0.425 on average, half of them malignant */
    near(all[METRIC_ECE], (0.2 + 0.1 + 2 * 0.075) / 4);
    assert_true(isnan(j.whole.range[METRIC_ECE].low));
    judgement_release(&j);
}

static void parts_are_their_own_images(void **state)
{
    struct judgement j;

    (void)state;
    fill(&j, 0);
    assert_int_equal(j.whole.lesions, 3);
    assert_int_equal(j.classes[1].n, 2);
    assert_int_equal(j.classes[1].lesions, 1);
    near(j.classes[1].value[METRIC_MEAN_JACCARD], 0.7);
    near(j.classes[1].value[METRIC_BALANCED], 1);
    near(j.classes[2].value[METRIC_BALANCED], 0.5);
    assert_int_equal(j.classes[3].n, 0);
    assert_true(isnan(j.classes[3].value[METRIC_MEAN_JACCARD]));
    assert_int_equal(j.n_sources, 2);
    assert_string_equal(j.sources[1].name, "Y");
    near(j.sources[1].value[METRIC_MEAN_JACCARD], 0.75);
    assert_true(isnan(j.sources[1].value[METRIC_AUC_MALIGNANT]));
    judgement_release(&j);
}

/* Source Y has no malignant image, and class 1 no benign one: nothing to be specific against. */
static void specificity_needs_both_kinds(void **state)
{
    struct judgement j;

    (void)state;
    fill(&j, 200);
    near(j.whole.value[METRIC_SPECIFICITY], 0.5); /* 0.1 is below 0.4, 0.45 is not */
    const struct judged_part *parts[] = {&j.sources[1], &j.classes[1], &j.classes[2]};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        assert_true(isnan(parts[i]->value[METRIC_SPECIFICITY]));
        assert_true(isnan(parts[i]->range[METRIC_SPECIFICITY].low));
    }
    judgement_release(&j);
}

/* The only lesion of class 1 is in every draw of its class, so nothing of it varies. */
static void intervals_are_of_lesions(void **state)
{
    struct judgement j, again;

    (void)state;
    fill(&j, 200);
    fill(&again, 200);
    near(j.classes[1].range[METRIC_MEAN_JACCARD].low, 0.7);
    near(j.classes[1].range[METRIC_MEAN_JACCARD].high, 0.7);
    near(j.whole.range[METRIC_MEAN_JACCARD].low, 0.7); /* lesion 1 three times */
    near(j.whole.range[METRIC_MEAN_JACCARD].high, 1);  /* image c three times */
    assert_memory_equal(j.whole.range, again.whole.range, sizeof(j.whole.range));
    judgement_release(&j);
    judgement_release(&again);
}

static void json_has_all_parts(void **state)
{
    struct judgement j;

    (void)state;
    fill(&j, 50);
    json_t *object = judgement_to_json(&j);
    near(json_number_or(object, "mean_jaccard", NAN), 0.7875);
    near(json_number_or(object, "lesions", NAN), 3);
    json_t *mel = json_object_get(json_object_get(object, "per_class"), "MEL");
    near(json_number_or(mel, "recall", NAN), 1);
    near(json_number_or(mel, "auc", NAN), 0.75);
    assert_null(json_object_get(mel, "balanced_accuracy"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(mel, "intervals"), "recall")),
                     2);
    assert_null(json_object_get(json_object_get(object, "per_class"), "BCC"));
    assert_non_null(json_object_get(json_object_get(object, "per_source"), "Y"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(object, "scores"), "bins")),
                     METRICS_BINS);
    assert_int_equal(json_array_size(json_object_get(object, "roc_malignant")), 5);
    json_decref(object);
    judgement_release(&j);
    j = (struct judgement){0}; /* no image at all */
    struct err err = {0};
    assert_int_equal(judgement_finish(&j, &(struct judge_plan){10, 1}, &err), 0);
    object = judgement_to_json(&j);
    assert_non_null(object);
    json_decref(object);
    judgement_release(&j);
}

/* A table saved in another encoding than UTF-8. */
static void a_source_is_any_bytes(void **state)
{
    static const double scores[METRICS_CLASSES] = {0, 1};
    static const struct label odd = {.id = "e", .split = "val", .source = "Z\xfcrich", .class = 1};
    const uint8_t one = 1;
    const struct metrics_case seen = {&one, &one, 1, 1, 1, scores};
    struct judgement j = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(judgement_add(&j, &seen, &odd, &err), 0);
    assert_int_equal(judgement_finish(&j, &(struct judge_plan){0, 1}, &err), 0);
    json_t *object = judgement_to_json(&j);
    assert_non_null(object);
    json_t *sources = json_object_get(object, "per_source");
    assert_int_equal(json_object_size(sources), 1);
    assert_int_equal(json_object_iter_key(json_object_iter(sources))[0], 'Z');
    json_decref(object);
    judgement_release(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_by_hand),
        cmocka_unit_test(parts_are_their_own_images),
        cmocka_unit_test(specificity_needs_both_kinds),
        cmocka_unit_test(intervals_are_of_lesions),
        cmocka_unit_test(json_has_all_parts),
        cmocka_unit_test(a_source_is_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
