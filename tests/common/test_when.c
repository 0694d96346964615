#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/when.h"

/* 2026-11-26 12:00:00 UTC: 13:00 in Berlin, 20:00 in Shanghai. */
#define NOW  INT64_C(1795694400000)
#define HOUR INT64_C(3600000)

static void zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}

static void says_when(void **state)
{
    static const struct {
        const char *zone, *text;
        int64_t ms;
    } cases[] = {
        {"Europe/Berlin", "+0s",                  NOW                             },
        {"Europe/Berlin", "+90s",                 NOW + 90000                     },
        {"Europe/Berlin", "+2h",                  NOW + 2 * HOUR                  },
        {"Europe/Berlin", "+1d",                  NOW + 24 * HOUR                 },
        {"Europe/Berlin", "22:00",                NOW + 9 * HOUR                  },
        {"Europe/Berlin", "13:00",                NOW + 24 * HOUR                 }, /* it is that now */
        {"Europe/Berlin", "12:59",                NOW + 24 * HOUR - 60000         },
        {"Asia/Shanghai", "22:00",                NOW + 2 * HOUR                  },
        {"Europe/Berlin", "2026-11-26 22:00",     NOW + 9 * HOUR                  },
        {"Europe/Berlin", "2026-11-26T22:00:05",  NOW + 9 * HOUR + 5000           },
        {"Europe/Berlin", "2026-11-26T22:00:00Z", NOW + 10 * HOUR                 },
        {"Europe/Berlin", "2026-11-25 13:00",     NOW - 24 * HOUR                 },
        {"Europe/Berlin", "2027-07-01 12:00",     NOW + 217 * 24 * HOUR - 2 * HOUR}, /* summer time */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        int64_t ms = 0;
        zone(cases[i].zone);
        if (when_parse(cases[i].text, NOW, &ms, &err) || ms != cases[i].ms)
            fail_msg("%s in %s: %lld, not %lld; %s", cases[i].text, cases[i].zone, (long long)ms,
                     (long long)cases[i].ms, err.msg);
    }
}

/* The night of 2026-10-25 has two hours from 2 to 3 in Berlin, that of 2026-03-29 none. */
static void a_day_of_25_hours_has_one_22_o_clock(void **state)
{
    struct err err = {0};
    int64_t before, ms;

    (void)state;
    zone("Europe/Berlin");
    assert_int_equal(when_parse("2026-10-24 22:00", NOW - 60 * 24 * HOUR, &before, &err), 0);
    assert_int_equal(when_parse("22:00", before, &ms, &err), 0);
    assert_int_equal(ms, before + 25 * HOUR);
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "22",
        "25:00",
        "22:00x",
        "tonight",
        "+",
        "+2",
        "+-2h",
        "+2w",
        "+2hh",
        "2026-11-26",
        "2026-13-01 10:00",
        "+400d",
        "+ 2h",
        "+99999999999999999999h",
        "9999-01-01 10:00",
        "+9223372036854775807d",
        "-2h",
    };

    (void)state;
    zone("UTC");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        int64_t ms = 7;
        if (!when_parse(cases[i], NOW, &ms, &err) || err.code != ERR_INPUT || ms != 7)
            fail_msg("\"%s\" was taken for a time: %lld", cases[i], (long long)ms);
    }
}

static void is_written_for_a_person(void **state)
{
    char out[WHEN_TEXT_SIZE];

    (void)state;
    zone("Europe/Berlin");
    assert_string_equal(when_text(out, NOW), "2026-11-26 13:00:00 CET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_when),
        cmocka_unit_test(a_day_of_25_hours_has_one_22_o_clock),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(is_written_for_a_person),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
