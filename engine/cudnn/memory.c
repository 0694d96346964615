#include "engine/cudnn/memory.h"

#include "engine/cudnn/cudnn_try.h"

size_t memory_align(size_t bytes)
{
    return (bytes + MEMORY_BLOCK_ALIGN - 1) / MEMORY_BLOCK_ALIGN * MEMORY_BLOCK_ALIGN;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

int memory_reserve(struct memory *m, size_t work_bytes, size_t berth_bytes, struct err *err)
{
    if (work_bytes <= m->work_bytes && berth_bytes <= m->berth_bytes)
        return 0;
    /* neither shrinks for a shape that needs more of the other */
    size_t work = memory_align(larger(work_bytes, m->work_bytes));
    size_t berth = memory_align(larger(berth_bytes, m->berth_bytes));
    size_t device = work + BERTHS * berth, host = BERTHS * berth;
    memory_release(m);
    if (CUDA_FAILED(err, cudaMalloc((void **)&m->device, device)) ||
        CUDA_FAILED(err, cudaHostAlloc((void **)&m->host, host, cudaHostAllocDefault))) {
        memory_release(m);
        return err_wrap(err, "%zu MiB on the device, %zu MiB locked on the host", device >> 20,
                        host >> 20);
    }
    m->work_bytes = work;
    m->berth_bytes = berth;
    return 0;
}

void memory_release(struct memory *m)
{
    /* what a lost device makes of it does not matter any more */
    if (m->device)
        cudaFree(m->device);
    if (m->host)
        cudaFreeHost(m->host);
    *m = (struct memory){.generation = m->generation + 1};
}

char *memory_device_berth(const struct memory *m, int berth)
{
    return m->device + m->work_bytes + (size_t)berth * m->berth_bytes;
}

char *memory_host_berth(const struct memory *m, int berth)
{
    return m->host + (size_t)berth * m->berth_bytes;
}
