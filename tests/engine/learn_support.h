/* learn_support.h -- what tests of training share: the recorded step of ../shared/golden/train-96 and
 * all 250 tensors, from the starter or random. */
#ifndef TESTS_ENGINE_LEARN_SUPPORT_H
#define TESTS_ENGINE_LEARN_SUPPORT_H

#include "common/json.h"
#include "engine/learn.h"
#include "engine/ref/learn_net.h"
#include "tests/engine/npz.h"

/* Parameters, or gradients by them: the same values in both precisions are two of these. */
struct learn_tensors {
    struct param table[PARAM_COUNT];
    size_t count; /* of all values */
    double *f64;  /* the block that `at` points into, in the order of the table */
    float *f32;
    struct learn_net_params at;
    struct learn_params at32;
};

/* Zeroed. Fails the test without memory. */
void learn_tensors_init(struct learn_tensors *t);
void learn_tensors_release(struct learn_tensors *t);
void learn_tensors_copy(struct learn_tensors *to, const struct learn_tensors *from);

void learn_tensors_to_f32(struct learn_tensors *t); /* f32 = f64 */
void learn_tensors_to_f64(struct learn_tensors *t); /* f64 = f32 */

void learn_tensors_random(struct learn_tensors *t, uint64_t seed); /* both precisions */

/* A value beside a corner of ReLU, or two that compete for a maximum, may fall to the other side in
 * f32, and one such gradient outweighs all rounding. So most norms' outputs are kept well above 0,
 * every fifth well below, and one is always the largest. */
void learn_tensors_keep_off_corners(struct learn_tensors *t); /* both precisions */

/* The starter's, three heads with theirs; both precisions. -1 when ../shared is not there. */
int learn_tensors_starter(struct learn_tensors *t);

double tensor_norm(const struct learn_tensors *t, int i); /* of f64 */

/* One step of SGD as PyTorch does it, on f64: v = momentum*v + (g + decay*p); p -= rate*v. */
struct sgd {
    double rate, momentum, decay;
};
void sgd_step(const struct sgd *s, struct learn_tensors *p, const struct learn_tensors *g,
              struct learn_tensors *velocity);

/* The recorded run. */
struct recorded {
    struct npy images, labels; /* 4,96,96,3 and 4,96,96 */
    json_t *numbers;           /* train-96.json */
    struct learn_batch batch;
};
int recorded_open(struct recorded *r); /* -1 when ../shared is not there */
void recorded_close(struct recorded *r);

double recorded_loss(const struct recorded *r, int step);

/* Fail the test when a tensor differs from what is recorded by more than `limit`, relative to the
 * tensor's recorded norm (and to 1e-3 at least: biases in front of a norm have the gradient 0). */
void recorded_check_gradients(const struct recorded *r, const struct learn_tensors *g,
                              double limit);
void recorded_check_after(const struct recorded *r, const struct learn_tensors *p, double limit);

#endif
