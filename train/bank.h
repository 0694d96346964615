/* bank.h -- one f32 array for each of the network's 250 tensors, in one block: weights, gradients, and
 * whatever else there is one of for each weight.
 *
 * The block is cut into parts of BANK_PART values that do not depend on the number of threads; between
 * arrays and behind the last there are zeros. */
#ifndef TRAIN_BANK_H
#define TRAIN_BANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "engine/learn.h"

enum { BANK_PART = 1 << 16 };

struct bank {
    float *block; /* `total` values, a multiple of BANK_PART */
    size_t total;
    struct learn_params params; /* into the block */
    size_t count[PARAM_COUNT];  /* values of each */
    struct param *table;        /* PARAM_COUNT: network_params */
};

/* All zero. ERR_NOMEM. */
int bank_init(struct bank *b, struct err *err);
void bank_release(struct bank *b); /* safe on a zeroed one */
void bank_copy(struct bank *to, const struct bank *from);
void bank_clear(struct bank *b); /* all zero again */

/* Is every value a number? With `only_statistics` of the running means and variances alone. */
bool bank_is_finite(const struct bank *b, bool only_statistics);

/* Is it a bias, or a factor or offset of a norm? */
bool param_is_norm_or_bias(const struct param *p);

/* Initial values for training from nothing: convolutions Normal(0, sqrt(2/inputs)) (He et al. 2015; the
 * specification's section 1.9 for the decoder, and in place of its 0.001 for the backbone, which is
 * meant to be overwritten by ImageNet's), factors, variances and _scale 1, all else 0. A function of
 * the seed. */
void bank_draw(struct bank *b, uint64_t seed);

/* The values of a model folder or of a .safetensors file. ERR_CONFIG names the tensor that is missing
 * or has another shape; a file of the inference network only (no training heads) leaves those heads as
 * they are and says how many tensors that were in `*missing`. */
int bank_read_model(struct bank *b, const char *path, int *missing, struct err *err);

/* As weights.safetensors: all 250 tensors, f32 or bf16 (engine/safetensors.h). */
int bank_write(const struct bank *b, const char *path, bool is_bf16, struct err *err);

#endif
