/* ranges.h -- how wide a model's activations are: what precision int8 needs beside the weights.
 *
 * models/<name>/int8.json   {"version":1,"weights_sha256","rule","calibration":{...},
 *                            "ranges":{"<layer>":value,...}}
 *
 * In int8 maps are bytes except the context module's few pixels, the attention's planes and the
 * logits, which keep f32 or bf16: they are small and the next step is most sensitive to them. A map
 * without signs holds 0..range in 255 steps, one with signs -range..range in 254. What is
 * concatenated has one range, the concat's, so that concatenation stays a copy. Weights are not in
 * the file: their scales follow from the folded weights, which it names by their digest. */
#ifndef ENGINE_RANGES_H
#define ENGINE_RANGES_H

#include <stdbool.h>

#include "common/err.h"
#include "common/json.h"
#include "common/sha256.h"
#include "engine/network.h"

enum { RANGES_COUNT = 26 };

struct ranges {
    float of[LAYER_COUNT_INFERENCE];      /* of the layers that own one, else 0 */
    char weights_sha256[SHA256_HEX_SIZE]; /* of the weights that they were measured with */
    char sha256[SHA256_HEX_SIZE];         /* of the file, once it was read */
};

enum ranges_kind { RANGES_NONE, RANGES_U8, RANGES_S8 };

/* What `layer`'s map is in an int8 engine; NONE: f32 or bf16. */
enum ranges_kind ranges_kind(int layer);

/* The layer whose range `layer` is quantised with: the concat that it is a part of, else itself;
 * L_NONE for the input, whose range is known, and for maps that are no bytes. */
int ranges_owner(int layer);

/* The file of folder `dir`: 1 read, 0 there is none, -1 ERR_INPUT: a range that is missing or not
 * above 0, a key that is mistyped. */
int ranges_read(struct ranges *out, const char *dir, struct err *err);

/* Write it with `about` (rule, calibration; borrowed) through json_write. */
int ranges_write(const struct ranges *r, const json_t *about, const char *dir, struct err *err);

#endif
