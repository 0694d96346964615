/* analyst.h -- one thread that turns decoded pictures into entries: network, measures, risk.
 *
 * Everything that the worker, `predict` and `eval` do alike. An analyst belongs to the thread that
 * opened it; the subject (model, engine, policy) is shared and read-only. */
#ifndef WORKER_ANALYST_H
#define WORKER_ANALYST_H

#include "lesion/measure.h"
#include "worker/subject.h"

enum { ANALYST_BATCH_MAX = 64 };

struct analyst {
    struct subject *subject;
    struct engine_stream *stream;
    struct lesion_scratch *scratch;
    struct engine_image batch[ANALYST_BATCH_MAX];
    uint8_t *maps; /* batch_max maps of the largest network size seen */
    size_t maps_capacity;
};

int analyst_open(struct analyst *a, struct subject *subject, struct err *err);
void analyst_close(struct analyst *a); /* safe on a zeroed one */

/* Run the network over `n` pictures of one network shape; batch[i] then holds picture i's map and
 * scores until the next call. */
int analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                    struct err *err);

/* The input of the lesion library for picture `i` of the last analyst_segment. */
void analyst_lesion_input(const struct analyst *a, int i, const struct decoded *picture,
                          double mm_per_px, struct lesion_input *out);

/* Measures of a picture of the last analyst_segment and, when there is a policy, its risk; without
 * one `*decision` stays as it is. */
int analyst_judge(struct analyst *a, const struct lesion_input *in, bool is_duplicate,
                  struct lesion_measures *measures, struct risk_decision *decision,
                  struct err *err);

#endif
