/* Statements over several days: what is counted when, and that each changed byte is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/intake.h"
#include "queue/mend.h"
#include "queue/order.h"
#include "queue/result.h"
#include "queue/statement.h"
#include "tests/queue/temp.h"

enum { EACH = 3 };

static bool is_picture(const uint8_t *head, size_t n)
{
    return n > 0 && head[0] == 'P';
}

/* An upload of two studies of three images each, of a site each. */
static void take_in(struct spool *s, const char *root, const char *name)
{
    struct intake_request request = {.encoding = "", .accepted_ms = 1, .is_picture = is_picture};
    struct intake_result result;
    struct err err = {0};
    char path[SPOOL_PATH_SIZE], text[1024] = "patient_id,study_id,lesion_id,file,site\n";

    for (int i = 0; i < 2 * EACH; i++) {
        char line[64], content[64];
        snprintf(path, sizeof(path), "%s/%s/%d.jpg", root, name, i);
        snprintf(content, sizeof(content), "PIC%s%d", name, i);
        temp_write_text(path, content);
        snprintf(line, sizeof(line), "p%d,1,,%d.jpg,%s\n", i / EACH, i,
                 i < EACH ? "north" : "south");
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s", line);
    }
    snprintf(path, sizeof(path), "%s/%s/manifest.csv", root, name);
    temp_write_text(path, text);
    request.input = path;
    if (intake_accept(s, &request, &result, &err))
        fail_msg("%s", err.msg);
}

struct finishing {
    int n; /* the image of each study to finish */
    enum result_status status;
    int version; /* other bytes for each */
};

static int finish_image(void *ctx, const char *dir, const struct study *study, struct err *err)
{
    const struct finishing *f = ctx;
    json_t *entry = json_pack("{s:i,s:i}", "n", f->n, "version", f->version);

    (void)study;
    int ret = result_write(dir, f->n, f->status, entry, NULL, err);
    json_decref(entry);
    return ret;
}

static void finish_with(struct spool *s, int n, enum result_status status, int version)
{
    struct finishing f = {n, status, version};
    struct err err = {0};

    if (spool_each_study(s, finish_image, &f, &err))
        fail_msg("%s", err.msg);
}

static void finish(struct spool *s, int n, enum result_status status)
{
    finish_with(s, n, status, 0);
}

static struct statement make(struct spool *s, const char *day, bool always)
{
    struct statement made;
    struct err err = {0};

    if (statement_make(s, day, always, NULL, &made, &err))
        fail_msg("%s", err.msg);
    return made;
}

struct heard {
    char text[4096];
    int mended;
};

static void hear(void *ctx, const char *where, const char *what)
{
    struct heard *h = ctx;
    size_t n = strlen(h->text);

    snprintf(h->text + n, sizeof(h->text) - n, "%s: %s\n", where, what);
}

static void hear_mended(void *ctx, const char *where, const char *what)
{
    (void)where;
    (void)what;
    ((struct heard *)ctx)->mended++;
}

static int verify(struct spool *s, struct heard *heard)
{
    const struct statement_listener listener = {hear, hear_mended, heard};
    struct err err = {0};
    int64_t wrong;

    *heard = (struct heard){0};
    if (statement_verify(s, &listener, &wrong, &err))
        fail_msg("%s", err.msg);
    return (int)wrong;
}

static void expect_sound(struct spool *s)
{
    struct heard heard;

    if (verify(s, &heard))
        fail_msg("%s", heard.text);
}

#define COUNTS(...) (&(struct statement_counts){__VA_ARGS__})

static void expect_counts(const struct statement *s, const struct statement_counts *wanted)
{
#define X(field)                         \
    if (s->total.field != wanted->field) \
        fail_msg("%s: " #field " %d, not %d", s->file, (int)s->total.field, (int)wanted->field);
    STATEMENT_COUNTS_MAP(X)
#undef X
}

/* As the scheduler does it (scheduler/orders.c). */
static int retry_image(void *ctx, const char *dir, const struct study *study, struct err *err)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE];

    (void)study;
    snprintf(from, sizeof(from), "%s/history", dir);
    assert_int_equal(dir_make(from, err), 0);
    snprintf(from, sizeof(from), "%s/results/1.json", dir);
    assert_int_equal(order_history_path(to, dir, "1", *(int *)ctx, err), 0);
    (void)rename(from, to); /* there may be none to move */
    return 0;
}

static void retry(struct spool *s, int k)
{
    struct err err = {0};

    assert_int_equal(spool_each_study(s, retry_image, &k, &err), 0);
}

static struct spool *open_at(const char *root)
{
    struct spool *s;
    struct err err = {0};

    assert_int_equal(spool_open(&s, temp_path(root, "spool"), &err), 0);
    return s;
}

static void each_fact_stands_in_one_statement(void **state)
{
    struct spool *s = open_at(*state);

    assert_string_equal(make(s, "2026-01-01", false).file, "");
    take_in(s, *state, "a");
    finish(s, 0, RESULT_DONE);
    struct statement a = make(s, "2026-01-01", false);
    assert_string_equal(a.file, "2026-01-01.json");
    expect_counts(&a, COUNTS(.received = 6, .done = 2, .left = 4));
    assert_string_equal(make(s, "2026-01-01", false).file, "");

    finish(s, 1, RESULT_SET_ASIDE);
    finish(s, 0, RESULT_CANCELLED); /* after it was done: the first result stays */
    struct statement b = make(s, "2026-01-01", false);
    assert_string_equal(b.file, "2026-01-01.2.json");
    expect_counts(&b, COUNTS(.carried = 4, .set_aside = 2, .left = 2));

    retry(s, 0);
    struct statement c = make(s, "2026-01-02", false);
    assert_string_equal(c.file, "2026-01-02.json");
    expect_counts(&c, COUNTS(.carried = 2, .reopened = 2, .left = 4));

    finish(s, 1, RESULT_SET_ASIDE); /* the same bytes again */
    finish(s, 2, RESULT_CANCELLED);
    take_in(s, *state, "b");
    struct statement d = make(s, "2026-01-01", false); /* a clock that was set back */
    assert_string_equal(d.file, "2026-01-02.2.json");
    expect_counts(&d,
                  COUNTS(.carried = 4, .received = 6, .set_aside = 2, .cancelled = 2, .left = 6));
    retry(s, 1); /* of the first upload's; the second has none to move */
    expect_sound(s);
    struct statement e = make(s, "2026-01-04", true);
    expect_counts(&e, COUNTS(.carried = 6, .reopened = 2, .left = 8));
    struct statement f = make(s, "2026-01-05", true);
    expect_counts(&f, COUNTS(.carried = 8, .left = 8));
    assert_int_equal(f.number, 6);
    expect_sound(s);
    spool_close(s);
}

static void change(const char *path, char how)
{
    struct err err = {0};
    struct buf bytes;

    if (how == '-') {
        temp_remove(path);
        return;
    }
    buf_init(&bytes, 1 << 20);
    if (file_read(path, &bytes, &err))
        fail_msg("%s", err.msg);
    if (how == '+')
        buf_add_text(&bytes, "\n");
    else
        bytes.data[bytes.len / 2] ^= 1;
    assert_int_equal(file_write(path, bytes.data, bytes.len, &err), 0);
    buf_release(&bytes);
}

/* clang-format off */
static const struct {
    const char *path, *named; /* below the spool; %s is the upload */
    char how; /* 'b' a byte is changed, '+' a line is added, '-' it is removed */
} changes[] = {
    {"uploads/%s/studies/s000000/results/0.json", "s000000/0: changed", 'b'},
    {"uploads/%s/studies/s000001/results/2.json", "s000001/2: gone", '-'},
    {"uploads/%s/studies/s000001/history/1.0.json", "s000001/1: changed", 'b'},
    {"uploads/%s/studies/s000000/report.json", "s000000: changed", 'b'},
    {"uploads/%s/studies/s000000/study.json", "s000000", 'b'},
    {"uploads/%s/studies/s000001", "its study is gone", '-'},
    {"statements/2026-01-01.json", "2026-01-01.json", 'b'},
    {"statements/2026-01-01.facts", "2026-01-01.facts: changed", 'b'},
    {"statements/2026-01-01.json", "2026-01-01.json: gone", '-'},
    {"statements/2026-01-02.json", "2026-01-02.json", 'b'},
    {"statements/2026-01-03.json", "2026-01-03.json: gone", '-'},
    {"statements/2026-01-03.json", "2026-01-03.json", 'b'},
    {"statements/2026-01-02.facts", "2026-01-02.facts: gone", '-'},
    {"statements/2026-01-01.json", "2026-01-01.json: changed since the statement after it", '+'},
};
/* clang-format on */

static int note_upload(void *ctx, const char *upload, struct err *err)
{
    (void)err;
    snprintf(ctx, 64, "%s", upload);
    return 0;
}

static int write_report(void *ctx, const char *dir, const struct study *study, struct err *err)
{
    (void)ctx;
    (void)study;
    (void)err;
    temp_write_text(temp_path(dir, "report.json"), "{\"images\":[]}");
    return 0;
}

static void each_changed_byte_is_named(void **state)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
        char root[SPOOL_PATH_SIZE], upload[64], path[SPOOL_PATH_SIZE], below[SPOOL_PATH_SIZE];
        struct err err = {0};
        struct heard heard;
        print_message("case: %s, %s\n", changes[i].path, changes[i].named);
        snprintf(root, sizeof(root), "%s/%zu", (const char *)*state, i);
        struct spool *s = open_at(root);
        take_in(s, root, "a");
        finish(s, 0, RESULT_DONE);
        finish(s, 1, RESULT_SET_ASIDE);
        make(s, "2026-01-01", false);
        retry(s, 0);
        finish(s, 1, RESULT_DONE);
        finish(s, 2, RESULT_DONE);
        assert_int_equal(spool_each_study(s, write_report, NULL, &err), 0);
        make(s, "2026-01-02", false);
        make(s, "2026-01-03", true);
        expect_sound(s);
        assert_int_equal(spool_each_upload(s, note_upload, upload, &err), 0);
        const char *mark = strstr(changes[i].path, "%s");
        snprintf(below, sizeof(below), "%.*s%s%s",
                 mark ? (int)(mark - changes[i].path) : (int)strlen(changes[i].path),
                 changes[i].path, mark ? upload : "", mark ? mark + 2 : "");
        snprintf(path, sizeof(path), "%s/spool/%s", root, below);
        change(path, changes[i].how);
        assert_true(verify(s, &heard) > 0);
        if (!strstr(heard.text, changes[i].named))
            fail_msg("not named \"%s\" in:\n%s", changes[i].named, heard.text);
        spool_close(s);
    }
}

/* Image 0 of each study: as a disk loses its bytes, and as `doctor --repair` clears up. */
static int damage_and_mend(void *ctx, const char *dir, const struct study *study, struct err *err)
{
    char path[SPOOL_PATH_SIZE + 32], where[WIRE_ID_SIZE + 32], did[MEND_DID_SIZE];

    snprintf(path, sizeof(path), "%s/results/0.json", dir);
    temp_write_text(path, "{\"status\": \"do");
    snprintf(where, sizeof(where), "%s/%s/0", study->upload, study->key);
    assert_int_equal(spool_mend(ctx, CENSUS_DAMAGED_RESULT, where, did, err), 1);
    return 0;
}

static void a_mended_result_is_counted_once(void **state)
{
    struct spool *s = open_at(*state);
    char upload[64], path[SPOOL_PATH_SIZE];
    struct err err = {0};
    struct heard heard;

    take_in(s, *state, "a");
    finish(s, 0, RESULT_DONE);
    finish(s, 1, RESULT_SET_ASIDE);
    struct statement a = make(s, "2026-01-01", false);
    expect_counts(&a, COUNTS(.received = 6, .done = 2, .set_aside = 2, .left = 2));

    assert_int_equal(spool_each_study(s, damage_and_mend, s, &err), 0);
    assert_int_equal(verify(s, &heard), 0);
    assert_int_equal(heard.mended, 2);
    finish_with(s, 0, RESULT_SET_ASIDE, 1);
    struct statement b = make(s, "2026-01-02", false);
    expect_counts(&b, COUNTS(.carried = 2, .reopened = 2, .set_aside = 2, .left = 2));
    assert_int_equal(verify(s, &heard), 0);
    assert_int_equal(heard.mended, 2);
    assert_string_equal(make(s, "2026-01-03", false).file, "");

    assert_int_equal(spool_each_upload(s, note_upload, upload, &err), 0);
    snprintf(path, sizeof(path), "%s/spool/uploads/%s/studies/s000000/results/0.json",
             (const char *)*state, upload);
    change(path, '+'); /* one mending excuses one result, not the next */
    assert_int_equal(verify(s, &heard), 1);
    assert_non_null(strstr(heard.text, "s000000/0: changed"));
    spool_close(s);
}

/* What was damaged before anybody stated it excuses nothing that is stated later. */
static void a_mending_before_the_statement_excuses_nothing(void **state)
{
    struct spool *s = open_at(*state);
    char upload[64], path[SPOOL_PATH_SIZE];
    struct err err = {0};
    struct heard heard;

    take_in(s, *state, "a");
    finish(s, 0, RESULT_DONE);
    assert_int_equal(spool_each_study(s, damage_and_mend, s, &err), 0);
    for (int64_t then = clock_wall_ms(); clock_wall_ms() == then;)
        ; /* what happens in one millisecond has no order */
    finish(s, 0, RESULT_DONE);
    make(s, "2026-01-01", false);
    assert_int_equal(verify(s, &heard), 0);
    assert_int_equal(heard.mended, 0);

    assert_int_equal(spool_each_upload(s, note_upload, upload, &err), 0);
    snprintf(path, sizeof(path), "%s/spool/uploads/%s/studies/s000000/results/0.json",
             (const char *)*state, upload);
    change(path, '+');
    assert_int_equal(verify(s, &heard), 1);
    assert_non_null(strstr(heard.text, "s000000/0: changed"));
    spool_close(s);
}

static void a_missing_line_is_noted_later(void **state)
{
    struct spool *s = open_at(*state);
    struct buf log;
    struct err err = {0};

    take_in(s, *state, "a");
    int64_t before = spool_log_size(s);
    struct statement made = make(s, "2026-01-01", false);
    int64_t after = spool_log_size(s);
    assert_true(after > before);
    assert_int_equal(truncate(temp_path(*state, "spool/log"), before), 0); /* killed before it */
    assert_string_equal(make(s, "2026-01-01", false).file, "");
    assert_int_equal(spool_log_size(s), after);
    assert_string_equal(make(s, "2026-01-01", false).file, "");
    assert_int_equal(spool_log_size(s), after);
    buf_init(&log, 1 << 20);
    assert_int_equal(file_read(temp_path(*state, "spool/log"), &log, &err), 0);
    buf_add_text(&log, "");
    assert_non_null(strstr(log.data, made.sha256));
    buf_release(&log);
    expect_sound(s);
    spool_close(s);
}

static void a_statement_is_due_once_a_day(void **state)
{
    static const struct {
        const char *last, *first;
        bool is_due;
    } cases[] = {
        {"",           "",           false},
        {"",           "2026-11-26", false},
        {"",           "2026-11-25", true },
        {"2026-11-24", "2026-11-01", true },
        {"2026-11-25", "2026-11-01", false},
        {"2026-11-26", "2026-11-01", false}, /* a run ended today */
    };
    char day[STATEMENT_DAY_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) { /* 2026-11-26T00:00:01Z */
        assert_int_equal(statement_is_due(cases[i].last, cases[i].first, 1795651201000, day),
                         cases[i].is_due);
        assert_string_equal(day, "2026-11-25");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_fact_stands_in_one_statement),
        TEST(each_changed_byte_is_named),
        TEST(a_mended_result_is_counted_once),
        TEST(a_mending_before_the_statement_excuses_nothing),
        TEST(a_missing_line_is_noted_later),
        TEST(a_statement_is_due_once_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
