/* launch.cuh -- what all files of kernels share: how a kernel is started. */
#ifndef ENGINE_CUDNN_LAUNCH_CUH
#define ENGINE_CUDNN_LAUNCH_CUH

#include <cuda_runtime_api.h>
#include <limits.h>

#define ALL_LANES 0xffffffffU

/* One kernel for each kind of element, by enum elem. */
#define KINDS(kernel)                                         \
    {                                                         \
        kernel<ELEM_F32>, kernel<ELEM_F16>, kernel<ELEM_BF16> \
    }

template <typename Job>
static cudaError_t launch(void (*kernel)(Job), const Job *job, long long blocks, int threads,
                          cudaStream_t stream)
{
    void *arguments[] = {const_cast<Job *>(job)};

    if (blocks > INT_MAX)
        return cudaErrorInvalidValue;
    return cudaLaunchKernel((const void *)kernel, dim3((unsigned)blocks), dim3((unsigned)threads),
                            arguments, 0, stream);
}

#endif
