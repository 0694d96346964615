/* tensor.h -- named arrays as a weight file holds them: raw little-endian bytes and a shape.
 *
 * A set owns the file's bytes and the names; its tensors point into the bytes, so opening a file
 * copies nothing. Values are converted when they are read. Every reader of a foreign format
 * (safetensors, .pdparams, .pdiparams) fills one of these. */
#ifndef ENGINE_TENSOR_H
#define ENGINE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"

enum {
    TENSOR_RANK_MAX = 8,
    TENSOR_FILE_MAX = 1 << 30, /* bytes; ours are 16 to 33 MB */
    TENSOR_COUNT_MAX = 1 << 12 /* in a set; ours have 250 */
};

enum dtype { DTYPE_F32, DTYPE_BF16, DTYPE_F16, DTYPE_F64, DTYPE_I32, DTYPE_I64 };

struct tensor {
    const char *name; /* owned by the set */
    enum dtype dtype;
    int rank;
    int64_t shape[TENSOR_RANK_MAX];
    const unsigned char *data; /* borrowed from the set's bytes; any alignment */
    size_t count;              /* values */
};

struct tensor_set {
    struct tensor *items;
    size_t count, cap;
    struct buf file; /* the bytes that the tensors point into */
    char **owned;    /* further bytes and the names, freed with the set */
    size_t owned_count, owned_cap;
};

void tensor_set_release(struct tensor_set *s); /* safe on a zeroed one */

/* Add a copy of `t`, its name copied too. A name that is there already, and one over
 * TENSOR_COUNT_MAX, is ERR_INPUT. */
int tensor_set_add(struct tensor_set *s, const struct tensor *t, struct err *err);

/* The set frees `bytes` (from malloc) with itself, or now on failure. */
int tensor_set_own(struct tensor_set *s, char *bytes, struct err *err);

const struct tensor *tensor_find(const struct tensor_set *s, const char *name); /* or NULL */

size_t dtype_size(enum dtype d); /* bytes */

/* Product of `rank` sizes in *count; ERR_INPUT names `name` when it is negative or over
 * TENSOR_FILE_MAX. */
int tensor_count(size_t *count, const int64_t *shape, int rank, const char *name, struct err *err);

/* True when `t` has this shape; rank 0 counts as the shape {1}. */
bool tensor_has_shape(const struct tensor *t, const int64_t *shape, int rank);

/* "[64,3,3,3]" into `out`; returns it. */
char *shape_text(char *out, size_t size, const int64_t *shape, int rank);

/* All values as f32; ERR_INPUT names the tensor and the position of the first NaN or infinity
 * (also of a double beyond f32). */
int tensor_read(const struct tensor *t, float *out, struct err *err);

#endif
