/* Two streams that survive lost answers: nothing is taken twice, nothing is forgotten, and the scheduler hears
 * of a DONE only when its results lie in the spool. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "place.h"
#include "queue/result.h"

static struct wire_message m; /* 90 kB */

static int answers(uint64_t offset, const struct buf *line, struct err *why)
{
    return session_answers(session, offset, line->data, line->len, why);
}

static void done(struct buf *line, const char *id)
{
    struct err err = {0};

    wire_begin(&m, WIRE_DONE);
    struct wire_item *row = wire_add(&m, id);
    row->attempt = 1;
    row->status = RESULT_DONE;
    snprintf(row->risk, sizeof(row->risk), "routine");
    buf_init(line, WIRE_LINE_MAX);
    assert_int_equal(wire_format(&m, line, &err), 0);
}

static enum result_status status_of(int n)
{
    enum result_status status;
    struct err err = {0};

    assert_int_equal(result_peek(study_dir, n, &status, NULL, &err), 0);
    return status;
}

static void only_one_may_sit_down(void **state)
{
    static const struct {
        const char *line;
        int status;
    } rows[] = {
        {"{\"type\":\"drain\"}", 400},
        {"nonsense",             400},
    };
    char id[PROTOCOL_SESSION_SIZE], other[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct buf line;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        err = (struct err){0};
        assert_int_equal(session_hello(session, rows[i].line, strlen(rows[i].line), id, &err),
                         rows[i].status);
    }
    assert_int_equal(session_silent_ms(session), -1);
    sit_down_and_hold(id);
    assert_int_equal(strlen(id), PROTOCOL_SESSION_SIZE - 1);
    assert_true(session_silent_ms(session) >= 0);
    wire_begin(&m, WIRE_HELLO);
    m.version = WIRE_VERSION;
    m.credit = 1;
    snprintf(m.role, sizeof(m.role), "worker");
    buf_init(&line, WIRE_LINE_MAX);
    err = (struct err){0};
    assert_int_equal(wire_format(&m, &line, &err), 0);
    assert_int_equal(session_hello(session, line.data, line.len, other, &err), 409);
    buf_release(&line);
    err = (struct err){0};
    assert_int_equal(session_visit(session, id, &err), 200);
    assert_int_equal(session_visit(session, "0123", &err), 410);
    assert_int_equal(session_visit(session, NULL, &err), 410);
    assert_true(is_silent());
}

static void another_wire_is_refused(void **state)
{
    char id[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct buf line;

    (void)state;
    wire_begin(&m, WIRE_HELLO);
    m.version = WIRE_VERSION + 1;
    m.credit = 1;
    buf_init(&line, WIRE_LINE_MAX);
    assert_int_equal(wire_format(&m, &line, &err), 0);
    assert_int_equal(session_hello(session, line.data, line.len, id, &err), 426);
    assert_non_null(strstr(err.msg, "install the same"));
    buf_release(&line);
}

static void jobs_come_again_until_they_arrived(void **state)
{
    char id[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct buf first, again, rest;

    (void)state;
    sit_down_and_hold(id);
    buf_init(&first, 1 << 20);
    buf_init(&again, 1 << 20);
    buf_init(&rest, 1 << 20);
    assert_int_equal(session_jobs(session, 0, &first, &err), 200);
    assert_int_equal(session_jobs(session, 0, &again, &err), 200);
    assert_string_equal(first.data, again.data);
    wire_begin(&m, WIRE_DRAIN);
    assert_int_equal(session_take(session, &m, &err), 0);
    assert_int_equal(session_jobs(session, first.len, &rest, &err), 200);
    assert_null(strstr(rest.data, "jobs"));
    assert_non_null(strstr(rest.data, "drain"));
    assert_int_equal(session_jobs(session, 0, &again, &err), 400);
    err = (struct err){0};
    assert_int_equal(session_jobs(session, first.len + rest.len + 1, &again, &err), 400);
    buf_release(&first);
    buf_release(&again);
    buf_release(&rest);
}

static void who_is_refused_hears_why(void **state)
{
    char id[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct buf out;

    (void)state;
    sit_down_and_hold(id);
    wire_begin(&m, WIRE_REFUSED);
    snprintf(m.text, sizeof(m.text), "another model");
    assert_int_equal(session_take(session, &m, &err), 0);
    buf_init(&out, 1 << 20);
    assert_int_equal(session_jobs(session, 0, &out, &err), 409);
    assert_string_equal(err.msg, "another model");
    buf_release(&out);
}

static void a_seat_that_nobody_took_drains_at_once(void **state)
{
    struct err err = {0};

    (void)state;
    wire_begin(&m, WIRE_DRAIN);
    assert_int_equal(session_take(session, &m, &err), 1);
    wire_begin(&m, WIRE_JOBS);
    assert_int_equal(session_take(session, &m, &err), -1);
}

static void a_done_needs_its_result_and_is_told_once(void **state)
{
    char id[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct buf line;

    (void)state;
    sit_down_and_hold(id);
    done(&line, "u1/s1/0");
    assert_int_equal(answers(0, &line, &err), 409);
    assert_true(session_keep(session, "u1/s1/0", a_result("set_aside")));
    err = (struct err){0};
    assert_int_equal(answers(0, &line, &err), 409); /* it says something else */
    assert_true(is_silent());
    assert_int_equal(status_of(0), RESULT_NONE);

    assert_true(session_keep(session, "u1/s1/0", a_result("done")));
    assert_int_equal(answers(0, &line, &err), 204);
    assert_int_equal(status_of(0), RESULT_DONE);
    assert_int_equal(heard()->kind, WIRE_DONE);
    assert_int_equal(answers(0, &line, &err), 204); /* its answer was lost, and it comes again */
    assert_true(is_silent());
    assert_null(session_root_of(session, "u1/s1/0"));
    assert_non_null(session_root_of(session, "u1/s1/1"));
    assert_non_null(session_root_of_study(session, "u1/s1"));
    assert_null(session_root_of_study(session, "u1/s"));
    buf_release(&line);
}

static void a_request_goes_on_where_it_failed(void **state)
{
    char id[PROTOCOL_SESSION_SIZE];
    struct buf one, two, both;
    struct err err = {0};

    (void)state;
    sit_down_and_hold(id);
    assert_true(session_keep(session, "u1/s1/0", a_result("done")));
    done(&one, "u1/s1/0");
    done(&two, "u1/s1/1");
    buf_init(&both, 2 * WIRE_LINE_MAX);
    buf_add(&both, one.data, one.len);
    buf_add(&both, two.data, two.len);
    assert_int_equal(answers(0, &both, &err), 409); /* the second has no result */
    assert_string_equal(heard()->items[0].id, "u1/s1/0");
    assert_true(session_keep(session, "u1/s1/1", a_result("done")));
    assert_int_equal(answers(0, &both, &err), 204);
    assert_string_equal(heard()->items[0].id, "u1/s1/1");
    assert_true(is_silent());
    err = (struct err){0};
    assert_int_equal(answers(both.len + 1, &one, &err), 400); /* a hole */
    buf_release(&one);
    buf_release(&two);
    buf_release(&both);
}

static void what_is_no_workers_line_is_refused(void **state)
{
    static const char *const bad[] = {"nonsense\n", "{\"type\":\"drain\"}\n", "no end of line",
                                      "\n"};
    char id[PROTOCOL_SESSION_SIZE];

    (void)state;
    sit_down_and_hold(id);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        assert_int_equal(session_answers(session, 0, bad[i], strlen(bad[i]), &err), 400);
    }
    assert_true(is_silent());
}

static void a_failed_image_is_let_go(void **state)
{
    char id[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct buf line;

    (void)state;
    sit_down_and_hold(id);
    wire_begin(&m, WIRE_FAILED);
    m.attempt = 1;
    m.code = ERR_AGAIN;
    snprintf(m.id, sizeof(m.id), "u1/s1/1");
    buf_init(&line, WIRE_LINE_MAX);
    assert_int_equal(wire_format(&m, &line, &err), 0);
    assert_int_equal(answers(0, &line, &err), 204);
    assert_int_equal(heard()->kind, WIRE_FAILED);
    assert_null(session_root_of(session, "u1/s1/1"));
    assert_false(session_keep(session, "u1/s1/1", a_result("done")));
    buf_release(&line);
}

/* A DONE or FAILED is told before its image is let go: the scheduler may fill its place at once. */
static void a_full_seat_takes_a_job_for_one_that_was_just_told(void **state)
{
    char id[PROTOCOL_SESSION_SIZE], path[WIRE_ID_SIZE];
    struct err err = {0};

    (void)state;
    sit_down_and_hold(id);
    for (int i = 2; i < WIRE_ITEMS_MAX + 1; i++) {
        wire_begin(&m, WIRE_JOBS);
        snprintf(path, sizeof(path), "u1/s1/%d", i);
        wire_add(&m, path)->attempt = 1;
        assert_int_equal(session_take(session, &m, &err), 0);
    }
}

static void *wait_for_more(void *offset)
{
    static struct err err;
    struct buf out;

    buf_init(&out, 1 << 20);
    int status = session_jobs(session, *(uint64_t *)offset, &out, &err);
    buf_release(&out);
    *(uint64_t *)offset = (uint64_t)status;
    return NULL;
}

static void an_end_wakes_who_waits(void **state)
{
    const struct protocol_end end = {.signal = 11, .stage = STAGE_NETWORK};
    char id[PROTOCOL_SESSION_SIZE];
    struct err err = {0};
    struct protocol_end told;
    struct buf out;
    pthread_t thread;

    (void)state;
    sit_down_and_hold(id);
    buf_init(&out, 1 << 20);
    assert_int_equal(session_jobs(session, 0, &out, &err), 200);
    uint64_t offset = out.len;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_more, &offset), 0);
    assert_false(session_end_of(session, &told));
    session_end(session, &end);
    pthread_join(thread, NULL);
    assert_int_equal(offset, 204);
    assert_true(session_end_of(session, &told));
    assert_int_equal(told.signal, 11);
    assert_int_equal(session_visit(session, id, &err), 410);
    buf_release(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(only_one_may_sit_down),
        CASE(another_wire_is_refused),
        CASE(jobs_come_again_until_they_arrived),
        CASE(who_is_refused_hears_why),
        CASE(a_seat_that_nobody_took_drains_at_once),
        CASE(a_done_needs_its_result_and_is_told_once),
        CASE(a_request_goes_on_where_it_failed),
        CASE(what_is_no_workers_line_is_refused),
        CASE(a_failed_image_is_let_go),
        CASE(a_full_seat_takes_a_job_for_one_that_was_just_told),
        CASE(an_end_wakes_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
