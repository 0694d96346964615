/* layout.h -- which part of the dashboard stands where: a pure function of the terminal's size.
 *
 * First things first: each part has a least height and a rank, and the ranks are served in turn;
 * then the rows that are left go to the parts that can use them. Wide terminals set parts side by
 * side. */
#ifndef TUI_LAYOUT_H
#define TUI_LAYOUT_H

#include "tui/frame.h"
#include "tui/view.h"

enum { LAYOUT_ROWS_MIN = 8, LAYOUT_COLS_MIN = 36 };

struct layout {
    bool is_too_small; /* then nothing else is set */
    bool is_tabbed;    /* the lists share one place: lists[] holds it three times */
    struct area header, nodes, totals, chart, machine, stages, queue, sentence, footer;
    struct area lists[LIST_COUNT];
};

/* Not shown parts have rows 0. `n_nodes` > 1 adds a line of tabs. */
struct layout layout_make(int rows, int cols, int n_nodes);

#endif
