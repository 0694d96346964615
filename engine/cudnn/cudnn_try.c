#include "engine/cudnn/cudnn_try.h"

#include <string.h>

static enum err_code code_of(cudnnStatus_t status)
{
    switch (status) {
    case CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED:
    case CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED: return ERR_NOMEM;
    default:
        return CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED ? ERR_CONFIG
                                                                           : ERR_DEVICE;
    }
}

int cudnn_failed(cudnnStatus_t status, const char *call, struct err *err)
{
    char text[256] = "";

    if (status == CUDNN_STATUS_SUCCESS)
        return 0;
    cudnnGetLastErrorString(text, sizeof(text));
    (void)cudaGetLastError();
    return err_set(err, code_of(status), "cuDNN: %.*s: %s: %s", (int)strcspn(call, "("), call,
                   cudnnGetErrorString(status), text);
}

int cuda_failed(cudaError_t status, const char *call, struct err *err)
{
    if (status == cudaSuccess)
        return 0;
    (void)cudaGetLastError();
    return err_set(err, status == cudaErrorMemoryAllocation ? ERR_NOMEM : ERR_DEVICE,
                   "CUDA: %.*s: %s", (int)strcspn(call, "("), call, cudaGetErrorString(status));
}
