/* pdiparams.h -- Paddle's exported weights: records without names, in the order of the variables'
 * names (specification 2.3 and 2.5).
 *
 * The names come from the graph (PIR, a JSON file) or, for the older form whose graph is not read,
 * from the specification's list for PP-LiteSeg-T. Either way the k-th convolution, norm and fusion
 * block of the file is the k-th of the network in the order of building, whatever number the
 * exporter's counters began with, and every shape is checked. */
#ifndef ENGINE_PDIPARAMS_H
#define ENGINE_PDIPARAMS_H

#include "common/err.h"
#include "engine/tensor.h"

/* `graph` may be NULL: then the file must hold the 238 records of today's exporter or the 235 of
 * one that knew no `_scale`. The tensors get their state-dict names. ERR_INPUT names file and
 * tensor. On failure `out` is empty. */
int pdiparams_read(struct tensor_set *out, const char *path, const char *graph, struct err *err);

#endif
