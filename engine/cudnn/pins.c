#include "engine/cudnn/pins.h"

#include <string.h>

#include "engine/cudnn/cudnn_try.h"

void pins_init(struct pins *p)
{
    p->n = 0;
    pthread_mutex_init(&p->lock, NULL);
}

void pins_release(struct pins *p)
{
    while (p->n)
        pins_remove(p, p->list[p->n - 1].base);
    pthread_mutex_destroy(&p->lock);
}

/* The first range behind `at`. Call with the lock held. */
static int find(const struct pins *p, const char *at)
{
    int lo = 0, hi = p->n;

    while (lo < hi) {
        int middle = (lo + hi) / 2;
        if (p->list[middle].base <= at)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* A mapping that may only be read (the decoders' slots) can be locked only with a flag of its own,
 * which not every driver has. */
static cudaError_t lock_pages(const void *base, size_t size)
{
    void *at = (void *)(uintptr_t)base;

    if (cudaHostRegister(at, size, cudaHostRegisterPortable) == cudaSuccess)
        return cudaSuccess;
    (void)cudaGetLastError(); /* else the next launch of cuDNN's takes it for its own */
    return cudaHostRegister(at, size, cudaHostRegisterPortable | cudaHostRegisterReadOnly);
}

int pins_add(struct pins *p, const void *base, size_t size, struct err *err)
{
    int ret = -1;

    pthread_mutex_lock(&p->lock);
    if (p->n == PINS_MAX) {
        err_set(err, ERR_CONFIG, "%d ranges of memory are locked already", PINS_MAX);
    } else if (cuda_failed(lock_pages(base, size), "cudaHostRegister", err)) {
        err->code = ERR_CONFIG; /* goes on without */
    } else {
        int at = find(p, base);
        memmove(&p->list[at + 1], &p->list[at], (size_t)(p->n - at) * sizeof(*p->list));
        p->list[at] = (struct pin){base, size};
        p->n++;
        ret = 0;
    }
    pthread_mutex_unlock(&p->lock);
    return ret;
}

void pins_remove(struct pins *p, const void *base)
{
    pthread_mutex_lock(&p->lock);
    int at = find(p, base) - 1;
    if (at >= 0 && p->list[at].base == base) {
        if (cudaHostUnregister((void *)(uintptr_t)base) != cudaSuccess)
            (void)cudaGetLastError(); /* the device is lost, and the lock with it */
        p->n--;
        memmove(&p->list[at], &p->list[at + 1], (size_t)(p->n - at) * sizeof(*p->list));
    }
    pthread_mutex_unlock(&p->lock);
}

bool pins_hold(struct pins *p, const void *at, size_t size)
{
    pthread_mutex_lock(&p->lock);
    int i = find(p, at) - 1;
    bool held = i >= 0 && (size_t)((const char *)at - p->list[i].base) + size <= p->list[i].size;
    pthread_mutex_unlock(&p->lock);
    return held;
}
