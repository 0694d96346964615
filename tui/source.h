/* source.h -- where the figures come from: an installation's Redis, or a run's private one and,
 * once the run is over, the file that it left.
 *
 * A source is for one thread at a time. Reads block for at most a second. */
#ifndef TUI_SOURCE_H
#define TUI_SOURCE_H

#include "common/settings.h"
#include "tui/reading.h"

struct queue_client;

/* Plain data, valid when zeroed. */
struct source {
    char address[SETTINGS_PATH_SIZE]; /* of the Redis in use */
    char out[SETTINGS_PATH_SIZE];     /* folder of the run; "" = an installation */
    struct queue_client *client;      /* owned; NULL while there is no connection */
};

/* Choose: the run that writes `out` when it is not NULL (ERR_INPUT when it is no such folder), else
 * the installation of the settings, else this user's newest run. An installation that was named
 * by hand is taken even while it cannot be reached. */
int source_find(struct source *source, const struct settings *s, const char *out, struct err *err);
void source_close(struct source *source);

/* The folder or the address, for people. */
const char *source_name(const struct source *source);

/* Bring `r` up to date. When nothing can be had it keeps its figures, its link says so, and the
 * answer is -1 with ERR_AGAIN. That no machine is at work is no error. */
int source_read(struct source *source, struct reading *r, struct err *err);

#endif
