/* frame.h -- the dashboard's picture before it reaches a terminal: a grid of cells.
 *
 * A cell is one column of a terminal. Each cell is written at most once per picture: a second
 * write is counted in `overlaps`, which the tests hold at 0. Text from outside loses its control
 * characters and all that is not one column wide, so a file name cannot move the cursor.
 *
 * With `is_ascii` set every drawing character becomes its nearest ASCII sign on the way in. */
#ifndef TUI_FRAME_H
#define TUI_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

enum { FRAME_ROWS_MAX = 300, FRAME_COLS_MAX = 1000 };

/* What a text means; the screen chooses how that looks. STYLE_FADED is added to another one. */
enum style {
    STYLE_TEXT,
    STYLE_DIM,
    STYLE_STRONG,
    STYLE_TITLE,
    STYLE_BAR,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
    STYLE_MARK,
    STYLE_COUNT,
    STYLE_FADED = 0x80
};

struct cell {
    uint32_t ch;    /* code point, always one column wide; 0 = not written, shown as a blank */
    uint32_t style; /* enum style, perhaps with STYLE_FADED */
};

struct frame {
    int rows, cols;
    bool is_ascii;
    int overlaps;
    struct cell *cells; /* rows * cols, row by row */
};

/* A rectangle of a frame; `rows` or `cols` 0 means that there is none. */
struct area {
    int row, col, rows, cols;
};

/* Sizes are cut to 1..FRAME_*_MAX. */
void frame_init(struct frame *f, int rows, int cols, bool is_ascii);
void frame_release(struct frame *f);

void frame_clear(struct frame *f, struct area at); /* to not written, for an overlay */
/* Outside of the grid nothing happens. */
void frame_put(struct frame *f, int row, int col, uint32_t ch, enum style style);
void frame_fade(struct frame *f, struct area at);

/* Next code point of `*text`, as it may be shown: control characters, broken UTF-8 and all that
 * may be wider or narrower than a column become '?'. 0 at the end. */
uint32_t frame_decode(const char **text);

/* Append `ch` as UTF-8. */
void frame_encode(struct buf *out, uint32_t ch);

/* The rows as lines, blanks at their ends cut. */
void frame_add_text(const struct frame *f, struct buf *out);

#endif
