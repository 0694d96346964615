/* The table of texts is whole in both languages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/text.h"
#include "reports/strings.h"

static void every_text_is_there(void **state)
{
    (void)state;
    for (int id = 0; id < S_COUNT; id++)
        for (int l = 0; l < LANGUAGE_COUNT; l++) {
            const char *text = string_of((enum language)l, (enum string)id);
            if (!text || !text[0] || !text_is_utf8(text, strlen(text)))
                fail_msg("text %d is missing or no UTF-8 in language %d", id, l);
        }
}

/* One bit for each {n}. */
static unsigned holes(const char *text)
{
    unsigned set = 0;

    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        assert_in_range(at[1], '1', '9');
        assert_int_equal(at[2], '}');
        set |= 1u << (at[1] - '0');
    }
    return set;
}

static void both_languages_fill_the_same_values(void **state)
{
    (void)state;
    for (int id = 0; id < S_COUNT; id++) {
        const char *en = string_of(LANGUAGE_EN, (enum string)id);
        if (holes(en) != holes(string_of(LANGUAGE_ZH, (enum string)id)))
            fail_msg("other values in Chinese: %s", en);
    }
}

static bool has_chinese(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0xe3 && (unsigned char)*text <= 0xef)
            return true;
    return false;
}

static void chinese_is_chinese(void **state)
{
    static const enum string alike[] = {S_LANG, S_NONE, S_ABCD_TDS, S_ABCD_OF, S_SUM_RISK_COUNT};

    (void)state;
    for (int id = 0; id < S_COUNT; id++) {
        bool is_alike = false;
        for (size_t i = 0; i < sizeof(alike) / sizeof(*alike); i++)
            is_alike |= alike[i] == (enum string)id;
        if (!is_alike && !has_chinese(string_of(LANGUAGE_ZH, (enum string)id)))
            fail_msg("not translated: %s", string_of(LANGUAGE_ZH, (enum string)id));
        if (has_chinese(string_of(LANGUAGE_EN, (enum string)id)))
            fail_msg("Chinese in English: %s", string_of(LANGUAGE_EN, (enum string)id));
    }
}

static void every_reason_has_advice(void **state)
{
    (void)state;
    for (int r = REASON_NONE + 1; r < REASON_COUNT; r++) {
        assert_true(string_of_reason(LANGUAGE_EN, (enum reason)r)[0]);
        if (!string_of_reason(LANGUAGE_ZH, (enum reason)r) ||
            !has_chinese(string_of_reason(LANGUAGE_ZH, (enum reason)r)))
            fail_msg("reason %s has no Chinese", reason_word((enum reason)r));
    }
}

static void nothing_says_healthy(void **state)
{
    static const char *const words[] = {"healthy", "negative", "benign result", "健康", "阴性"};

    (void)state;
    for (int id = 0; id < S_COUNT; id++)
        for (int l = 0; l < LANGUAGE_COUNT; l++)
            for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
                assert_null(strstr(string_of((enum language)l, (enum string)id), words[i]));
}

static void values_are_filled_in(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    string_fill(&b, LANGUAGE_ZH, S_ADVICE_ALSO_RETAKE, 2, (const char *const[]){"2", "5"});
    assert_non_null(strstr(b.data, "5 张"));
    buf_clear(&b);
    string_fill(&b, LANGUAGE_EN, S_PAGE, 1, (const char *const[]){"{2}"});
    assert_string_equal(b.data, "page {2} of {2}"); /* a value is not filled again */
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_is_there),
        cmocka_unit_test(both_languages_fill_the_same_values),
        cmocka_unit_test(chinese_is_chinese),
        cmocka_unit_test(every_reason_has_advice),
        cmocka_unit_test(nothing_says_healthy),
        cmocka_unit_test(values_are_filled_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
