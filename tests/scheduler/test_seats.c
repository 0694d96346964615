/* The list of --seats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "scheduler/seats.h"

static struct settings settings; /* several paths of 4 kB */
static struct seats seats;
static char token[64]; /* path of a good one */

static int read_list(const char *list, const char *path, struct err *err)
{
    snprintf(settings.seats, sizeof(settings.seats), "%s", list);
    snprintf(settings.token, sizeof(settings.token), "%s", path);
    return seats_read(&seats, &settings, err);
}

static void a_list_is_cut_at_its_commas(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(read_list("", "", &err), 0);
    assert_int_equal(seats.n, 0);
    assert_int_equal(read_list("10.0.0.1:8700,[::1]:8701", token, &err), 0);
    assert_int_equal(seats.n, 2);
    assert_string_equal(seats.at[0], "10.0.0.1:8700");
    assert_string_equal(seats.at[1], "[::1]:8701");
}

static void what_is_no_seat_is_refused(void **state)
{
    const struct {
        const char *list, *token, *says;
    } rows[] = {
        {"a:1",         "",            "--token"     },
        {"a:1",         "/nowhere",    "/nowhere"    },
        {"a:1",         "/etc/passwd", "others may"  },
        {"8700",        token,         "no host:port"},
        {"a:1,",        token,         "no host:port"},
        {",a:1",        token,         "no host:port"},
        {"a:1, b:1",    token,         "no host:port"},
        {"a:1,b:2,a:1", token,         "twice"       },
    };
    char many[SETTINGS_PATH_SIZE] = "";
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        err = (struct err){0};
        assert_int_equal(read_list(rows[i].list, rows[i].token, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.msg, rows[i].says));
    }
    for (size_t i = 0, n = 0; i <= SEATS_MAX; i++)
        n += (size_t)snprintf(many + n, sizeof(many) - n, "%sa:%zu", i ? "," : "", i);
    err = (struct err){0};
    assert_int_equal(read_list(many, token, &err), -1);
    assert_non_null(strstr(err.msg, "more than"));
}

static int setup(void **state)
{
    struct err err = {0};

    (void)state;
    snprintf(token, sizeof(token), "/tmp/lentigo-seats-%d", (int)getpid());
    return file_write(token, "0123456789abcdef", 16, &err);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_cut_at_its_commas),
        cmocka_unit_test(what_is_no_seat_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
