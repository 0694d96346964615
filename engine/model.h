/* model.h -- a model folder: weights, card, policy, and the digest that names them.
 *
 * models/<name>/weights.safetensors   the 238 or 250 tensors of the specification, f32 or bf16
 * models/<name>/card.json             {"name","version","size","classes":[...],"licence","data",
 *                                      "precisions":[...],"figures":{...}}
 * models/<name>/int8.json             ranges.h; a model that was never quantised has none
 * models/<name>/policy.json           read by lesion/policy.h, not here
 *
 * "precisions" are those whose figures are within tolerance of f32's, f32 itself always; without the
 * key f32 and bf16. What allows bf16 allows fp16, which has three bits more; that its range is enough
 * is what the probe looks at on each device.
 *
 * Immutable after model_open; any thread may read it. */
#ifndef ENGINE_MODEL_H
#define ENGINE_MODEL_H

#include <stdbool.h>

#include "common/err.h"
#include "common/sha256.h"
#include "engine/ranges.h"

struct model;

struct model_card {
    char name[64];
    char version[32];
    char licence[128];
    char sha256[SHA256_HEX_SIZE]; /* of weights.safetensors */
    int size;                     /* px, longest side of the input that it was trained for */
};

/* Every problem is ERR_CONFIG and names the file and, where there is one, the tensor: missing,
 * wrong shape, a NaN or an infinity, a cut file, ranges that belong to other weights. */
int model_open(struct model **out, const char *dir, struct err *err);
void model_close(struct model *m); /* NULL is fine */

const struct model_card *model_card(const struct model *m); /* lives as long as the model */

/* Does the card say that `precision` is within tolerance? */
bool model_allows(const struct model *m, const char *precision);

/* What int8 needs, or NULL when the folder has no int8.json. Lives as long as the model. */
const struct ranges *model_ranges(const struct model *m);

#endif
