/* What is wrong from the start is told, and ends it; the rest is remote.join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/status.h"
#include "remote/join.h"

static struct settings settings; /* several paths of 4 kB */

static void what_is_no_url_is_misuse(void **state)
{
    static const char *const bad[] = {"", "intake:8700", "ftp://intake", "https:/intake",
                                      "https://a:b@intake"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(join_run(&settings, bad[i]), STATUS_USAGE);
}

static void without_a_token_nothing_begins(void **state)
{
    (void)state;
    settings.token[0] = 0;
    assert_int_equal(join_run(&settings, "https://intake:8700"), STATUS_CONFIG);
}

static void a_worker_that_is_not_installed_ends_it(void **state)
{
    char path[64];
    struct err err = {0};

    (void)state;
    snprintf(path, sizeof(path), "/tmp/lentigo-join-token-%d", (int)getpid());
    assert_int_equal(file_write(path, "0123456789abcdef", 16, &err), 0);
    snprintf(settings.token, sizeof(settings.token), "%s", path);
    setenv("LENTIGO_LIBEXEC", "/nowhere", 1);
    assert_int_equal(join_run(&settings, "https://intake:8700"), STATUS_CONFIG);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_url_is_misuse),
        cmocka_unit_test(without_a_token_nothing_begins),
        cmocka_unit_test(a_worker_that_is_not_installed_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
