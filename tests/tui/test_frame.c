#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/pen.h"

static void expect_text(const struct frame *f, const char *text)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    frame_add_text(f, &out);
    assert_string_equal(out.data, text);
    buf_release(&out);
}

static void text_from_outside_cannot_move_the_cursor(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain",            "plain"  },
        {"a\x1b[2Jb",        "a?[2Jb" },
        {"a\tb\nc\x7f",      "a?b?c?" },
        {"\xc2\x9b"
         "2J",      "?2J"    }, /* the one-byte form of ESC [ */
        {"Müller",          "Müller"},
        {"\xe5\xbc\xa0"
         "x",       "?x"     }, /* two columns wide */
        {"e\xcc\x81",        "e?"     }, /* combining */
        {"\xff\xfe",         "??"     },
        {"\xe5\xbc",         "??"     }, /* cut in the middle */
        {"\xf0\x9f\x98\x80", "?"      },
        {"\xe2\x80\xae"
         "x",       "?x"     }, /* right-to-left override */
    };
    struct frame f;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char line[64];
        frame_init(&f, 1, 20, false);
        struct pen p = pen_on(&f, (struct area){0, 0, 1, 20});
        pen_text(&p, STYLE_TEXT, cases[i].in);
        snprintf(line, sizeof(line), "%s\n", cases[i].out);
        expect_text(&f, line);
        frame_release(&f);
    }
}

static void ascii_takes_the_place_of_drawings(void **state)
{
    struct frame f;

    (void)state;
    frame_init(&f, 2, 12, true);
    struct pen p = pen_on(&f, (struct area){0, 0, 2, 12});
    pen_text(&p, STYLE_TEXT, "▸–…ü");
    pen_repeat(&p, STYLE_TEXT, 1, 0x28ff);
    pen_repeat(&p, STYLE_TEXT, 1, 0x2840);
    pen_move(&p, 1, 0);
    pen_bar(&p, STYLE_BAR, 6, 0.5);
    expect_text(&f, ">-~?:.\n===---\n");
    frame_release(&f);
}

static void fields_keep_their_width(void **state)
{
    struct frame f;

    (void)state;
    frame_init(&f, 3, 30, false);
    struct pen p = pen_on(&f, (struct area){0, 0, 3, 30});
    pen_field(&p, STYLE_TEXT, 6, "ab");
    pen_number(&p, STYLE_TEXT, 6, "12");
    pen_text(&p, STYLE_TEXT, "|");
    pen_move(&p, 1, 0);
    pen_field(&p, STYLE_TEXT, 6, "abcdefg");
    pen_number(&p, STYLE_TEXT, 6, "123456");
    pen_text(&p, STYLE_TEXT, "|");
    pen_field(&p, STYLE_TEXT, 0, "gone");
    pen_field(&p, STYLE_TEXT, -3, "gone");
    expect_text(&f, "ab        12|\nabcde…123456|\n\n");
    frame_release(&f);
}

static void nothing_leaves_its_area(void **state)
{
    struct frame f;

    (void)state;
    frame_init(&f, 4, 10, false);
    struct pen p = pen_on(&f, (struct area){1, 2, 2, 5});
    for (int row = -2; row < 6; row++) {
        pen_move(&p, row, -4);
        pen_text(&p, STYLE_TEXT, "abcdefghijklmnopq");
    }
    expect_text(&f, "\n  efghi\n  efghi\n\n");
    frame_put(&f, -1, 0, 'x', STYLE_TEXT);
    frame_put(&f, 0, 10, 'x', STYLE_TEXT);
    frame_put(&f, 4, 0, 'x', STYLE_TEXT);
    expect_text(&f, "\n  efghi\n  efghi\n\n");
    assert_int_equal(f.overlaps, 0);
    frame_put(&f, 1, 2, 'x', STYLE_TEXT);
    assert_int_equal(f.overlaps, 1);
    frame_release(&f);
}

static void a_bar_is_full_only_at_the_end(void **state)
{
    static const struct {
        double share;
        const char *text;
    } cases[] = {
        {0,     "────\n"},
        {0.001, "╸───\n"},
        {0.5,   "━━──\n"},
        {0.62,  "━━╸─\n"},
        {0.999, "━━━╸\n"},
        {1,     "━━━━\n"},
        {9,     "━━━━\n"},
        {-1,    "────\n"},
    };
    struct frame f;

    (void)state;
    for (size_t i = 0; i <= sizeof(cases) / sizeof(*cases); i++) {
        bool is_nan = i == sizeof(cases) / sizeof(*cases);
        frame_init(&f, 1, 9, false);
        struct pen p = pen_on(&f, (struct area){0, 0, 1, 9});
        pen_bar(&p, STYLE_BAR, 4, is_nan ? NAN : cases[i].share);
        expect_text(&f, is_nan ? "────\n" : cases[i].text);
        frame_release(&f);
    }
}

static void odd_sizes_are_cut(void **state)
{
    struct frame f;

    (void)state;
    frame_init(&f, 0, -5, false);
    assert_int_equal(f.rows * f.cols, 1);
    frame_release(&f);
    frame_init(&f, 1 << 30, 1 << 30, false);
    assert_int_equal(f.rows, FRAME_ROWS_MAX);
    assert_int_equal(f.cols, FRAME_COLS_MAX);
    frame_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_from_outside_cannot_move_the_cursor),
        cmocka_unit_test(ascii_takes_the_place_of_drawings),
        cmocka_unit_test(fields_keep_their_width),
        cmocka_unit_test(nothing_leaves_its_area),
        cmocka_unit_test(a_bar_is_full_only_at_the_end),
        cmocka_unit_test(odd_sizes_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
