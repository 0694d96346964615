/* Runs that have no Redis (any more): what their folder says. Live ones are in terminal.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "tests/tui/fake_stats.h"
#include "tui/source.h"

struct place {
    char out[64], note[96], last[96];
    struct source source;
    struct reading reading;
    struct settings settings;
};

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    char state_dir[96], path[128];
    struct err err = {0};
    char name[] = "top", *argv[] = {name, NULL};
    int first;

    assert_non_null(p);
    snprintf(p->out, sizeof(p->out), "/tmp/lentigo-test-XXXXXX");
    assert_non_null(mkdtemp(p->out));
    snprintf(p->note, sizeof(p->note), "%s/.lentigo/run.json", p->out);
    snprintf(p->last, sizeof(p->last), "%s/.lentigo/stats.json", p->out);
    snprintf(path, sizeof(path), "%s/.lentigo", p->out);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(state_dir, sizeof(state_dir), "%s/state", p->out);
    setenv("XDG_STATE_HOME", state_dir, 1);
    /* nothing listens here; the default may be a real Redis of the machine */
    setenv("LENTIGO_REDIS", "/nonexistent/socket", 1);
    assert_int_equal(settings_load(&p->settings, COMMAND_TOP, 1, argv, &first, &err), 0);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char path[160];

    source_close(&p->source);
    unlink(p->note);
    unlink(p->last);
    snprintf(path, sizeof(path), "%s/state/lentigo/last-run", p->out);
    unlink(path);
    snprintf(path, sizeof(path), "%s/state/lentigo", p->out);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/state", p->out);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/.lentigo", p->out);
    rmdir(path);
    assert_int_equal(rmdir(p->out), 0);
    free(p);
    return 0;
}

static void leave_figures(struct place *p, int64_t missing)
{
    static struct stats s;
    struct err err = {0};

    fake_stats(&s, FAKE_USUAL, 0);
    s.done = s.received - s.set_aside - missing;
    json_t *object = stats_to_json(&s);
    assert_int_equal(json_write(p->last, object, &err), 0);
    json_decref(object);
    object = json_pack("{s:s}", "redis", "/nonexistent/socket");
    assert_int_equal(json_write(p->note, object, &err), 0);
    json_decref(object);
}

static void a_finished_run_is_done(void **state)
{
    struct place *p = *state;
    struct err err = {0};

    leave_figures(p, 0);
    assert_int_equal(source_find(&p->source, &p->settings, p->out, &err), 0);
    assert_string_equal(source_name(&p->source), p->out);
    assert_int_equal(source_read(&p->source, &p->reading, &err), 0);
    assert_int_equal(p->reading.link, READING_OVER);
    assert_int_equal(p->reading.n, 1);
    assert_string_equal(p->reading.nodes[0].state, "done");
    assert_int_equal(p->reading.nodes[0].received, 11533);
}

static void a_broken_off_run_is_not_done(void **state)
{
    struct place *p = *state;
    struct err err = {0};

    leave_figures(p, 5);
    assert_int_equal(source_find(&p->source, &p->settings, p->out, &err), 0);
    source_read(&p->source, &p->reading, &err);
    assert_string_equal(p->reading.nodes[0].state, "stopped");
}

/* The file is of an earlier session of the run: it must not replace newer figures. */
static void older_figures_do_not_come_back(void **state)
{
    struct place *p = *state;
    struct err err = {0};

    leave_figures(p, 5);
    assert_int_equal(source_find(&p->source, &p->settings, p->out, &err), 0);
    fake_stats(&p->reading.nodes[0], FAKE_USUAL, 100);
    p->reading.n = 1;
    p->reading.link = READING_LIVE;
    assert_int_equal(source_read(&p->source, &p->reading, &err), -1);
    assert_int_equal(p->reading.link, READING_LOST);
    assert_true(p->reading.since_ms > 0);
    assert_string_equal(p->reading.nodes[0].state, "running");
    assert_int_equal(err.code, ERR_AGAIN);
    int64_t since = p->reading.since_ms;
    source_read(&p->source, &p->reading, &err);
    assert_int_equal(p->reading.since_ms, since);
}

static void damaged_files_are_no_figures(void **state)
{
    static const char *const texts[] = {"", "{", "[]", "{\"node\":3}", "null"};
    struct place *p = *state;
    struct err err = {0};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(file_write(p->last, texts[i], strlen(texts[i]), &err), 0);
        assert_int_equal(file_write(p->note, texts[i], strlen(texts[i]), &err), 0);
        assert_int_equal(source_find(&p->source, &p->settings, p->out, &err), 0);
        source_read(&p->source, &p->reading, &err);
        assert_int_equal(p->reading.n, 0);
        assert_int_equal(p->reading.link, READING_LOST);
    }
}

static void a_folder_that_is_no_run_is_refused(void **state)
{
    struct place *p = *state;
    struct err err = {0};

    assert_int_equal(source_find(&p->source, &p->settings, "/nonexistent", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.msg, "/nonexistent"));
}

static void note_last_run(const struct place *p, const char *text)
{
    char path[160];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/state/lentigo", p->out);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(path, sizeof(path), "%s/state/lentigo/last-run", p->out);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static void the_newest_run_stands_in_for_an_installation(void **state)
{
    struct place *p = *state;
    struct err err = {0};
    char text[80];

    snprintf(text, sizeof(text), "%s\n", p->out);
    note_last_run(p, text);
    /* named by hand: that one and no other */
    assert_int_equal(source_find(&p->source, &p->settings, NULL, &err), 0);
    assert_string_equal(source_name(&p->source), "/nonexistent/socket");
    /* the default, which has no machine at work */
    snprintf(p->settings.redis, sizeof(p->settings.redis), "127.0.0.1:6379");
    assert_int_equal(source_find(&p->source, &p->settings, NULL, &err), 0);
    assert_string_equal(source_name(&p->source), p->out);
    note_last_run(p, "/nonexistent");
    assert_int_equal(source_find(&p->source, &p->settings, NULL, &err), 0);
    assert_string_equal(source_name(&p->source), "127.0.0.1:6379");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_finished_run_is_done, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_off_run_is_not_done, setup, teardown),
        cmocka_unit_test_setup_teardown(older_figures_do_not_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_files_are_no_figures, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_no_run_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newest_run_stands_in_for_an_installation, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
