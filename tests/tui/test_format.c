#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/format.h"
#include "tui/pen.h"

static void counts(void **state)
{
    static const struct {
        int64_t n;
        int width;
        const char *text;
    } cases[] = {
        {0,         5, "0"        },
        {999,       5, "999"      },
        {1000,      5, "1,000"    },
        {11533,     6, "11,533"   },
        {11533,     5, "11533"    },
        {115330,    5, "115k"     },
        {99999,     5, "99999"    },
        {1150000,   5, "1.15M"    },
        {999999,    5, "999k"     },
        {1000000,   9, "1,000,000"},
        {9999,      4, "9999"     },
        {10999,     4, "10k"      },
        {INT64_MAX, 6, "9.22E"    },
        {-1,        5, "–"      },
        {INT64_MIN, 5, "–"      },
    };
    char out[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_string_equal(format_count(out, cases[i].n, cases[i].width), cases[i].text);
        assert_true(pen_width(out) <= cases[i].width);
    }
}

static void a_count_is_never_wider_than_asked(void **state)
{
    char out[FORMAT_SIZE];

    (void)state;
    for (int width = 4; width <= 12; width++)
        for (int64_t n = 1; n > 0 && n < INT64_MAX / 3; n = n * 3 - 1)
            assert_true(pen_width(format_count(out, n, width)) <= width);
}

static void numbers(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0,      "0.00" },
        {0.419,  "0.41" },
        {9.31,   "9.31" },
        {9.999,  "9.99" },
        {58.3,   "58.3" },
        {99.99,  "99.9" },
        {412.7,  "412"  },
        {999.99, "999"  },
        {1234,   "1,234"},
        {12345,  "12345"},
        {123456, "123k" },
        {1e300,  "1.00P"},
        {-1,     "–"  },
    };
    char out[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_string_equal(format_number(out, cases[i].value), cases[i].text);
    assert_string_equal(format_number(out, NAN), "–");
    assert_string_equal(format_number(out, INFINITY), "–");
}

static void shares(void **state)
{
    char out[FORMAT_SIZE];

    (void)state;
    assert_string_equal(format_share(out, 0), "0 %");
    assert_string_equal(format_share(out, 0.634), "63 %");
    assert_string_equal(format_share(out, 1), "100 %");
    assert_string_equal(format_share(out, 7), "100 %");
    assert_string_equal(format_share(out, -1), "0 %");
    assert_string_equal(format_share(out, NAN), "–");
}

static void memory(void **state)
{
    static const struct {
        int64_t kib;
        const char *text;
    } cases[] = {
        {-1,        "–"    },
        {0,         "0 kB"   },
        {1023,      "1023 kB"},
        {1024,      "1 MB"   },
        {1048575,   "1023 MB"},
        {1048576,   "1.00 GB"},
        {1268777,   "1.21 GB"},
        {12582912,  "12.0 GB"},
        {134217728, "128 GB" },
        {INT64_MAX, "9999 GB"},
    };
    char out[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_string_equal(format_memory(out, cases[i].kib), cases[i].text);
        assert_true(pen_width(out) <= 7);
    }
}

static void ages(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-1,         "–"   },
        {0,          "0s"    },
        {59999,      "59s"   },
        {60000,      "1m00s" },
        {724000,     "12m04s"},
        {3600000,    "1h00m" },
        {86399999,   "23h59m"},
        {86400000,   "1d00h" },
        {8553600000, "99d00h"},
        {8640000000, ">99d"  },
        {INT64_MAX,  ">99d"  },
    };
    char out[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_string_equal(format_age(out, cases[i].ms), cases[i].text);
        assert_true(pen_width(out) <= 6);
    }
}

static void durations(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {
        {0,      "0:00:00" },
        {59.9,   "0:00:59" },
        {451,    "0:07:31" },
        {359999, "99:59:59"},
        {360000, "4d 04h"  },
        {1e18,   "999d 00h"},
        {-3,     "–"     },
    };
    char out[FORMAT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_string_equal(format_duration(out, cases[i].seconds), cases[i].text);
        assert_true(pen_width(out) <= 8);
    }
    assert_string_equal(format_duration(out, NAN), "–");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),    cmocka_unit_test(a_count_is_never_wider_than_asked),
        cmocka_unit_test(numbers),   cmocka_unit_test(shares),
        cmocka_unit_test(memory),    cmocka_unit_test(ages),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
