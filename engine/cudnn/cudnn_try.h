/* cudnn_try.h -- cuDNN's and CUDA's status as an err. The one adapter for these libraries.
 *
 * Out of memory is ERR_NOMEM (a smaller batch may do), what a library or a device does not support
 * is ERR_CONFIG, everything else ERR_DEVICE: a CUDA context does not survive its errors.
 *
 * CUDA keeps the last error of a thread until it is asked for, and cuDNN asks after its launches: so
 * it is cleared here, else cuDNN would take a failed allocation for its own. What does not survive is
 * not cleared by that. */
#ifndef ENGINE_CUDNN_CUDNN_TRY_H
#define ENGINE_CUDNN_CUDNN_TRY_H

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "common/err.h"

/* 0, or -1 with `call`, the text of what was called, and cuDNN's own words in err. */
int cudnn_failed(cudnnStatus_t status, const char *call, struct err *err);
int cuda_failed(cudaError_t status, const char *call, struct err *err);

#define CUDNN_FAILED(err, call) cudnn_failed((call), #call, (err))
#define CUDA_FAILED(err, call)  cuda_failed((call), #call, (err))

#endif
