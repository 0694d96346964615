#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/tui/fake_stats.h"
#include "tui/rows.h"

static void add_flagged(struct stats *s, const char *id, const char *risk, double p, int64_t at_ms)
{
    struct stats_case *c = &s->flagged[s->n_flagged++];

    snprintf(c->id, sizeof(c->id), "%s", id);
    snprintf(c->risk, sizeof(c->risk), "%s", risk);
    c->malignant_probability = p;
    c->at_ms = at_ms;
}

static int setup(void **state)
{
    static struct stats s;

    s = (struct stats){.at_ms = 1000000};
    add_flagged(&s, "aaa/k1/1", "review", 0.30, 500);
    add_flagged(&s, "aaa/k2/1", "urgent", 0.20, 900);
    add_flagged(&s, "aaa/k0/1", "review", 0.90, 100);
    add_flagged(&s, "bbb/k3/2", "urgent", 0.80, 700);
    add_flagged(&s, "bbb/k4/2", "review", NAN, 800);
    *state = &s;
    return 0;
}

static void expect_order(const struct stats *s, const struct view *v, const char *digits)
{
    int rows[VIEW_ROWS_MAX], n = rows_select(s, LIST_FLAGGED, v, rows);

    assert_int_equal(n, strlen(digits));
    for (int i = 0; i < n; i++)
        assert_int_equal(rows[i], digits[i] - '0');
}

static void orders(void **state)
{
    struct view v = {0};

    expect_order(*state, &v, "31204"); /* urgent first, then by probability, unknown last */
    v.sort[LIST_FLAGGED] = 1;
    expect_order(*state, &v, "14302");
    v.sort[LIST_FLAGGED] = 2;
    expect_order(*state, &v, "20134");
}

static void filter_looks_into_every_column(void **state)
{
    struct view v = {0};

    snprintf(v.filter, sizeof(v.filter), "BBB");
    expect_order(*state, &v, "34");
    snprintf(v.filter, sizeof(v.filter), "urgent");
    expect_order(*state, &v, "31");
    snprintf(v.filter, sizeof(v.filter), "90 %%");
    expect_order(*state, &v, "2");
    snprintf(v.filter, sizeof(v.filter), "nowhere");
    expect_order(*state, &v, "");
}

static void every_cell_of_every_list_can_be_written(void **state)
{
    static struct stats s;
    char cell[ROWS_CELL_SIZE];

    (void)state;
    for (int fill = FAKE_EMPTY; fill <= FAKE_WIDEST; fill++) {
        fake_stats(&s, fill, 0);
        for (int list = 0; list < LIST_COUNT; list++) {
            int n;
            const struct rows_column *columns = rows_columns(list, &n);
            for (int row = 0; row < rows_total(&s, list); row++)
                for (int i = 0; i < n; i++)
                    assert_true(columns[i].cell(cell, &s, row) < STYLE_COUNT);
        }
    }
}

static void an_age_is_never_negative(void **state)
{
    struct stats *s = *state;
    char cell[ROWS_CELL_SIZE];
    int n;
    const struct rows_column *columns = rows_columns(LIST_FLAGGED, &n);

    s->flagged[0].at_ms = s->at_ms + 5000; /* another machine's clock */
    columns[2].cell(cell, s, 0);
    assert_string_equal(cell, "0s");
    s->flagged[0].at_ms = 0;
    columns[2].cell(cell, s, 0);
    assert_string_equal(cell, "–");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(orders, setup),
        cmocka_unit_test_setup(filter_looks_into_every_column, setup),
        cmocka_unit_test(every_cell_of_every_list_can_be_written),
        cmocka_unit_test_setup(an_age_is_never_negative, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
