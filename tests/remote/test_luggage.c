/* Each image goes its way once; what is told of leaves with its files. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "remote/luggage.h"
#include "remote/nest.h"
#include "remote/protocol.h"

struct fixture {
    struct nest nest;
    struct luggage *l;
    struct wire_message jobs, told; /* large */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct err err = {0};

    *state = f;
    return !f || nest_open(&f->nest, &err) || luggage_new(&f->l, f->nest.root, 8, &err) ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    luggage_free(f->l);
    nest_close(&f->nest);
    free(f);
    return 0;
}

/* Ids with spaces between them; one with a '!' is urgent. */
static int take(struct fixture *f, const char *ids, struct err *err)
{
    char id[WIRE_ID_SIZE];
    int n;

    wire_begin(&f->jobs, WIRE_JOBS);
    f->jobs.want_display = true;
    for (; sscanf(ids, "%127s%n", id, &n) == 1; ids += n) {
        struct wire_item *row = wire_add(&f->jobs, id[0] == '!' ? id + 1 : id);
        row->attempt = 1;
        row->is_urgent = id[0] == '!';
    }
    return luggage_take(f->l, &f->jobs, err);
}

static void take_fine(struct fixture *f, const char *ids)
{
    struct err err = {0};

    assert_int_equal(take(f, ids, &err), 0);
}

static struct luggage_item *fetch(struct fixture *f, const char *id)
{
    struct luggage_item *item = luggage_next_wanted(f->l);

    assert_non_null(item);
    assert_string_equal(item->row.id, id);
    return item;
}

static int done(struct fixture *f, const char *id, int attempt)
{
    wire_begin(&f->told, WIRE_DONE);
    struct wire_item *row = wire_add(&f->told, id);
    row->attempt = attempt;
    row->status = RESULT_DONE;
    snprintf(row->risk, sizeof(row->risk), "urgent");
    return luggage_note_done(f->l, &f->told);
}

/* All the way to being told. */
static void send(struct fixture *f, const char *id)
{
    struct luggage_item *item = luggage_next_made(f->l);

    assert_non_null(item);
    assert_string_equal(item->row.id, id);
    luggage_put_sent(f->l, item);
}

/* What is told now, the last line of it parsed into `told`. */
static int gather(struct fixture *f, bool is_moving)
{
    struct err err = {0};
    struct buf lines;
    int n = 0;

    buf_init(&lines, PROTOCOL_ANSWERS_MAX);
    assert_int_equal(luggage_gather(f->l, is_moving, &lines, &err), 0);
    luggage_told(f->l);
    for (char *at = lines.data, *end; at && (end = strchr(at, '\n')); at = end + 1, n++)
        assert_int_equal(wire_parse(&f->told, at, (size_t)(end - at), &err), 0);
    buf_release(&lines);
    return n;
}

static void an_image_goes_its_way(void **state)
{
    struct fixture *f = *state;

    take_fine(f, "u/k/1 u/k/2");
    struct luggage_item *item = fetch(f, "u/k/1");
    assert_true(item->want_display);
    luggage_pass_on(f->l, item);
    assert_int_equal(luggage_at_work(f->l), 1);
    assert_int_equal(done(f, "u/k/1", 1), 0);
    assert_int_equal(luggage_at_work(f->l), 0);
    send(f, "u/k/1");
    assert_false(luggage_is_settled(f->l)); /* not told, and another is wanted */
    assert_int_equal(gather(f, false), 1);
    assert_int_equal(f->told.kind, WIRE_DONE);
    assert_string_equal(f->told.items[0].id, "u/k/1");
    assert_string_equal(f->told.items[0].risk, "urgent");
    assert_int_equal(gather(f, false), 0);
    take_fine(f, "u/k/1"); /* handed out again at once */
    luggage_pass_on(f->l, fetch(f, "u/k/2"));
    luggage_pass_on(f->l, fetch(f, "u/k/1"));
    assert_true(luggage_is_settled(f->l));
}

static void the_urgent_go_first(void **state)
{
    struct fixture *f = *state;

    take_fine(f, "u/k/1 u/k/2 !u/k/3");
    luggage_pass_on(f->l, fetch(f, "u/k/3"));
    luggage_pass_on(f->l, fetch(f, "u/k/1"));
    assert_int_equal(done(f, "u/k/1", 1), 0);
    assert_int_equal(done(f, "u/k/3", 1), 0); /* DONE does not say that it is */
    send(f, "u/k/3");
    send(f, "u/k/1");
}

static void what_is_wrong_is_refused(void **state)
{
    static const char *const bad[] = {
        "u/k/1",  "u/k",     "../k/2", "u/k/x",
        "u/k?/2", "u/%2e/2", "u/.k/2", "u/k/3 u/k/4 u/k/5 u/k/6 u/k/7 u/k/8 u/k/9 u/k/10"};
    struct fixture *f = *state;

    take_fine(f, "u/k/1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        assert_int_equal(take(f, bad[i], &err), -1);
        assert_int_equal(err.code, ERR_BUG);
    }
}

static void a_stranger_is_no_answer(void **state)
{
    struct fixture *f = *state;

    take_fine(f, "u/k/1");
    assert_int_equal(done(f, "u/k/1", 1), 1); /* it is not at work yet */
    luggage_pass_on(f->l, fetch(f, "u/k/1"));
    assert_int_equal(done(f, "u/k/1", 2), 1);
    assert_int_equal(done(f, "u/k/2", 1), 1);
    wire_begin(&f->told, WIRE_FAILED);
    f->told.attempt = 7;
    memcpy(f->told.id, "u/k/1", 6);
    assert_int_equal(luggage_note_failed(f->l, &f->told), 1);
    assert_int_equal(gather(f, false), 0);
}

static void a_failure_is_told_as_it_was(void **state)
{
    const struct err why = {.code = ERR_AGAIN, .msg = "no room"};
    struct fixture *f = *state;

    take_fine(f, "u/k/1 u/k/2");
    luggage_pass_on(f->l, fetch(f, "u/k/1"));
    wire_begin(&f->told, WIRE_FAILED);
    f->told.attempt = 1;
    f->told.signal = 11;
    f->told.code = ERR_INPUT;
    f->told.stage = STAGE_NETWORK;
    memcpy(f->told.id, "u/k/1", 6);
    assert_int_equal(luggage_note_failed(f->l, &f->told), 0);
    assert_int_equal(gather(f, false), 1);
    assert_int_equal(f->told.kind, WIRE_FAILED);
    assert_string_equal(f->told.id, "u/k/1");
    assert_int_equal(f->told.signal, 11);
    assert_int_equal(f->told.stage, STAGE_NETWORK);
    luggage_put_failed(f->l, fetch(f, "u/k/2"), &why);
    assert_int_equal(gather(f, false), 1);
    assert_string_equal(f->told.id, "u/k/2");
    assert_int_equal(f->told.code, ERR_AGAIN);
    assert_string_equal(f->told.text, "no room");
    assert_int_equal(f->told.signal, 0);
    assert_true(luggage_is_settled(f->l));
}

static void note_alive(struct fixture *f, const char *line)
{
    struct err err = {0};

    assert_int_equal(luggage_note_line(f->l, WIRE_ALIVE, line, strlen(line), &err), 0);
}

static void the_last_alive_is_enough(void **state)
{
    struct fixture *f = *state;

    note_alive(f, "{\"kind\":\"alive\",\"items\":[[\"u/k/1\"]]}");
    note_alive(f, "{\"kind\":\"alive\",\"items\":[[\"u/k/2\"]]}");
    assert_true(luggage_wait_news(f->l, 0));
    assert_int_equal(gather(f, false), 1);
    assert_string_equal(f->told.items[0].id, "u/k/2");
}

static void what_is_being_sent_is_alive(void **state)
{
    struct fixture *f = *state;

    take_fine(f, "u/k/1 u/k/2 u/k/3");
    luggage_pass_on(f->l, fetch(f, "u/k/1"));
    luggage_pass_on(f->l, fetch(f, "u/k/2"));
    assert_int_equal(gather(f, true), 1);
    assert_int_equal(f->told.kind, WIRE_ALIVE);
    assert_int_equal(f->told.n_items, 0);
    assert_int_equal(done(f, "u/k/1", 1), 0);
    assert_int_equal(done(f, "u/k/2", 1), 0);
    assert_non_null(luggage_next_made(f->l));
    assert_int_equal(gather(f, true), 1);
    assert_int_equal(f->told.n_items, 2);
}

static void drain_waits_for_what_is_fetched(void **state)
{
    struct fixture *f = *state;

    assert_false(luggage_may_drain(f->l));
    take_fine(f, "u/k/1");
    luggage_drain(f->l);
    assert_false(luggage_may_drain(f->l));
    struct luggage_item *item = fetch(f, "u/k/1");
    assert_false(luggage_may_drain(f->l));
    luggage_pass_on(f->l, item);
    assert_true(luggage_may_drain(f->l));
    assert_false(luggage_may_drain(f->l));
}

static bool is_there(const struct fixture *f, const char *name)
{
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};

    assert_int_equal(
        path_format(path, sizeof(path), &err, "%s/uploads/u/studies/k/%s", f->nest.root, name), 0);
    return !access(path, F_OK);
}

static void put_file(const struct fixture *f, const char *name)
{
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};

    assert_int_equal(
        path_format(path, sizeof(path), &err, "%s/uploads/u/studies/k/%s", f->nest.root, name), 0);
    assert_int_equal(file_write(path, "x", 1, &err), 0);
}

static void files_go_with_the_image(void **state)
{
    char dir[SPOOL_PATH_SIZE];
    struct fixture *f = *state;
    struct err err = {0};
    int n;

    take_fine(f, "u/k/1 u/k/2");
    assert_int_equal(nest_make_study(f->nest.root, "u/k/1", dir, &n, &err), 0);
    static const char *const files[] = {"study.json", "originals/1", "originals/2",
                                        "results/1.json"};
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        put_file(f, files[i]);
    luggage_pass_on(f->l, fetch(f, "u/k/1"));
    luggage_pass_on(f->l, fetch(f, "u/k/2"));
    assert_int_equal(done(f, "u/k/1", 1), 0);
    send(f, "u/k/1");
    assert_true(is_there(f, "results/1.json"));
    gather(f, false);
    assert_false(is_there(f, "results/1.json"));
    assert_false(is_there(f, "originals/1"));
    assert_true(is_there(f, "originals/2"));
    assert_true(is_there(f, "study.json"));
    assert_int_equal(done(f, "u/k/2", 1), 0);
    send(f, "u/k/2");
    gather(f, false);
    assert_false(is_there(f, ""));
}

static void a_study_is_fetched_once(void **state)
{
    struct fixture *f = *state;

    take_fine(f, "u/k/1 u/k/2 u/other/1");
    struct luggage_item *first = fetch(f, "u/k/1"), *second = fetch(f, "u/k/2"),
                        *third = fetch(f, "u/other/1");
    assert_true(luggage_begin_study(f->l, first));
    assert_true(luggage_begin_study(f->l, third));
    luggage_end_study(f->l, first, false); /* in vain */
    assert_true(luggage_begin_study(f->l, second));
    luggage_end_study(f->l, second, true);
    assert_false(luggage_begin_study(f->l, first));
}

/* ---- many threads ---- */

static void *fetch_all(void *arg)
{
    struct fixture *f = arg;
    struct luggage_item *item;

    while ((item = luggage_next_wanted(f->l))) {
        if (luggage_begin_study(f->l, item))
            luggage_end_study(f->l, item, true);
        luggage_pass_on(f->l, item);
    }
    return NULL;
}

static void *send_all(void *arg)
{
    const struct err why = {.code = ERR_AGAIN, .msg = "for once"};
    struct fixture *f = arg;
    struct luggage_item *item;

    while ((item = luggage_next_made(f->l)))
        if (item->row.id[strlen(item->row.id) - 1] == '7')
            luggage_put_failed(f->l, item, &why);
        else
            luggage_put_sent(f->l, item);
    return NULL;
}

struct teller {
    struct fixture *f;
    int done, failed;
};

static void *tell_all(void *arg)
{
    struct teller *t = arg;
    struct wire_message *m = malloc(sizeof(*m));
    struct err err = {0};
    struct buf lines;

    buf_init(&lines, PROTOCOL_ANSWERS_MAX);
    while (m && t->done + t->failed < 200 && luggage_wait_news(t->f->l, 1000)) {
        buf_clear(&lines);
        if (luggage_gather(t->f->l, false, &lines, &err))
            break;
        luggage_told(t->f->l);
        for (char *at = lines.data, *end; at && (end = strchr(at, '\n')); at = end + 1)
            if (!wire_parse(m, at, (size_t)(end - at), &err)) {
                t->done += m->kind == WIRE_DONE ? m->n_items : 0;
                t->failed += m->kind == WIRE_FAILED;
            }
    }
    buf_release(&lines);
    free(m);
    return NULL;
}

/* The worker answers whatever it has of the last few, for no more are at work. */
static void answer_last(struct fixture *f, int given)
{
    for (int i = given > 16 ? given - 16 : 0; i < given; i++) {
        char id[WIRE_ID_SIZE];
        snprintf(id, sizeof(id), "u/k%d/%d", i % 3, i);
        (void)done(f, id, 1);
    }
}

/* As many at a time as the credit allows. */
static void give_all(struct fixture *f)
{
    for (int given = 0; given < 200;) {
        char id[WIRE_ID_SIZE];
        struct err err = {0};
        snprintf(id, sizeof(id), "u/k%d/%d", given % 3, given);
        given += !take(f, id, &err);
        answer_last(f, given);
    }
    while (luggage_at_work(f->l) || !luggage_is_settled(f->l))
        answer_last(f, 200);
}

static void threads_lose_none(void **state)
{
    struct fixture *f = *state;
    struct teller teller = {.f = f};
    pthread_t threads[6], tells;

    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < 3 ? fetch_all : send_all, f), 0);
    assert_int_equal(pthread_create(&tells, NULL, tell_all, &teller), 0);
    give_all(f);
    pthread_join(tells, NULL);
    luggage_close(f->l);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(teller.done, 180);
    assert_int_equal(teller.failed, 20);
    assert_false(luggage_wait_news(f->l, 0));
    assert_null(luggage_next_wanted(f->l));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_image_goes_its_way, setup, teardown),
        cmocka_unit_test_setup_teardown(the_urgent_go_first, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stranger_is_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_told_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_alive_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_being_sent_is_alive, setup, teardown),
        cmocka_unit_test_setup_teardown(drain_waits_for_what_is_fetched, setup, teardown),
        cmocka_unit_test_setup_teardown(files_go_with_the_image, setup, teardown),
        cmocka_unit_test_setup_teardown(a_study_is_fetched_once, setup, teardown),
        cmocka_unit_test_setup_teardown(threads_lose_none, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
