#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/rows.h"
#include "tui/view.h"

static const struct view_extent extent = {
    .n_nodes = 2, .rows = {30, 3,  64},
         .page = {10, 10, 10},
         .help_rows = 25, .help_page = 20
};

static void press(struct view *v, const char *keys)
{
    for (; *keys; keys++)
        view_key(v, *keys, &extent);
}

static void scrolling_stops_at_both_ends(void **state)
{
    struct view v = {0};

    (void)state;
    view_key(&v, VIEW_KEY_UP, &extent);
    assert_int_equal(v.top[LIST_FLAGGED], 0);
    view_key(&v, VIEW_KEY_PAGE_DOWN, &extent);
    view_key(&v, VIEW_KEY_DOWN, &extent);
    assert_int_equal(v.top[LIST_FLAGGED], 11);
    view_key(&v, VIEW_KEY_END, &extent);
    view_key(&v, VIEW_KEY_DOWN, &extent);
    assert_int_equal(v.top[LIST_FLAGGED], 20);
    view_key(&v, VIEW_KEY_PAGE_UP, &extent);
    assert_int_equal(v.top[LIST_FLAGGED], 10);
    view_key(&v, VIEW_KEY_HOME, &extent);
    assert_int_equal(v.top[LIST_FLAGGED], 0);
}

static void a_short_list_does_not_scroll(void **state)
{
    struct view v = {0};

    (void)state;
    view_key(&v, VIEW_KEY_TAB, &extent);
    assert_int_equal(v.focus, LIST_ASIDE);
    view_key(&v, VIEW_KEY_END, &extent);
    view_key(&v, VIEW_KEY_PAGE_DOWN, &extent);
    assert_int_equal(v.top[LIST_ASIDE], 0);
}

static void tab_goes_round(void **state)
{
    struct view v = {0};

    (void)state;
    view_key(&v, VIEW_KEY_BACK_TAB, &extent);
    assert_int_equal(v.focus, LIST_WORKERS);
    view_key(&v, VIEW_KEY_TAB, &extent);
    assert_int_equal(v.focus, LIST_FLAGGED);
}

static void a_smaller_list_pulls_the_scroll_back(void **state)
{
    struct view v = {
        .top = {20, 0, 0},
          .node = 2
    };
    struct view_extent less = {
        .n_nodes = 1, .rows = {12, 0,  0 },
             .page = {10, 10, 10}
    };

    (void)state;
    view_clamp(&v, &less);
    assert_int_equal(v.top[LIST_FLAGGED], 2);
    assert_int_equal(v.node, 0);
}

static void filter_takes_letters_that_are_keys_elsewhere(void **state)
{
    struct view v = {0};

    (void)state;
    press(&v, "/qhps");
    assert_true(v.is_filtering);
    assert_string_equal(v.filter, "qhps");
    assert_false(v.is_paused || v.is_help);
    view_key(&v, VIEW_KEY_BACKSPACE, &extent);
    assert_string_equal(v.filter, "qhp");
    view_key(&v, VIEW_KEY_ENTER, &extent);
    assert_false(v.is_filtering);
    assert_string_equal(v.filter, "qhp");
    press(&v, "p");
    assert_true(v.is_paused);
    view_key(&v, VIEW_KEY_ESCAPE, &extent);
    assert_string_equal(v.filter, "");
}

static void filter_is_bounded(void **state)
{
    struct view v = {0};

    (void)state;
    press(&v, "/");
    for (int i = 0; i < 100; i++)
        press(&v, "x");
    assert_int_equal(strlen(v.filter), VIEW_FILTER_SIZE - 1);
    view_key(&v, 200, &extent);
    view_key(&v, 7, &extent);
    assert_int_equal(strlen(v.filter), VIEW_FILTER_SIZE - 1);
    view_key(&v, VIEW_KEY_ESCAPE, &extent);
    assert_string_equal(v.filter, "");
    assert_false(v.is_filtering);
}

static void help_opens_scrolls_and_closes(void **state)
{
    struct view v = {0};

    (void)state;
    press(&v, "?");
    assert_true(v.is_help);
    view_key(&v, VIEW_KEY_END, &extent);
    assert_int_equal(v.help_top, 5);
    assert_int_equal(v.top[LIST_FLAGGED], 0);
    press(&v, "h");
    assert_false(v.is_help);
    assert_int_equal(v.help_top, 0);
}

static void sort_goes_round_and_back_to_the_top(void **state)
{
    struct view v = {
        .top = {7, 0, 0}
    };

    (void)state;
    for (int i = 1; i <= rows_orders(LIST_FLAGGED); i++) {
        press(&v, "s");
        assert_int_equal(v.sort[LIST_FLAGGED], i % rows_orders(LIST_FLAGGED));
        assert_int_equal(v.top[LIST_FLAGGED], 0);
    }
    assert_int_equal(v.sort[LIST_WORKERS], 0);
}

static void arrows_turn_the_machines(void **state)
{
    struct view v = {0};
    struct view_extent one = extent;

    (void)state;
    view_key(&v, VIEW_KEY_LEFT, &extent);
    assert_int_equal(v.node, 2);
    view_key(&v, VIEW_KEY_RIGHT, &extent);
    assert_int_equal(v.node, 0);
    one.n_nodes = 1;
    view_key(&v, VIEW_KEY_RIGHT, &one);
    assert_int_equal(v.node, 0);
}

static void quit_and_unknown_keys(void **state)
{
    struct view v = {0};

    (void)state;
    assert_int_equal(view_key(&v, 'q', &extent), VIEW_QUIT);
    assert_int_equal(view_key(&v, 'z', &extent), VIEW_NOTHING);
    assert_int_equal(view_key(&v, 5000, &extent), VIEW_NOTHING);
    press(&v, "h");
    assert_int_equal(view_key(&v, 'q', &extent), VIEW_QUIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scrolling_stops_at_both_ends),
        cmocka_unit_test(a_short_list_does_not_scroll),
        cmocka_unit_test(tab_goes_round),
        cmocka_unit_test(a_smaller_list_pulls_the_scroll_back),
        cmocka_unit_test(filter_takes_letters_that_are_keys_elsewhere),
        cmocka_unit_test(filter_is_bounded),
        cmocka_unit_test(help_opens_scrolls_and_closes),
        cmocka_unit_test(sort_goes_round_and_back_to_the_top),
        cmocka_unit_test(arrows_turn_the_machines),
        cmocka_unit_test(quit_and_unknown_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
