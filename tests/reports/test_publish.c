#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "reports/publish.h"
#include "tests/reports/page.h"

static bool is_there(const char *dir, const char *name)
{
    char path[SPOOL_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return !access(path, F_OK);
}

static void publish(const struct settings *s, const char *dir, struct publish_outcome *o)
{
    struct publisher p;
    struct err err = {0};

    if (publisher_init(&p, s, &err) || publish_make(&p, dir, o, &err) ||
        publish_sync(&p, dir, &err))
        fail_msg("%s", err.msg);
    assert_false(is_there(dir, "report.json")); /* not finished before the sync */
    assert_int_equal(publish_finish(dir, &err), 0);
    publisher_release(&p);
}

static void run_gets_its_files(void **state)
{
    static const char *const names[] = {"report.html",          "report.pdf",
                                        "report.json",          "IMG_0000.mask.png",
                                        "IMG_0000.overlay.jpg", "IMG_0002.mask.png"};
    const struct made *m = *state;
    struct settings settings;
    struct publish_outcome o;
    struct study s;
    char dir[SPOOL_PATH_SIZE], out[400];

    made_fill(&s, "P1", 3);
    made_study(*state, &s, page_five, dir);
    made_settings(m, &settings, "html,pdf,json", "en");
    publish(&settings, dir, &o);
    assert_int_equal(o.risk, RISK_REVIEW);
    snprintf(out, sizeof(out), "%s/patients/P1", m->out);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!is_there(out, names[i]))
            fail_msg("%s is missing", names[i]);
    assert_false(is_there(out, "IMG_0001.mask.png")); /* set aside */
    char *published = made_read(out, "report.json", NULL),
         *kept = made_read(dir, "report.json", NULL);
    assert_string_equal(published, kept);
    free(published);
    free(kept);
}

/* Made again after a crash: the same files, replaced, and nothing left lying about. */
static void second_time_changes_nothing(void **state)
{
    const struct made *m = *state;
    struct settings settings;
    struct publish_outcome o;
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE], out[400], line[1000], path[SPOOL_PATH_SIZE + 32];

    made_fill(&s, "P1", 2);
    made_study(*state, &s, NULL, dir);
    made_settings(m, &settings, "html,pdf,json", "en");
    publish(&settings, dir, &o);
    snprintf(out, sizeof(out), "%s/patients/P1", m->out);
    snprintf(line, sizeof(line), "cd '%s' && sha256sum * > ../../sums", out);
    assert_int_equal(made_shell(line), 0);
    snprintf(path, sizeof(path), "%s/report.json", dir);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/IMG_0000.mask.png", out);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(file_write(path, "old", 3, &err), 0); /* of an earlier result */
    publish(&settings, dir, &o);
    snprintf(line, sizeof(line), "cd '%s' && sha256sum -c ../../sums && test $(ls | wc -l) = 7",
             out);
    assert_int_equal(made_shell(line), 0);
}

/* The reporter of a scheduler that was killed, beside that of the next one. */
static void a_late_reporter_leaves_nothing_behind(void **state)
{
    const struct made *m = *state;
    struct settings settings;
    struct publish_outcome o;
    struct publisher late;
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 3);
    made_study(*state, &s, page_five, dir);
    made_settings(m, &settings, "json", "en");
    assert_int_equal(publisher_init(&late, &settings, &err), 0);
    assert_int_equal(publish_make(&late, dir, &o, &err), 0);
    publish_abandon(dir);
    assert_true(is_there(dir, "report.json.draft")); /* it may be the other one's */
    assert_int_equal(publish_finish(dir, &err), 0);
    assert_int_equal(publish_finish(dir, &err), 0); /* the other one was first */
    assert_int_equal(publish_make(&late, dir, &o, &err), 0);
    publish_abandon(dir);
    assert_false(is_there(dir, "report.json.draft"));
    assert_true(is_there(dir, "report.json"));
    publisher_release(&late);
}

static void put(const char *dir, const char *name)
{
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(file_write(path, "x", 1, &err), 0);
}

/* A worker killed while it wrote, one that was too late for a cancel, a reporter killed while it
 * wrote: tests/chaos found them in finished studies. */
static void what_the_dead_left_is_swept(void **state)
{
    const struct made *m = *state;
    struct settings settings;
    struct publish_outcome o;
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE], out[400], results[SPOOL_PATH_SIZE + 16];

    made_fill(&s, "P1", 3);
    made_study(*state, &s, page_five, dir);
    made_settings(m, &settings, "html,pdf,json", "en");
    snprintf(out, sizeof(out), "%s/patients/P1", m->out);
    snprintf(results, sizeof(results), "%s/results", dir);
    assert_int_equal(dir_make(out, &err), 0);
    put(results, "0.json.999999999.tmp");
    put(results, "1.mask.png"); /* was set aside */
    put(dir, "report.json.999999999.tmp");
    put(out, "report.html.999999999.tmp");
    put(out, "IMG_0000.mask.png.999999999.tmp");
    put(out, "notes.999999999.tmp"); /* the user's own */
    put(out, "report.html.mine.999999999.tmp");
    publish(&settings, dir, &o);
    assert_false(is_there(results, "0.json.999999999.tmp"));
    assert_false(is_there(results, "1.mask.png"));
    assert_false(is_there(dir, "report.json.999999999.tmp"));
    assert_false(is_there(out, "report.html.999999999.tmp"));
    assert_false(is_there(out, "IMG_0000.mask.png.999999999.tmp"));
    assert_true(is_there(out, "notes.999999999.tmp"));
    assert_true(is_there(out, "report.html.mine.999999999.tmp"));
    assert_true(is_there(results, "0.mask.png") && is_there(results, "1.json"));
}

static void json_alone_makes_no_pages(void **state)
{
    const struct made *m = *state;
    struct settings settings;
    struct publish_outcome o;
    struct study s;
    char dir[SPOOL_PATH_SIZE], out[400];

    made_fill(&s, "P1", 1);
    made_study(*state, &s, NULL, dir);
    made_settings(m, &settings, "json", "en");
    publish(&settings, dir, &o);
    snprintf(out, sizeof(out), "%s/patients/P1", m->out);
    assert_true(is_there(out, "report.json"));
    assert_true(is_there(out, "IMG_0000.mask.png"));
    assert_false(is_there(out, "report.html"));
    assert_false(is_there(out, "report.pdf"));
    assert_false(is_there(out, "IMG_0000.overlay.jpg"));
}

static void installation_keeps_all_in_the_study(void **state)
{
    struct settings settings;
    struct publish_outcome o;
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 1);
    made_study(*state, &s, NULL, dir);
    made_settings(*state, &settings, "html,pdf,json", "zh");
    settings.output[0] = 0;
    publish(&settings, dir, &o);
    assert_true(is_there(dir, "report.html"));
    assert_true(is_there(dir, "report.pdf"));
    assert_true(is_there(dir, "report.json"));
}

/* Errors are logged and sent on: no field of a patient may be in them. */
static void error_does_not_name_the_patient(void **state)
{
    const struct made *m = *state;
    struct settings settings;
    struct publish_outcome o;
    struct publisher p;
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE], path[400];

    made_fill(&s, "Secret-Id", 1);
    made_study(*state, &s, NULL, dir);
    made_settings(m, &settings, "json", "en");
    snprintf(path, sizeof(path), "%s/patients", m->out);
    assert_int_equal(file_write(path, "in the way", 10, &err), 0);
    assert_int_equal(publisher_init(&p, &settings, &err), 0);
    assert_int_equal(publish_make(&p, dir, &o, &err), -1);
    assert_null(strstr(err.msg, "Secret-Id"));
    assert_false(is_there(dir, "report.json"));
    publisher_release(&p);
}

/* Thresholds of another policy than the one that decided must not be shown. */
static void other_policy_is_not_shown(void **state)
{
    const struct made *m = *state;
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE], path[400];

    made_fill(&s, "P1", 1);
    made_study(*state, &s, NULL, dir);
    struct buf page = page_make(m, dir, LANGUAGE_EN, NULL);
    assert_non_null(strstr(page.data, "review from 20"));
    buf_release(&page);
    char *policy = made_read(m->model, "policy.json", NULL);
    char *number = strstr(policy, "\"malignant\":0.2");
    assert_non_null(number);
    number[strlen("\"malignant\":0.")] = '3';
    snprintf(path, sizeof(path), "%s/policy.json", m->model);
    assert_int_equal(file_write(path, policy, strlen(policy), &err), 0);
    free(policy);
    page = page_make(m, dir, LANGUAGE_EN, NULL);
    assert_null(strstr(page.data, "review from"));
    assert_non_null(strstr(page.data, "not at hand"));
    buf_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(run_gets_its_files, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(second_time_changes_nothing, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(a_late_reporter_leaves_nothing_behind, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(what_the_dead_left_is_swept, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(json_alone_makes_no_pages, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(installation_keeps_all_in_the_study, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(error_does_not_name_the_patient, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(other_policy_is_not_shown, page_setup, page_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
