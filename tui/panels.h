/* panels.h -- the parts of the dashboard; each draws into one area. */
#ifndef TUI_PANELS_H
#define TUI_PANELS_H

#include "tui/dashboard.h"
#include "tui/pen.h"

/* "Title ────────" over the whole row; the pen then stands behind the title. */
void panel_title(struct pen *p, enum style style, const char *title);
/* Fill the rest of the title's row, leaving `width` columns at its end free for the pen. */
void panel_rule(struct pen *p, int width);

void panel_header(struct frame *f, struct area at, const struct scene *scene);
void panel_nodes(struct frame *f, struct area at, const struct scene *scene);
void panel_totals(struct frame *f, struct area at, const struct stats *s);
void panel_chart(struct frame *f, struct area at, const struct stats *s);
void panel_machine(struct frame *f, struct area at, const struct scene *scene);
void panel_stages(struct frame *f, struct area at, const struct stats *s);
void panel_sentence(struct frame *f, struct area at, const struct scene *scene);
void panel_queue(struct frame *f, struct area at, const struct stats *s);
void panel_list(struct frame *f, struct area at, const struct scene *scene, enum list list);
/* All lists in one place: the titles of all, the rows of the one in focus. */
void panel_tabbed_list(struct frame *f, struct area at, const struct scene *scene);
void panel_footer(struct frame *f, struct area at, const struct scene *scene);

void panel_help(struct frame *f, struct area at, const struct view *view);
int panel_help_rows(void);

/* Rows of a list that are seen in an area of `rows`. */
int panel_list_page(int rows);

#endif
