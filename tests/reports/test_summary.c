#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/file.h"
#include "reports/publish.h"
#include "reports/summary.h"
#include "tests/reports/page.h"

static enum result_status by_patient(struct image_entry *e, int i)
{
    return page_five(e, i);
}

static enum result_status never_done(struct image_entry *e, int i)
{
    (void)e;
    (void)i;
    return RESULT_NONE;
}

static enum result_status cancelled(struct image_entry *e, int i)
{
    (void)e;
    (void)i;
    return RESULT_CANCELLED;
}

static enum result_status urgent(struct image_entry *e, int i)
{
    (void)i;
    e->decision.risk = RISK_URGENT;
    e->measures.malignant_probability = 0.91;
    snprintf(e->decision.reason, sizeof(e->decision.reason), "malignant_high+melanoma_high");
    return RESULT_DONE;
}

static void add(struct made *m, const char *patient, int n,
                enum result_status (*edit)(struct image_entry *e, int i), bool is_published)
{
    struct study s;
    struct settings settings;
    struct publisher p;
    struct publish_outcome o;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, patient, n);
    made_study(m, &s, edit, dir);
    if (!is_published)
        return;
    made_settings(m, &settings, "html,pdf,json", "en");
    if (publisher_init(&p, &settings, &err) || publish_make(&p, dir, &o, &err) ||
        publish_finish(dir, &err))
        fail_msg("%s", err.msg);
    publisher_release(&p);
}

static int run_summary(const struct made *m, const char *language)
{
    struct settings settings;

    made_settings(m, &settings, "html,pdf,json", language);
    return summary_run(&settings);
}

static void write_stats(const struct made *m)
{
    static const char stats[] = "{\"started_ms\":1000,\"at_ms\":5000,\"images_per_s\":99.0,"
                                "\"device\":\"cpu\",\"model\":\"starter\"}";
    char path[400];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/.lentigo/stats.json", m->out);
    assert_int_equal(file_write(path, stats, strlen(stats), &err), 0);
}

static void counts_add_up(void **state)
{
    struct made *m = *state;
    struct err err = {0};

    add(m, "A", 5, by_patient, true);
    add(m, "B", 1, NULL, true);
    add(m, "C", 2, cancelled, true);
    write_stats(m);
    assert_int_equal(run_summary(m, "en"), 0);
    char *text = made_read(m->out, "summary.json", NULL);
    json_t *o = json_parse(text, strlen(text), "summary.json", &err);
    assert_non_null(o);
    assert_int_equal(json_number_or(o, "received", -1), 8);
    assert_int_equal(json_number_or(o, "done", -1), 5);
    assert_int_equal(json_number_or(o, "set_aside", -1), 1);
    assert_int_equal(json_number_or(o, "cancelled", -1), 2);
    assert_int_equal(json_number_or(o, "patients", -1), 3);
    assert_int_equal(json_number_or(o, "reports", -1), 3);
    assert_int_equal(json_number_or(o, "flagged", -1), 2);
    assert_int_equal(json_number_or(o, "wall_s", -1), 4);
    assert_int_equal(json_number_or(o, "images_per_s", -1),
                     2); /* of the run, not the last second */
    assert_string_equal(json_text_or(o, "model", ""), "starter");
    assert_string_equal(json_text_or(o, "precision", ""), "bf16");
    assert_string_equal(json_text_or(o, "device", ""), "cpu");
    json_decref(o);
    free(text);
    text = made_read(m->out, "summary.html", NULL);
    assert_non_null(strstr(text, "8 pictures received = 5 assessed + 1 set aside + 2 cancelled"));
    assert_null(strstr(text, "<script"));
    free(text);
}

static void work_list_is_worst_first(void **state)
{
    struct made *m = *state;

    add(m, "routine", 1, NULL, true);
    add(m, "review", 4, NULL, true);
    add(m, "=cmd|'/c calc'!A0", 1, NULL, true);
    add(m, "urgent", 1, urgent, true);
    add(m, "mixed,\"x\"", 5, by_patient, true);
    assert_int_equal(run_summary(m, "en"), 0);
    char *csv = made_read(m->out, "worklist.csv", NULL);
    const char *head = "patient_id,study_id,site,risk,malignant_probability,reason,action,report\n";
    assert_int_equal(strncmp(csv, head, strlen(head)), 0);
    assert_int_equal(strncmp(csv + strlen(head),
                             "urgent,S-1,Clinic North,urgent,0.9100,"
                             "malignant_high+melanoma_high,Doctor examines",
                             80),
                     0);
    const char *at[] = {strstr(csv, "\nurgent,"), strstr(csv, "\nreview,"),
                        strstr(csv, "\n\"mixed,\"\"x\"\"\","), strstr(csv, "\nroutine,")};
    for (int i = 0; i < 4; i++)
        assert_non_null(at[i]);
    assert_true(at[0] < at[1] && at[1] < at[3] && at[0] < at[2] && at[2] < at[3]);
    assert_non_null(strstr(csv, "\n'=cmd|'/c calc'!A0,"));
    assert_non_null(strstr(csv, "pictures to take again: 2"));
    assert_non_null(strstr(csv, "patients/urgent/report.html\n"));
    free(csv);
}

static void set_aside_list_tells_reason_and_others(void **state)
{
    struct made *m = *state;

    add(m, "A", 2, by_patient, true);
    assert_int_equal(run_summary(m, "en"), 0);
    char *csv = made_read(m->out, "set-aside.csv", NULL);
    assert_non_null(strstr(csv, "dir/IMG_0001.jpg,truncated,The file ends too early. Copy it from "
                                "the camera again.,A,S-1,Clinic North\n"));
    assert_non_null(strstr(csv, "'=cmd|calc.txt,not_an_image,"));
    free(csv);
    assert_int_equal(run_summary(m, "zh"), 0);
    csv = made_read(m->out, "set-aside.csv", NULL);
    assert_non_null(strstr(csv, "文件不完整"));
    free(csv);
}

static void unfinished_work_is_told(void **state)
{
    struct made *m = *state;

    add(m, "A", 1, NULL, true);
    add(m, "B", 3, never_done, false);
    assert_int_equal(run_summary(m, "en"), 1);
    char *page = made_read(m->out, "summary.html", NULL);
    assert_non_null(strstr(page, "4 pictures received"));
    assert_non_null(strstr(page, "3 pictures are not finished"));
    free(page);
}

static void page_links_what_is_there(void **state)
{
    struct made *m = *state;

    add(m, "a b<c", 1, NULL, true);
    assert_int_equal(run_summary(m, "en"), 0);
    char *page = made_read(m->out, "summary.html", NULL);
    assert_non_null(strstr(page, "href=\"patients/a%2520b%253Cc/report.html\""));
    assert_non_null(strstr(page, "src=\"patients/a%2520b%253Cc/IMG_0000.overlay.jpg\""));
    assert_non_null(strstr(page, "loading=\"lazy\""));
    assert_non_null(strstr(page, "a b&lt;c"));
    free(page);
}

static void empty_run_has_a_summary(void **state)
{
    struct made *m = *state;

    assert_int_equal(run_summary(m, "en"), 0);
    char *csv = made_read(m->out, "worklist.csv", NULL);
    assert_non_null(strstr(csv, "patient_id"));
    free(csv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_add_up, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(work_list_is_worst_first, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(set_aside_list_tells_reason_and_others, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(unfinished_work_is_told, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(page_links_what_is_there, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(empty_run_has_a_summary, page_setup, page_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
