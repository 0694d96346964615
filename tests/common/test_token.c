/* The secret that both sides have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/token.h"

static int read_text(const char *text, mode_t mode, char token[TOKEN_SIZE], struct err *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/tmp/lentigo-token-%d", (int)getpid());
    assert_int_equal(file_write(path, text, strlen(text), err), 0);
    assert_int_equal(chmod(path, mode), 0);
    int ret = token_read(token, path, err);
    unlink(path);
    return ret;
}

static void a_token_is_the_first_line(void **state)
{
    char token[TOKEN_SIZE];
    struct err err = {0};

    (void)state;
    assert_int_equal(read_text("0123456789abcdef\nmore", 0640, token, &err), 0);
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
    char token[TOKEN_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct err err = {0};
        assert_int_equal(read_text(rows[i].text, rows[i].mode, token, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.msg, rows[i].says));
    }
    struct err err = {0};
    assert_int_equal(token_read(token, "/nowhere/token", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    err = (struct err){0};
    assert_int_equal(token_read(token, "", &err), -1);
    assert_non_null(strstr(err.msg, "--token"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_the_first_line),
        cmocka_unit_test(a_token_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
