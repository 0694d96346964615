/* The wire: every kind survives the trip whole, hostile lines are refused, any split is the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/wire.h"

static struct wire_message there, back; /* 80 kB each: too large for a test's stack frames */

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
    assert_memory_equal(&there, &back, sizeof(there));
}

/* A clinic's note of several lines, as long as the record allows: in the form for names it would be
 * three times as long, and the worker would refuse the job for ever. */
static void job_survives_with_a_long_note(void **state)
{
    (void)state;
    fresh(WIRE_JOB);
    there.image.mm_per_px = NAN;
    for (size_t n = 0; n + 4 < sizeof(there.image.notes); n += 4)
        memcpy(there.image.notes + n, "\xe5\xb7\xa6\n", 5);
    send_back();
    assert_memory_equal(back.image.notes, "%E5%B7%A6%0A%E5", 15);
    assert_int_equal(strlen(back.image.notes), sizeof(back.image.notes) - 1);
}

/* An error's text is cut at 239 bytes, in the middle of a character if it must be. */
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

static void job_survives_with_odd_bytes(void **state)
{
    (void)state;
    fresh(WIRE_JOB);
    PUT(id, "u1/k1/7");
    there.attempt = 3;
    PUT(study_dir, "/tmp/\xff\xfe caf\xc3\xa9/\x01");
    there.image.n = 7;
    PUT(image.file, "Bilder/\xe6\x82\xa3\xe8\x80\x85 \"x\".jpg");
    PUT(image.stem, "x");
    PUT(image.sha256, "00");
    there.image.size_bytes = INT64_C(5000000000);
    PUT(image.lesion_id, "L1");
    PUT(image.body_site, "back");
    PUT(image.acquired_at, "2026-01-01");
    PUT(image.notes, "a\tb");
    there.image.mm_per_px = 0.03125;
    there.image.is_duplicate = true;
    there.image.set_aside = REASON_EMPTY;
    PUT(image.detail, "0 bytes");
    there.is_alone = there.want_display = true;
    send_back();
    assert_string_equal(back.study_dir, there.study_dir);
    assert_string_equal(back.image.notes, "a%09b"); /* control bytes as text_add_name has it */
    PUT(image.notes, "a%09b");
    assert_memory_equal(&there, &back, sizeof(there));
}

static void unknown_scale_stays_unknown(void **state)
{
    (void)state;
    fresh(WIRE_JOB);
    there.image.mm_per_px = (double)NAN;
    send_back();
    assert_true(isnan(back.image.mm_per_px));
}

static void small_kinds_survive(void **state)
{
    (void)state;
    fresh(WIRE_STUDY);
    PUT(id, "u1/k1");
    PUT(study_dir, "/s");
    there.attempt = 1;
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));

    fresh(WIRE_DRAIN);
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));

    fresh(WIRE_DONE);
    PUT(id, "u1/k1/0");
    there.status = RESULT_SET_ASIDE;
    there.reason = REASON_TRUNCATED;
    PUT(risk, "retake");
    there.malignant_probability = 0.25;
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));

    fresh(WIRE_FAILED);
    PUT(id, "u1/k1/0");
    there.code = ERR_AGAIN;
    PUT(text, "no space left on device");
    there.stage = STAGE_COUNT;
    there.signal = 11;
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));

    fresh(WIRE_REPORTED);
    PUT(id, "u1/k1");
    PUT(risk, "urgent");
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));

    fresh(WIRE_STATS);
    for (int i = 0; i < STAGE_COUNT; i++)
        there.stages[i] = (struct wire_stage_stats){i, INT64_C(1) << 40, i + 2, i + 3};
    there.memory_kb = 123456;
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));
}

static void longest_alive_fits(void **state)
{
    (void)state;
    fresh(WIRE_ALIVE);
    there.n_alive = WIRE_ALIVE_MAX;
    for (int i = 0; i < WIRE_ALIVE_MAX; i++)
        memset(there.alive[i], 'a' + i % 26, WIRE_ID_SIZE - 1);
    send_back();
    assert_memory_equal(&there, &back, sizeof(there));
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
        "{\"kind\":\"hello\",\"version\":1}",
        "{\"kind\":\"hello\",\"version\":-1}",
        "{\"kind\":\"alive\"}",
        "{\"kind\":\"alive\",\"alive\":[1]}",
        "{\"kind\":\"alive\",\"alive\":[\"\"]}",
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
    const char *line = "{\"kind\":\"hello\",\"version\":2}";
    struct err err = {0};

    (void)state;
    assert_int_equal(wire_parse(&back, line, strlen(line), &err), 0);
    assert_int_equal(back.version, 2);
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
        cmocka_unit_test(job_survives_with_a_long_note),
        cmocka_unit_test(text_cut_within_a_character_survives),
        cmocka_unit_test(job_survives_with_odd_bytes),
        cmocka_unit_test(unknown_scale_stays_unknown),
        cmocka_unit_test(small_kinds_survive),
        cmocka_unit_test(longest_alive_fits),
        cmocka_unit_test(hostile_lines_are_refused),
        cmocka_unit_test(hello_of_another_version_tells_its_version),
        cmocka_unit_test(every_split_gives_the_same_lines),
        cmocka_unit_test(endless_line_is_refused),
        cmocka_unit_test(a_line_that_is_refused_ends_the_feed),
        cmocka_unit_test(blocking_halves_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
