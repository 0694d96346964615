#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/json.h"
#include "reports/report.h"
#include "tests/reports/made.h"

static int setup(void **state)
{
    struct made *m = calloc(1, sizeof(*m));

    made_init(m);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    made_release(*state);
    free(*state);
    return 0;
}

/* report.json of the study as text; free() it. */
static char *make_json(const char *dir)
{
    struct dossier d;
    struct buf entries, out;
    struct err err = {0};

    buf_init(&entries, 1 << 20);
    buf_init(&out, 1 << 20);
    assert_int_equal(dossier_open(&d, dir, &entries, &err), 0);
    assert_int_equal(report_json(&d, &entries, &out, &err), 0);
    dossier_close(&d);
    buf_release(&entries);
    return buf_take(&out);
}

static enum result_status second_is_cut(struct image_entry *e, int i)
{
    if (i != 1)
        return RESULT_DONE;
    e->reason = REASON_TRUNCATED;
    return RESULT_SET_ASIDE;
}

static void has_the_keys_of_the_design(void **state)
{
    static const char *const keys[] = {
        "file",   "stem",   "sha256", "width",   "height",
        "status", "reason", "lesion", "classes", "malignant_probability",
        "risk",   "abcd",   "quality"};
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P/1<b>", 3);
    s.images[0].extra = json_pack("{s:s}", "camera", "DL4");
    made_study(*state, &s, second_is_cut, dir);
    char *text = make_json(dir);
    json_t *o = json_parse(text, strlen(text), "report.json", &err);
    assert_non_null(o);
    assert_int_equal(json_object_size(o), 6);
    assert_string_equal(json_text_or(o, "created_at", ""), "2026-11-23T05:12:27.123Z");
    assert_string_equal(json_text_or(o, "study_id", ""), "S-1");
    assert_string_equal(json_text_or(o, "risk", ""), "review");
    assert_string_equal(json_text_or(json_object_get(o, "patient"), "patient_id", ""), "P/1<b>");
    assert_string_equal(json_text_or(json_object_get(o, "model"), "name", ""), "starter");
    json_t *images = json_object_get(o, "images");
    assert_int_equal(json_array_size(images), 3);
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        assert_non_null(json_object_get(json_array_get(images, 0), keys[i]));
    json_t *cut = json_array_get(images, 1);
    assert_string_equal(json_text_or(cut, "status", ""), "set_aside");
    assert_string_equal(json_text_or(cut, "reason", ""), "truncated");
    assert_string_equal(json_text_or(cut, "risk", ""), "retake");
    json_t *columns = json_object_get(json_array_get(images, 0), "columns");
    assert_string_equal(json_text_or(columns, "camera", ""), "DL4");
    json_decref(o);
    free(text);
}

static void same_work_gives_the_same_bytes(void **state)
{
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 5);
    made_study(*state, &s, NULL, dir);
    char *first = make_json(dir), *second = make_json(dir);
    assert_string_equal(first, second);
    /* sorted keys, so that another writer of the same facts writes the same text */
    assert_true(strstr(first, "\"created_at\"") < strstr(first, "\"images\""));
    assert_true(strstr(first, "\"images\"") < strstr(first, "\n],\n\"model\""));
    free(first);
    free(second);
}

static void study_without_a_picture_is_whole(void **state)
{
    struct study s;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 0);
    made_study(*state, &s, NULL, dir);
    char *text = make_json(dir);
    json_t *o = json_parse(text, strlen(text), "report.json", &err);
    assert_non_null(o);
    assert_true(json_is_null(json_object_get(o, "model")));
    assert_string_equal(json_text_or(o, "risk", ""), "retake");
    json_decref(o);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(has_the_keys_of_the_design, setup, teardown),
        cmocka_unit_test_setup_teardown(same_work_gives_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(study_without_a_picture_is_whole, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
