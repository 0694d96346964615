#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static void grows_and_stays_terminated(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 10000);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i % 10);
    buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 2000);
    assert_int_equal(b.data[2000], 0);
    assert_memory_equal(b.data + 1990, "5,6,7,8,9,", 10);
    buf_release(&b);
    buf_release(&b);
}

static void limit_is_exact_and_sticky(void **state)
{
    struct err err = {0};
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_add_text(&b, "12345");
    assert_int_equal(buf_check(&b, "x", &err), 0);
    buf_add(&b, "6", 1);
    assert_int_equal(b.failed, ERR_LIMIT);
    assert_string_equal(b.data, "12345");
    b.len = 0; /* there would be room now, but a failure is not forgotten */
    buf_add(&b, "1", 1);
    assert_int_equal(b.len, 0);
    assert_int_equal(buf_check(&b, "report.html", &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "report.html"));
    buf_release(&b);
}

static void printf_over_the_limit_writes_nothing(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 8);
    buf_printf(&b, "%s", "123456789");
    assert_int_equal(b.failed, ERR_LIMIT);
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void sizes_do_not_wrap(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, SIZE_MAX);
    buf_add(&b, "abc", 3);
    buf_add(&b, "x", SIZE_MAX); /* nothing of it is read */
    assert_int_equal(b.failed, ERR_LIMIT);
    assert_string_equal(b.data, "abc");
    buf_clear(&b);
    buf_add(&b, "x", SIZE_MAX - 1);
    assert_int_equal(b.failed, ERR_LIMIT);
    buf_release(&b);
}

static void clear_forgets_text_and_failure(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_clear(&b); /* nothing in it yet */
    buf_add_text(&b, "abcd");
    buf_add_text(&b, "e");
    buf_clear(&b);
    assert_int_equal(b.failed, ERR_OK);
    assert_string_equal(b.data, "");
    buf_add_text(&b, "wxyz");
    assert_string_equal(b.data, "wxyz");
    buf_release(&b);
}

static void take_hands_over(void **state)
{
    struct buf b;
    char *text;

    (void)state;
    buf_init(&b, 4);
    text = buf_take(&b);
    assert_string_equal(text, "");
    free(text);
    buf_add_text(&b, "abcd");
    text = buf_take(&b);
    assert_null(b.data);
    assert_int_equal(b.max, 4);
    assert_string_equal(text, "abcd");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(limit_is_exact_and_sticky),
        cmocka_unit_test(printf_over_the_limit_writes_nothing),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(clear_forgets_text_and_failure),
        cmocka_unit_test(take_hands_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
