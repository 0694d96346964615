/* The wire: every kind survives the trip whole, lists of any length too, hostile lines are refused, any split is the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/wire.h"

static struct wire_message there, back; /* 90 kB each: too large for a test's stack frames */

static void send_back(void)
{
    struct buf line;
    struct err err = {0};

    buf_init(&line, WIRE_LINE_MAX);
    assert_int_equal(wire_format(&there, &line, &err), 0);
    assert_int_equal(line.data[line.len - 1], '\n');
    assert_null(memchr(line.data, '\n', line.len - 1));
    assert_int_equal(wire_parse(&back, line.data, line.len - 1, &err), 0);
    assert_int_equal(back.kind, there.kind);
    buf_release(&line);
}

/* What lies behind the last row has no meaning. */
static void assert_whole(void)
{
    assert_memory_equal(&there, &back, offsetof(struct wire_message, items));
    assert_memory_equal(there.items, back.items, (size_t)there.n_items * sizeof(*there.items));
}

#define PUT(field, text) snprintf(there.field, sizeof(there.field), "%s", text)

static void fresh(enum wire_kind kind)
{
    memset(&there, 0, sizeof(there));
    memset(&back, 0xff, sizeof(back)); /* parse must not leave old bytes */
    there.kind = kind;
}

static void hello_survives(void **state)
{
    (void)state;
    fresh(WIRE_HELLO);
    there.version = WIRE_VERSION;
    there.pid = 4711;
    there.credit = 12;
    there.size = 512;
    PUT(role, "worker");
    PUT(model, "starter 1");
    PUT(model_sha256, "00ff");
    PUT(policy_sha256, "ab");
    PUT(precision, "bf16");
    PUT(backend, "onednn");
    PUT(device, "cpu");
    send_back();
    assert_whole();
}

/* An error's text that does not end with a character. */
static void text_cut_within_a_character_survives(void **state)
{
    (void)state;
    fresh(WIRE_FAILED);
    there.code = ERR_AGAIN;
    memset(there.text, 'a', sizeof(there.text) - 3);
    memcpy(there.text + sizeof(there.text) - 3, "\xe5\xb7", 3);
    send_back();
    assert_int_equal(back.text[0], 'a');
    assert_memory_equal(back.text + sizeof(back.text) - 3, "%E", 2);
}

static void jobs_survive_with_odd_bytes(void **state)
{
    (void)state;
    fresh(WIRE_JOBS);
    PUT(dir, "/tmp/\xff\xfe caf\xc3\xa9/\x01");
    there.want_display = true;
    for (int i = 0; i < 3; i++) {
        struct wire_item *job = wire_add(&there, i ? "u1/k1/7" : "u1/k\"1/0");
        job->attempt = 3 + i;
        job->is_alone = i == 1;
        job->is_urgent = i == 2;
        job->is_careful = i == 0;
    }
    send_back();
    assert_whole();
}

static void unknown_probability_stays_unknown(void **state)
{
    (void)state;
    fresh(WIRE_DONE);
    wire_add(&there, "u/k/0")->status = RESULT_DONE;
    there.items[0].malignant_probability = (double)NAN;
    send_back();
    assert_true(isnan(back.items[0].malignant_probability));
}

/* A list is not cleared before it is read: no old row and no old field may show. */
static void nothing_of_a_longer_list_is_left(void **state)
{
    (void)state;
    fresh(WIRE_DONE);
    for (int i = 0; i < 9; i++)
        *wire_add(&there, "u/k/0") =
            (struct wire_item){.id = "u/k/0", .status = RESULT_SET_ASIDE, .reason = REASON_EMPTY};
    send_back();
    wire_begin(&there, WIRE_JOBS);
    wire_add(&there, "u/k/1");
    send_back();
    assert_whole();
    assert_int_equal(back.items[0].status, RESULT_NONE);
}

static void small_kinds_survive(void **state)
{
    (void)state;
    fresh(WIRE_STUDY);
    PUT(id, "u1/k1");
    PUT(dir, "/s");
    there.attempt = 1;
    send_back();
    assert_whole();

    fresh(WIRE_DRAIN);
    send_back();
    assert_whole();

    fresh(WIRE_DONE);
    struct wire_item *done = wire_add(&there, "u1/k1/0");
    done->status = RESULT_SET_ASIDE;
    done->reason = REASON_TRUNCATED;
    snprintf(done->risk, sizeof(done->risk), "retake");
    done->malignant_probability = 0.25;
    send_back();
    assert_whole();

    fresh(WIRE_FAILED);
    PUT(id, "u1/k1/0");
    there.code = ERR_AGAIN;
    PUT(text, "no space left on device");
    there.stage = STAGE_COUNT;
    there.signal = 11;
    send_back();
    assert_whole();

    fresh(WIRE_REPORTED);
    PUT(id, "u1/k1");
    PUT(risk, "urgent");
    send_back();
    assert_whole();

    fresh(WIRE_STATS);
    for (int i = 0; i < STAGE_COUNT; i++)
        there.stages[i] = (struct wire_stage_stats){i, INT64_C(1) << 40, i + 2, i + 3};
    there.memory_kb = 123456;
    send_back();
    assert_whole();

    fresh(WIRE_REFUSED);
    PUT(text, "another model");
    send_back();
    assert_whole();
}

static void longest_lists_fit(void **state)
{
    static const enum wire_kind kinds[] = {WIRE_JOBS, WIRE_ALIVE, WIRE_DONE};
    char id[WIRE_ID_SIZE] = "";

    (void)state;
    memset(id, 'a', sizeof(id) - 1);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
        fresh(kinds[k]);
        for (int i = 0; i < WIRE_ITEMS_MAX; i++) {
            struct wire_item *item = wire_add(&there, id);
            item->attempt = kinds[k] == WIRE_ALIVE ? 0 : INT32_MAX;
            if (kinds[k] != WIRE_DONE)
                continue;
            item->status = RESULT_CANCELLED;
            item->reason = REASON_COUNT - 1;
            memset(item->risk, 'r', sizeof(item->risk) - 1);
            item->malignant_probability = 0.123456789012345;
        }
        send_back();
        assert_whole();
    }
}

static void hostile_lines_are_refused(void **state)
{
    static const char *const lines[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"kind\":3}",
        "{\"kind\":\"give\"}",
        "{\"kind\":\"hello\"}",
        "{\"kind\":\"hello\",\"version\":2}",
        "{\"kind\":\"hello\",\"version\":-1}",
        "{\"kind\":\"alive\"}",
        "{\"kind\":\"alive\",\"items\":[1]}",
        "{\"kind\":\"alive\",\"items\":[[]]}",
        "{\"kind\":\"alive\",\"items\":[[\"\"]]}",
        "{\"kind\":\"alive\",\"items\":[[\"u/k/0\",1]]}",
        "{\"kind\":\"alive\",\"items\":{\"id\":\"u/k/0\"}}",
        "{\"kind\":\"done\",\"items\":[[\"u/k/0\",1,\"none\",\"none\",\"\",0]]}",
        "{\"kind\":\"stats\",\"memory_kb\":1,\"stages\":[]}",
        "{\"kind\":\"stats\",\"memory_kb\":1e99,\"stages\":[]}",
        "{\"kind\":\"reported\",\"id\":\"a\\u0000b\",\"attempt\":0,\"risk\":\"\"}",
        "{\"kind\":\"reported\",\"id\":\"a\",\"attempt\":0,\"risk\":\"01234567890123456\"}",
        "{\"kind\":\"reported\",\"id\":\"a\",\"attempt\":99999999999,\"risk\":\"\"}",
        "{\"kind\":\"failed\",\"id\":\"a\",\"attempt\":0,\"code\":\"OK\",\"text\":\"\",\"stage\":"
        "\"decode\",\"signal\":0}",
        "{\"kind\":\"failed\",\"id\":\"a\",\"attempt\":0,\"code\":\"BUG\",\"text\":\"\",\"stage\":"
        "\"cooking\",\"signal\":0}",
        "{\"kind\":\"failed\",\"id\":\"a\",\"attempt\":0,\"code\":\"BUG\",\"text\":\"\",\"stage\":"
        "\"decode\",\"signal\":65}",
        "{\"kind\":\"drain\"} {\"kind\":\"drain\"}",
        "{\"kind\":\"drain\",\"kind\":\"drain\"}",
        "\xff\xfe",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct err err = {0};
        if (!wire_parse(&back, lines[i], strlen(lines[i]), &err))
            fail_msg("accepted: %s", lines[i]);
        assert_int_equal(err.code, ERR_BUG);
    }
}

static void hello_of_another_version_tells_its_version(void **state)
{
    const char *line = "{\"kind\":\"hello\",\"version\":3}";
    struct err err = {0};

    (void)state;
    assert_int_equal(wire_parse(&back, line, strlen(line), &err), 0);
    assert_int_equal(back.version, 3);
}

struct seen {
    int n;
    int stop_at;
    size_t bytes;
};

static int see(void *ctx, const char *line, size_t n, struct err *err)
{
    struct seen *seen = ctx;

    (void)line;
    seen->n++;
    seen->bytes += n;
    return seen->n == seen->stop_at ? err_set(err, ERR_INPUT, "enough") : 0;
}

static void every_split_gives_the_same_lines(void **state)
{
    const char *stream = "{\"kind\":\"drain\"}\n\n{\"kind\":\"x\"}\nrest";
    size_t n = strlen(stream);

    (void)state;
    for (size_t a = 0; a <= n; a++) {
        for (size_t b = a; b <= n; b++) {
            struct buf pending = {0};
            struct seen seen = {0};
            struct err err = {0};
            assert_int_equal(wire_feed(&pending, stream, a, see, &seen, &err), 0);
            assert_int_equal(wire_feed(&pending, stream + a, b - a, see, &seen, &err), 0);
            assert_int_equal(wire_feed(&pending, stream + b, n - b, see, &seen, &err), 0);
            assert_int_equal(seen.n, 3);
            assert_int_equal(seen.bytes, 16 + 0 + 12);
            assert_int_equal(pending.len, 4);
            buf_release(&pending);
        }
    }
}

static void endless_line_is_refused(void **state)
{
    static char chunk[4096];
    struct buf pending = {0};
    struct seen seen = {0};
    struct err err = {0};
    int fed = 0;

    (void)state;
    memset(chunk, 'x', sizeof(chunk));
    while (fed < 1000 && !wire_feed(&pending, chunk, sizeof(chunk), see, &seen, &err))
        fed++;
    assert_int_equal(fed, WIRE_LINE_MAX / (int)sizeof(chunk));
    assert_int_equal(err.code, ERR_BUG);
    buf_release(&pending);
}

static void a_line_that_is_refused_ends_the_feed(void **state)
{
    struct buf pending = {0};
    struct seen seen = {.stop_at = 1};
    struct err err = {0};

    (void)state;
    assert_int_equal(wire_feed(&pending, "a\nb\n", 4, see, &seen, &err), -1);
    assert_int_equal(seen.n, 1);
    assert_int_equal(err.code, ERR_INPUT);
    buf_release(&pending);
}

static void blocking_halves_meet(void **state)
{
    int fd[2];
    struct buf pending = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    fresh(WIRE_REPORTED);
    PUT(id, "u/k");
    assert_int_equal(wire_write(fd[0], &there, &err), 0);
    there.kind = WIRE_DRAIN;
    assert_int_equal(wire_write(fd[0], &there, &err), 0);
    assert_int_equal(write(fd[0], "{\"kind\":\"cut", 12), 12);
    close(fd[0]);
    assert_int_equal(wire_read(fd[1], &pending, &back, &err), 1);
    assert_string_equal(back.id, "u/k");
    assert_int_equal(wire_read(fd[1], &pending, &back, &err), 1);
    assert_int_equal(back.kind, WIRE_DRAIN);
    assert_int_equal(wire_read(fd[1], &pending, &back, &err), 0);
    assert_int_equal(wire_write(fd[1], &there, &err), -1);
    assert_int_equal(err.code, ERR_CANCELLED);
    buf_release(&pending);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_survives),
        cmocka_unit_test(text_cut_within_a_character_survives),
        cmocka_unit_test(jobs_survive_with_odd_bytes),
        cmocka_unit_test(unknown_probability_stays_unknown),
        cmocka_unit_test(nothing_of_a_longer_list_is_left),
        cmocka_unit_test(small_kinds_survive),
        cmocka_unit_test(longest_lists_fit),
        cmocka_unit_test(hostile_lines_are_refused),
        cmocka_unit_test(hello_of_another_version_tells_its_version),
        cmocka_unit_test(every_split_gives_the_same_lines),
        cmocka_unit_test(endless_line_is_refused),
        cmocka_unit_test(a_line_that_is_refused_ends_the_feed),
        cmocka_unit_test(blocking_halves_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
