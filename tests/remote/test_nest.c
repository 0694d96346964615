/* A nest is private, goes with all that is in it, and takes those of the dead along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "remote/nest.h"

static void put_file(const char *path)
{
    struct err err = {0};

    assert_int_equal(file_write(path, "x", 1, &err), 0);
}

static bool is_there(const char *path)
{
    struct stat st;

    return !lstat(path, &st);
}

static void make_image(const struct nest *nest, const char *id, char original[SPOOL_PATH_SIZE])
{
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct err err = {0};
    int n;

    assert_int_equal(nest_make_study(nest->root, id, dir, &n, &err), 0);
    assert_int_equal(path_format(original, SPOOL_PATH_SIZE, &err, "%s/originals/%d", dir, n), 0);
    put_file(original);
    assert_int_equal(path_format(path, sizeof(path), &err, "%s/results/%d.mask.png", dir, n), 0);
    put_file(path);
}

static void it_is_private_and_goes_whole(void **state)
{
    char original[SPOOL_PATH_SIZE];
    struct nest nest;
    struct stat st;
    struct err err = {0};

    (void)state;
    assert_int_equal(nest_open(&nest, &err), 0);
    assert_int_equal(stat(nest.root, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    make_image(&nest, "u/k/3", original);
    nest_close(&nest);
    assert_false(is_there(nest.root));
    nest_close(&nest); /* does no harm */
}

static void images_and_studies_are_forgotten(void **state)
{
    char first[SPOOL_PATH_SIZE], second[SPOOL_PATH_SIZE], other[SPOOL_PATH_SIZE],
        result[SPOOL_PATH_SIZE];
    struct nest nest;
    struct err err = {0};

    (void)state;
    assert_int_equal(nest_open(&nest, &err), 0);
    make_image(&nest, "u/k/1", first);
    make_image(&nest, "u/k/10", second);
    make_image(&nest, "u/other/1", other);
    assert_int_equal(path_format(result, sizeof(result), &err,
                                 "%s/uploads/u/studies/k/results/1.mask.png", nest.root),
                     0);
    assert_true(is_there(result));
    nest_forget_image(nest.root, "u/k/1");
    nest_forget_image(nest.root, "u/k/77");
    nest_forget_image(nest.root, "../k/1");
    assert_false(is_there(first));
    assert_false(is_there(result));
    assert_true(is_there(second));
    nest_forget_study(nest.root, "u/k/1");
    assert_false(is_there(second));
    assert_true(is_there(other));
    nest_clear(&nest);
    assert_false(is_there(other));
    assert_true(is_there(nest.root));
    nest_close(&nest);
}

static void an_id_leads_nowhere_else(void **state)
{
    static const char *const bad[] = {"", "u/k", "../k/1", "u/../1", "u/k/x", "u//1"};
    char dir[SPOOL_PATH_SIZE];
    struct nest nest;
    int n;

    (void)state;
    struct err err = {0};
    assert_int_equal(nest_open(&nest, &err), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err = (struct err){0};
        assert_int_equal(nest_make_study(nest.root, bad[i], dir, &n, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
    nest_close(&nest);
}

/* What stands beside a nest, named like one. */
static void beside(const struct nest *nest, const char *name, char out[SPOOL_PATH_SIZE])
{
    struct err err = {0};

    assert_int_equal(path_format(out, SPOOL_PATH_SIZE, &err, "%.*s/lentigo-join-%d-%d-%s",
                                 (int)(strrchr(nest->root, '/') - nest->root), nest->root,
                                 (int)geteuid(), (int)getpid(), name),
                     0);
}

static void those_of_the_dead_are_removed(void **state)
{
    char dead[SPOOL_PATH_SIZE], file[SPOOL_PATH_SIZE], link[SPOOL_PATH_SIZE],
        picture[SPOOL_PATH_SIZE];
    struct nest living, other;
    struct err err = {0};

    (void)state;
    assert_int_equal(nest_open(&living, &err), 0);
    make_image(&living, "u/k/1", picture);
    beside(&living, "dead", dead);
    beside(&living, "link", link);
    assert_int_equal(path_format(file, sizeof(file), &err, "%s/uploads/u", dead), 0);
    assert_int_equal(dir_make(file, &err), 0);
    assert_int_equal(symlink(living.root, link), 0);
    assert_int_equal(nest_open(&other, &err), 0);
    assert_false(is_there(dead));
    assert_true(is_there(picture));
    assert_string_not_equal(living.root, other.root);
    nest_close(&other);
    nest_close(&living);
    unlink(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_private_and_goes_whole),
        cmocka_unit_test(images_and_studies_are_forgotten),
        cmocka_unit_test(an_id_leads_nowhere_else),
        cmocka_unit_test(those_of_the_dead_are_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
