/* Who goes on in a search, and who is best. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "train/sweep_board.h"

enum { TRIALS = 7, RUNGS = 3 };

static struct sweep_result results[RUNGS * TRIALS];
static struct sweep_board board = {TRIALS, RUNGS, 2, results};

static int clear(void **state)
{
    (void)state;
    memset(results, 0, sizeof(results));
    return 0;
}

static void score(int rung, int trial, double value)
{
    struct sweep_result *r = sweep_board_at(&board, rung, trial);

    *r = sweep_result_of(SWEEP_DONE);
    r->score = value;
}

/* The trials that take part now, a digit each; `rung` is checked. */
static void expect(int rung, const char *who)
{
    char found[TRIALS + 1] = "";
    bool in[TRIALS];
    int n = 0;

    assert_int_equal(sweep_board_rung(&board, in), rung);
    for (int i = 0; i < TRIALS && rung < RUNGS; i++)
        if (in[i])
            found[n++] = (char)('0' + i);
    assert_string_equal(found, who);
}

static void the_better_half_goes_on(void **state)
{
    static const double first[TRIALS] = {0.3, 0.9, 0.5, 0.8, 0.5, 0.1, 0.5};
    int order[TRIALS];

    (void)state;
    expect(0, "0123456");
    for (int i = TRIALS - 1; i > 0; i--) {
        score(0, i, first[i]);
        expect(0, "0123456"); /* until the last one is there */
    }
    score(0, 0, first[0]);
    expect(1, "1234"); /* four of seven; of three that are equal the smaller numbers */
    score(1, 1, 0.9);
    score(1, 2, 1.2);
    score(1, 3, 0.95);
    expect(1, "1234");
    score(1, 4, 0.5);
    expect(2, "23");
    score(2, 2, 1.2);
    score(2, 3, 1.3);
    expect(3, "");
    assert_int_equal(sweep_board_rank(&board, order), TRIALS);
    assert_true(order[0] == 3 && order[1] == 2 && order[2] == 1 && order[3] == 4 && order[4] == 6 &&
                order[5] == 0 && order[6] == 5);
    assert_true(sweep_board_latest(&board, 6)->score == 0.5);
    assert_int_equal(sweep_board_size(&board, 0), 7);
    assert_int_equal(sweep_board_size(&board, 1), 4);
    assert_int_equal(sweep_board_size(&board, 2), 2);
}

static void who_fails_goes_nowhere(void **state)
{
    int order[TRIALS];

    (void)state;
    for (int i = 0; i < TRIALS; i++)
        *sweep_board_at(&board, 0, i) = sweep_result_of(i % 2 ? SWEEP_SET_ASIDE : SWEEP_FAILED);
    score(0, 4, 0.2);
    score(0, 5, 0.1);
    expect(1, "45"); /* of four places two are taken */
    *sweep_board_at(&board, 1, 4) = sweep_result_of(SWEEP_FAILED);
    assert_int_equal(sweep_board_rank(&board, order), 1);
    assert_true(order[0] == 5 && order[1] == 0 && order[3] == 4 && order[5] == 1);
    *sweep_board_at(&board, 1, 5) = sweep_result_of(SWEEP_SET_ASIDE);
    expect(3, ""); /* nobody is left */
    assert_int_equal(sweep_board_rank(&board, order), 0);
}

static void what_has_no_result_stands_behind_what_has(void **state)
{
    int order[TRIALS];

    (void)state;
    *sweep_board_at(&board, 0, 0) = sweep_result_of(SWEEP_FAILED);
    score(0, 6, -1);
    assert_int_equal(sweep_board_rank(&board, order), 1);
    assert_true(order[0] == 6 && order[1] == 1 && order[5] == 5 && order[6] == 0);
    assert_null(sweep_board_latest(&board, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_better_half_goes_on, clear),
        cmocka_unit_test_setup(who_fails_goes_nowhere, clear),
        cmocka_unit_test_setup(what_has_no_result_stands_behind_what_has, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
