/* pdparams.h -- Paddle's state dict (`paddle.save`): a pickled dict from names to arrays. */
#ifndef ENGINE_PDPARAMS_H
#define ENGINE_PDPARAMS_H

#include "common/err.h"
#include "engine/tensor.h"

/* Arrays and (name, array) pairs become tensors; keys that hold no array (the table of variable
 * names that Paddle adds) are passed over. ERR_INPUT names the tensor or the byte. On failure `out`
 * is empty. */
int pdparams_read(struct tensor_set *out, const char *path, struct err *err);

#endif
