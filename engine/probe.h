/* probe.h -- a golden picture: does this device compute what it should?
 *
 * A device can be sick and say nothing: its answers are wrong. So a picture drawn here, always the
 * same, is segmented and compared with the answer of `ref`, plain C on the processor. That answer
 * depends on nothing but the weights, takes about 0.1 s once and is worked out by a thread of its
 * own beside whatever else a process does at its start. */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "engine/engine.h"

struct probe;

struct probe_gap {
    double map;    /* share of the pixels whose class differs, 0..1 */
    double scores; /* largest difference of a class's mean softmax value, 0..1 */
    bool is_right; /* both are within what the precision explains */
};

/* The model must outlive the probe. ERR_NOMEM, ERR_AGAIN: no thread could be had. */
int probe_open(struct probe **out, const struct model *model, struct err *err);
void probe_close(struct probe *p); /* waits for its thread; NULL is fine */

/* Segment the picture on `s`, which computes in `precision`; waits for the answer when that is not
 * there yet. An error is the engine's, of `s` or of `ref`. The stream's own thread, any number of
 * threads at once. */
int probe_run(struct probe *p, struct engine_stream *s, const char *precision,
              struct probe_gap *gap, struct err *err);

#endif
