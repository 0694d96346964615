/* dashboard.h -- the whole picture: a pure function of (size, figures, view). */
#ifndef TUI_DASHBOARD_H
#define TUI_DASHBOARD_H

#include "tui/frame.h"
#include "tui/layout.h"
#include "tui/reading.h"
#include "tui/view.h"

/* All borrowed. */
struct scene {
    const struct reading *reading;
    const struct stats *shown; /* what reading_select made of it for view->node */
    const struct view *view;
    const char *source; /* what is watched: a folder or an address */
    bool is_still;      /* printed once: no keys, so no footer and no focus */
};

/* Draw on `f`, which is blank. */
void dashboard_draw(struct frame *f, const struct scene *scene);

/* What the keys need to know of the picture at this size. */
struct view_extent dashboard_extent(int rows, int cols, const struct scene *scene);

#endif
