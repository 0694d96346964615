#include "tui/rows.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/reason.h"
#include "tui/format.h"

/* Where a risk stands among the others: most urgent first. */
static int risk_rank(const char *risk)
{
    static const char *const ranks[] = {"urgent", "review", "retake", "routine"};
    int n = sizeof(ranks) / sizeof(*ranks);

    for (int i = 0; i < n; i++)
        if (!strcmp(risk, ranks[i]))
            return i;
    return n;
}

static enum style copy(char out[ROWS_CELL_SIZE], const char *text, enum style style)
{
    snprintf(out, ROWS_CELL_SIZE, "%s", text);
    return style;
}

static enum style copy_count(char out[ROWS_CELL_SIZE], int64_t n, int width)
{
    char text[FORMAT_SIZE];

    return copy(out, format_count(text, n, width), STYLE_TEXT);
}

static enum style flagged_risk(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    int rank = risk_rank(s->flagged[row].risk);

    return copy(out, s->flagged[row].risk,
                rank == 0   ? STYLE_BAD
                : rank == 1 ? STYLE_WARN
                            : STYLE_TEXT);
}

static enum style flagged_share(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    char text[FORMAT_SIZE];

    return copy(out, format_share(text, s->flagged[row].malignant_probability), STYLE_TEXT);
}

static enum style case_age(char out[ROWS_CELL_SIZE], const struct stats *s,
                           const struct stats_case *c)
{
    char text[FORMAT_SIZE];
    int64_t age = c->at_ms <= 0 ? -1 : c->at_ms > s->at_ms ? 0 : s->at_ms - c->at_ms;

    return copy(out, format_age(text, age), STYLE_DIM);
}

static enum style flagged_age(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return case_age(out, s, &s->flagged[row]);
}

static enum style flagged_id(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, s->flagged[row].id, STYLE_TEXT);
}

static enum style aside_reason(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, s->aside[row].reason, STYLE_WARN);
}

static enum style aside_stage(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, s->aside[row].stage[0] ? s->aside[row].stage : FORMAT_UNKNOWN, STYLE_TEXT);
}

static enum style aside_age(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return case_age(out, s, &s->aside[row]);
}

static enum style aside_id(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, s->aside[row].id, STYLE_TEXT);
}

static enum style aside_advice(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, reason_text(reason_of(s->aside[row].reason)), STYLE_DIM);
}

static enum style worker_pid(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    snprintf(out, ROWS_CELL_SIZE, "%d", s->workers[row].pid);
    return STYLE_TEXT;
}

static enum style worker_role(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, s->workers[row].role, STYLE_TEXT);
}

static enum style worker_state(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    const char *state = s->workers[row].state;

    return copy(out, state,
                !strcmp(state, "working")       ? STYLE_GOOD
                : !strcmp(state, "backing off") ? STYLE_BAD
                : !strcmp(state, "idle")        ? STYLE_DIM
                                                : STYLE_WARN);
}

static enum style worker_flight(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy_count(out, s->workers[row].in_flight, 5);
}

static enum style worker_items(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy_count(out, s->workers[row].items, 7);
}

static enum style worker_restarts(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    copy_count(out, s->workers[row].restarts, 5);
    return s->workers[row].restarts > 0 ? STYLE_WARN : STYLE_TEXT;
}

static enum style worker_memory(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    char text[FORMAT_SIZE];

    return copy(out, format_memory(text, s->workers[row].memory_kb), STYLE_TEXT);
}

static enum style worker_device(char out[ROWS_CELL_SIZE], const struct stats *s, int row)
{
    return copy(out, s->workers[row].device, STYLE_DIM);
}

/* clang-format off */
static const struct rows_column flagged_columns[] = {
    {"risk",      7,  false, 0,  flagged_risk},
    {"malignant", 9,  true,  0,  flagged_share},
    {"age",       6,  true,  56, flagged_age},
    {"case",      24, false, 0,  flagged_id},
};
static const struct rows_column aside_columns[] = {
    {"reason",    14, false, 0,  aside_reason},
    {"stage",     8,  false, 46, aside_stage},
    {"age",       6,  true,  56, aside_age},
    {"case",      24, false, 0,  aside_id},
    {"what to do", 40, false, 100, aside_advice},
};
static const struct rows_column worker_columns[] = {
    {"pid",       7,  true,  0,  worker_pid},
    {"role",      8,  false, 48, worker_role},
    {"state",     11, false, 0,  worker_state},
    {"flight",    6,  true,  34, worker_flight},
    {"items",     7,  true,  0,  worker_items},
    {"restarts",  8,  true,  58, worker_restarts},
    {"memory",    7,  true,  66, worker_memory},
    {"device",    8,  false, 76, worker_device},
};
/* clang-format on */

static int by_index(const struct stats *s, int a, int b)
{
    (void)s;
    return a - b;
}

static int less(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_risk(const struct stats *s, int a, int b)
{
    const struct stats_case *x = &s->flagged[a], *y = &s->flagged[b];
    int rank = risk_rank(x->risk) - risk_rank(y->risk);

    if (rank || isnan(x->malignant_probability) || isnan(y->malignant_probability))
        return rank ? rank : isnan(x->malignant_probability) - isnan(y->malignant_probability);
    return less(y->malignant_probability, x->malignant_probability);
}

static int by_flagged_time(const struct stats *s, int a, int b)
{
    return less((double)s->flagged[b].at_ms, (double)s->flagged[a].at_ms);
}

static int by_flagged_id(const struct stats *s, int a, int b)
{
    return strcmp(s->flagged[a].id, s->flagged[b].id);
}

static int by_aside_time(const struct stats *s, int a, int b)
{
    return less((double)s->aside[b].at_ms, (double)s->aside[a].at_ms);
}

static int by_aside_reason(const struct stats *s, int a, int b)
{
    return strcmp(s->aside[a].reason, s->aside[b].reason);
}

static int by_aside_id(const struct stats *s, int a, int b)
{
    return strcmp(s->aside[a].id, s->aside[b].id);
}

static int by_items(const struct stats *s, int a, int b)
{
    return less((double)s->workers[b].items, (double)s->workers[a].items);
}

static int by_memory(const struct stats *s, int a, int b)
{
    return less((double)s->workers[b].memory_kb, (double)s->workers[a].memory_kb);
}

static int by_restarts(const struct stats *s, int a, int b)
{
    return s->workers[b].restarts - s->workers[a].restarts;
}

struct order {
    const char *name;
    int (*compare)(const struct stats *s, int a, int b);
};
static const struct order flagged_orders[] = {
    {"worst first",  by_risk        },
    {"newest first", by_flagged_time},
    {"by case",      by_flagged_id  }
};
static const struct order aside_orders[] = {
    {"newest first", by_aside_time  },
    {"by reason",    by_aside_reason},
    {"by case",      by_aside_id    }
};
static const struct order worker_orders[] = {
    {"as started",    by_index   },
    {"most items",    by_items   },
    {"most memory",   by_memory  },
    {"most restarts", by_restarts}
};

#define COUNTED(table) table, sizeof(table) / sizeof(*(table))
static const struct {
    const char *title;
    const struct rows_column *columns;
    int n_columns;
    const struct order *orders;
    int n_orders;
} lists[LIST_COUNT] = {
    [LIST_FLAGGED] = {"Flagged",   COUNTED(flagged_columns), COUNTED(flagged_orders)},
    [LIST_ASIDE] = {"Set aside", COUNTED(aside_columns),   COUNTED(aside_orders)  },
    [LIST_WORKERS] = {"Workers",   COUNTED(worker_columns),  COUNTED(worker_orders) },
};

const char *rows_title(enum list list)
{
    return lists[list].title;
}

int rows_total(const struct stats *s, enum list list)
{
    switch (list) {
    case LIST_FLAGGED: return s->n_flagged;
    case LIST_ASIDE: return s->n_aside;
    case LIST_WORKERS: return s->n_workers;
    case LIST_COUNT: break;
    }
    return 0;
}

const struct rows_column *rows_columns(enum list list, int *n)
{
    *n = lists[list].n_columns;
    return lists[list].columns;
}

int rows_orders(enum list list)
{
    return lists[list].n_orders;
}

const char *rows_order_name(enum list list, int order)
{
    return lists[list].orders[order].name;
}

/* `needle` anywhere in one of the row's cells, upper and lower case alike. */
static bool passes(const struct stats *s, enum list list, int row, const char *needle)
{
    char cell[ROWS_CELL_SIZE];

    if (!needle[0])
        return true;
    for (int i = 0; i < lists[list].n_columns; i++) {
        lists[list].columns[i].cell(cell, s, row);
        if (strcasestr(cell, needle))
            return true;
    }
    return false;
}

struct sorting {
    const struct stats *s;
    const struct order *order;
};

/* Equal rows keep their order. */
static int compare_rows(const void *a, const void *b, void *ctx)
{
    const struct sorting *sorting = ctx;
    int x = *(const int *)a, y = *(const int *)b;
    int difference = sorting->order->compare(sorting->s, x, y);

    return difference ? difference : x - y;
}

int rows_select(const struct stats *s, enum list list, const struct view *v, int out[VIEW_ROWS_MAX])
{
    struct sorting sorting = {s, &lists[list].orders[v->sort[list] % lists[list].n_orders]};
    int n = 0;

    for (int i = 0; i < rows_total(s, list) && i < VIEW_ROWS_MAX; i++)
        if (passes(s, list, i, v->filter))
            out[n++] = i;
    qsort_r(out, (size_t)n, sizeof(*out), compare_rows, &sorting);
    return n;
}
