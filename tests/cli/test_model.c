/* `lentigo model` and `lentigo bench engine` as functions: exit statuses and what they print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/commands_engine.h"
#include "common/file.h"
#include "common/json.h"
#include "tests/engine/support.h"

typedef int command(const struct settings *s, int argc, char **argv);

/* What the command printed, for free(); its status in *status. */
static char *capture(command *run, const struct settings *s, int argc, char **argv, int *status)
{
    char path[] = BINARY_DIR "/tests/commands.out";
    struct buf out;
    struct err err = {0};

    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    assert_non_null(freopen(path, "w", stdout));
    *status = run(s, argc, argv);
    fflush(stdout);
    assert_true(dup2(kept, STDOUT_FILENO) >= 0);
    close(kept);
    buf_init(&out, 1 << 20);
    assert_int_equal(file_read(path, &out, &err), 0);
    return buf_take(&out);
}

static void show_prints_the_card_and_the_digest(void **state)
{
    struct settings s = {.json = true};
    char model[TEST_PATH];
    int status;
    struct err err = {0};

    (void)state;
    random_model(model, "commands", 6);
    char show[] = "show", *argv[] = {show, model, NULL};
    char *text = capture(cmd_model, &s, 2, argv, &status);
    assert_int_equal(status, 0);
    json_t *json = json_parse(text, strlen(text), "show", &err);
    assert_non_null(json);
    assert_string_equal(json_text_or(json, "name", ""), "random");
    assert_int_equal(strlen(json_text_or(json, "sha256", "")), 64);
    assert_float_equal(json_number_or(json_object_get(json, "weights"), "tensors", 0), 250, 0);
    json_decref(json);
    free(text);
    s.json = false;
    text = capture(cmd_model, &s, 2, argv, &status);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "size         256"));
    free(text);
}

static void statuses_say_what_to_do(void **state)
{
    struct settings s = {.rounds = 1, .batch = 1};
    char show[] = "show", import[] = "import", nowhere[] = "/nonexistent", polish[] = "polish";
    char *nothing[] = {NULL}, *odd[] = {polish, NULL}, *lone[] = {import, nowhere, NULL};
    char *absent[] = {show, nowhere, NULL};

    (void)state;
    assert_int_equal(cmd_model(&s, 0, nothing), 64);
    assert_int_equal(cmd_model(&s, 1, odd), 64);
    assert_int_equal(cmd_model(&s, 2, lone), 64); /* no -o */
    assert_int_equal(cmd_model(&s, 2, absent), 78);
    snprintf(s.output, sizeof(s.output), "%s", BINARY_DIR "/tests/models/never");
    assert_int_equal(cmd_model(&s, 2, lone), 1);
    assert_int_not_equal(access(s.output, F_OK), 0);
    assert_int_equal(cmd_bench_engine(&s, 1, odd), 64);
    snprintf(s.model, sizeof(s.model), "/nonexistent");
    assert_int_equal(cmd_bench_engine(&s, 0, nothing), 78);
}

static void bench_prints_a_line_of_figures(void **state)
{
    struct settings s = {
        .rounds = 1, .batch = 2, .jobs = 2, .size = 64, .json = true, .layers = true};
    char *nothing[] = {NULL};
    int status, layers = 0;
    struct err err = {0};

    (void)state;
    random_model(s.model, "commands", 6);
    char *text = capture(cmd_bench_engine, &s, 0, nothing, &status);
    assert_int_equal(status, 0);
    char *end = strchr(text, '\n');
    json_t *json = json_parse(text, (size_t)(end - text), "bench", &err);
    assert_non_null(json);
    assert_string_equal(json_text_or(json, "what", ""), "engine");
    assert_float_equal(json_number_or(json, "streams", 0), 2, 0);
    assert_float_equal(json_number_or(json, "batch", 0), 2, 0);
    assert_true(json_number_or(json, "ms_per_image", 0) > 0);
    assert_true(json_number_or(json, "best", 1e9) <= json_number_or(json, "worst", 0));
    json_decref(json);
    for (char *at = text; (at = strstr(at, "\"what\":\"layer\"")); at++)
        layers++;
    assert_true(layers > 30);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(show_prints_the_card_and_the_digest),
        cmocka_unit_test(statuses_say_what_to_do),
        cmocka_unit_test(bench_prints_a_line_of_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
