#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "train/plan.h"

static struct settings settings; /* paths of 4 kB; one a process */

static int plan_of(struct plan *p, const char *flags, struct err *err)
{
    static char words[1000], name[] = "train"; /* getopt keeps pointers into them */
    char *argv[40] = {name}, *rest = words;
    int argc = 1, first;

    snprintf(words, sizeof(words), "%s", flags);
    for (char *w = strsep(&rest, " "); w; w = strsep(&rest, " "))
        if (*w)
            argv[argc++] = w;
    return settings_load(&settings, COMMAND_TRAIN, argc, argv, &first, err) ||
           plan_make(p, &settings, err);
}

static void settings_become_a_plan(void **state)
{
    struct plan p;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        plan_of(&p,
                "--data d -o r --size 320 --sizes 256,384 --loss ce+lovasz:0.5 --heads "
                "1,0.4,0.4 --class-weights 1,2,1,1,1,1,1,3 --optimiser adamw "
                "--schedule cosine --warm-up 5 --iters 50 --threads 3 --loaders 2 "
                "--lr 0.002 --ema 0.99",
                &err),
        0);
    assert_int_equal(p.size, 320);
    assert_int_equal(p.n_sizes, 2);
    assert_true(p.sizes[0] == 256 && p.sizes[1] == 384 && p.bound == 768);
    assert_true(p.loss.part[LOSS_ENTROPY] == 1 && p.loss.part[LOSS_LOVASZ] == 0.5);
    assert_true(p.loss.head[1] == 0.4 && p.loss.class_weight[7] == 3);
    assert_int_equal(p.optimiser.kind, OPTIMISER_ADAMW);
    assert_int_equal(p.schedule.kind, SCHEDULE_COSINE);
    assert_true(p.schedule.base == 0.002 && p.schedule.warm == 5 && p.schedule.total == 50);
    assert_true(p.threads == 3 && p.loaders == 2 && p.loss.threads == 3 && p.learner.threads == 3);
    assert_int_equal(plan_of(&p, "--data d -o r", &err), 0);
    assert_true(p.size == PLAN_SIZE && p.n_sizes == 1 && p.sizes[0] == PLAN_SIZE);
}

static void what_has_no_meaning_is_named(void **state)
{
    static const char *const bad[][2] = {
        {"-o r",                                       "--data"       },
        {"--data d",                                   "-o RUN"       },
        {"--data d -o r --size auto",                  "--size"       },
        {"--data d -o r --size 16",                    "--size"       },
        {"--data d -o r --sizes 256;320",              "--sizes"      },
        {"--data d -o r --sizes 8",                    "--sizes"      },
        {"--data d -o r --loss mse",                   "mse"          },
        {"--data d -o r --heads 1,1",                  "heads"        },
        {"--data d -o r --heads 0,0,0",                "--heads"      },
        {"--data d -o r --class-weights 1,2",          "class-weights"},
        {"--data d -o r --momentum 1",                 "--momentum"   },
        {"--data d -o r --warm-up 10 --iters 10",      "--warm-up"    },
        {"--data d -o r --augment medium,nothing=0.1", "nothing"      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct plan p;
        struct err err = {0};
        int ret = plan_of(&p, bad[i][0], &err);
        if (!ret || err.code != ERR_INPUT || !strstr(err.msg, bad[i][1]))
            fail_msg("\"%s\": code %d, \"%s\"", bad[i][0], err.code, err.msg);
    }
}

static json_t *settings_of(const char *flags)
{
    struct plan p;
    struct err err = {0};

    assert_int_equal(plan_of(&p, flags, &err), 0);
    return plan_settings(&p);
}

static void differences_are_found(void **state)
{
    static const char *const other[][2] = {
        {"--data d -o r --lr 0.02",     "lr"         },
        {"--data e -o r",               "data"       },
        {"--data d -o r --threads 7",   "threads"    },
        {"--data d -o r --iters 9",     "iters"      },
        {"--data d -o r --spare-norms", "spare-norms"},
    };
    json_t *one = settings_of("--data d -o r --threads 2");

    (void)state;
    assert_non_null(one);
    json_t *same = settings_of("--data d -o elsewhere --threads 2 --loaders 5 --resume --cache c");
    assert_null(plan_difference(one, same));
    json_decref(same);
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
        char flags[100];
        snprintf(flags, sizeof(flags), "--threads 2 %s", other[i][0]);
        json_t *two = settings_of(flags);
        const char *key = plan_difference(one, two);
        if (!key || strcmp(key, other[i][1]) != 0)
            fail_msg("\"%s\": differs in %s", other[i][0], key ? key : "nothing");
        json_decref(two);
    }
    json_decref(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_become_a_plan),
        cmocka_unit_test(what_has_no_meaning_is_named),
        cmocka_unit_test(differences_are_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
