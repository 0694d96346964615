#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/reason.h"

static void words_are_distinct_and_come_back(void **state)
{
    (void)state;
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *word = reason_word((enum reason)i);
        assert_int_equal(reason_of(word), i);
        assert_true(strspn(word, "abcdefghijklmnopqrstuvwxyz_") == strlen(word));
    }
}

static void every_sentence_can_be_acted_on(void **state)
{
    (void)state;
    assert_string_equal(reason_text(REASON_NONE), "");
    for (int i = 1; i < REASON_COUNT; i++) {
        const char *text = reason_text((enum reason)i);
        assert_in_range(strlen(text), 20, 80);
        assert_int_equal(text[strlen(text) - 1], '.');
    }
}

static void what_is_unknown_is_internal(void **state)
{
    (void)state;
    assert_int_equal(reason_of("no_such_word"), REASON_INTERNAL);
    assert_int_equal(reason_of(""), REASON_INTERNAL);
    assert_string_equal(reason_word((enum reason)REASON_COUNT), "internal");
    assert_string_equal(reason_word((enum reason) - 1), "internal");
    assert_string_equal(reason_text((enum reason)9999), reason_text(REASON_INTERNAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_distinct_and_come_back),
        cmocka_unit_test(every_sentence_can_be_acted_on),
        cmocka_unit_test(what_is_unknown_is_internal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
