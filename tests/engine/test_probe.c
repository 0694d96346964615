/* The golden picture: every precision of this machine answers it rightly, for a trained model and
 * for one of random weights, and an engine with a damaged weight does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/file.h"
#include "engine/probe.h"
#include "tests/engine/support.h"

static void probe_it(const char *model, struct rig *r, struct probe_gap *gap)
{
    struct model *truth;
    struct probe *probe;
    struct err err = {0};

    if (model_open(&truth, model, &err) || probe_open(&probe, truth, &err) ||
        probe_run(probe, r->stream, engine_facts(r->engine)->precision, gap, &err))
        fail_msg("%s", err.msg);
    probe_close(probe);
    model_close(truth);
}

static void every_precision_answers_rightly(const char *path)
{
    static const char *const precisions[] = {"f32", "bf16", "int8"};

    for (size_t i = 0; i < sizeof(precisions) / sizeof(*precisions); i++) {
        const struct engine_config config = {.precision = precisions[i]};
        struct engine_facts facts;
        struct model *model;
        struct err err = {0};
        struct rig r;
        struct probe_gap gap;
        assert_int_equal(model_open(&model, path, &err), 0);
        bool can = !engine_choose(&config, model, &facts, &err);
        model_close(model);
        if (!can)
            continue;
        rig_open_with(&r, path, &config);
        probe_it(path, &r, &gap);
        if (!gap.is_right)
            fail_msg("%s: map %f scores %f", precisions[i], gap.map, gap.scores);
        rig_close(&r);
    }
}

static void a_trained_model_answers_rightly(void **state)
{
    (void)state;
    every_precision_answers_rightly(SOURCE_DIR "/models/starter");
}

static void a_model_of_random_weights_answers_rightly(void **state)
{
    char path[TEST_PATH];

    (void)state;
    random_model(path, "probe-random", 7);
    every_precision_answers_rightly(path);
}

/* One value of the middle of the file, as a flipped bit of an exponent would leave it. */
static void damage(const char *folder)
{
    const float huge = 3e8F;
    char path[TEST_PATH + 32];

    snprintf(path, sizeof(path), "%s/weights.safetensors", folder);
    FILE *f = fopen(path, "r+be");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long middle = ftell(f) / 2 / 4 * 4;
    assert_int_equal(fseek(f, middle, SEEK_SET), 0);
    assert_int_equal(fwrite(&huge, sizeof(huge), 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

static void a_damaged_weight_is_seen(void **state)
{
    char sound[TEST_PATH], damaged[TEST_PATH];
    struct rig r;
    struct probe_gap gap;

    (void)state;
    random_model(sound, "probe-sound", 7);
    random_model(damaged, "probe-damaged", 7);
    damage(damaged);
    rig_open(&r, damaged, "auto", "f32");
    probe_it(sound, &r, &gap);
    rig_close(&r);
    assert_false(gap.is_right);
    assert_true(gap.scores > 0.005);
}

static void an_engine_of_other_weights_is_seen(void **state)
{
    char other[TEST_PATH];
    struct rig r;
    struct probe_gap gap;

    (void)state;
    random_model(other, "probe-other", 8);
    rig_open(&r, other, "auto", "f32");
    probe_it(SOURCE_DIR "/models/starter", &r, &gap);
    rig_close(&r);
    assert_false(gap.is_right);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trained_model_answers_rightly),
        cmocka_unit_test(a_model_of_random_weights_answers_rightly),
        cmocka_unit_test(a_damaged_weight_is_seen),
        cmocka_unit_test(an_engine_of_other_weights_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
