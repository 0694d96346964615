/* fake_driver.c -- of CUDA's driver what preprocess/nvjpeg.c uses, played on the host: a library that a
 * test's search path has in the driver's place. What is asynchronous is put off until somebody waits.
 * FAKE_CUDA_NONE: there is no device. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID = 1 };

static struct {
    void *to;
    const void *from;
    size_t n;
} pending;

int cuInit(unsigned flags);
int cuDeviceGet(int *device, int number);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuCtxSetCurrent(void *context);
int cuStreamCreate(void **stream, unsigned flags);
int cuMemAlloc_v2(unsigned long long *at, size_t n);
int cuMemAllocHost_v2(void **at, size_t n);
int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t n, void *stream);
int cuStreamSynchronize(void *stream);

int cuInit(unsigned flags)
{
    return flags ? INVALID : getenv("FAKE_CUDA_NONE") ? NO_DEVICE : SUCCESS;
}

int cuDeviceGet(int *device, int number)
{
    *device = number;
    return number ? INVALID : SUCCESS;
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
    *context = &pending;
    return device ? INVALID : SUCCESS;
}

int cuCtxSetCurrent(void *context)
{
    return context == &pending ? SUCCESS : INVALID;
}

int cuStreamCreate(void **stream, unsigned flags)
{
    *stream = &pending;
    return flags == 1 ? SUCCESS : INVALID;
}

int cuMemAlloc_v2(unsigned long long *at, size_t n)
{
    void *block = malloc(n);

    *at = (unsigned long long)(uintptr_t)block;
    return block ? SUCCESS : OUT_OF_MEMORY;
}

int cuMemAllocHost_v2(void **at, size_t n)
{
    *at = malloc(n);
    return *at ? SUCCESS : OUT_OF_MEMORY;
}

int cuMemcpyDtoHAsync_v2(void *to, unsigned long long from, size_t n, void *stream)
{
    if (stream != &pending)
        return INVALID;
    pending.to = to;
    pending.from = (const void *)(uintptr_t)from;
    pending.n = n;
    return SUCCESS;
}

int cuStreamSynchronize(void *stream)
{
    if (stream != &pending)
        return INVALID;
    if (pending.n)
        memcpy(pending.to, pending.from, pending.n);
    pending.n = 0;
    return SUCCESS;
}
