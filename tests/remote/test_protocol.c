/* What a seat and who joins have in common: names of files, ends of workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_named_and_found),
        cmocka_unit_test(an_end_is_read_as_it_was_written),
        cmocka_unit_test(an_end_out_of_range_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
