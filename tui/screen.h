/* screen.h -- the terminal: the one door to curses.
 *
 * From screen_open on until screen_close the terminal is ours; a crash in between gives it back
 * too. One screen at a time. */
#ifndef TUI_SCREEN_H
#define TUI_SCREEN_H

#include "common/err.h"
#include "tui/frame.h"
#include "tui/view.h"

struct screen;

enum { SCREEN_KEY_NONE = -1, SCREEN_KEY_RESIZED = -2, SCREEN_KEY_GONE = -3 };

/* ERR_CONFIG: standard input or output is no terminal, or of an unknown kind. */
int screen_open(struct screen **out, struct err *err);
void screen_close(struct screen *s); /* NULL is fine */

void screen_size(const struct screen *s, int *rows, int *cols);

/* The next key that is waiting, a printable character or enum view_key, or one of SCREEN_KEY_*. */
int screen_key(struct screen *s);

/* Draw the cells that differ from the frame shown before. */
void screen_show(struct screen *s, const struct frame *f);

/* Is the locale, or the terminal, without our drawing characters? setlocale comes first. */
bool screen_is_ascii(void);

#endif
