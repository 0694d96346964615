#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/settings.h"
#include "common/settings_table.h"

static char config[] = "/tmp/lentigo-test-settings-XXXXXX"; /* made by setup */

static int setup(void **state)
{
    int fd = mkstemp(config);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(config);
}

/* settings_load with the words of `flags` behind the command's name. */
static int load(struct settings *s, enum settings_command command, const char *flags, int *first,
                struct err *err)
{
    static char words[1000], name[] = "run";
    char *argv[20] = {name}, *rest = words;
    int argc = 1;

    snprintf(words, sizeof(words), "%s", flags);
    for (char *w = strsep(&rest, " "); w; w = strsep(&rest, " "))
        if (*w)
            argv[argc++] = w;
    return settings_load(s, command, argc, argv, first, err);
}

/* Equal values; who said them may differ. */
static void assert_same(const struct settings *a, const struct settings *b)
{
    assert_memory_equal(a, b, offsetof(struct settings, is_given));
}

static void write_config(const void *text, size_t n)
{
    struct err err = {0};

    assert_int_equal(file_write(config, text, n, &err), 0);
}

/* Loading with this text as configuration file fails and says `expected` after "FILE". */
static void refuse_config(const char *text, size_t n, const char *expected)
{
    char flags[100];
    struct settings s;
    struct err err = {0};
    int first;

    write_config(text, n);
    snprintf(flags, sizeof(flags), "--config %s", config);
    assert_int_equal(load(&s, COMMAND_RUN, flags, &first, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_memory_equal(err.msg, config, strlen(config));
    if (!strstr(err.msg + strlen(config), expected))
        fail_msg("\"%s\" lacks \"%s\"", err.msg, expected);
}

static void defaults_are_valid(void **state)
{
    struct settings s;
    struct err err = {0};
    int first = 0;

    (void)state;
    assert_int_equal(load(&s, COMMAND_RUN, "", &first, &err), 0);
    assert_int_equal(first, 1);
    assert_int_equal(s.batch, 8);
    assert_string_equal(s.precision, "auto");
    assert_string_equal(s.reports, "html,pdf,json");
    for (size_t i = 0; i < settings_table_length; i++)
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(settings_table[i].name, settings_table[k].name);
            assert_int_not_equal(settings_table[i].offset, settings_table[k].offset);
        }
}

/* Numbers with a fraction: read, refused, and written so that they come back the same. */
static void real_numbers(void **state)
{
    static const char *const bad[] = {"--lr x",   "--lr -0.1",      "--lr 1001", "--lr nan",
                                      "--lr inf", "--momentum 1.5", "--lr 0.1x", "--lr="};
    struct settings s, back;
    struct err err = {0};
    struct buf text;
    int first;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err why = {0};
        if (!load(&s, COMMAND_TRAIN, bad[i], &first, &why) || why.code != ERR_INPUT)
            fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_int_equal(load(&s, COMMAND_TRAIN, "--lr 0.0123 --weight-decay 1e-7", &first, &err), 0);
    assert_true(s.lr == 0.0123 && s.weight_decay == 1e-7 && s.momentum == 0.9);
    assert_false(settings_is_default(&s, "lr"));
    assert_true(settings_is_default(&s, "clip"));
    buf_init(&text, 10000);
    assert_int_equal(settings_value(&s, "lr", &text), 0);
    assert_string_equal(text.data, "0.0123");
    assert_int_equal(settings_value(&s, "no-such", &text), -1);
    buf_clear(&text);
    assert_int_equal(settings_format(&s, &text, &err), 0);
    write_config(text.data, text.len);
    char flags[100];
    snprintf(flags, sizeof(flags), "--config %s", config);
    assert_int_equal(load(&back, COMMAND_TRAIN, flags, &first, &err), 0);
    assert_true(back.lr == 0.0123 && back.weight_decay == 1e-7);
    buf_release(&text);
}

static void flags_and_operands_in_any_order(void **state)
{
    static char words[][12] = {"run", "in", "--size=512", "-o", "out", "more", "--", "-x"};
    char *argv[9] = {NULL};
    struct settings s;
    struct err err = {0};
    int first = 0;

    (void)state;
    for (int i = 0; i < 8; i++)
        argv[i] = words[i];
    assert_int_equal(settings_load(&s, COMMAND_RUN, 8, argv, &first, &err), 0);
    assert_int_equal(s.size, 512);
    assert_string_equal(s.output, "out");
    assert_int_equal(first, 5);
    assert_string_equal(argv[5], "in");
    assert_string_equal(argv[6], "more");
    assert_string_equal(argv[7], "-x");
}

static void bad_flags(void **state)
{
    static const char *const bad[] = {
        "--size 12x",
        "--size 4097",
        "--size -1",
        "--size 99999999999999999999",
        "--batch 0",
        "--precision f3",
        "--precision",
        "--none 3",
        "-q",
        "--data x",
        "--json",
        "--language zhx",
        "--size 1.5",
        "--size 0x10",
        "--help=yes",
        "--reports html",
        "--precision f32|bf16",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct settings s;
        struct err err = {0};
        int first;
        if (load(&s, COMMAND_RUN, bad[i], &first, &err) != -1 || err.code != ERR_INPUT)
            fail_msg("%s: %s", bad[i], err.msg);
    }
}

/* A word in place of a number comes back as the word, for the programs that are started with it. */
static void auto_is_a_number_where_it_may_be(void **state)
{
    struct settings s;
    struct err err = {0};
    struct buf text;
    int first;

    (void)state;
    assert_int_equal(load(&s, COMMAND_RUN, "--size auto", &first, &err), 0);
    assert_int_equal(s.size, SETTINGS_AUTO);
    assert_false(settings_is_default(&s, "size"));
    buf_init(&text, 1000);
    assert_int_equal(settings_format(&s, &text, &err), 0);
    assert_string_equal(text.data, "size = auto\n");
    buf_release(&text);
    assert_int_equal(load(&s, COMMAND_RUN, "--batch auto", &first, &err), -1);
    err = (struct err){0};
    assert_int_equal(load(&s, COMMAND_RUN, "--size aut", &first, &err), -1);
    assert_non_null(strstr(err.msg, "nor auto"));
}

static void bad_config_names_file_and_line(void **state)
{
    static const char *const lines[][2] = {
        {"# fine\n\nsises = 3\n",          ":3: unknown key \"sises\""                            },
        {"size = 256\r\nbatch = many\r\n", ":2: batch: \"many\" is no whole number from 1 to 1024"},
        {"size 256\n",                     ":1: no '='"                                           },
        {"batch = 1025",                   ":1: batch: \"1025\""                                  },
        {"batch = ",                       ":1: batch: \"\""                                      },
        {"allow-volatile = true\n",        ":1: allow-volatile: \"true\" is neither yes nor no"   },
        {"precision = \n",                 ":1: precision"                                        },
        {"precision = f16\n",              ":1: precision: \"f16\" is none of auto|f32"           },
        {"config = /etc/other\n",          ":1: unknown key \"config\""                           },
        {"= 3\n",                          ":1: unknown key \"\""                                 },
        {"spool = a\tb\n",                 ":1: spool: has a control byte"                        },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        refuse_config(lines[i][0], strlen(lines[i][0]), lines[i][1]);
    refuse_config("size = 3\0\nbroken\n", 17, "0 byte");
    static char word[5000]; /* longer than a path may be */
    memset(word, 'x', sizeof(word) - 1);
    memcpy(word, "spool = ", 8);
    refuse_config(word, strlen(word), ":1: spool: longer than 4095 bytes");
}

static void a_missing_config_is_an_error(void **state)
{
    struct settings s;
    struct err err = {0};
    int first;

    (void)state;
    assert_int_equal(load(&s, COMMAND_RUN, "--config /nonexistent/x", &first, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
}

static void precedence(void **state)
{
    char flags[200];
    struct settings s;
    struct err err = {0};
    int first;

    (void)state;
    static const char text[] = "\n  size=128  \nbatch = 4\njobs = 3\nspool = /a b/c#d = e\n";
    write_config(text, sizeof(text) - 1);
    setenv("LENTIGO_BATCH", "5", 1);
    setenv("LENTIGO_JOBS", "6", 1);
    setenv("LENTIGO_LOG_LEVEL", "debug", 1);
    /* The flag stands before --config and wins all the same. */
    snprintf(flags, sizeof(flags), "--jobs 7 --config %s", config);
    assert_int_equal(load(&s, COMMAND_RUN, flags, &first, &err), 0);
    assert_int_equal(s.size, 128);
    assert_int_equal(s.batch, 5);
    assert_int_equal(s.jobs, 7);
    assert_int_equal(s.slots, 0);
    assert_string_equal(s.spool, "/a b/c#d = e"); /* a row of another command is kept */
    assert_string_equal(s.log_level, "debug");

    setenv("LENTIGO_BATCH", "x", 1);
    assert_int_equal(load(&s, COMMAND_RUN, "", &first, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "LENTIGO_BATCH"));
    unsetenv("LENTIGO_BATCH");
    unsetenv("LENTIGO_JOBS");
    unsetenv("LENTIGO_LOG_LEVEL");
}

static void config_from_the_environment(void **state)
{
    struct settings s;
    struct err err = {0};
    int first;

    (void)state;
    write_config("jobs = 9\n", 9);
    setenv("LENTIGO_CONFIG", config, 1);
    assert_int_equal(load(&s, COMMAND_RUN, "", &first, &err), 0);
    assert_int_equal(s.jobs, 9);
    assert_int_equal(load(&s, COMMAND_RUN, "--config /dev/null", &first, &err), -1);
    unsetenv("LENTIGO_CONFIG");
}

static void what_was_said_is_told_from_what_is_so_anyway(void **state)
{
    struct settings s;
    struct err err = {0};
    int first;

    (void)state;
    write_config("jobs = 0\n", 9);
    setenv("LENTIGO_REDIS", "127.0.0.1:6379", 1);
    assert_int_equal(load(&s, COMMAND_SWEEP, "--workers 0", &first, &err), 0);
    assert_true(settings_is_given(&s, "redis") && settings_is_given(&s, "workers"));
    assert_true(settings_is_default(&s, "redis") && settings_is_default(&s, "workers"));
    assert_false(settings_is_given(&s, "jobs") || settings_is_given(&s, "no-such-row"));
    unsetenv("LENTIGO_REDIS");
    char flags[100];
    snprintf(flags, sizeof(flags), "--config %s", config);
    assert_int_equal(load(&s, COMMAND_SWEEP, flags, &first, &err), 0);
    assert_true(settings_is_given(&s, "jobs") && !settings_is_given(&s, "redis"));
}

static void one_row_is_set_by_its_name(void **state)
{
    char name[SETTINGS_WORD_SIZE];
    struct settings s;
    struct err err = {0};
    int first;

    (void)state;
    assert_int_equal(load(&s, COMMAND_TRAIN, "", &first, &err), 0);
    assert_int_equal(settings_set(&s, "ohem-kept", "0.5", &err), 0);
    assert_true(s.ohem_kept == 0.5);
    assert_int_equal(settings_set(&s, "batch", "0", &err), -1);
    assert_true(err.code == ERR_INPUT && strstr(err.msg, "batch"));
    memset(&err, 0, sizeof(err));
    assert_int_equal(settings_set(&s, "speed", "1", &err), -1);
    assert_true(err.code == ERR_INPUT && strstr(err.msg, "speed"));
    assert_true(settings_takes(COMMAND_TRAIN, "lr") && !settings_takes(COMMAND_TRAIN, "ohem-kept"));
    assert_false(settings_takes(COMMAND_TRAIN, "speed"));
    settings_environment_name("ohem-kept", name);
    assert_string_equal(name, "LENTIGO_OHEM_KEPT");
}

static void round_trip(void **state)
{
    static const char *const flags =
        "--size 512 --precision bf16 -j 2 -o /tmp/张=伟 --language zh --model m#1";
    char again[100];
    struct settings a, b;
    struct err err = {0};
    int first;

    (void)state;
    assert_int_equal(load(&a, COMMAND_RUN, flags, &first, &err), 0);
    assert_int_equal(settings_write(&a, config, &err), 0);
    snprintf(again, sizeof(again), "--config %s", config);
    assert_int_equal(load(&b, COMMAND_RUN, again, &first, &err), 0);
    memset(b.config, 0, sizeof(b.config));
    assert_same(&a, &b);
}

/* A child gets its settings as lines: a value must not be able to make a line of its own. */
/* What a program's children load is what it has itself, whatever file they are pointed to. */
static void children_load_what_was_exported(void **state)
{
    static struct settings s, back;
    static const char text[] = "size = 320\njobs = 3\n";
    char flags[200];
    struct err err = {0};
    int first;

    (void)state;
    write_config(text, sizeof(text) - 1);
    snprintf(flags, sizeof(flags), "--config %s --jobs 0 -o /tmp/out", config);
    assert_int_equal(load(&s, COMMAND_RUN, flags, &first, &err), 0);
    snprintf(s.spool, sizeof(s.spool), "/tmp/private");
    setenv("LENTIGO_SPOOL", "/tmp/of-somebody-else", 1);
    assert_int_equal(settings_export(&s, &err), 0);
    snprintf(flags, sizeof(flags), "--config %s", config);
    assert_int_equal(load(&back, COMMAND_SCHEDULER, flags, &first, &err), 0);
    assert_same(&s, &back);
    clearenv();
}

static void values_cannot_inject_lines(void **state)
{
    static char evil[][40] = {"x\nworkers = 64", " x", "x ", "\rx"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char name[] = "run", flag[] = "--output", *argv[] = {name, flag, evil[i], NULL};
        struct settings s;
        struct err err = {0};
        int first;
        assert_int_equal(settings_load(&s, COMMAND_RUN, 3, argv, &first, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
}

static void help_fits_a_screen(void **state)
{
    char *page = NULL;
    size_t n = 0;

    (void)state;
    for (unsigned bit = 1; bit <= COMMAND_ALL; bit <<= 1) {
        FILE *out = open_memstream(&page, &n);
        int lines = 0;
        settings_help((enum settings_command)bit, out);
        fclose(out);
        for (const char *c = page; *c; c++)
            lines += *c == '\n';
        assert_in_range(lines, 5, 40);
        assert_non_null(strstr(page, "-h --help"));
        free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_valid),
        cmocka_unit_test(real_numbers),
        cmocka_unit_test(flags_and_operands_in_any_order),
        cmocka_unit_test(bad_flags),
        cmocka_unit_test(auto_is_a_number_where_it_may_be),
        cmocka_unit_test(bad_config_names_file_and_line),
        cmocka_unit_test(a_missing_config_is_an_error),
        cmocka_unit_test(precedence),
        cmocka_unit_test(config_from_the_environment),
        cmocka_unit_test(what_was_said_is_told_from_what_is_so_anyway),
        cmocka_unit_test(one_row_is_set_by_its_name),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(children_load_what_was_exported),
        cmocka_unit_test(values_cannot_inject_lines),
        cmocka_unit_test(help_fits_a_screen),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
