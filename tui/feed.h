/* feed.h -- reads a source twice a second in a thread of its own, so that a Redis that does not
 * answer never holds up a key. */
#ifndef TUI_FEED_H
#define TUI_FEED_H

#include "tui/source.h"

struct feed;

/* The feed uses `source` until feed_stop; the caller keeps owning it. ERR_NOMEM or ERR_AGAIN. */
int feed_start(struct feed **out, struct source *source, struct err *err);
void feed_stop(struct feed *f); /* NULL is fine; waits for a read in progress, a second at most */

/* Readable when there is something new to take. */
int feed_fd(const struct feed *f);
/* Copy the newest reading. */
void feed_take(struct feed *f, struct reading *out);

#endif
