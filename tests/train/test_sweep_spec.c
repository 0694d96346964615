/* What a search tries: axes and the trials that are drawn from them; what has no meaning is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/sweep_spec.h"

static struct sweep_spec spec; /* 100 kB */

static int read_text(const char *text, struct err *err)
{
    json_t *object = json_parse(text, strlen(text), "text", err);

    assert_non_null(object);
    int ret = sweep_spec_read(&spec, object, "s.json", err);
    json_decref(object);
    return ret;
}

/* Trial by trial, "a b c|a b c|...". */
static void draw(char *out, size_t size, int *n)
{
    struct sweep_value *values;
    struct err err = {0};
    size_t at = 0;

    assert_int_equal(sweep_spec_draw(&spec, &values, n, &err), 0);
    out[0] = 0;
    for (int t = 0; t < *n; t++)
        for (int i = 0; i < spec.n_axes; i++)
            at += (size_t)snprintf(out + at, size - at, "%s%s",
                                   i   ? " "
                                   : t ? "|"
                                       : "",
                                   values[t * spec.n_axes + i].text);
    assert_true(at < size);
    free(values);
}

static void a_grid_is_every_combination(void **state)
{
    struct err err = {0};
    char all[4000];
    int n;

    (void)state;
    assert_int_equal(read_text("{\"method\":\"grid\",\"axes\":{\"lr\":{\"from\":0.001,\"to\":0.1,"
                               "\"scale\":\"log\",\"steps\":3},\"loss\":[\"ce\",\"dice\"],"
                               "\"batch\":{\"from\":4,\"to\":8,\"steps\":3},"
                               "\"spare-norms\":[true]}}",
                               &err),
                     0);
    draw(all, sizeof(all), &n);
    assert_int_equal(n, 18);
    assert_non_null(strstr(all, "0.001 ce 4 yes|0.001 ce 6 yes|0.001 ce 8 yes|0.001 dice 4 yes|"));
    assert_non_null(strstr(all, "|0.01 dice 6 yes|"));
    assert_non_null(strstr(all, "|0.1 dice 8 yes"));
    assert_int_equal(spec.rungs, 1);
}

static void chance_is_the_seed_s_alone_and_stays_in_range(void **state)
{
    static const char text[] = "{\"method\":\"random\",\"trials\":200,\"seed\":%d,\"axes\":{"
                               "\"lr\":{\"from\":0.001,\"to\":0.1,\"scale\":\"log\"},"
                               "\"warm-up\":{\"from\":0,\"to\":300},\"loss\":[\"ce\",\"dice\"]}}";
    static char first[20000], again[20000], other[20000];
    char with[400];
    struct err err = {0};
    int n, low = 0, dice = 0;

    (void)state;
    snprintf(with, sizeof(with), text, 7);
    assert_int_equal(read_text(with, &err), 0);
    draw(first, sizeof(first), &n);
    assert_int_equal(n, 200);
    draw(again, sizeof(again), &n);
    assert_string_equal(first, again);
    snprintf(with, sizeof(with), text, 8);
    assert_int_equal(read_text(with, &err), 0);
    draw(other, sizeof(other), &n);
    assert_string_not_equal(first, other);
    char *rest = other;
    for (char *trial; (trial = strsep(&rest, "|"));) {
        double lr = strtod(trial, &trial);
        char *end;
        long warm_up = strtol(trial, &end, 10);
        assert_true(lr >= 0.001 && lr <= 0.1 && warm_up >= 0 && warm_up <= 300 && *end == ' ');
        low += lr < 0.01;
        dice += !strcmp(end, " dice");
    }
    assert_true(low > 70 && low < 130 && dice > 70 && dice < 130); /* even in the logarithm */
}

static void no_combination_is_tried_twice(void **state)
{
    struct err err = {0};
    struct sweep_value *values;
    char all[400];
    int n;

    (void)state;
    assert_int_equal(
        read_text("{\"method\":\"random\",\"trials\":4,\"axes\":{\"a\":[1,2],\"b\":[1,2]}}", &err),
        0);
    draw(all, sizeof(all), &n);
    assert_true(strstr(all, "1 1") && strstr(all, "1 2") && strstr(all, "2 1") &&
                strstr(all, "2 2"));
    spec.trials = 5;
    assert_int_equal(sweep_spec_draw(&spec, &values, &n, &err), -1);
    assert_non_null(strstr(err.msg, "trials"));
}

static void halving_ends_at_the_whole_length(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(
        read_text("{\"method\":\"halving\",\"trials\":9,\"axes\":{\"lr\":[1,2,3]}}", &err), 0);
    assert_true(spec.rungs == 3 && spec.keep == 3);
    assert_int_equal(sweep_rung_end(9000, 3, 3, 0), 1000);
    assert_int_equal(sweep_rung_end(9000, 3, 3, 1), 3000);
    assert_int_equal(sweep_rung_end(9000, 3, 3, 2), 9000);
    assert_int_equal(sweep_rung_end(10, 3, 3, 0), 2); /* 10, 4, 2: rounded up */
    assert_int_equal(sweep_rung_end(10, 1, 3, 0), 10);
}

static void what_has_no_meaning_is_named(void **state)
{
    static const char *const bad[][2] = {
        {"[]",                                                                        "object"     },
        {"{}",                                                                        "method"     },
        {"{\"method\":\"best\"}",                                                     "best"       },
        {"{\"method\":\"grid\"}",                                                     "axes"       },
        {"{\"method\":\"grid\",\"axes\":{}}",                                         "axes"       },
        {"{\"method\":\"grid\",\"axis\":{}}",                                         "axis"       },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":3}}",                                 "lr"         },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":[]}}",                                "lr"         },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":[1,1]}}",                             "twice"      },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":[[1]]}}",                             "lr"         },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":[null]}}",                            "lr"         },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":{\"from\":1,\"to\":2}}}",             "steps"      },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":{\"from\":1,\"too\":2}}}",            "too"        },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":{\"from\":1,\"to\":2,\"steps\":3}}}", "different"  },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":{\"from\":1,\"to\":2,\"steps\":1}}}", "steps"      },
        {"{\"method\":\"grid\",\"axes\":{\"lr\":{\"from\":2,\"to\":1,\"steps\":3}}}", "from"       },
        {"{\"method\":\"random\",\"trials\":2,\"axes\":{\"lr\":{\"from\":0,\"to\":1,"
         "\"scale\":\"log\"}}}",                                             "more than 0"},
        {"{\"method\":\"random\",\"trials\":2,\"axes\":{\"lr\":{\"from\":0,\"to\":1,"
         "\"scale\":\"cube\"}}}",                                            "cube"       },
        {"{\"method\":\"random\",\"axes\":{\"lr\":[1]}}",                             "trials"     },
        {"{\"method\":\"random\",\"trials\":2000,\"axes\":{\"lr\":[1]}}",             "trials"     },
        {"{\"method\":\"grid\",\"trials\":2,\"axes\":{\"lr\":[1]}}",                  "trials"     },
        {"{\"method\":\"grid\",\"rungs\":2,\"axes\":{\"lr\":[1]}}",                   "rungs"      },
        {"{\"method\":\"halving\",\"rungs\":1,\"axes\":{\"lr\":[1]}}",                "rungs"      },
        {"{\"method\":\"halving\",\"keep\":1,\"axes\":{\"lr\":[1]}}",                 "keep"       },
        {"{\"method\":\"grid\",\"seed\":-1,\"axes\":{\"lr\":[1]}}",                   "seed"       },
        {"{\"method\":\"grid\",\"settings\":[],\"axes\":{\"lr\":[1]}}",               "settings"   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        if (!read_text(bad[i][0], &err))
            fail_msg("%s was taken", bad[i][0]);
        if (err.code != ERR_INPUT || !strstr(err.msg, bad[i][1]) ||
            strncmp(err.msg, "s.json", 6) != 0)
            fail_msg("%s: %s", bad[i][0], err.msg);
    }
}

static void too_large_a_grid_is_refused(void **state)
{
    struct sweep_value *values;
    struct err err = {0};
    int n;

    (void)state;
    assert_int_equal(read_text("{\"method\":\"grid\",\"axes\":{"
                               "\"lr\":{\"from\":0.0,\"to\":1,\"steps\":64},"
                               "\"ema\":{\"from\":0.0,\"to\":1,\"steps\":64}}}",
                               &err),
                     0);
    assert_int_equal(sweep_spec_draw(&spec, &values, &n, &err), -1);
    assert_non_null(strstr(err.msg, "1000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid_is_every_combination),
        cmocka_unit_test(chance_is_the_seed_s_alone_and_stays_in_range),
        cmocka_unit_test(no_combination_is_tried_twice),
        cmocka_unit_test(halving_ends_at_the_whole_length),
        cmocka_unit_test(what_has_no_meaning_is_named),
        cmocka_unit_test(too_large_a_grid_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
