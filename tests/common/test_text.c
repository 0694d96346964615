#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static void utf8_edges(void **state)
{
    static const struct {
        const char *bytes;
        bool is_good;
    } cases[] = {
        {"",                 true },
        {"plain",            true },
        {"\x7f",             true },
        {"\xc2\x80",         true }, /* U+0080, the first of two bytes */
        {"\xc1\xbf",         false}, /* overlong */
        {"\xc0\x80",         false}, /* overlong 0 */
        {"\xdf\xbf",         true }, /* U+07FF */
        {"\xe0\xa0\x80",     true }, /* U+0800 */
        {"\xe0\x9f\xbf",     false}, /* overlong */
        {"\xed\x9f\xbf",     true }, /* U+D7FF */
        {"\xed\xa0\x80",     false}, /* surrogate U+D800 */
        {"\xed\xbf\xbf",     false}, /* surrogate U+DFFF */
        {"\xee\x80\x80",     true }, /* U+E000 */
        {"\xef\xbf\xbf",     true }, /* U+FFFF */
        {"\xf0\x90\x80\x80", true }, /* U+10000 */
        {"\xf0\x8f\xbf\xbf", false}, /* overlong */
        {"\xf4\x8f\xbf\xbf", true }, /* U+10FFFF */
        {"\xf4\x90\x80\x80", false}, /* U+110000 */
        {"\xf5\x80\x80\x80", false},
        {"\x80",             false}, /* a continuation alone */
        {"\xe4\xb8",         false}, /* cut */
        {"\xe4\xb8z",        false}, /* third byte wrong */
        {"\xc3(",            false}, /* second byte wrong */
        {"ok \xe5\xbc\xa0",  true },
        {"ok \xff",          false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (text_is_utf8(cases[i].bytes, strlen(cases[i].bytes)) != cases[i].is_good)
            fail_msg("case %zu", i);
    assert_true(text_is_utf8("a\0b", 3)); /* a 0 byte is a character like any other */
}

static void a_cut_leaves_whole_characters(void **state)
{
    static const struct {
        const char *text;
        size_t n, kept;
    } cases[] = {
        {"",                     0, 0},
        {"plain",                5, 5},
        {"plain",                3, 3},
        {"plain",                0, 0},
        {"ab\xe5\xbc\xa0",       5, 5},
        {"ab\xe5\xbc\xa0",       4, 2},
        {"ab\xe5\xbc\xa0",       3, 2},
        {"ab\xe5\xbc\xa0",       2, 2},
        {"\xf0\x90\x80\x80z",    4, 4},
        {"\xf0\x90\x80\x80z",    3, 0},
        {"\xc3\xa9\xc3\xa9",     3, 2},
        {"\x80\x80\x80\x80\x80", 4, 4}, /* no character: cut anywhere */
        {"\x80\x80\x80\x80\x80", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (text_cut(cases[i].text, cases[i].n) != cases[i].kept)
            fail_msg("case %zu: %zu", i, text_cut(cases[i].text, cases[i].n));

    char field[] = "12345";
    text_copy_cut(field, 3, "a\xe5\xbc\xa0");
    assert_memory_equal(field,
                        "a\0"
                        "345",
                        5);
}

typedef void adder(struct buf *out, const char *text);

static void check(adder *add, const char *in, const char *expected)
{
    struct buf b;

    buf_init(&b, 4096);
    buf_add_text(&b, "dir/");
    add(&b, in);
    assert_int_equal(b.failed, ERR_OK);
    assert_string_equal(b.data + 4, expected);
    buf_release(&b);
}

static void names(void **state)
{
    (void)state;
    check(text_add_name, "", "");
    check(text_add_name, "张伟 50%.jpg", "张伟 50%.jpg");
    check(text_add_name, "\xd5\xc5 50%.jpg", "%D5%C5 50%25.jpg"); /* GB18030 */
    check(text_add_name, "a\nb\x7f张", "a%0Ab%7F%E5%BC%A0");
}

static void html(void **state)
{
    (void)state;
    check(text_add_html, "", "");
    check(text_add_html, "<b a=\"x\">&'</b>é", "&lt;b a=&quot;x&quot;&gt;&amp;&#39;&lt;/b&gt;é");
    check(text_add_html, "<\xff>", "&lt;%FF&gt;");
}

static void html_keeps_its_limit(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 8);
    text_add_html(&b, "<<<");
    assert_int_equal(b.failed, ERR_LIMIT);
    buf_release(&b);
}

static void path_names(void **state)
{
    (void)state;
    check(text_add_path_name, "P-001_a.b", "P-001_a.b");
    check(text_add_path_name, "../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd");
    check(text_add_path_name, ".", "%2E");
    check(text_add_path_name, "..", "%2E.");
    check(text_add_path_name, ".hidden", "%2Ehidden");
    check(text_add_path_name, "", "%00");
    check(text_add_path_name, "<script>", "%3Cscript%3E");
    check(text_add_path_name, "a b\tc\\d:e%2F~", "a%20b%09c%5Cd%3Ae%252F%7E");
    check(text_add_path_name, "李娜", "李娜");
    check(text_add_path_name, "Zo\xe9", "Zo%E9"); /* Latin-1 */
}

/* Fill `id` with `n` times `unit` and an end of its own; compare what becomes of two such ids. */
static void check_long(const char *unit, size_t n)
{
    char id[2][2048] = {"", ""};
    struct buf out[2];

    for (int k = 0; k < 2; k++) {
        size_t len = strlen(unit);
        for (size_t i = 0; i < n; i++)
            memcpy(id[k] + i * len, unit, len + 1);
        memcpy(id[k] + n * len, k ? "b" : "a", 2);
        buf_init(&out[k], 200); /* no more room than the promise needs */
        text_add_path_name(&out[k], id[k]);
        assert_int_equal(out[k].failed, ERR_OK);
        assert_in_range(out[k].len, 180, 200);
        assert_true(text_is_utf8(out[k].data, out[k].len));
        assert_int_equal(out[k].data[out[k].len - 9], '~');
    }
    assert_string_not_equal(out[0].data, out[1].data);
    buf_release(&out[0]);
    buf_release(&out[1]);
}

static void long_ids_stay_different(void **state)
{
    (void)state;
    check_long("x", 300);
    check_long("张", 100);
    check_long("<", 300);
    check_long("\xff", 255);
    check_long("é/", 150);
}

static void the_limit_is_200_bytes(void **state)
{
    char id[202];
    struct buf b;

    (void)state;
    memset(id, 'x', sizeof(id));
    id[200] = 0;
    check(text_add_path_name, id, id);
    id[200] = 'x';
    id[201] = 0;
    buf_init(&b, 4096);
    text_add_path_name(&b, id);
    assert_int_equal(b.len, 200);
    assert_int_equal(b.data[191], '~');
    buf_release(&b);
}

static void white_space_is_trimmed(void **state)
{
    static const char *const cases[][2] = {
        {"",          ""        },
        {" \t\n",     ""        },
        {"a",         "a"       },
        {" a b ",     "a b"     },
        {"a\r\n",     "a"       },
        {"\xc2\xa0 ", "\xc2\xa0"}, /* not in UTF-8 */
    };
    char text[16];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(text, sizeof(text), "%s", cases[i][0]);
        assert_string_equal(text_trim(text), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_edges),
        cmocka_unit_test(a_cut_leaves_whole_characters),
        cmocka_unit_test(names),
        cmocka_unit_test(html),
        cmocka_unit_test(html_keeps_its_limit),
        cmocka_unit_test(path_names),
        cmocka_unit_test(long_ids_stay_different),
        cmocka_unit_test(the_limit_is_200_bytes),
        cmocka_unit_test(white_space_is_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
