/* A search on disk: begun once, gone on with by whoever asks for the same, results that stay. */
#include <math.h>
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
#include "tests/train/small_set.h"
#include "train/sweep.h"
#include "train/sweep_page.h"
#include "train/tools.h"

static char root[] = "/tmp/lentigo-test-sweep-XXXXXX"; /* made by setup */
static char dir[64], spec[64];

static int setup(void **state)
{
    static const struct small_picture pictures[] = {
        {"a", "NV",  "train", 32, 32},
        {"b", "MEL", "val",   32, 32},
    };

    (void)state;
    if (!mkdtemp(root))
        return -1;
    snprintf(dir, sizeof(dir), "%s/sweep", root);
    snprintf(spec, sizeof(spec), "%s/spec.json", root);
    char data[64];
    snprintf(data, sizeof(data), "%s/set", root);
    small_set_write(data, pictures, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dir_remove(root);
    return 0;
}

/* A spec of halving over `axes`, with `more` settings. */
static void write_spec(const char *axes, const char *more)
{
    FILE *f = fopen(spec, "w");

    assert_non_null(f);
    fprintf(f,
            "{\"method\":\"halving\",\"rungs\":2,\"axes\":{%s},\"settings\":{\"data\":\"%s/set\","
            "\"unchecked\":true,\"iters\":9%s}}",
            axes, root, more);
    fclose(f);
}

static struct sweep *open_sweep(const char *file, bool resume, struct err *err)
{
    struct sweep *w = calloc(1, sizeof(*w));
    const struct sweep_opening how = {dir, file, resume, 1};

    assert_non_null(w);
    if (!sweep_open(w, &how, err))
        return w;
    sweep_close(w);
    free(w);
    return NULL;
}

static void close_sweep(struct sweep *w)
{
    assert_non_null(w);
    sweep_close(w);
    free(w);
}

static void expect_refusal(const char *file, bool resume, enum err_code code, const char *word)
{
    struct err err = {0};

    assert_null(open_sweep(file, resume, &err));
    if (err.code != code || !strstr(err.msg, word))
        fail_msg("\"%s\" is not in: %s (%s)", word, err.msg, err_name(err.code));
}

static void what_cannot_be_is_named_and_leaves_nothing(void **state)
{
    static const char *const bad[][3] = {
        {"\"lrr\":[1]",               "",                 "\"lrr\""            },
        {"\"lr\":[\"fast\"]",         "",                 "trial 1 (lr fast)"  },
        {"\"loss\":[\"ce\",\"mse\"]", "",                 "trial 2 (loss mse)" },
        {"\"data\":[\"x\",\"y\"]",    "",                 "\"data\""           },
        {"\"iters\":[10,20]",         "",                 "\"iters\""          },
        {"\"lr\":[1]",                ",\"lr\":2",        "\"lr\""             },
        {"\"lr\":[1]",                ",\"speed\":2",     "speed"              },
        {"\"lr\":[1]",                ",\"batch\":0",     "batch"              },
        {"\"lr\":[1]",                ",\"resume\":true", "\"resume\""         },
        {"\"lr\":[1]",                ",\"loss\":[1]",    "\"loss\""           },
        {"\"warm-up\":[1,3]",         "",                 "trial 2 (warm-up 3)"},
    };
    char path[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        write_spec(bad[i][0], bad[i][1]);
        expect_refusal(spec, false, ERR_INPUT, bad[i][2]);
    }
    write_spec("\"lr\":[1]", "");
    expect_refusal(NULL, true, ERR_CONFIG, "holds no sweep");
    snprintf(path, sizeof(path), "%s/sweep.json", dir);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_not_equal(access(dir, F_OK), 0);
}

static void keep(struct sweep *w, int trial, int rung, double score)
{
    struct sweep_result r = sweep_result_of(SWEEP_DONE);
    struct err err = {0};

    r.score = score;
    r.iteration = sweep_end(w, trial, rung);
    assert_int_equal(sweep_keep(w, trial, rung, &r, &err), 0);
}

static void two_who_work_on_one_sweep_see_the_same(void **state)
{
    char words[100], path[200];
    struct err err = {0};
    bool in[SWEEP_TRIALS_MAX];
    struct buf command;

    (void)state;
    write_spec("\"lr\":[0.1,0.2,0.4],\"loss\":[\"ce\",\"ce+dice:0.5\"]",
               ",\"batch\":3,\"ohem-kept\":0.5");
    struct sweep *a = open_sweep(spec, false, &err), *b = open_sweep(spec, true, &err);
    assert_true(a && b);
    assert_string_equal(a->id, b->id);
    assert_int_equal(a->board.n, 6);
    assert_string_equal(sweep_describe(words, sizeof(words), b, 3), "lr 0.2, loss ce+dice:0.5");
    assert_true(sweep_end(b, 0, 0) == 3 && sweep_end(b, 0, 1) == 9);
    expect_refusal(spec, false, ERR_CONFIG, "--resume");
    write_spec("\"lr\":[0.1]", ",\"batch\":3,\"ohem-kept\":0.5");
    expect_refusal(spec, true, ERR_CONFIG, "axes");
    for (int i = 0; i < 6; i++)
        keep(i % 2 ? a : b, i, 0, i * 0.1);
    keep(a, 5, 0, 7); /* too late: the first one stays */
    assert_int_equal(sweep_look(a, &err), 0);
    assert_int_equal(sweep_look(b, &err), 0);
    assert_int_equal(sweep_board_rung(&a->board, in), 1);
    assert_true(in[4] && in[5] && !in[3] && sweep_board_at(&a->board, 0, 5)->score < 0.6);
    assert_int_equal(sweep_board_rung(&b->board, in), 1);
    buf_init(&command, 1 << 16);
    assert_int_equal(sweep_command(&command, a, 3, &err), 0);
    assert_int_equal(strncmp(command.data, "LENTIGO_OHEM_KEPT=0.5 lentigo train ", 36), 0);
    assert_non_null(strstr(command.data, " --lr=0.2 "));
    assert_non_null(strstr(command.data, " --loss=ce+dice:0.5 "));
    assert_non_null(strstr(command.data, " --batch=3 "));
    assert_null(strstr(command.data, "--momentum")); /* as without it */
    buf_release(&command);
    sweep_page_write(a, "");
    snprintf(path, sizeof(path), "%s/table.csv", dir);
    assert_int_equal(access(path, F_OK), 0);
    close_sweep(a);
    close_sweep(b);
}

static void a_damaged_result_is_done_again(void **state)
{
    char path[200];
    struct err err = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/results/0006.2.json", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"version\":1,\"sta", f);
    fclose(f);
    struct sweep *w = open_sweep(NULL, true, &err);
    assert_non_null(w);
    assert_int_equal(sweep_board_at(&w->board, 1, 5)->status, SWEEP_OPEN);
    assert_int_not_equal(access(path, F_OK), 0);
    close_sweep(w);
}

static void three_crashes_are_enough_and_ten_kills(void **state)
{
    struct sweep_result aside;
    struct err err = {0};
    struct sweep *w = open_sweep(NULL, true, &err);

    (void)state;
    assert_non_null(w);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sweep_is_hopeless(w, 4, &aside, &err), 0);
        assert_int_equal(sweep_note_death(w, 4, true, "signal 11", &err), 0);
    }
    assert_int_equal(sweep_is_hopeless(w, 4, &aside, &err), 1);
    assert_int_equal(aside.status, SWEEP_SET_ASIDE);
    assert_non_null(strstr(aside.reason, "signal 11"));
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sweep_is_hopeless(w, 5, &aside, &err), 0);
        assert_int_equal(sweep_note_death(w, 5, false, "signal 9", &err), 0);
    }
    assert_int_equal(sweep_is_hopeless(w, 5, &aside, &err), 1);
    assert_int_equal(sweep_is_hopeless(w, 0, &aside, &err), 0);
    close_sweep(w);
}

/* What `lentigo train` would have written of trial 1. */
static void write_config(struct sweep *w, const char *backend, const char *lr)
{
    char path[200];
    struct err err = {0};
    json_t *settings = sweep_settings(w, 0);
    json_t *config = json_pack("{s:s,s:s,s:s,s:i,s:i}", "backend", backend, "precision", "f32",
                               "device", "cpu", "train_pictures", 1, "validation_pictures", 1);

    json_object_set_new(settings, "lr", json_string(lr));
    json_object_set_new(settings, "threads", json_integer(1));
    json_object_set_new(config, "settings", settings);
    snprintf(path, sizeof(path), "%s/trials/0001", dir);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(path, sizeof(path), "%s/trials/0001/config.json", dir);
    assert_int_equal(json_write(path, config, &err), 0);
    json_decref(config);
}

static void a_machine_of_another_kind_is_told(void **state)
{
    struct err err = {0};
    struct sweep *w = open_sweep(NULL, true, &err);

    (void)state;
    assert_non_null(w);
    json_object_set_new(w->settings, "threads", json_string("1"));
    write_config(w, "onednn", "0.1");
    assert_int_equal(sweep_agree(w, 0, &err), 0);
    assert_int_equal(sweep_agree(w, 0, &err), 0);
    write_config(w, "cudnn", "0.1");
    assert_int_equal(sweep_agree(w, 0, &err), -1);
    assert_true(err.code == ERR_CONFIG && strstr(err.msg, "cudnn") && strstr(err.msg, "onednn"));
    memset(&err, 0, sizeof(err));
    write_config(w, "onednn", "0.3");
    assert_int_equal(sweep_agree(w, 0, &err), -1);
    assert_true(strstr(err.msg, "lr") && strstr(err.msg, "0.3"));
    close_sweep(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_named_and_leaves_nothing),
        cmocka_unit_test(two_who_work_on_one_sweep_see_the_same),
        cmocka_unit_test(a_damaged_result_is_done_again),
        cmocka_unit_test(three_crashes_are_enough_and_ten_kills),
        cmocka_unit_test(a_machine_of_another_kind_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
