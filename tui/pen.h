/* pen.h -- writing into one area of a frame, left to right; what does not fit is cut at the area's
 * edge. Fields have fixed widths, so that nothing moves when a number grows. */
#ifndef TUI_PEN_H
#define TUI_PEN_H

#include "tui/frame.h"

struct pen {
    struct frame *frame;
    struct area at;
    int row, col; /* within the area */
};

struct pen pen_on(struct frame *f, struct area at);

void pen_move(struct pen *p, int row, int col);
int pen_left(const struct pen *p); /* columns up to the area's right edge, >= 0 */

void pen_text(struct pen *p, enum style style, const char *text);
void pen_printf(struct pen *p, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* `width` columns; longer text ends in "…". */
void pen_field(struct pen *p, enum style style, int width, const char *text);
void pen_number(struct pen *p, enum style style, int width, const char *text); /* to the right */
void pen_repeat(struct pen *p, enum style style, int width, uint32_t ch);
void pen_skip(struct pen *p, int width); /* leaves the cells as they are */

/* `share` 0..1 as a line of `width` columns in half-column steps; NAN is an empty line, and a
 * share over 0 is never quite empty, below 1 never quite full. */
void pen_bar(struct pen *p, enum style style, int width, double share);

/* Columns that `text` takes. */
int pen_width(const char *text);

#endif
