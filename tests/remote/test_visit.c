/* Lines and files go through between a seat and a worker that the test plays, and what is left undone is told. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "canned.h"
#include "common/file.h"
#include "common/sha256.h"
#include "remote/visit.h"

enum { HANG_MS = 60000 };

struct fixture {
    struct canned *canned;
    struct http_seat seat;
    struct nest nest;
    struct worker worker;
    int wire; /* the worker's end */
    struct buf pending;
    struct visit *visit;
    struct wire_message m; /* large */
    pthread_mutex_t lock;  /* guards what follows */
    char jobs[4096], answers[16384], put[4096];
    int jobs_status, status; /* of all of these, of all requests; 0: as it should be */
    bool no_originals;
};

/* What the seat was told, once each however often it came. */
static void note_answers(struct fixture *f, const struct canned_request *r)
{
    size_t from = strtoul(strrchr(r->path, '/') + 1, NULL, 10), have = strlen(f->answers);

    assert_true(from <= have && from + r->n_body < sizeof(f->answers));
    snprintf(f->answers + have, sizeof(f->answers) - have, "%.*s", (int)(r->n_body - (have - from)),
             r->body + (have - from));
}

static void answer_jobs(struct fixture *f, const struct canned_request *r, char *out, size_t size)
{
    size_t from = strtoul(strrchr(r->path, '/') + 1, NULL, 10);

    if (f->jobs_status)
        canned_put(out, size, f->jobs_status, "another model\n");
    else if (from < strlen(f->jobs))
        canned_put(out, size, 200, f->jobs + from);
    else
        canned_put(out, size, 204, "");
}

/* A study of eight images, each of them "picture". */
static void answer_study(char *out, size_t size)
{
    struct study_image images[8] = {0};
    struct study study = {.upload = "u", .key = "k", .n_images = 8, .images = images};

    for (int i = 0; i < 8; i++) {
        images[i].n = i;
        images[i].size_bytes = 7;
        sha256_hex(images[i].sha256, "picture", 7);
    }
    json_t *object = study_to_json(&study);
    char *line = json_line(object);
    canned_put(out, size, 200, line);
    free(line);
    json_decref(object);
}

static void answer_all(struct fixture *f, const struct canned_request *r, char *out, size_t size)
{
    if (f->status) {
        canned_put(out, size, f->status, "the session is over\n");
    } else if (strstr(r->path, "/jobs/")) {
        answer_jobs(f, r, out, size);
    } else if (strstr(r->path, "/answers/")) {
        note_answers(f, r);
        canned_put(out, size, 204, "");
    } else if (!strcmp(r->method, "PUT")) {
        size_t n = strlen(f->put);
        snprintf(f->put + n, sizeof(f->put) - n, "%s=%.*s\n", r->path, (int)r->n_body, r->body);
        canned_put(out, size, 204, "");
    } else if (strstr(r->path, "/studies/")) {
        answer_study(out, size);
    } else {
        canned_put(out, size, 200, "picture");
    }
}

static void answer(void *ctx, const struct canned_request *r, char *out, size_t size)
{
    struct fixture *f = ctx;

    if (strstr(r->path, "/jobs/"))
        usleep(10000);
    pthread_mutex_lock(&f->lock);
    bool hangs = f->no_originals && strstr(r->path, "/originals/");
    answer_all(f, r, out, size);
    pthread_mutex_unlock(&f->lock);
    while (hangs && !canned_is_over(f->canned))
        usleep(1000);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {0};
    int pair[2];

    *state = f;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    f->worker = (struct worker){.pid_fd = -1, .wire = pair[0]};
    f->wire = pair[1];
    pthread_mutex_init(&f->lock, NULL);
    f->canned = canned_new(answer, f);
    f->seat = (struct http_seat){canned_url(f->canned), "0123456789abcdef", ""};
    return nest_open(&f->nest, &err);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    visit_close(f->visit);
    canned_free(f->canned);
    worker_release(&f->worker);
    if (f->wire >= 0)
        close(f->wire);
    nest_close(&f->nest);
    buf_release(&f->pending);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

static void open_visit(struct fixture *f)
{
    struct err err = {0};
    const struct visit_config config = {&f->seat, "00ff", &f->nest, &f->worker, 8};

    assert_int_equal(visit_open(&f->visit, &config, &err), 0);
}

static void say_jobs(struct fixture *f, const char *lines)
{
    pthread_mutex_lock(&f->lock);
    snprintf(f->jobs, sizeof(f->jobs), "%s", lines);
    pthread_mutex_unlock(&f->lock);
}

#define JOB(id)                                                                     \
    "{\"kind\":\"jobs\",\"dir\":\"/spool\",\"want_display\":true,\"items\":[[\"" id \
    "\",3,false,true,false]]}\n"

static void read_worker(struct fixture *f, enum wire_kind kind)
{
    struct err err = {0};

    assert_int_equal(wire_read(f->wire, &f->pending, &f->m, &err), 1);
    assert_int_equal(f->m.kind, kind);
}

/* The worker has made a result of what it was told to do last. */
static void finish(struct fixture *f)
{
    char path[SPOOL_PATH_SIZE], dir[SPOOL_PATH_SIZE];
    static const char *const names[] = {"json", "mask.png"};
    struct err err = {0};
    struct wire_item row = f->m.items[0];
    int n;

    assert_int_equal(spool_image_of_id(f->m.dir, row.id, dir, &n, &err), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_int_equal(
            path_format(path, sizeof(path), &err, "%s/results/%d.%s", dir, n, names[i]), 0);
        assert_int_equal(file_write(path, names[i], strlen(names[i]), &err), 0);
    }
    wire_begin(&f->m, WIRE_DONE);
    *wire_add(&f->m, row.id) = row;
    f->m.items[0].status = RESULT_DONE;
    assert_int_equal(wire_write(f->wire, &f->m, &err), 0);
}

static bool has_said(struct fixture *f, const char *text)
{
    pthread_mutex_lock(&f->lock);
    bool has = strstr(f->answers, text) != NULL;
    pthread_mutex_unlock(&f->lock);
    return has;
}

static void wait_said(struct fixture *f, const char *text)
{
    for (int ms = 0; !has_said(f, text); ms++) {
        if (ms == HANG_MS)
            fail_msg("never told: %s in %s", text, f->answers);
        usleep(1000);
    }
}

static void an_image_goes_there_and_back(void **state)
{
    struct fixture *f = *state;
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};

    open_visit(f);
    say_jobs(f, JOB("u/k/7") "{\"kind\":\"drain\"}\n");
    read_worker(f, WIRE_JOBS);
    assert_string_equal(f->m.dir, f->nest.root);
    assert_string_equal(f->m.items[0].id, "u/k/7");
    assert_int_equal(f->m.items[0].attempt, 3);
    assert_true(f->m.want_display && f->m.items[0].is_urgent && !f->m.items[0].is_alone);
    assert_int_equal(
        path_format(path, sizeof(path), &err, "%s/uploads/u/studies/k/originals/7", f->nest.root),
        0);
    struct buf original;
    buf_init(&original, 64);
    assert_int_equal(file_read(path, &original, &err), 0);
    assert_string_equal(original.data, "picture");
    buf_release(&original);
    finish(f);
    read_worker(f, WIRE_DRAIN);
    wait_said(f, "\"done\"");
    assert_true(visit_has_worked(f->visit));
    assert_string_equal(f->put,
                        "/v1/results/u/k/7/mask.png=mask.png\n/v1/results/u/k/7/json=json\n");
    assert_int_equal(access(path, F_OK), -1);
}

static enum visit_state wait_over(struct fixture *f, char why[256])
{
    struct pollfd fd = {visit_fd(f->visit), POLLIN, 0};
    enum visit_state state;

    while ((state = visit_look(f->visit, why)) == VISIT_ON)
        assert_int_equal(poll(&fd, 1, HANG_MS), 1);
    return state;
}

static void a_session_ends(void **state)
{
    struct fixture *f = *state;
    char why[256];

    f->status = 410;
    open_visit(f);
    assert_int_equal(wait_over(f, why), VISIT_LOST);
    assert_string_equal(why, "the session is over");
}

static void a_worker_is_refused(void **state)
{
    struct fixture *f = *state;
    char why[256];

    f->jobs_status = 409;
    open_visit(f);
    assert_int_equal(wait_over(f, why), VISIT_REFUSED);
    assert_string_equal(why, "another model");
}

static void nonsense_ends_it(void **state)
{
    static const char *const rows[] = {"nonsense\n", "{\"kind\":\"done\",\"items\":[]}\n",
                                       JOB("u/k/1") JOB("u/k/1"), JOB("../k/1")};
    struct fixture *f = *state;
    char why[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        say_jobs(f, rows[i]);
        open_visit(f);
        assert_int_equal(wait_over(f, why), VISIT_LOST);
        visit_close(f->visit);
        f->visit = NULL;
        teardown(state);
        setup(state);
        f = *state;
    }
}

static void wait_settled(struct fixture *f)
{
    struct pollfd fd = {visit_fd(f->visit), POLLIN, 0};
    char why[256];

    visit_settle(f->visit);
    while (!visit_is_settled(f->visit)) {
        assert_int_equal(poll(&fd, 1, HANG_MS), 1);
        assert_int_equal(visit_look(f->visit, why), VISIT_ON);
    }
}

/* Its own children hold the other end: the test closes it only at the end. */
static void what_the_dead_had_said_is_told(void **state)
{
    struct fixture *f = *state;

    open_visit(f);
    say_jobs(f, JOB("u/k/1") JOB("u/k/2"));
    read_worker(f, WIRE_JOBS);
    struct wire_item first = f->m.items[0];
    read_worker(f, WIRE_JOBS);
    f->m.items[0] = first;
    finish(f);
    wait_settled(f);
    assert_true(has_said(f, first.id) && has_said(f, "\"done\""));
    assert_int_equal(visit_at_work(f->visit), 1);
}

static void what_the_dead_never_got_goes_back(void **state)
{
    struct fixture *f = *state;

    f->no_originals = true;
    open_visit(f);
    say_jobs(f, JOB("u/k/1") JOB("u/k/2") JOB("u/k/3") JOB("u/k/4") JOB("u/k/5") JOB("u/k/6"));
    wait_settled(f);
    assert_int_equal(visit_at_work(f->visit), 0);
    assert_false(has_said(f, "\"done\""));
    for (const char *at = f->answers; (at = strstr(at, "\"failed\"")); at++)
        assert_non_null(strstr(at - 80 < f->answers ? f->answers : at - 80, "CANCELLED"));
}

static int open_all(void **state)
{
    struct err err = {0};

    (void)state;
    return http_open_all(&err);
}

static int close_all(void **state)
{
    (void)state;
    http_close_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_image_goes_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_dead_had_said_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_dead_never_got_goes_back, setup, teardown),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
