/* import.h -- foreign weights into a model folder. */
#ifndef ENGINE_IMPORT_H
#define ENGINE_IMPORT_H

#include "common/err.h"
#include "engine/tensor.h"

struct import {
    const char *source; /* .pdparams or .pdiparams; told apart by its first byte */
    const char *graph;  /* .json beside a .pdiparams, or NULL */
    const char *folder; /* made when missing */
    int size;           /* px, for a new card; 0: 512 */
};

struct import_facts {
    enum dtype dtype;     /* BF16 when that loses nothing, else F32 */
    int tensors;          /* 238: training heads are left out, since an exported file has none */
    int scales_defaulted; /* _scale tensors that an old file lacks and that became 1.0 */
    int ignored;          /* tensors of the source that are no part of the inference network */
};

/* Write weights.safetensors, and card.json when the folder has none. The same weights give the same
 * bytes whichever format they came in. ERR_INPUT names file and tensor: missing, wrong shape, NaN.
 * On failure the folder's files are as they were. */
int import_run(const struct import *in, struct import_facts *facts, struct err *err);

#endif
