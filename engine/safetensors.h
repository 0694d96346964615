/* safetensors.h -- the weight format: 8 bytes length, a JSON header, raw values.
 *
 * Stricter than the format asks: every tensor's bytes must fit its shape, and together the tensors
 * must cover the data exactly once, so a file that is cut, padded or overlapping is refused. */
#ifndef ENGINE_SAFETENSORS_H
#define ENGINE_SAFETENSORS_H

#include "common/err.h"
#include "engine/tensor.h"

/* ERR_INPUT names the file and, where there is one, the tensor. F32, BF16, F16, F64, I32, I64. On
 * failure `out` is empty. */
int safetensors_read(struct tensor_set *out, const char *path, struct err *err);

/* Writes the tensors in the order given, all as `dtype` (F32 or BF16, rounded to nearest even),
 * through file_write. The same tensors give the same bytes. */
int safetensors_write(const char *path, const struct tensor *items, size_t count, enum dtype dtype,
                      struct err *err);

#endif
