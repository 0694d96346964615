/* The choice of a plan, with invented times and no GPU, and the file that remembers it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/json.h"
#include "engine/cudnn/choose.h"
#include "tests/engine/leaks.h"

#define DIR BINARY_DIR "/tests/plan-cache"

static const struct conv conv = {
    .pass = GRAPH_FORWARD,
    .n = 1,
    .h = 16,
    .w = 16,
    .c = 1024, /* added up in parts, for which the fast kernels want workspace */
    .k = 128,
    .kernel = 3,
    .stride = 1,
    .groups = 1,
    .bias = true,
    .relu = true,
    .type = CUDNN_DATA_HALF,
};

static struct graph_target *open_target(const char *device)
{
    char path[512];
    struct buf json;
    struct graph_target *t = NULL;
    struct err err = {0};

    snprintf(path, sizeof(path), SOURCE_DIR "/tests/engine/devices/%s.json", device);
    buf_init(&json, 4096);
    if (file_read(path, &json, &err) || graph_target_described(&t, json.data, json.len, &err))
        fail_msg("%s: %s", device, err.msg);
    buf_release(&json);
    return t;
}

static struct plan_cache *open_cache(const struct graph_target *t)
{
    struct plan_cache *cache;
    struct err err = {0};

    if (plan_cache_open(&cache, DIR, t, &err))
        fail_msg("%s", err.msg);
    return cache;
}

/* ---- a clock that says what the test wants ----------------------------------------------- */

struct clock {
    double us[4]; /* of the first four plans, then 40; negative: it does not run */
    enum err_code code;
    int asked;
};

static int clock_time(void *ctx, const struct conv *c, struct graph_plan *p, double *us,
                      struct err *err)
{
    struct clock *clock = ctx;
    int at = clock->asked++;

    assert_ptr_equal(c, &conv);
    assert_non_null(p);
    *us = at < 4 ? clock->us[at] : 40;
    return *us < 0 ? err_set(err, clock->code, "does not run") : 0;
}

static struct choose timed_by(struct clock *clock, const struct graph_target *t, int tries)
{
    return (struct choose){
        .target = t, .workspace_max = 1 << 30, .time = clock_time, .ctx = clock, .tries = tries};
}

static double time_in_file(const char *path, const char *key)
{
    struct err err = {0};
    json_t *file = json_read(path, 1 << 20, &err);
    double us = json_number_or(json_object_get(json_object_get(file, "plans"), key), "us", -1);

    json_decref(file);
    return us;
}

static void the_fastest_that_runs_is_taken(void **state)
{
    struct clock clock = {
        .us = {30, -1, 10, 20},
          .code = ERR_CONFIG
    };
    struct graph_target *t = open_target("h200");
    struct choose how = timed_by(&clock, t, 4);
    struct graph_plan *p;
    struct err err = {0};
    char key[CONV_TEXT_SIZE];

    (void)state;
    how.cache = open_cache(t);
    assert_null(plan_cache_get(how.cache, conv_text(key, &conv)));
    if (choose_plan(&p, &how, &conv, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(clock.asked, 4); /* of the first list */
    graph_plan_free(p);
    assert_int_equal(plan_cache_save(how.cache, &err), 0);
    assert_true(time_in_file(plan_cache_path(how.cache), key) == 10);
    plan_cache_close(how.cache);

    /* The next start: no plan is timed. */
    how.cache = open_cache(t);
    clock.asked = 0;
    assert_non_null(plan_cache_get(how.cache, key));
    assert_int_equal(choose_plan(&p, &how, &conv, &err), 0);
    assert_int_equal(clock.asked, 0);
    graph_plan_free(p);
    plan_cache_close(how.cache);
    graph_target_free(t);
}

static void the_second_list_is_for_when_none_of_the_first_runs(void **state)
{
    struct clock clock = {
        .us = {-1, -1, 10, 20},
          .code = ERR_CONFIG
    };
    struct graph_target *t = open_target("h200");
    struct choose how = timed_by(&clock, t, 2);
    struct graph_plan *p;
    struct err err = {0};

    (void)state;
    if (choose_plan(&p, &how, &conv, &err))
        fail_msg("%s", err.msg);
    assert_in_range(clock.asked, 3, 4);
    graph_plan_free(p);
    graph_target_free(t);
}

static void a_sick_device_ends_the_choice(void **state)
{
    struct clock clock = {
        .us = {30, -1, 10, 20},
          .code = ERR_DEVICE
    };
    struct graph_target *t = open_target("h200");
    struct choose how = timed_by(&clock, t, 4);
    struct graph_plan *p;
    struct err err = {0};

    (void)state;
    assert_int_equal(choose_plan(&p, &how, &conv, &err), -1);
    assert_int_equal(err.code, ERR_DEVICE);
    assert_int_equal(clock.asked, 2);
    graph_target_free(t);
}

static void workspace_is_limited(void **state)
{
    struct graph_target *t = open_target("h200");
    struct choose how = {.target = t, .workspace_max = 1 << 30};
    struct graph_plan *p;
    struct err err = {0};

    (void)state;
    assert_int_equal(choose_plan(&p, &how, &conv, &err), 0);
    assert_true(graph_plan_workspace(p) > 0);
    how.workspace_max = 0; /* leaves the kernels that always work */
    graph_plan_free(p);
    assert_int_equal(choose_plan(&p, &how, &conv, &err), 0);
    assert_int_equal(graph_plan_workspace(p), 0);
    graph_plan_free(p);
    graph_target_free(t);
}

static void a_graph_without_a_plan_is_named(void **state)
{
    struct graph_target *t = open_target("t4");
    struct choose how = {.target = t, .workspace_max = 1 << 30};
    struct conv c = conv;
    struct graph_plan *p;
    struct err err = {0};

    (void)state;
    c.type = CUDNN_DATA_BFLOAT16; /* which Turing does not have */
    assert_int_equal(choose_plan(&p, &how, &c, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "fprop bf16 1x16x16 1024 128"));
    graph_target_free(t);
}

/* ---- the file ---------------------------------------------------------------------------- */

static void put_one(const struct graph_target *t)
{
    struct plan_cache *cache = open_cache(t);
    struct err err = {0};

    assert_int_equal(plan_cache_put(cache, "key", "text", 1.5, &err), 0);
    assert_int_equal(plan_cache_save(cache, &err), 0);
    plan_cache_close(cache);
}

static bool is_known(const struct graph_target *t)
{
    struct plan_cache *cache = open_cache(t);
    bool known = plan_cache_get(cache, "key") != NULL;

    plan_cache_close(cache);
    return known;
}

static void a_damaged_file_counts_as_empty(void **state)
{
    static const char *const contents[] = {
        "", "{", "[]",
        "{\"format\": 2, \"for\": {\"deviceName\": \"other\"},"
        " \"plans\": {\"key\": {\"plan\": \"text\", \"us\": 1}}}"};
    struct graph_target *t = open_target("a100");
    struct plan_cache *cache = open_cache(t);
    char path[512];
    struct err err = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s", plan_cache_path(cache));
    plan_cache_close(cache);
    for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
        put_one(t);
        assert_true(is_known(t));
        assert_int_equal(file_write(path, contents[i], strlen(contents[i]), &err), 0);
        assert_false(is_known(t));
    }
    put_one(t);
    assert_true(is_known(t));
    graph_target_free(t);
}

static void a_damaged_plan_is_made_again(void **state)
{
    struct clock clock = {
        .us = {1, 2, 3, 4}
    };
    struct graph_target *t = open_target("l4");
    struct choose how = timed_by(&clock, t, 1);
    char key[CONV_TEXT_SIZE];
    struct graph_plan *p;
    struct err err = {0};

    (void)state;
    how.cache = open_cache(t);
    assert_int_equal(plan_cache_put(how.cache, conv_text(key, &conv), "{\"engine\":", 1, &err), 0);
    if (choose_plan(&p, &how, &conv, &err))
        fail_msg("%s", err.msg);
    assert_in_range(clock.asked, 1, 2);
    graph_plan_free(p);
    plan_cache_close(how.cache);
    graph_target_free(t);
}

static void another_gpu_has_another_file(void **state)
{
    struct graph_target *a = open_target("a100"), *b = open_target("a10");

    (void)state;
    put_one(a);
    assert_true(is_known(a));
    assert_false(is_known(b));
    graph_target_free(a);
    graph_target_free(b);
}

static void a_description_must_be_one(void **state)
{
    struct graph_target *t = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(graph_target_described(&t, "{\"deviceVer\"", 12, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(t);
}

static int remove_files(void **state)
{
    static const char *const devices[] = {"h200", "a100", "l4", "a10"};

    (void)state;
    for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
        struct graph_target *t = open_target(devices[i]);
        struct plan_cache *cache = open_cache(t);
        unlink(plan_cache_path(cache));
        plan_cache_close(cache);
        graph_target_free(t);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fastest_that_runs_is_taken),
        cmocka_unit_test(the_second_list_is_for_when_none_of_the_first_runs),
        cmocka_unit_test(a_sick_device_ends_the_choice),
        cmocka_unit_test(workspace_is_limited),
        cmocka_unit_test(a_graph_without_a_plan_is_named),
        cmocka_unit_test(a_damaged_file_counts_as_empty),
        cmocka_unit_test(a_damaged_plan_is_made_again),
        cmocka_unit_test(another_gpu_has_another_file),
        cmocka_unit_test(a_description_must_be_one),
    };

    int failed = cmocka_run_group_tests(tests, remove_files, NULL);

    leaks_check();
    return failed;
}
