/* rows.h -- the three lists as rows and columns: what stands in a cell, which rows pass the filter,
 * in which order. */
#ifndef TUI_ROWS_H
#define TUI_ROWS_H

#include "queue/stats.h"
#include "tui/frame.h"
#include "tui/view.h"

enum { ROWS_CELL_SIZE = 128 };

struct rows_column {
    const char *head;
    int width;      /* the last column shown takes what is left */
    bool is_number; /* set to the right */
    int from_cols;  /* shown when the list is at least this wide */
    /* Fills `out` and says how it looks. */
    enum style (*cell)(char out[ROWS_CELL_SIZE], const struct stats *s, int row);
};

const char *rows_title(enum list list);
int rows_total(const struct stats *s, enum list list);
const struct rows_column *rows_columns(enum list list, int *n);

int rows_orders(enum list list);
const char *rows_order_name(enum list list, int order);

/* Indices of the rows that pass the view's filter, in its order; returns how many. */
int rows_select(const struct stats *s, enum list list, const struct view *v,
                int out[VIEW_ROWS_MAX]);

#endif
