/* The list of --seats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/seats.h"

static struct settings settings; /* several paths of 4 kB */
static struct seats seats;

static int read_list(const char *list, const char *token, struct err *err)
{
    snprintf(settings.seats, sizeof(settings.seats), "%s", list);
    snprintf(settings.token, sizeof(settings.token), "%s", token);
    return seats_read(&seats, &settings, err);
}

static void a_list_is_cut_at_its_commas(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(read_list("", "", &err), 0);
    assert_int_equal(seats.n, 0);
    assert_int_equal(read_list("10.0.0.1:8700,[::1]:8701", "/dev/null", &err), 0);
    assert_int_equal(seats.n, 2);
    assert_string_equal(seats.at[0], "10.0.0.1:8700");
    assert_string_equal(seats.at[1], "[::1]:8701");
}

static void what_is_no_seat_is_refused(void **state)
{
    static const struct {
        const char *list, *token, *says;
    } rows[] = {
        {"a:1",         "",          "--token"     },
        {"a:1",         "/nowhere",  "/nowhere"    },
        {"8700",        "/dev/null", "no host:port"},
        {"a:1,",        "/dev/null", "no host:port"},
        {",a:1",        "/dev/null", "no host:port"},
        {"a:1, b:1",    "/dev/null", "no host:port"},
        {"a:1,b:2,a:1", "/dev/null", "twice"       },
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
    assert_int_equal(read_list(many, "/dev/null", &err), -1);
    assert_non_null(strstr(err.msg, "more than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_cut_at_its_commas),
        cmocka_unit_test(what_is_no_seat_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
