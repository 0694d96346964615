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
    int w, h;               /* of the last pass: its inputs and maps */
    int size;               /* px, longest side that it was asked for */
    uint8_t *maps, *inputs; /* of a batch; grow to the largest seen */
    size_t maps_capacity, inputs_capacity;
    uint8_t *mirrored; /* pictures and maps of flips.h; grow likewise */
    size_t mirrored_capacity;
};

int analyst_open(struct analyst *a, struct subject *subject, struct err *err);
void analyst_close(struct analyst *a); /* safe on a zeroed one */

/* Run the network over `n` pictures of one network shape; batch[i] then holds picture i's map and
 * scores until the next pass. */
int analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                    struct err *err);

/* The same with inputs of another `size`, made from the measuring images; all of one refine_frame
 * for that size. */
int analyst_refine(struct analyst *a, const struct decoded *const *pictures, int n, int size,
                   struct err *err);

/* Run the network over nothing but grey, one picture of w x h: its plan is there afterwards. */
int analyst_warm_up(struct analyst *a, int w, int h, struct err *err);

/* Does picture `i` of the last pass, a coarse one, need a fine one? Never without a plan. */
bool analyst_is_doubtful(const struct analyst *a, int i, const struct decoded *picture);

/* One picture through as many passes as it takes, its mirror images too where the subject has flips. */
int analyst_outline(struct analyst *a, const struct decoded *picture, struct err *err);

/* The same in one pass at `size`, from the measuring image. */
int analyst_outline_at(struct analyst *a, const struct decoded *picture, int size, struct err *err);

/* The input of the lesion library for picture `i` of the last pass. */
void analyst_lesion_input(const struct analyst *a, int i, const struct decoded *picture,
                          double mm_per_px, struct lesion_input *out);

/* Measures of a picture of the last pass and, when there is a policy, its risk, the scores through the
 * policy's temperature; without one `*decision` and the scores stay as they are. */
int analyst_judge(struct analyst *a, const struct lesion_input *in, bool is_duplicate,
                  struct lesion_measures *measures, struct risk_decision *decision,
                  struct err *err);

#endif
