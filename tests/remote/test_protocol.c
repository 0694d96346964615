/* What a seat and who joins have in common: names of files, ends of workers, the secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "remote/protocol.h"

static void files_are_named_and_found(void **state)
{
    (void)state;
    for (int i = 0; i < PROTOCOL_FILES; i++)
        assert_int_equal(protocol_file_of(protocol_file_name((enum protocol_file)i)), i);
    assert_int_equal(protocol_file_of("../study.json"), PROTOCOL_FILES);
    assert_int_equal(protocol_file_of(""), PROTOCOL_FILES);
}

static void an_end_is_read_as_it_was_written(void **state)
{
    const struct protocol_end end = {.signal = 11, .stage = STAGE_NETWORK};
    struct protocol_end back;
    struct err err = {0};
    struct buf line;

    (void)state;
    buf_init(&line, 256);
    assert_int_equal(protocol_end_format(&end, &line, &err), 0);
    assert_int_equal(protocol_end_parse(&back, line.data, line.len, &err), 0);
    assert_int_equal(back.status, 0);
    assert_int_equal(back.signal, 11);
    assert_int_equal(back.stage, STAGE_NETWORK);
    buf_release(&line);
}

static void an_end_out_of_range_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"status\":0,\"signal\":999,\"stage\":0}",
                                      "{\"status\":-1,\"signal\":0,\"stage\":0}",
                                      "{\"status\":0,\"signal\":0,\"stage\":77}",
                                      "{\"status\":\"0\",\"signal\":0,\"stage\":0}"};
    struct protocol_end end;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        assert_int_equal(protocol_end_parse(&end, bad[i], strlen(bad[i]), &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
}

static int read_token(const char *text, mode_t mode, char token[PROTOCOL_TOKEN_SIZE],
                      struct err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/tmp/lentigo-token-%d", (int)getpid());
    assert_int_equal(file_write(path, text, strlen(text), err), 0);
    assert_int_equal(chmod(path, mode), 0);
    int ret = protocol_token_read(token, path, err);
    unlink(path);
    return ret;
}

static void a_token_is_the_first_line(void **state)
{
    char token[PROTOCOL_TOKEN_SIZE];
    struct err err = {0};

    (void)state;
    assert_int_equal(read_token("0123456789abcdef\nmore", 0640, token, &err), 0);
    assert_string_equal(token, "0123456789abcdef");
}

static void a_token_that_is_none_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
        mode_t mode;
    } rows[] = {
        {"0123456789abcdef",  "others may read it", 0644},
        {"short",             "16 to 256",          0600},
        {"",                  "16 to 256",          0600},
        {"0123456789 abcdef", "cannot be printed",  0600},
    };
    char token[PROTOCOL_TOKEN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct err err = {0};
        assert_int_equal(read_token(rows[i].text, rows[i].mode, token, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.msg, rows[i].says));
    }
    struct err err = {0};
    assert_int_equal(protocol_token_read(token, "/nowhere/token", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    err = (struct err){0};
    assert_int_equal(protocol_token_read(token, "", &err), -1);
    assert_non_null(strstr(err.msg, "--token"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_named_and_found),
        cmocka_unit_test(an_end_is_read_as_it_was_written),
        cmocka_unit_test(an_end_out_of_range_is_refused),
        cmocka_unit_test(a_token_is_the_first_line),
        cmocka_unit_test(a_token_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
