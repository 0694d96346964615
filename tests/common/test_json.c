#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/json.h"

static void check_line(json_t *value, const char *expected)
{
    char *line;
    json_t *list = json_pack("[o]", value);

    assert_non_null(list);
    line = json_line(list);
    assert_string_equal(line, expected);
    free(line);
    json_decref(list);
}

static void rounded(void **state)
{
    static const struct {
        double value;
        int decimals;
        const char *line;
    } cases[] = {
        {0.123456,  3, "[0.123]"   },
        {0.0005,    3, "[0.001]"   },
        {-1.25,     1, "[-1.3]"    },
        {2,         4, "[2.0]"     },
        {0.1 + 0.2, 6, "[0.3]"     },
        {NAN,       3, "[null]"    },
        {INFINITY,  3, "[null]"    },
        {-INFINITY, 0, "[null]"    },
        {1e300,     9, "[1e300]"   }, /* times 1e9 it would be infinite */
        {-1.7e308,  3, "[-1.7e308]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        check_line(json_rounded(cases[i].value, cases[i].decimals), cases[i].line);
}

static void text_from_outside(void **state)
{
    static char big[(1 << 20) + 2]; /* too much for a stack frame */

    (void)state;
    check_line(json_text("张 \"x\""), "[\"张 \\\"x\\\"\"]");
    check_line(json_text("a\xff"), "[\"a%FF\"]");
    check_line(json_text(""), "[\"\"]");
    memset(big, 'x', sizeof(big) - 1);
    assert_null(json_text(big));
}

static void text_for_a_field_is_cut(void **state)
{
    (void)state;
    check_line(json_text_cut("", 1), "[\"\"]");
    check_line(json_text_cut("abcd", 5), "[\"abcd\"]");
    check_line(json_text_cut("abcd", 4), "[\"abc\"]");
    check_line(json_text_cut("\x7f\x7f", 7), "[\"%7F%7F\"]");
    check_line(json_text_cut("\x7f\x7f", 6), "[\"%7F%7\"]"); /* as it stands when it is read */
    check_line(json_text_cut("a张", 4), "[\"a\"]");
}

static void parse_names_what_and_line(void **state)
{
    static const char *const bad[] = {
        "",           "{\n\"a\": 1,\n}", "{\"a\":1,\"a\":2}", "[1] x",
        "[\"\xff\"]", "{\"a\": 1e999}",  "[\"\\ud800\"]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        assert_null(json_parse(bad[i], strlen(bad[i]), "job.json", &err));
        assert_int_equal(err.code, ERR_INPUT);
        assert_memory_equal(err.msg, "job.json: line ", 15);
    }
    struct err err = {0};
    assert_null(json_parse(bad[1], strlen(bad[1]), "x", &err));
    assert_memory_equal(err.msg, "x: line 3:", 10);
    assert_null(json_parse("[1]\0[", 5, "x", &(struct err){0}));
}

static void deep_nesting_is_refused(void **state)
{
    static char deep[200000]; /* too much for a stack frame */
    struct err err = {0};

    (void)state;
    memset(deep, '[', sizeof(deep));
    assert_null(json_parse(deep, sizeof(deep), "x", &err));
    assert_int_equal(err.code, ERR_INPUT);
}

static void readers(void **state)
{
    struct err err = {0};
    static const char object[] = "{\"t\":\"x\",\"n\":7,\"r\":1.5,\"z\":null}";
    json_t *o = json_parse(object, sizeof(object) - 1, "o", &err);
    const char *text = NULL;
    int64_t n = -1;
    double r = 0;

    (void)state;
    assert_non_null(o);
    assert_int_equal(json_get_text(o, "t", &text, &err), 0);
    assert_string_equal(text, "x");
    assert_int_equal(json_get_int(o, "n", 0, 7, &n, &err), 0);
    assert_int_equal(n, 7);
    assert_int_equal(json_get_number(o, "n", &r, &err), 0);
    assert_true(r == 7);
    assert_int_equal(json_get_number(o, "r", &r, &err), 0);
    assert_true(r == 1.5);
    assert_string_equal(json_text_or(o, "z", "–"), "–");
    assert_true(json_number_or(o, "t", 2) == 2);

    n = 99;
    assert_int_equal(json_get_int(o, "n", 0, 6, &n, &err), -1);
    assert_string_equal(err.msg, "key \"n\" is 7, not within 0 to 6");
    assert_int_equal(n, 99);
    static const char *const keys[] = {"r", "t", "z", "none"};
    for (size_t i = 0; i < 4; i++) {
        struct err e = {0};
        assert_int_equal(json_get_int(o, keys[i], 0, 9, &n, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.msg, keys[i]));
    }
    assert_int_equal(json_get_text(NULL, "k", &text, &(struct err){0}), -1);
    json_decref(o);
}

static void file_round_trip(void **state)
{
    char path[] = "/tmp/lentigo-test-json-XXXXXX";
    struct err err = {0};
    json_t *o = json_pack("{s:o,s:i}", "b", json_text("张"), "a", 1), *back;

    (void)state;
    close(mkstemp(path));
    assert_int_equal(json_write(path, o, &err), 0);
    back = json_read(path, 1000, &err);
    assert_true(json_equal(o, back));
    json_decref(back);
    assert_null(json_read(path, 10, &err)); /* longer than allowed */
    assert_int_equal(err.code, ERR_LIMIT);
    unlink(path);
    err = (struct err){0};
    assert_null(json_read(path, 1000, &err));
    assert_int_equal(err.code, ERR_INPUT);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounded),
        cmocka_unit_test(text_from_outside),
        cmocka_unit_test(text_for_a_field_is_cut),
        cmocka_unit_test(parse_names_what_and_line),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(readers),
        cmocka_unit_test(file_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
