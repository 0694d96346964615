/* learn_backend.h -- the one table of functions behind learn.h. A backend has one of these in its
 * folder (learn.c) and a row in engine/learn.c.
 *
 * The learner is the backend's own struct and belongs to one thread. engine/learn.c has checked the
 * sizes (learn_batch, at least 1 each) and that each backward follows a forward of its own
 * that went well. */
#ifndef ENGINE_LEARN_BACKEND_H
#define ENGINE_LEARN_BACKEND_H

#include <stdbool.h>

#include "engine/learn.h"

struct learn_inner;

struct learn_backend {
    const char *name;
    const char *device; /* the kind it runs on: "cpu", "cuda" */

    /* Does this machine do `precision` without emulation? `number` is N of "cuda:N", else 0. */
    bool (*can)(const char *precision, int number);

    /* `config` is the caller's, but its precision is one that `can` said yes to, and its threads are
     * at least 1; it does not outlive the call. On failure nothing is left. */
    int (*open)(struct learn_inner **out, const struct learner_config *config, int number,
                struct err *err);
    void (*close)(struct learn_inner *l);

    /* learner_forward, learner_backward. */
    int (*forward)(struct learn_inner *l, const struct learn_params *params,
                   const struct learn_batch *batch, struct learn_head heads[LEARN_HEADS],
                   struct err *err);
    int (*backward)(struct learn_inner *l, const struct learn_params *params,
                    const struct learn_params *gradients, struct err *err);

    const struct learn_holder *holder; /* NULL: parameters are always the caller's */

    /* learner_debug_values; NULL: it keeps none. */
    int (*values)(const struct learn_inner *l, int layer, float *out, struct err *err);
};

/* The second half of learn.h. Weights have been put before anything else is called, and what a made or
 * an update needs was done. */
struct learn_holder {
    int (*put)(struct learn_inner *l, enum learn_bank bank, const struct learn_params *from,
               struct err *err);
    int (*get)(struct learn_inner *l, enum learn_bank bank, const struct learn_params *to,
               struct err *err);
    int (*learn)(struct learn_inner *l, const struct learn_batch *batch, const uint8_t *labels,
                 const struct learn_loss *loss, double scale, struct learn_made *out,
                 struct err *err);
    int (*made)(struct learn_inner *l, struct learn_made *out, struct err *err);
    int (*update)(struct learn_inner *l, const struct learn_update *u, struct err *err);
    int (*pin)(struct learn_inner *l, const void *base, size_t size, struct err *err);
    struct learn_scaling *(*scaling)(struct learn_inner *l); /* the learner's own */
};

extern const struct learn_backend learn_backend_ref;
extern const struct learn_backend learn_backend_onednn; /* built when libdnnl was found */
extern const struct learn_backend learn_backend_cudnn;  /* in the module (cudnn_module.h) */

#endif
