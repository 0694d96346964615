/* A node's figures: unknown stays unknown, broken ones are refused, the bottleneck is named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue/stats.h"

static struct stats there, back;

static void fill(void)
{
    memset(&there, 0, sizeof(there));
    snprintf(there.node, sizeof(there.node), "n1");
    snprintf(there.state, sizeof(there.state), "running");
    there.size = 512;
    there.received = 100000;
    there.done = 7;
    there.images_per_s = 58.5;
    there.eta_s = (double)NAN;
    there.cpu = 0.5;
    there.gpu = there.gpu_memory = (double)NAN;
    there.cores = 2;
    there.n_history = 2;
    there.history[0] = 1;
    there.history[1] = 2.5F;
    for (int i = 0; i < STAGE_COUNT; i++)
        there.stages[i] = (struct stats_stage){(double)NAN, (double)NAN, i, 0};
    there.stages[STAGE_NETWORK] = (struct stats_stage){0.96, 12.5, 2, 41};
    snprintf(there.classes[1].name, sizeof(there.classes[1].name), "bulk");
    there.classes[1].oldest_ms = -1;
    there.n_workers = 1;
    there.workers[0] = (struct stats_worker){.pid = 7, .role = "worker", .state = "working"};
    there.n_gpus = 1;
    there.gpus[0] = (struct stats_gpu){.number = 3,
                                       .state = "ok",
                                       .load = 0.5,
                                       .temperature_c = (double)NAN,
                                       .throttle = "heat",
                                       .ecc_errors = -1};
    there.n_flagged = 1;
    there.flagged[0] =
        (struct stats_case){.id = "abcdef/k/1", .risk = "urgent", .malignant_probability = 0.93};
    there.n_aside = 1;
    there.aside[0] = (struct stats_case){.id = "abcdef/k/2", .reason = "truncated"};
}

static void figures_survive(void **state)
{
    struct err err = {0};

    (void)state;
    fill();
    json_t *object = stats_to_json(&there);
    assert_non_null(object);
    assert_true(json_is_null(json_object_get(object, "gpu")));
    assert_int_equal(stats_from_json(&back, object, &err), 0);
    assert_string_equal(back.node, "n1");
    assert_int_equal(back.received, 100000);
    assert_true(isnan(back.eta_s) && isnan(back.gpu) && isnan(back.stages[0].busy));
    assert_true(fabs(back.stages[STAGE_NETWORK].ms_per_item - 12.5) < 1e-12);
    assert_int_equal(back.n_history, 2);
    assert_true(fabs((double)back.history[1] - 2.5) < 1e-6);
    assert_string_equal(back.classes[1].name, "bulk");
    assert_int_equal(back.classes[1].oldest_ms, -1);
    assert_int_equal(back.n_workers, 1);
    assert_string_equal(back.workers[0].state, "working");
    assert_int_equal(back.n_gpus, 1);
    assert_int_equal(back.gpus[0].number, 3);
    assert_string_equal(back.gpus[0].throttle, "heat");
    assert_true(isnan(back.gpus[0].temperature_c));
    assert_int_equal(back.gpus[0].ecc_errors, -1);
    assert_int_equal(back.n_flagged, 1);
    assert_string_equal(back.flagged[0].risk, "urgent");
    assert_string_equal(back.aside[0].reason, "truncated");
    json_decref(object);
}

/* Each key of a good object is dropped, then made a text, then a huge list: none may pass. */
static void broken_figures_are_refused(void **state)
{
    const char *key;
    json_t *value;

    (void)state;
    fill();
    json_t *good = stats_to_json(&there);
    json_object_foreach(good, key, value)
    {
        for (int kind = 0; kind < 3; kind++) {
            struct err err = {0};
            json_t *bad = json_copy(good);
            json_t *list = json_array();
            for (int i = 0; i < 1000; i++)
                json_array_append_new(list, json_object());
            if (kind == 0)
                json_object_del(bad, key);
            else
                json_object_set(bad, key, kind == 1 ? json_true() : list);
            if (!stats_from_json(&back, bad, &err))
                fail_msg("accepted with a broken \"%s\"", key);
            json_decref(list);
            json_decref(bad);
        }
    }
    json_decref(good);
}

static void the_busiest_stage_is_named(void **state)
{
    char sentence[160];

    (void)state;
    fill();
    assert_int_equal(stats_bottleneck(&there, sentence), STAGE_NETWORK);
    assert_string_equal(sentence, "The network is the bottleneck: 96 % busy, 41 images wait.");
    there.stages[STAGE_DECODE] = (struct stats_stage){0.99, 20, 2, 1}; /* close, shorter queue */
    assert_int_equal(stats_bottleneck(&there, sentence), STAGE_NETWORK);
    there.stages[STAGE_NETWORK].busy = 0.5;
    assert_int_equal(stats_bottleneck(&there, sentence), STAGE_DECODE);
    assert_string_equal(sentence, "Decoding is the bottleneck: 99 % busy, 1 image waits.");
}

static void idle_and_paused_have_no_bottleneck(void **state)
{
    char sentence[160];

    (void)state;
    fill();
    there.stages[STAGE_NETWORK].busy = 0;
    assert_int_equal(stats_bottleneck(&there, sentence), STAGE_COUNT);
    assert_string_equal(sentence, "Nothing is at work.");
    snprintf(there.state, sizeof(there.state), "paused");
    stats_bottleneck(&there, sentence);
    assert_non_null(strstr(sentence, "Paused"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_survive),
        cmocka_unit_test(broken_figures_are_refused),
        cmocka_unit_test(the_busiest_stage_is_named),
        cmocka_unit_test(idle_and_paused_have_no_bottleneck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
