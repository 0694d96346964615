/* view.h -- what the person at the dashboard has chosen, and how keys change it. No drawing and no
 * terminal in here, so that a test can press any key. */
#ifndef TUI_VIEW_H
#define TUI_VIEW_H

#include <stdbool.h>

#include "queue/stats.h"

enum list { LIST_FLAGGED, LIST_ASIDE, LIST_WORKERS, LIST_COUNT };

/* Printable keys are their own ASCII code. */
enum view_key {
    VIEW_KEY_TAB = 9,
    VIEW_KEY_ENTER = 13,
    VIEW_KEY_ESCAPE = 27,
    VIEW_KEY_BACKSPACE = 127,
    VIEW_KEY_UP = 1000,
    VIEW_KEY_DOWN,
    VIEW_KEY_LEFT,
    VIEW_KEY_RIGHT,
    VIEW_KEY_PAGE_UP,
    VIEW_KEY_PAGE_DOWN,
    VIEW_KEY_HOME,
    VIEW_KEY_END,
    VIEW_KEY_BACK_TAB
};

enum { VIEW_FILTER_SIZE = 33, VIEW_ROWS_MAX = STATS_CASES_MAX };

/* Plain data, valid when zeroed. */
struct view {
    enum list focus;
    int node; /* tab: 0 = all machines together (or the only one), else machine node - 1 */
    int top[LIST_COUNT];  /* first row shown */
    int sort[LIST_COUNT]; /* index of the sort order, see rows.h */
    char filter[VIEW_FILTER_SIZE];
    bool is_filtering; /* keys go into the filter */
    bool is_paused;
    bool is_help;
    int help_top;
};

/* What a key needs to know of the picture: how much there is and how much is seen. */
struct view_extent {
    int n_nodes;
    int rows[LIST_COUNT]; /* after the filter */
    int page[LIST_COUNT]; /* rows that the screen shows */
    int help_rows, help_page;
};

enum view_answer { VIEW_NOTHING, VIEW_CHANGED, VIEW_QUIT };

enum view_answer view_key(struct view *v, int key, const struct view_extent *e);

/* Bring scroll positions and tab back into range after figures, size or filter changed. */
void view_clamp(struct view *v, const struct view_extent *e);

#endif
