/* subject.h -- opens what a process needs for its images: decoder first, then model and engine.
 *
 * The order matters: the decoder forks its zygote, which has to happen before there are threads
 * and before the weights are in memory. */
#ifndef WORKER_SUBJECT_H
#define WORKER_SUBJECT_H

#include "common/settings.h"
#include "engine/probe.h"
#include "lesion/policy.h"
#include "preprocess/decode.h"

/* What is used for every image of a process. */
struct subject {
    struct model *model;
    struct engine *engine;
    struct probe *probe;   /* when it was asked for, else NULL */
    struct policy *policy; /* NULL while one, sizes or ranges are being chosen, or none is there */
    int size; /* px, longest side of the network input; of the first pass where there are two */
    bool has_flips;               /* mirror images are looked at too (flips.h) */
    const struct size_plan *plan; /* of --size auto, the policy's; else NULL */
};

enum policy_need {
    POLICY_NEEDED,
    POLICY_IF_THERE, /* to judge a model, which may have none yet */
    POLICY_NONE      /* one is being chosen */
};

/* How many of each this machine gets: settings, or their defaults for its cores. */
struct worker_shape {
    int lanes, decoders, slots, batch;
    int urgent_slots; /* of the slots, for urgent items alone */
    int threads;      /* of each lane; 0 is 1 */
    bool has_probe;   /* the device is to be checked with a known picture */
    enum policy_need policy;
};

void worker_shape_of(struct worker_shape *out, const struct settings *s);

/* Both are the caller's and are closed together. ERR_CONFIG: no sandbox, no such model or
 * policy, or a precision that this machine lacks. */
int subject_open(struct subject *out, struct decoder **decoder, const struct worker_shape *shape,
                 const struct settings *s, struct err *err);

/* A second model for the same pictures: all but a decoder. Its own size where settings name none; a
 * size over the decoder's is ERR_CONFIG. subject_close(out, NULL). */
int subject_open_beside(struct subject *out, const struct worker_shape *shape,
                        const struct settings *s, struct err *err);
void subject_close(struct subject *subject, struct decoder *decoder);

#endif
