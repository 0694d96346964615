/* ticker.h -- how far a run is, for whoever waits: one live line on a terminal, else JSON lines.
 *
 * {"iter","loss","lr","images_per_s","eta_s"} on stdout every two seconds, and one at the end; on a
 * terminal the same in words on stderr, in place. */
#ifndef TRAIN_TICKER_H
#define TRAIN_TICKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

struct ticker {
    bool is_terminal;
    int64_t due_us;
    /* since the last line */
    double loss_sum;
    int64_t count;
    /* seconds of an iteration, a mean that forgets; 0: none yet */
    double seconds;
    char look[64]; /* the last validation, in a few words */
};

struct tick {
    int64_t iteration, total;   /* done, of how many */
    double loss, rate, seconds; /* of this iteration */
    int images;
};

void ticker_open(struct ticker *t);
void ticker_tick(struct ticker *t, const struct tick *tick, bool is_last);
double ticker_images_per_s(const struct ticker *t, int images);
double ticker_eta(const struct ticker *t, int64_t left); /* s; NAN: unknown */

/* A validation: its line. `figures` is borrowed. */
void ticker_look(struct ticker *t, int64_t iteration, const json_t *figures, double score,
                 bool is_best);

/* A line of JSON on stdout; takes it over, NULL is fine. Nobody may be reading: the work goes on. */
void ticker_put(json_t *line);

/* A line of its own for a person, whatever stands on the terminal now. */
void ticker_say(struct ticker *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
