#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/sha256.h"
#include "queue/arrival.h"
#include "tests/queue/temp.h"

enum { SETTLE = 10, QUIET = 600 };

static const struct arrival_rules rules = {
    .marker = "COMPLETE", .encoding = "", .settle_ms = SETTLE, .quiet_ms = QUIET};

static const char *in(void **state, const char *name)
{
    char below[256];

    snprintf(below, sizeof(below), "up/%s", name);
    return temp_path(*state, below);
}

static enum arrival_state look(struct arrival *a, void **state, int64_t now_ms)
{
    struct err err = {0};

    if (arrival_look(a, temp_path(*state, "up"), &rules, now_ms, &err))
        fail_msg("%s", err.msg);
    return a->state;
}

static void begin(void **state)
{
    struct err err = {0};

    temp_remove(temp_path(*state, "up"));
    assert_int_equal(dir_make(temp_path(*state, "up"), &err), 0);
}

static void a_slow_writer_is_waited_for(void **state)
{
    struct arrival a = {0};
    char content[64] = "PIC";

    begin(state);
    assert_int_equal(look(&a, state, 0), ARRIVAL_EMPTY);
    assert_int_equal(look(&a, state, 10 * QUIET), ARRIVAL_EMPTY);
    int64_t now = 20 * QUIET;
    for (int i = 0; i < 5; i++, now += QUIET - 1) { /* each pause is a little too short */
        content[3 + i] = 'x';
        temp_write_text(in(state, "p1/a.jpg"), content);
        assert_int_equal(look(&a, state, now), ARRIVAL_SETTLING);
        assert_int_equal(look(&a, state, now + SETTLE), ARRIVAL_QUIET);
    }
    now = a.since_ms;
    assert_int_equal(look(&a, state, now + QUIET - 1), ARRIVAL_QUIET);
    assert_int_equal(look(&a, state, now + QUIET), ARRIVAL_COMPLETE);
    assert_int_equal(a.files, 1);
    assert_int_equal(a.bytes, strlen(content));
}

/* What each of these changes starts the time anew, and confirm sees it too. */
static void every_change_is_seen(void **state)
{
    static const struct timespec old[2] = {
        {1000000000, 0},
        {1000000000, 0}
    };
    struct arrival a = {0};
    struct err err = {0};

    for (int change = 0; change < 5; change++) {
        begin(state);
        a = (struct arrival){0};
        temp_write_text(in(state, "p1/a.jpg"), "PIC1");
        (void)look(&a, state, 0);
        assert_int_equal(look(&a, state, QUIET), ARRIVAL_COMPLETE);
        assert_int_equal(arrival_confirm(&a, temp_path(*state, "up"), &err), 0);
        switch (change) {
        case 0: temp_write_text(in(state, "p1/a.jpg"), "PIC12"); break;
        case 1: assert_int_equal(utimensat(AT_FDCWD, in(state, "p1/a.jpg"), old, 0), 0); break;
        case 2: assert_int_equal(rename(in(state, "p1/a.jpg"), in(state, "p1/b.jpg")), 0); break;
        case 3: assert_int_equal(dir_make(in(state, "p2"), &err), 0); break;
        default: assert_int_equal(unlink(in(state, "p1/a.jpg")), 0); break;
        }
        assert_int_equal(arrival_confirm(&a, temp_path(*state, "up"), &err), -1);
        assert_int_equal(err.code, ERR_AGAIN);
        err = (struct err){0};
        assert_int_not_equal(look(&a, state, 2 * QUIET), ARRIVAL_COMPLETE);
    }
}

static void a_marker_tells_but_only_when_all_stands_still(void **state)
{
    struct arrival a = {0};

    begin(state);
    temp_write_text(in(state, "p1/a.jpg"), "PIC1");
    temp_write_text(in(state, "COMPLETE"), "");
    assert_int_equal(look(&a, state, 0), ARRIVAL_SETTLING); /* it may have overtaken the rest */
    temp_write_text(in(state, "p1/b.jpg"), "PIC1");
    assert_int_equal(look(&a, state, SETTLE), ARRIVAL_SETTLING);
    assert_int_equal(look(&a, state, 2 * SETTLE - 1), ARRIVAL_SETTLING);
    assert_int_equal(look(&a, state, 2 * SETTLE), ARRIVAL_COMPLETE);
    assert_non_null(strstr(a.why, "COMPLETE"));

    begin(state); /* elsewhere it is a file like any other */
    a = (struct arrival){0};
    temp_write_text(in(state, "p1/COMPLETE"), "PIC");
    (void)look(&a, state, 0);
    assert_int_equal(look(&a, state, QUIET - 1), ARRIVAL_QUIET);
}

static void files_on_their_way_hold_up_all(void **state)
{
    static const char *const partial[] = {
        "p1/.a.jpg.Xy12ab", "p1/a.jpg.part",   "p1/A.JPG.FILEPART", ".in.a.jpg.",
        ".~tmp~/a.jpg",     "p1/.nfs000012ab", "a.jpg.tmp",         ".rsync-partial/a.jpg",
    };
    static const char *const whole[] = {"p1/.DS_Store",  "p1/._a.jpg", "part/a.jpg",
                                        "p1/a.part.jpg", "tmp.jpg",    "p1/.hidden"};

    for (size_t i = 0; i < sizeof(partial) / sizeof(*partial); i++) {
        struct arrival a = {0};
        begin(state);
        temp_write_text(in(state, "p1/b.jpg"), "PIC1");
        temp_write_text(in(state, "COMPLETE"), "");
        temp_write_text(in(state, partial[i]), "PI");
        (void)look(&a, state, 0);
        if (look(&a, state, 9 * QUIET) != ARRIVAL_UNFINISHED || !strstr(a.why, "on its way"))
            fail_msg("%s: %s, %s", partial[i], arrival_word(a.state), a.why);
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        struct arrival a = {0};
        begin(state);
        temp_write_text(in(state, whole[i]), "PIC1");
        (void)look(&a, state, 0);
        if (look(&a, state, QUIET) != ARRIVAL_COMPLETE)
            fail_msg("%s: %s, %s", whole[i], arrival_word(a.state), a.why);
    }
}

static void a_manifest_waits_for_its_files(void **state)
{
    struct arrival a = {0};

    begin(state);
    temp_write_text(in(state, "manifest.csv"),
                    "patient_id,file\np1,a.jpg\np1,x\\b.jpg\np2,c.jpg\n");
    temp_write_text(in(state, "a.jpg"), "PIC1");
    (void)look(&a, state, 0);
    assert_int_equal(look(&a, state, 9 * QUIET), ARRIVAL_SHORT);
    assert_non_null(strstr(a.why, "2 files that are not there, first x\\b.jpg"));
    temp_write_text(in(state, "x/b.jpg"), "PIC2");
    temp_write_text(in(state, "c.jpg"), "PIC3");
    (void)look(&a, state, 10 * QUIET);
    assert_int_equal(look(&a, state, 11 * QUIET - 1), ARRIVAL_QUIET); /* c.jpg may still grow */
    assert_int_equal(look(&a, state, 11 * QUIET), ARRIVAL_COMPLETE);

    assert_int_equal(unlink(in(state, "c.jpg")), 0); /* the sender knows that it is not there */
    temp_write_text(in(state, "COMPLETE"), "");
    (void)look(&a, state, 12 * QUIET);
    assert_int_equal(look(&a, state, 12 * QUIET + SETTLE), ARRIVAL_COMPLETE);

    begin(state); /* one that does not parse is the intake's to refuse */
    a = (struct arrival){0};
    temp_write_text(in(state, "manifest.csv"), "nonsense\n");
    temp_write_text(in(state, "a.jpg"), "PIC1");
    (void)look(&a, state, 0);
    assert_int_equal(look(&a, state, QUIET), ARRIVAL_COMPLETE);
}

static void write_sums(void **state, const char *const *names, int n, const char *first_content)
{
    char text[1024] = "", hex[SHA256_HEX_SIZE];

    for (int i = 0; i < n; i++) {
        sha256_hex(hex, i ? "PIC2" : first_content, 4);
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s %c%s\n", hex, i ? '*' : ' ',
                 names[i]);
    }
    temp_write_text(in(state, "SHA256SUMS"), text);
}

static void digests_tell_without_waiting(void **state)
{
    static const struct timespec old[2] = {
        {1000000000, 0},
        {1000000000, 0}
    };
    static const char *const names[] = {"p1/a.jpg", "./p1/b.jpg"};
    struct arrival a = {0};

    begin(state);
    write_sums(state, names, 2, "PIC1");
    temp_write_text(in(state, "p1/a.jpg"), "PIC1");
    (void)look(&a, state, 0);
    assert_int_equal(look(&a, state, SETTLE), ARRIVAL_SHORT);
    assert_non_null(strstr(a.why, "1 files that are not there, first ./p1/b.jpg") ||
                    strstr(a.why, "1 files that are not there, first p1/b.jpg"));
    temp_write_text(in(state, "p1/b.jpg"), "PIX2"); /* of the right size */
    (void)look(&a, state, 2 * SETTLE);
    assert_int_equal(look(&a, state, 9 * QUIET), ARRIVAL_SHORT);
    assert_non_null(strstr(a.why, "1 files differ from SHA256SUMS, first p1/b.jpg"));
    assert_int_equal(unlink(in(state, "p1/b.jpg")), 0);
    temp_write_text(in(state, "p1/b.jpg"), "PIC2");
    assert_int_equal(utimensat(AT_FDCWD, in(state, "p1/b.jpg"), old, 0),
                     0); /* no tick has passed */
    (void)look(&a, state, 10 * QUIET);
    assert_int_equal(look(&a, state, 10 * QUIET + SETTLE), ARRIVAL_COMPLETE);
    assert_non_null(strstr(a.why, "SHA256SUMS agrees"));

    temp_write_text(in(state, "p1/c.jpg"), "PIC3"); /* nobody vouches for this one */
    (void)look(&a, state, 11 * QUIET);
    assert_int_equal(look(&a, state, 11 * QUIET + SETTLE), ARRIVAL_QUIET);
    assert_int_equal(look(&a, state, 12 * QUIET), ARRIVAL_COMPLETE);

    temp_write_text(in(state, "SHA256SUMS"), "abc  p1/a.jpg\n");
    (void)look(&a, state, 13 * QUIET);
    assert_int_equal(look(&a, state, 20 * QUIET), ARRIVAL_SHORT);
    assert_non_null(strstr(a.why, "none of sha256sum"));
}

static void what_cannot_be_read_is_waited_for(void **state)
{
    struct arrival a = {0};
    struct err err = {0};

    begin(state);
    assert_int_equal(arrival_look(&a, temp_path(*state, "none"), &rules, 0, &err), -1);
    temp_write_text(in(state, "p1/a.jpg"), "PIC1");
    temp_write_text(in(state, "COMPLETE"), "");
    if (geteuid() == 0)
        return; /* root reads everything */
    assert_int_equal(chmod(in(state, "p1/a.jpg"), 0), 0);
    (void)look(&a, state, 0);
    assert_int_equal(look(&a, state, QUIET), ARRIVAL_UNREADABLE);
    assert_non_null(strstr(a.why, "p1/a.jpg"));
    assert_int_equal(chmod(in(state, "p1/a.jpg"), 0600), 0); /* its print stays the same */
    assert_int_equal(look(&a, state, QUIET), ARRIVAL_COMPLETE);
}

static void quiet_alone_may_be_too_little(void **state)
{
    struct arrival_rules strict = rules;
    struct arrival a = {0};
    struct err err = {0};

    begin(state);
    strict.quiet_ms = 0;
    temp_write_text(in(state, "p1/a.jpg"), "PIC1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(arrival_look(&a, temp_path(*state, "up"), &strict, i * 9 * QUIET, &err),
                         0);
    assert_int_equal(a.state, ARRIVAL_QUIET);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_slow_writer_is_waited_for),
        CASE(every_change_is_seen),
        CASE(a_marker_tells_but_only_when_all_stands_still),
        CASE(files_on_their_way_hold_up_all),
        CASE(a_manifest_waits_for_its_files),
        CASE(digests_tell_without_waiting),
        CASE(what_cannot_be_read_is_waited_for),
        CASE(quiet_alone_may_be_too_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
