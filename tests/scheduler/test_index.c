/* The index of the spool: found by id, counted once, ids from outside refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/index.h"

static uint32_t add(struct index *x, const char *upload, const char *key, int n)
{
    int numbers[64];
    uint32_t study = INDEX_NONE;
    struct err err = {0};

    for (int i = 0; i < n; i++)
        numbers[i] = 2 * i; /* gaps are fine */
    assert_int_equal(index_add_study(x, upload, key, numbers, n, &study, &err), 0);
    return study;
}

static void studies_and_images_are_found_by_id(void **state)
{
    struct index x = {0};
    char id[WIRE_ID_SIZE];

    (void)state;
    assert_int_equal(index_find_study(&x, "u", "k"), INDEX_NONE);
    for (int u = 0; u < 3; u++) {
        for (int k = 0; k < 500; k++) {
            char upload[16], key[16];
            snprintf(upload, sizeof(upload), "u%d", u);
            snprintf(key, sizeof(key), "k%d", k);
            add(&x, upload, key, k % 4);
        }
    }
    assert_int_equal(x.n_uploads, 3);
    assert_int_equal(x.n_studies, 1500);
    for (uint32_t i = 0; i < x.n_images; i++) {
        index_format_image(&x, i, id);
        assert_int_equal(index_image_of_id(&x, id), i);
    }
    for (uint32_t i = 0; i < x.n_studies; i++) {
        index_format_study(&x, i, id);
        assert_int_equal(index_study_of_id(&x, id), i);
    }
    assert_true(index_has_upload(&x, "u2"));
    assert_false(index_has_upload(&x, "u3"));
    index_release(&x);
}

static void strange_ids_name_nothing(void **state)
{
    static const char *const ids[] = {
        "",       "/",     "u",     "u/",     "/k/0",     "u/k/",
        "u/k/-2", "u/k/1", "u/k/x", "u/k/0x", "u/k/00/1", "u/k/99999999999",
        "v/k/0",  "u/l/0",
    };
    struct index x = {0};
    char longest[300];

    (void)state;
    add(&x, "u", "k", 3);
    assert_int_equal(index_image_of_id(&x, "u/k/4"), 2);
    for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
        if (index_image_of_id(&x, ids[i]) != INDEX_NONE)
            fail_msg("found: %s", ids[i]);
    memset(longest, 'u', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(index_image_of_id(&x, longest), INDEX_NONE);
    longest[100] = '/';
    assert_int_equal(index_study_of_id(&x, longest), INDEX_NONE);
    assert_int_equal(index_study_of_id(&x, "u/k/0"), INDEX_NONE);
    assert_int_equal(index_image_of_id(&x, "u/k"), INDEX_NONE);
    index_release(&x);
}

static void settling_twice_counts_once(void **state)
{
    struct index x = {0};
    uint32_t study;

    (void)state;
    add(&x, "u", "a", 1);
    study = add(&x, "u", "b", 2);
    uint32_t first = x.studies[study].first;
    assert_int_equal(index_images_left(&x), 3);
    assert_true(index_settle(&x, first, RESULT_DONE));
    assert_false(index_settle(&x, first, RESULT_SET_ASIDE));
    assert_int_equal(x.studies[study].remaining, 1);
    assert_true(index_settle(&x, first + 1, RESULT_SET_ASIDE));
    assert_int_equal(x.studies[study].remaining, 0);
    assert_int_equal(x.by_status[RESULT_DONE], 1);
    assert_int_equal(x.by_status[RESULT_SET_ASIDE], 1);
    assert_int_equal(index_images_left(&x), 1);
    index_set_report(&x, study, REPORT_FINISHED);
    index_set_report(&x, study, REPORT_FINISHED);
    assert_int_equal(index_studies_left(&x), 1);
    index_set_report(&x, study, REPORT_FAILED);
    assert_int_equal(x.finished, 0);
    assert_int_equal(x.failed, 1);
    index_release(&x);
}

static void a_reopened_image_is_waited_for_again(void **state)
{
    struct index x = {0};
    uint32_t study = add(&x, "u", "k", 2);

    (void)state;
    index_settle(&x, 0, RESULT_DONE);
    index_settle(&x, 1, RESULT_SET_ASIDE);
    index_set_report(&x, study, REPORT_FINISHED);
    assert_int_equal(index_studies_left(&x), 0);
    index_reopen(&x, 1);
    assert_int_equal(x.images[1].status, RESULT_NONE);
    assert_int_equal(x.studies[study].remaining, 1);
    assert_int_equal(x.by_status[RESULT_SET_ASIDE], 0);
    assert_int_equal(index_images_left(&x), 1);
    assert_int_equal(index_studies_left(&x), 1);
    assert_true(index_settle(&x, 1, RESULT_DONE));
    assert_int_equal(x.studies[study].remaining, 0);
    index_release(&x);
}

static void ranges_are_what_their_names_say(void **state)
{
    static const struct {
        const char *target;
        uint32_t first, end; /* both 0: there is none */
    } cases[] = {
        {"u0",      0, 5},
        {"u1",      5, 9},
        {"u0/k1",   3, 5},
        {"u1/k0",   5, 8},
        {"u0/k0/4", 2, 3},
        {"u2",      0, 0},
        {"u",       0, 0},
        {"",        0, 0},
        {"u0/k2",   0, 0},
        {"u0/k0/1", 0, 0},
        {"u0/",     0, 0},
    };
    struct index x = {0};

    (void)state;
    add(&x, "u0", "k0", 3);
    add(&x, "u0", "k1", 2);
    add(&x, "u1", "k0", 3);
    add(&x, "u1", "k1", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t first = 0, end = 0;
        print_message("case: %s\n", cases[i].target);
        assert_int_equal(index_find_range(&x, cases[i].target, &first, &end), cases[i].end != 0);
        assert_int_equal(first, cases[i].first);
        assert_int_equal(end, cases[i].end);
    }
    index_release(&x);
}

static void studies_that_make_no_sense_are_refused(void **state)
{
    struct index x = {0};
    struct err err = {0};
    uint32_t study;

    (void)state;
    add(&x, "u", "k", 1);
    assert_int_equal(index_add_study(&x, "u", "k", (int[]){0}, 1, &study, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    err = (struct err){0};
    assert_int_equal(index_add_study(&x, "u", "l", (int[]){1, 1}, 2, &study, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    err = (struct err){0};
    assert_int_equal(index_add_study(&x, "u", "l", (int[]){-1}, 1, &study, &err), -1);
    assert_int_equal(x.n_studies, 1);
    assert_int_equal(x.n_images, 1);
    index_release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(studies_and_images_are_found_by_id),
        cmocka_unit_test(strange_ids_name_nothing),
        cmocka_unit_test(settling_twice_counts_once),
        cmocka_unit_test(a_reopened_image_is_waited_for_again),
        cmocka_unit_test(ranges_are_what_their_names_say),
        cmocka_unit_test(studies_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
