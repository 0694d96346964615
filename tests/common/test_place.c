/* Data files: LENTIGO_DATADIR first, then what lies beside the program, and a message that helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/place.h"

static char folder[] = "/tmp/lentigo-test-place-XXXXXX"; /* made by setup, removed by teardown */

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) && !setenv("LENTIGO_DATADIR", folder, 1) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return unsetenv("LENTIGO_DATADIR") || rmdir(folder);
}

static void named_folder_goes_first(void **state)
{
    char path[SETTINGS_PATH_SIZE], wanted[SETTINGS_PATH_SIZE];
    struct err err = {0};

    (void)state;
    snprintf(wanted, sizeof(wanted), "%s/models", folder);
    FILE *f = fopen(wanted, "w");
    assert_non_null(f);
    fclose(f);
    int ret = place_data(path, "models", &err);
    unlink(wanted);
    assert_int_equal(ret, 0);
    assert_string_equal(path, wanted);
}

/* This test lies in a build folder of the source tree: fonts.conf is the build's, models the tree's. */
static void what_is_not_in_it_is_found_beside_the_program(void **state)
{
    char path[SETTINGS_PATH_SIZE];
    struct err err = {0};

    (void)state;
    assert_int_equal(place_data(path, "fonts.conf", &err), 0);
    assert_non_null(strstr(path, "/../share/lentigo/fonts.conf"));
    assert_int_equal(place_data(path, "models/starter", &err), 0);
    assert_non_null(strstr(path, "/../../../models/starter"));
    assert_int_equal(setenv("LENTIGO_DATADIR", "", 1), 0); /* as if it were not set */
    assert_int_equal(place_data(path, "fonts.conf", &err), 0);
    assert_int_equal(setenv("LENTIGO_DATADIR", folder, 1), 0);
}

static void what_is_nowhere_says_what_to_set(void **state)
{
    char path[SETTINGS_PATH_SIZE];
    struct err err = {0};

    (void)state;
    assert_int_equal(place_data(path, "no-such-thing", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "no-such-thing"));
    assert_non_null(strstr(err.msg, folder));
    assert_non_null(strstr(err.msg, "set LENTIGO_DATADIR to"));
}

static void mistyped_folder_is_not_passed_over(void **state)
{
    char path[SETTINGS_PATH_SIZE];
    struct err err = {0};

    (void)state;
    assert_int_equal(setenv("LENTIGO_DATADIR", "/nonexistent", 1), 0);
    assert_int_equal(place_data(path, "fonts.conf", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "LENTIGO_DATADIR=/nonexistent"));
    assert_int_equal(setenv("LENTIGO_DATADIR", folder, 1), 0);
}

static void caches_go_where_they_are_wanted(void **state)
{
    static const struct {
        const char *own, *xdg, *home, *wanted;
    } cases[] = {
        {"/a", "/b", "/c", "/a/plans"               },
        {"",   "/b", "/c", "/b/lentigo/plans"       },
        {"",   "b",  "/c", "/c/.cache/lentigo/plans"}, /* the XDG specification: ignored */
        {"",   "",   "",   NULL                     },
    };
    char path[SETTINGS_PATH_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        setenv("LENTIGO_CACHEDIR", cases[i].own, 1);
        setenv("XDG_CACHE_HOME", cases[i].xdg, 1);
        setenv("HOME", cases[i].home, 1);
        assert_int_equal(place_cache(path, "plans", &err), cases[i].wanted ? 0 : -1);
        if (cases[i].wanted)
            assert_string_equal(path, cases[i].wanted);
        else
            assert_non_null(strstr(err.msg, "LENTIGO_CACHEDIR"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_folder_goes_first),
        cmocka_unit_test(what_is_not_in_it_is_found_beside_the_program),
        cmocka_unit_test(what_is_nowhere_says_what_to_set),
        cmocka_unit_test(mistyped_folder_is_not_passed_over),
        cmocka_unit_test(caches_go_where_they_are_wanted),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
