/* best/ of a run: put in place as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "train/run_folder.h"
#include "train/tools.h"

static void put(const struct run_folder *r, const char *name)
{
    char path[SETTINGS_PATH_SIZE];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/" RUN_BEST_DRAFT, r->dir);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(path, sizeof(path), "%s/" RUN_BEST_DRAFT "/%s", r->dir, name);
    assert_int_equal(file_write(path, name, strlen(name), &err), 0);
}

static bool has(const struct run_folder *r, const char *name)
{
    char path[SETTINGS_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    return !access(path, F_OK);
}

/* Of the folder before nothing is left beside what came in its place. */
static void nothing_of_two_is_mixed(void **state)
{
    char dir[] = "/tmp/lentigo-run-XXXXXX";
    struct run_folder r = {.lock = -1};
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(r.dir, sizeof(r.dir), "%s", dir);
    put(&r, "weights");
    assert_int_equal(run_folder_adopt_best(&r, &err), 0);
    assert_true(has(&r, "best/weights") && !has(&r, RUN_BEST_DRAFT));
    put(&r, "policy.json");
    assert_int_equal(run_folder_adopt_best(&r, &err), 0);
    assert_true(has(&r, "best/policy.json") && !has(&r, "best/weights"));
    assert_false(has(&r, RUN_BEST_DRAFT));
    assert_int_equal(run_folder_adopt_best(&r, &err), -1); /* no draft: best/ stays */
    assert_true(has(&r, "best/policy.json"));
    dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_of_two_is_mixed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
