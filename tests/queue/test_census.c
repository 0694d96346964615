/* Every way in which a spool can fail to add up, made by hand, and what the census calls it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/file.h>

#include "queue/census.h"
#include "queue/intake.h"
#include "queue/names.h"
#include "queue/result.h"
#include "tests/queue/temp.h"

enum { STUDIES = 3, EACH = 2 };

static bool is_picture(const uint8_t *head, size_t n)
{
    return n > 0 && head[0] == 'P';
}

struct fixture {
    struct spool *spool;
    char upload[SPOOL_PATH_SIZE]; /* folder of the upload */
};

/* Three studies of two images each; the second image of the last one is empty. */
static void take_in(struct fixture *f, const char *root)
{
    struct intake_request request = {.encoding = "", .accepted_ms = 1, .is_picture = is_picture};
    struct intake_result result;
    struct err err = {0};
    char path[SPOOL_PATH_SIZE], content[16];

    for (int i = 0; i < STUDIES * EACH; i++) {
        snprintf(path, sizeof(path), "%s/in/p%d/%d.jpg", root, i / EACH, i % EACH);
        snprintf(content, sizeof(content), "PIC%d", i);
        temp_write_text(path, i == STUDIES * EACH - 1 ? "" : content);
    }
    temp_write_text(temp_path(root, "in/readme.txt"), "x");
    snprintf(path, sizeof(path), "%s/in", root);
    request.input = path;
    if (spool_open(&f->spool, temp_path(root, "spool"), &err) ||
        intake_accept(f->spool, &request, &result, &err))
        fail_msg("%s", err.msg);
    snprintf(f->upload, sizeof(f->upload), "%s/spool/uploads/%s", root, result.upload);
}

static int finish_study(void *ctx, const char *study_dir, const struct study *study,
                        struct err *err)
{
    json_t *entry = json_object();
    int ret = 0;

    (void)ctx;
    for (int i = 0; i < study->n_images && !ret; i++)
        ret =
            result_write(study_dir, i, study->images[i].set_aside ? RESULT_SET_ASIDE : RESULT_DONE,
                         entry, NULL, err);
    json_decref(entry);
    json_t *report = json_pack("{s:[{s:s},{s:s}]}", "images", "status", "done", "status",
                               study->images[1].set_aside ? "set_aside" : "done");
    ret = ret || json_write(temp_path(study_dir, "report.json"), report, err);
    json_decref(report);
    return ret;
}

static void finish(struct fixture *f)
{
    struct err err = {0};

    if (spool_each_study(f->spool, finish_study, NULL, &err))
        fail_msg("%s", err.msg);
}

static struct census count(struct fixture *f)
{
    struct census census;
    struct err err = {0};

    if (spool_census(f->spool, &census, &err))
        fail_msg("%s", err.msg);
    return census;
}

static void a_finished_upload_adds_up(void **state)
{
    struct fixture f;

    take_in(&f, *state);
    struct census before = count(&f);
    assert_int_equal(before.received, 6);
    assert_int_equal(before.findings[CENSUS_UNFINISHED], 6);
    assert_false(census_is_whole(&before));
    finish(&f);
    struct census after = count(&f);
    assert_true(census_is_whole(&after));
    assert_int_equal(after.received, 6);
    assert_int_equal(after.done, 5);
    assert_int_equal(after.set_aside, 1);
    assert_int_equal(after.cancelled, 0);
    assert_int_equal(after.studies, 3);
    assert_int_equal(after.reports, 3);
    assert_int_equal(after.uploads, 1);
    assert_int_equal(after.others, 1);
    for (int i = 0; i < CENSUS_FINDINGS; i++)
        assert_int_equal(after.findings[i], 0);
    spool_close(f.spool);
}

struct damage {
    const char *name;
    const char *path;    /* below the upload */
    const char *content; /* NULL: removed */
    int findings[3];     /* each expected once, -1 = none */
    bool is_whole;
};

/* clang-format off */
static const struct damage damages[] = {
    {"upload.json cut", "upload.json", "{\"ima", {CENSUS_DAMAGED_UPLOAD, -1, -1}, true},
    {"upload.json gone", "upload.json", NULL, {CENSUS_DAMAGED_UPLOAD, -1, -1}, true},
    {"study.json cut", "studies/s000001/study.json", "{", {CENSUS_DAMAGED_STUDY, CENSUS_LOST_STUDIES, -1}, false},
    {"study gone", "studies/s000001", NULL, {CENSUS_LOST_STUDIES, -1, -1}, false},
    {"result cut", "studies/s000000/results/1.json", "", {CENSUS_DAMAGED_RESULT, CENSUS_EARLY_REPORT, -1}, false},
    {"result gone", "studies/s000000/results/1.json", NULL, {CENSUS_UNFINISHED, CENSUS_EARLY_REPORT, -1}, false},
    {"report gone", "studies/s000002/report.json", NULL, {CENSUS_NO_REPORT, -1, -1}, true},
    {"result of no image", "studies/s000000/results/2.json", "{}", {CENSUS_STRAY_RESULT, -1, -1}, true},
    {"picture of no image", "studies/s000000/results/x.mask.png", "", {CENSUS_STRAY_RESULT, -1, -1}, true},
    {"draft of a result", "studies/s000000/results/1.json.77.tmp", "", {-1, -1, -1}, true},
    {"original gone once finished", "studies/s000000/originals/0", NULL, {-1, -1, -1}, true},
};
/* clang-format on */

static void damage_is_found(void **state)
{
    for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
        const struct damage *d = &damages[i];
        char root[SPOOL_PATH_SIZE], path[2 * SPOOL_PATH_SIZE];
        struct fixture f;
        int expected[CENSUS_FINDINGS] = {0};
        print_message("case: %s\n", d->name);
        snprintf(root, sizeof(root), "%s/%zu", (const char *)*state, i);
        take_in(&f, root);
        finish(&f);
        snprintf(path, sizeof(path), "%s/%s", f.upload, d->path);
        temp_remove(path);
        if (d->content)
            temp_write_text(path, d->content);
        struct census census = count(&f);
        for (int k = 0; k < 3 && d->findings[k] >= 0; k++)
            expected[d->findings[k]] = 1;
        for (int k = 0; k < CENSUS_FINDINGS; k++)
            if (census.findings[k] != expected[k])
                fail_msg("%s: %d found, %d expected", census_word((enum census_finding)k),
                         (int)census.findings[k], expected[k]);
        assert_int_equal(census_is_whole(&census), d->is_whole);
        assert_true(!d->content || !access(path, F_OK)); /* it only looks */
        spool_close(f.spool);
    }
}

static void originals_are_missed_while_they_are_needed(void **state)
{
    char path[2 * SPOOL_PATH_SIZE];
    struct fixture f;

    take_in(&f, *state);
    snprintf(path, sizeof(path), "%s/studies/s000000/originals/0", f.upload);
    assert_int_equal(unlink(path), 0);
    temp_write_text(temp_path(*state, "in/p0/1.jpg.new"), "PIC, but longer");
    snprintf(path, sizeof(path), "%s/studies/s000000/originals/1", f.upload);
    assert_int_equal(rename(temp_path(*state, "in/p0/1.jpg.new"), path), 0);
    struct census census = count(&f);
    assert_int_equal(census.findings[CENSUS_LOST_ORIGINAL], 1);
    assert_int_equal(census.findings[CENSUS_CHANGED_ORIGINAL], 1);
    spool_close(f.spool);
}

struct heard {
    int n;
    enum census_finding f;
    char where[256];
};

static void hear(void *ctx, enum census_finding f, const char *where)
{
    struct heard *heard = ctx;

    heard->n++;
    heard->f = f;
    snprintf(heard->where, sizeof(heard->where), "%s", where);
}

static void note_finding(void *ctx, enum census_finding f, const char *where)
{
    (void)where;
    ++((int *)ctx)[f];
}

/* What only a close look finds. */
static void strange_files_and_reports_are_found(void **state)
{
    static const struct {
        const char *name, *path, *content;
        int finding;
    } cases[] = {
        {"nothing",                    "studies/s000000/report.json",                  NULL, CENSUS_NO_REPORT     },
        {"a report of another status", "studies/s000000/report.json",
         "{\"images\":[{\"status\":\"done\"},{\"status\":\"cancelled\"}]}",                  CENSUS_STALE_REPORT  },
        {"a report of one image",      "studies/s000000/report.json",
         "{\"images\":[{\"status\":\"done\"}]}",                                             CENSUS_STALE_REPORT  },
        {"a report that was cut",      "studies/s000000/report.json",                  "{",  CENSUS_STALE_REPORT  },
        {"an original of no image",    "studies/s000000/originals/2",                  "x",  CENSUS_ORPHAN        },
        {"no number",                  "studies/s000000/originals/1x",                 "x",  CENSUS_ORPHAN        },
        {"history of no image",        "studies/s000000/history/2.0.json",             "{}", CENSUS_ORPHAN        },
        {"beside the study",           "studies/s000000/notes.txt",                    "x",  CENSUS_ORPHAN        },
        {"beside the studies",         "notes.txt",                                    "x",  CENSUS_ORPHAN        },
        {"beside the uploads",         "../../notes.txt",                              "x",  CENSUS_ORPHAN        },
        {"contents that are cut",      "contents",                                     "x",  CENSUS_OTHER_CONTENTS},
        {"contents of no study",       "contents",
         "lentigo-contents 1\n"
         "sha256 93b391421d9e4aaa3bdd124edcfb4b319d7c0b2e4e912889ca34f1c36d24188d\n",        CENSUS_OTHER_CONTENTS},
        {"no contents",                "contents",                                     NULL, -1                   },
        {"a draft",                    "studies/s000000/results/1.json.999999999.tmp", "x",  CENSUS_DRAFT         },
        {"a draft of a report",        "studies/s000000/report.json.draft",            "x",  CENSUS_DRAFT         },
        {"history",                    "studies/s000000/history/1.0.json",             "{}", -1                   },
        {"an old report",              "studies/s000000/history/report.3.json",        "{}", -1                   },
        {"a page",                     "studies/s000000/report.html",                  "x",  -1                   },
    };
    char root[SPOOL_PATH_SIZE], path[2 * SPOOL_PATH_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int seen[CENSUS_FINDINGS] = {0};
        struct census census;
        struct err err = {0};
        struct fixture f;
        print_message("case: %s\n", cases[i].name);
        snprintf(root, sizeof(root), "%s/%zu", (const char *)*state, i);
        take_in(&f, root);
        finish(&f);
        snprintf(path, sizeof(path), "%s/%s", f.upload, cases[i].path);
        if (cases[i].content)
            temp_write_text(path, cases[i].content);
        else
            unlink(path);
        assert_int_equal(spool_examine(f.spool, &census, note_finding, seen, &err), 0);
        for (int k = 0; k < CENSUS_FINDINGS; k++)
            assert_int_equal(seen[k], k == cases[i].finding);
        spool_close(f.spool);
    }
}

/* The thread that writes it lives: this one. */
static void a_draft_under_way_is_no_finding(void **state)
{
    int seen[CENSUS_FINDINGS] = {0};
    char path[2 * SPOOL_PATH_SIZE];
    struct census census;
    struct err err = {0};
    struct fixture f;

    take_in(&f, *state);
    finish(&f);
    snprintf(path, sizeof(path), "%s/studies/s000000/results/1.json.%d.tmp", f.upload, getpid());
    temp_write_text(path, "x");
    assert_int_equal(spool_examine(f.spool, &census, note_finding, seen, &err), 0);
    for (int k = 0; k < CENSUS_FINDINGS; k++)
        assert_int_equal(seen[k], 0);
    spool_close(f.spool);
}

static void findings_say_where(void **state)
{
    struct heard heard = {0};
    struct census census;
    struct err err = {0};
    char path[2 * SPOOL_PATH_SIZE], where[256];
    struct fixture f;

    take_in(&f, *state);
    finish(&f);
    snprintf(path, sizeof(path), "%s/studies/s000001/results/1.json", f.upload);
    temp_write_text(path, "cut");
    snprintf(path, sizeof(path), "%s/studies/s000001/report.json", f.upload);
    unlink(path);
    assert_int_equal(spool_examine(f.spool, &census, hear, &heard, &err), 0);
    snprintf(where, sizeof(where), "%s/s000001/1", strrchr(f.upload, '/') + 1);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.f, CENSUS_DAMAGED_RESULT);
    assert_string_equal(heard.where, where);
    for (int i = 0; i < CENSUS_FINDINGS; i++)
        assert_true(census_word((enum census_finding)i)[0] &&
                    census_text((enum census_finding)i)[0] &&
                    census_advice((enum census_finding)i)[0]);
    spool_close(f.spool);
}

static void leftovers_of_the_dead_only(void **state)
{
    struct err err = {0};
    struct fixture f;

    take_in(&f, *state);
    assert_int_equal(dir_make(temp_path(*state, "spool/incoming/dead"), &err), 0);
    assert_int_equal(dir_make(temp_path(*state, "spool/incoming/alive"), &err), 0);
    int fd = open(temp_path(*state, "spool/incoming/alive"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(count(&f).findings[CENSUS_LEFTOVER], 1);
    close(fd);
    assert_int_equal(count(&f).findings[CENSUS_LEFTOVER], 2);
    spool_close(f.spool);
}

static void strange_things_in_uploads(void **state)
{
    struct fixture f;

    take_in(&f, *state);
    temp_write_text(temp_path(*state, "spool/uploads/file"), "x");
    assert_int_equal(count(&f).findings[CENSUS_DAMAGED_UPLOAD], 1);
    spool_close(f.spool);
}

static void an_empty_spool_is_whole(void **state)
{
    struct fixture f;
    struct err err = {0};

    assert_int_equal(spool_open(&f.spool, *state, &err), 0);
    struct census census = count(&f);
    assert_true(census_is_whole(&census));
    assert_int_equal(census.received, 0);
    spool_close(f.spool);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_finished_upload_adds_up),
        TEST(damage_is_found),
        TEST(originals_are_missed_while_they_are_needed),
        TEST(strange_files_and_reports_are_found),
        TEST(a_draft_under_way_is_no_finding),
        TEST(findings_say_where),
        TEST(leftovers_of_the_dead_only),
        TEST(strange_things_in_uploads),
        TEST(an_empty_spool_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
