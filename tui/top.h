/* top.h -- the dashboard in its three forms: on a terminal, as one frame of text, as JSON. */
#ifndef TUI_TOP_H
#define TUI_TOP_H

#include "tui/source.h"

/* Until q, SIGINT, SIGTERM, SIGHUP or the end of the terminal; which is no error. */
int top_watch(struct source *source, struct err *err);

/* One frame, or the figures, appended to `out`. ERR_AGAIN when there are none to be had. */
int top_plain(struct source *source, int cols, struct buf *out, struct err *err);
int top_snapshot(struct source *source, struct buf *out, struct err *err);

#endif
