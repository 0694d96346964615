#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

#include "reports/dossier.h"
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

static enum result_status five(struct image_entry *e, int i)
{
    static const double malignant[] = {0.3, 0.9, 0.05, 0.05, 0.4};

    e->measures.malignant_probability = malignant[i];
    e->decision.risk = malignant[i] > 0.6   ? RISK_URGENT
                       : malignant[i] > 0.2 ? RISK_REVIEW
                                            : RISK_ROUTINE;
    if (i == 3) {
        e->reason = REASON_TRUNCATED;
        return RESULT_SET_ASIDE;
    }
    return RESULT_DONE;
}

static void worst_lesion_comes_first(void **state)
{
    struct study s;
    struct dossier d;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];
    /* lesion "a" holds 1 (urgent) and 2 (routine), so routine 2 stands before review 4 and 0 */
    static const int order[] = {1, 2, 4, 0, 3}, lesion[] = {1, 1, 2, 3, 4};

    made_fill(&s, "P1", 5);
    snprintf(s.images[1].lesion_id, sizeof(s.images[1].lesion_id), "a");
    snprintf(s.images[2].lesion_id, sizeof(s.images[2].lesion_id), "a");
    made_study(*state, &s, five, dir);
    assert_int_equal(dossier_open(&d, dir, NULL, &err), 0);
    assert_int_equal(d.risk, RISK_URGENT);
    assert_int_equal(d.n_lesions, 4);
    assert_int_equal(d.n_done, 4);
    assert_int_equal(d.n_set_aside, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(d.findings[i].index, order[i]);
        assert_int_equal(d.findings[i].lesion, lesion[i]);
    }
    assert_int_equal(d.findings[4].reason, REASON_TRUNCATED);
    assert_int_equal(d.findings[4].risk, RISK_RETAKE);
    assert_true(isnan(d.findings[4].malignant));
    assert_non_null(d.model);
    dossier_close(&d);
}

static enum result_status routine(struct image_entry *e, int i)
{
    e->decision.risk = RISK_ROUTINE;
    return i == 1 ? RESULT_CANCELLED : RESULT_DONE;
}

/* What nobody looked at makes the study at least `retake`. */
static void cancelled_image_is_no_routine(void **state)
{
    struct study s;
    struct dossier d;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 2);
    made_study(*state, &s, routine, dir);
    assert_int_equal(dossier_open(&d, dir, NULL, &err), 0);
    assert_int_equal(d.risk, RISK_RETAKE);
    assert_int_equal(d.n_cancelled, 1);
    dossier_close(&d);
}

static void image_without_original_needs_no_result(void **state)
{
    struct study s;
    struct dossier d;
    struct err err = {0};
    struct image_entry *e = calloc(1, sizeof(*e));
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 1);
    s.images[0].set_aside = REASON_MISSING_FILE;
    made_study(*state, &s, NULL, dir);
    assert_int_equal(dossier_open(&d, dir, NULL, &err), 0);
    assert_int_equal(d.n_set_aside, 1);
    assert_int_equal(d.risk, RISK_RETAKE);
    assert_int_equal(d.findings[0].reason, REASON_MISSING_FILE);
    assert_null(d.model);
    assert_int_equal(dossier_entry(&d, &d.findings[0], e, &err), 0);
    assert_string_equal(e->file, "dir/IMG_0000.jpg");
    dossier_close(&d);
    free(e);
}

static enum result_status second_is_open(struct image_entry *e, int i)
{
    (void)e;
    return i == 1 ? RESULT_NONE : RESULT_DONE;
}

static void unfinished_study_is_given_back(void **state)
{
    struct study s;
    struct dossier d;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 3);
    made_study(*state, &s, second_is_open, dir);
    assert_int_equal(dossier_open(&d, dir, NULL, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    assert_non_null(strstr(err.msg, "image 1"));
}

static void same_bytes_twice_are_marked(void **state)
{
    struct study s;
    struct dossier d;
    struct err err = {0};
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 3);
    memcpy(s.images[2].sha256, s.images[0].sha256, sizeof(s.images[0].sha256));
    made_study(*state, &s, NULL, dir);
    assert_int_equal(dossier_open(&d, dir, NULL, &err), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(d.findings[i].is_twice, d.findings[i].index != 1);
    dossier_close(&d);
}

static void no_spool_is_made_by_looking(void **state)
{
    struct spool *spool;
    struct err err = {0};

    (void)state;
    assert_int_equal(dossier_open_spool(&spool, "/tmp/lentigo-no-such-run", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_not_equal(access("/tmp/lentigo-no-such-run", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(worst_lesion_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_image_is_no_routine, setup, teardown),
        cmocka_unit_test_setup_teardown(image_without_original_needs_no_result, setup, teardown),
        cmocka_unit_test_setup_teardown(unfinished_study_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bytes_twice_are_marked, setup, teardown),
        cmocka_unit_test(no_spool_is_made_by_looking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
