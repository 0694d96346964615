/* learn_net.h -- a training step in double precision throughout: the oracle behind learn.h, and what
 * central differences are taken of.
 *
 * The contract is learn.h's; parameters and gradients are double, so that nothing is rounded on the way
 * in or out. */
#ifndef ENGINE_REF_LEARN_NET_H
#define ENGINE_REF_LEARN_NET_H

#include "engine/learn.h"

struct learn_net;

/* As struct learn_params. */
struct learn_net_params {
    double *at[PARAM_COUNT];
};

/* As struct learn_head; both arrays are the network's, and the caller writes the gradients. */
struct learn_net_head {
    int h, w;
    const double *logits;
    double *gradient;
};

int learn_net_open(struct learn_net **out, struct err *err);
void learn_net_close(struct learn_net *net); /* NULL is fine */

int learn_net_forward(struct learn_net *net, const struct learn_net_params *params,
                      const struct learn_batch *batch, struct learn_net_head heads[LEARN_HEADS],
                      struct err *err);

/* Of the last forward, which went well. Cannot fail; spoils the heads' gradients. */
void learn_net_backward(struct learn_net *net, const struct learn_net_params *params,
                        const struct learn_net_params *gradients);

/* For tests: from now on `settle` sees each layer's output (n,h,w,c) as soon as it is there and may change
 * it, before any other layer reads it. NULL: no more. */
struct learn_net_settle {
    void (*settle)(void *context, int layer, double *value);
    void *context;
};
void learn_net_settle(struct learn_net *net, const struct learn_net_settle *settle);

/* A layer's output over the last batch (n,h,w,c), and the gradient by it after learn_net_backward; for
 * tests. */
const double *learn_net_value(const struct learn_net *net, int layer);
const double *learn_net_gradient(const struct learn_net *net, int layer);

#endif
