/* results/<n>.json: written, read, and made again when a power cut damaged it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/result.h"
#include "queue/spool.h"
#include "tests/queue/temp.h"

static void make_results(const char *dir)
{
    struct err err = {0};

    assert_int_equal(dir_make(temp_path(dir, "results"), &err), 0);
}

static void comes_back_as_it_went(void **state)
{
    static const enum result_status all[] = {RESULT_DONE, RESULT_SET_ASIDE, RESULT_CANCELLED};
    json_t *entry = json_pack("{s:s, s:f}", "risk", "review", "malignant_probability", 0.25);
    json_t *model = json_pack("{s:s}", "name", "starter");

    make_results(*state);
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        enum result_status status;
        json_t *out;
        assert_int_equal(result_write(*state, i, all[i], entry, i ? NULL : model, &err), 0);
        assert_int_equal(result_read(*state, i, &status, &out, &err), 0);
        assert_int_equal(status, all[i]);
        assert_true(json_equal(json_object_get(out, "entry"), entry));
        assert_true(i ? json_is_null(json_object_get(out, "model"))
                      : json_equal(json_object_get(out, "model"), model));
        json_decref(out);
        assert_int_equal(result_read(*state, i, &status, NULL, &err), 0);
        assert_int_equal(status, all[i]);
    }
    json_decref(entry);
    json_decref(model);
}

static void the_same_work_gives_the_same_bytes(void **state)
{
    json_t *entry = json_pack("{s:i, s:i}", "b", 1, "a", 2);
    json_t *other_order = json_pack("{s:i, s:i}", "a", 2, "b", 1);
    struct buf first, second;
    struct err err = {0};

    make_results(*state);
    buf_init(&first, 4096);
    buf_init(&second, 4096);
    assert_int_equal(result_write(*state, 7, RESULT_DONE, entry, NULL, &err), 0);
    assert_int_equal(file_read(temp_path(*state, "results/7.json"), &first, &err), 0);
    assert_int_equal(unlink(temp_path(*state, "results/7.json")), 0);
    assert_int_equal(result_write(*state, 7, RESULT_DONE, other_order, NULL, &err), 0);
    assert_int_equal(file_read(temp_path(*state, "results/7.json"), &second, &err), 0);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    buf_release(&first);
    buf_release(&second);
    json_decref(entry);
    json_decref(other_order);
}

static void the_first_one_stays(void **state)
{
    json_t *entry = json_pack("{s:i}", "a", 2);
    enum result_status status;
    struct err err = {0};

    make_results(*state);
    assert_int_equal(result_draft(*state, 5, RESULT_DONE, entry, NULL, &err), 0); /* at work */
    pid_t other = fork(); /* drafts carry the number of their thread */
    if (!other)
        _exit(result_write(*state, 5, RESULT_CANCELLED, entry, NULL, &err) ? 1 : 0);
    int ended;
    assert_int_equal(waitpid(other, &ended, 0), other);
    assert_int_equal(ended, 0);
    assert_int_equal(result_adopt(*state, 5, &err), 0); /* too late, and no error */
    assert_int_equal(result_read(*state, 5, &status, NULL, &err), 0);
    assert_int_equal(status, RESULT_CANCELLED);
    assert_int_equal(result_adopt(*state, 5, &err), -1); /* its draft is gone */
    json_decref(entry);
}

static void draft_is_none_yet(void **state)
{
    json_t *entry = json_pack("{s:i}", "a", 2);
    enum result_status status;
    struct err err = {0};

    make_results(*state);
    assert_int_equal(result_draft(*state, 3, RESULT_DONE, entry, NULL, &err), 0);
    assert_int_equal(result_read(*state, 3, &status, NULL, &err), 0);
    assert_int_equal(status, RESULT_NONE);
    assert_int_equal(result_adopt(*state, 3, &err), 0);
    assert_int_equal(result_read(*state, 3, &status, NULL, &err), 0);
    assert_int_equal(status, RESULT_DONE);
    json_decref(entry);
}

static void none_yet(void **state)
{
    enum result_status status = RESULT_DONE;
    struct err err = {0};
    json_t *out;

    assert_int_equal(result_read(*state, 0, &status, &out, &err), 0);
    assert_int_equal(status, RESULT_NONE);
    assert_null(out);
}

static void damaged_ones_are_removed_and_made_again(void **state)
{
    static const char *const damaged[] = {
        "",
        "{",
        "[]",
        "{\"version\":1}",
        "{\"version\":9,\"status\":\"done\",\"entry\":{},\"model\":null}",
        "{\"version\":1,\"status\":\"none\",\"entry\":{},\"model\":null}",
        "{\"version\":1,\"status\":\"done\",\"model\":null}",
        "{\"version\":1,\"status\":\"done\",\"entry\":{}}",
    };

    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
        const char *path = temp_path(*state, "results/3.json");
        enum result_status status = RESULT_DONE;
        struct err err = {0};
        json_t *out;
        print_message("case: %s\n", damaged[i]);
        temp_write_text(path, damaged[i]);
        assert_int_equal(result_read(*state, 3, &status, &out, &err), 0);
        assert_int_equal(status, RESULT_NONE);
        assert_null(out);
        assert_int_equal(access(path, F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_as_it_went, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(the_same_work_gives_the_same_bytes, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(the_first_one_stays, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(draft_is_none_yet, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(none_yet, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(damaged_ones_are_removed_and_made_again, temp_setup,
                                        temp_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
