#include "tui/layout.h"

/* From top to bottom. */
enum band {
    BAND_HEADER,
    BAND_NODES,
    BAND_TOTALS,
    BAND_CHART,  /* wide: the machine is at its right */
    BAND_STAGES, /* wide: the queue is at its right */
    BAND_SENTENCE,
    BAND_QUEUE,
    BAND_MACHINE,
    BAND_LISTS,
    BAND_FOOTER,
    BAND_COUNT
};

enum {
    WIDE_COLS = 76,          /* from here two parts side by side */
    SIDE_LISTS_COLS = 150,   /* from here the three lists side by side */
    STACKED_LISTS_ROWS = 24, /* from here the three lists one above the other */
    RIGHT_COLS_MIN = 31,
    LEFT_COLS_MAX = 126, /* the chart's whole history and its scale */
    NO_END = FRAME_ROWS_MAX
};

/* Rows are given out in this order: a part that is not there yet needs `rows` of them, one that is
 * there grows up to them. */
static const struct share {
    enum band band;
    int rows;
} shares[] = {
    {BAND_HEADER,   1     },
    {BAND_FOOTER,   1     },
    {BAND_TOTALS,   2     },
    {BAND_SENTENCE, 1     },
    {BAND_LISTS,    3     },
    {BAND_NODES,    1     },
    {BAND_TOTALS,   3     },
    {BAND_STAGES,   6     },
    {BAND_CHART,    4     },
    {BAND_LISTS,    8     },
    {BAND_QUEUE,    4     },
    {BAND_MACHINE,  4     },
    {BAND_CHART,    6     },
    {BAND_LISTS,    14    },
    {BAND_CHART,    9     },
    {BAND_LISTS,    NO_END},
};

static bool is_wanted(enum band band, bool is_wide, int n_nodes)
{
    if (band == BAND_QUEUE || band == BAND_MACHINE)
        return !is_wide;
    return band != BAND_NODES || n_nodes > 1;
}

static void give_rows(int heights[BAND_COUNT], int rows, bool is_wide, int n_nodes)
{
    for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
        int *height = &heights[shares[i].band], more = shares[i].rows - *height;
        if (!is_wanted(shares[i].band, is_wide, n_nodes) || more <= 0)
            continue;
        if (more > rows && *height == 0)
            continue;
        more = more > rows ? rows : more;
        *height += more;
        rows -= more;
    }
}

static void split(struct area whole, int right_cols, struct area *left, struct area *right)
{
    *left = *right = whole;
    left->cols = whole.cols - right_cols - 1;
    right->col = whole.col + left->cols + 1;
    right->cols = right_cols;
}

static void place_lists(struct layout *l, struct area whole)
{
    int n = LIST_COUNT;

    l->is_tabbed = whole.cols < SIDE_LISTS_COLS && whole.rows < STACKED_LISTS_ROWS;
    for (int i = 0; i < n; i++) {
        struct area *at = &l->lists[i];
        *at = whole;
        if (l->is_tabbed)
            continue;
        if (whole.cols >= SIDE_LISTS_COLS) {
            at->col = whole.col + i * (whole.cols + 1) / n;
            at->cols = whole.col + (i + 1) * (whole.cols + 1) / n - at->col - 1;
        } else {
            at->row = whole.row + i * whole.rows / n;
            at->rows = whole.row + (i + 1) * whole.rows / n - at->row;
        }
    }
}

struct layout layout_make(int rows, int cols, int n_nodes)
{
    struct layout l = {.is_too_small = rows < LAYOUT_ROWS_MIN || cols < LAYOUT_COLS_MIN};
    int heights[BAND_COUNT] = {0}, row = 0;
    struct area bands[BAND_COUNT];
    bool is_wide = cols >= WIDE_COLS;
    int right = cols - 1 - LEFT_COLS_MAX;

    right = right < RIGHT_COLS_MIN ? RIGHT_COLS_MIN : right;
    if (l.is_too_small)
        return l;
    give_rows(heights, rows, is_wide, n_nodes);
    for (int i = 0; i < BAND_COUNT; i++) {
        bands[i] = (struct area){row, 0, heights[i], cols};
        row += heights[i];
    }
    l.header = bands[BAND_HEADER];
    l.nodes = bands[BAND_NODES];
    l.totals = bands[BAND_TOTALS];
    l.sentence = bands[BAND_SENTENCE];
    l.footer = bands[BAND_FOOTER];
    l.chart = bands[BAND_CHART];
    l.stages = bands[BAND_STAGES];
    l.machine = bands[BAND_MACHINE];
    l.queue = bands[BAND_QUEUE];
    if (is_wide) {
        split(bands[BAND_CHART], right, &l.chart, &l.machine);
        split(bands[BAND_STAGES], right, &l.stages, &l.queue);
    }
    place_lists(&l, bands[BAND_LISTS]);
    return l;
}
