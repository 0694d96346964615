#include "tests/engine/fake_cuda.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cudnn.h>

enum { BLOCKS_MAX = 4096, GUARD = 0x5a, GUARD_BYTES = 256 };

enum block_kind { BLOCK_DEVICE, BLOCK_HOST, BLOCK_REGISTERED };

struct block {
    enum block_kind kind;
    char *at;
    size_t size;
};

static struct {
    struct block blocks[BLOCKS_MAX];
    int n_blocks;
    int alive;
    long made, fail_in, break_in; /* 0: never */
    size_t limit, used, peak, staged;
    bool is_broken, no_pinning, has_failed;
    cudaError_t last, why_no_device;
    int devices;
    pthread_mutex_t lock; /* guards all of it */
} fake = {.limit = SIZE_MAX, .devices = 2, .lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP};

void fake_lock(void)
{
    pthread_mutex_lock(&fake.lock);
}

void fake_unlock(void)
{
    pthread_mutex_unlock(&fake.lock);
}

/* The test's own mistake or the backend's: nothing can go on. */
static void die(const char *what)
{
    fprintf(stderr, "fake CUDA: %s\n", what);
    abort();
}

/* Every call ends here: remembers the error, and a broken device answers nothing else. */
static cudaError_t done(cudaError_t status)
{
    if (fake.is_broken)
        status = cudaErrorIllegalAddress;
    if (status != cudaSuccess)
        fake.last = status;
    fake_unlock();
    return status;
}

/* ---- for tests --------------------------------------------------------------------------- */

void fake_cuda_reset(void)
{
    fake.fail_in = fake.break_in = 0;
    fake.is_broken = fake.no_pinning = false;
    fake.last = cudaSuccess;
    fake.limit = SIZE_MAX;
    fake.devices = 2;
    fake.peak = fake.used;
    fake.staged = 0;
}

int fake_cuda_alive(void)
{
    return fake.alive;
}

long fake_cuda_made(void)
{
    return fake.made;
}

void fake_cuda_fail_at(long n)
{
    fake.fail_in = n;
    fake.has_failed = false;
}

bool fake_cuda_has_failed(void)
{
    return fake.has_failed;
}

void fake_cuda_break_at(long n)
{
    fake.break_in = n;
}

void fake_cuda_memory(size_t bytes)
{
    fake.limit = bytes;
}

size_t fake_cuda_used(void)
{
    return fake.used;
}

size_t fake_cuda_peak(void)
{
    return fake.peak;
}

void fake_cuda_no_pinning(bool none)
{
    fake.no_pinning = none;
}

cudaError_t fake_cuda_last_error(void)
{
    return fake.last;
}

size_t fake_cuda_staged(void)
{
    return fake.staged;
}

void fake_cuda_devices(int n, cudaError_t why)
{
    fake.devices = n;
    fake.why_no_device = why;
}

bool fake_make(void)
{
    fake_lock();
    bool fails = fake.fail_in && --fake.fail_in == 0;
    fake.has_failed |= fails;
    fake.alive += !fails;
    fake.made += !fails;
    fake_unlock();
    return !fails;
}

void fake_unmake(void)
{
    fake_lock();
    fake.alive--;
    fake_unlock();
}

bool fake_is_broken(void)
{
    return fake.is_broken;
}

/* ---- errors, devices --------------------------------------------------------------------- */

cudaError_t cudaGetLastError(void)
{
    fake_lock();
    cudaError_t last = fake.last;
    fake.last = fake.is_broken ? cudaErrorIllegalAddress : cudaSuccess;
    fake_unlock();
    return last;
}

const char *cudaGetErrorString(cudaError_t error)
{
    return error == cudaErrorMemoryAllocation ? "out of memory"
           : error == cudaErrorIllegalAddress ? "an illegal memory access was encountered"
                                              : "some other error";
}

cudaError_t cudaGetDeviceCount(int *count)
{
    fake_lock();
    *count = fake.devices;
    return done(fake.devices ? cudaSuccess : fake.why_no_device);
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device)
{
    fake_lock();
    *prop = (struct cudaDeviceProp){
        .major = device ? 7 : 9, .minor = device ? 5 : 0, .totalGlobalMem = (size_t)16 << 30};
    snprintf(prop->name, sizeof(prop->name), "Fake %s", device ? "T4 MIG 1g" : "H200");
    for (int i = 0; i < 16; i++)
        prop->uuid.bytes[i] = (char)(0x10 * device + i);
    return done(device < fake.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaSetDevice(int device)
{
    fake_lock();
    return done(device < fake.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

/* ---- memory ------------------------------------------------------------------------------ */

static bool holds(const struct block *b, const void *at, size_t size)
{
    const char *p = at;

    return p >= b->at && p + size <= b->at + b->size;
}

static const struct block *find(bool on_device, const void *at, size_t size)
{
    for (int i = 0; i < fake.n_blocks; i++) {
        const struct block *b = &fake.blocks[i];
        if ((b->kind == BLOCK_DEVICE) == on_device && holds(b, at, size))
            return b;
    }
    return NULL;
}

const void *fake_block(const void *at, size_t size, const char *what)
{
    fake_lock();
    const struct block *b = find(true, at, size);
    if (!b)
        die(what);
    const void *begin = b->at;
    fake_unlock();
    return begin;
}

static cudaError_t add_block(enum block_kind kind, void **out, size_t size)
{
    *out = NULL;
    if (!fake_make())
        return cudaErrorMemoryAllocation;
    if (kind == BLOCK_DEVICE && fake.used + size > fake.limit) {
        fake_unmake();
        return cudaErrorMemoryAllocation;
    }
    if (fake.n_blocks == BLOCKS_MAX)
        die("too many blocks");
    /* not from calloc: fresh memory is not zero on a device either */
    char *at = aligned_alloc(GUARD_BYTES,
                             (size + GUARD_BYTES - 1) / GUARD_BYTES * GUARD_BYTES + GUARD_BYTES);
    if (!at)
        die("the host is out of memory");
    memset(at, 0xff, size);
    memset(at + size, GUARD, GUARD_BYTES);
    fake.blocks[fake.n_blocks++] = (struct block){kind, at, size};
    fake.used += kind == BLOCK_DEVICE ? size : 0;
    fake.peak = fake.used > fake.peak ? fake.used : fake.peak;
    *out = at;
    return cudaSuccess;
}

static void remove_block(void *at, enum block_kind kind)
{
    for (int i = 0; i < fake.n_blocks; i++) {
        struct block b = fake.blocks[i];
        if (b.at != at || b.kind != kind)
            continue;
        for (size_t k = 0; kind != BLOCK_REGISTERED && k < GUARD_BYTES; k++)
            if (b.at[b.size + k] != GUARD)
                die("bytes behind a block were written");
        fake.used -= kind == BLOCK_DEVICE ? b.size : 0;
        fake.blocks[i] = fake.blocks[--fake.n_blocks];
        if (kind != BLOCK_REGISTERED)
            free(at);
        fake_unmake();
        return;
    }
    die("what was never made is given back");
}

cudaError_t cudaMalloc(void **out, size_t size)
{
    fake_lock();
    return done(add_block(BLOCK_DEVICE, out, size));
}

cudaError_t cudaFree(void *at)
{
    fake_lock();
    if (at)
        remove_block(at, BLOCK_DEVICE);
    return done(cudaSuccess);
}

cudaError_t cudaHostAlloc(void **out, size_t size, unsigned flags)
{
    (void)flags;
    fake_lock();
    return done(add_block(BLOCK_HOST, out, size));
}

cudaError_t cudaFreeHost(void *at)
{
    fake_lock();
    if (at)
        remove_block(at, BLOCK_HOST);
    return done(cudaSuccess);
}

cudaError_t cudaHostRegister(void *at, size_t size, unsigned flags)
{
    (void)flags;
    fake_lock();
    for (int i = 0; i < fake.n_blocks; i++) {
        const struct block *b = &fake.blocks[i];
        if ((char *)at < b->at + b->size && b->at < (char *)at + size)
            return done(cudaErrorHostMemoryAlreadyRegistered);
    }
    if (fake.no_pinning || !fake_make())
        return done(cudaErrorInvalidValue);
    fake.blocks[fake.n_blocks++] = (struct block){BLOCK_REGISTERED, at, size};
    return done(cudaSuccess);
}

cudaError_t cudaHostUnregister(void *at)
{
    fake_lock();
    remove_block(at, BLOCK_REGISTERED);
    return done(cudaSuccess);
}

/* ---- streams ----------------------------------------------------------------------------- */

enum op_kind { OP_WORK, OP_RECORD, OP_WAIT };

struct op {
    enum op_kind kind;
    void (*work)(const void *job);
    void *job;           /* OP_WORK, owned */
    cudaEvent_t event;   /* OP_RECORD */
    cudaStream_t stream; /* OP_WAIT: until this one has done `until` ops */
    long until;
};

struct op_list {
    struct op *ops;
    long n, capacity;
};

struct CUstream_st {
    struct op_list list;
    long begun, done; /* ops of the list */
    double ms;
    cudaGraph_t capturing;
};

struct CUevent_st {
    cudaStream_t stream; /* NULL: not recorded yet */
    long until;
    double ms;
};

struct CUgraph_st {
    struct op_list list;
};

struct CUgraphExec_st {
    struct op_list list;
};

static struct op *append(struct op_list *l)
{
    if (l->n == l->capacity) {
        l->capacity = l->capacity ? 2 * l->capacity : 64;
        l->ops = realloc(l->ops, (size_t)l->capacity * sizeof(*l->ops));
        if (!l->ops)
            die("the host is out of memory");
    }
    l->ops[l->n] = (struct op){0};
    return &l->ops[l->n++];
}

static void list_release(struct op_list *l)
{
    for (long i = 0; i < l->n; i++)
        free(l->ops[i].job);
    free(l->ops);
    *l = (struct op_list){0};
}

static void work(const struct op *op, cudaStream_t stream)
{
    if (fake.break_in && --fake.break_in == 0)
        fake.is_broken = true;
    if (!fake.is_broken)
        op->work(op->job);
    stream->ms += 0.001;
}

/* All ops up to `until`, and of other streams what they wait for. */
static void run_until(cudaStream_t s, long until)
{
    while (s->done < until) {
        struct op op = s->list.ops[s->done];
        if (op.kind == OP_WORK)
            work(&op, s);
        else if (op.kind == OP_RECORD)
            op.event->ms = s->ms;
        else
            run_until(op.stream, op.until);
        s->done++;
    }
}

cudaError_t fake_enqueue(cudaStream_t stream, void (*run)(const void *job), const void *job,
                         size_t size)
{
    fake_lock();
    struct op *op = append(stream->capturing ? &stream->capturing->list : &stream->list);
    op->kind = OP_WORK;
    op->work = run;
    op->job = malloc(size);
    if (!op->job)
        die("the host is out of memory");
    memcpy(op->job, job, size);
    return done(cudaSuccess);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    fake_lock();
    if (flags != cudaStreamNonBlocking)
        die("a stream that waits for the default stream");
    if (!fake_make())
        return done(cudaErrorMemoryAllocation);
    *out = calloc(1, sizeof(**out));
    return done(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    fake_lock();
    list_release(&s->list);
    free(s);
    fake_unmake();
    return done(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    fake_lock();
    run_until(s, s->list.n);
    return done(cudaSuccess);
}

cudaError_t cudaDeviceSynchronize(void)
{
    fake_lock(); /* called with no stream at work */
    return done(cudaSuccess);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t event, unsigned flags)
{
    (void)flags;
    fake_lock();
    if (event->stream) {
        struct op *op = append(&s->list);
        op->kind = OP_WAIT;
        op->stream = event->stream;
        op->until = event->until;
    }
    return done(cudaSuccess);
}

/* ---- events ------------------------------------------------------------------------------ */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    (void)flags;
    fake_lock();
    if (!fake_make())
        return done(cudaErrorMemoryAllocation);
    *out = calloc(1, sizeof(**out));
    return done(cudaSuccess);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    fake_lock();
    free(event);
    fake_unmake();
    return done(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t s)
{
    fake_lock();
    struct op *op = append(&s->list);
    op->kind = OP_RECORD;
    op->event = event;
    event->stream = s;
    event->until = s->list.n;
    return done(cudaSuccess);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    fake_lock();
    if (event->stream)
        run_until(event->stream, event->until);
    return done(cudaSuccess);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t begin, cudaEvent_t end)
{
    fake_lock();
    *ms = (float)(end->ms - begin->ms);
    return done(cudaSuccess);
}

/* ---- copies ------------------------------------------------------------------------------ */

struct copy {
    void *to;
    const void *from;
    size_t size;
};

static void copy(const void *job)
{
    const struct copy *c = job;

    memcpy(c->to, c->from, c->size);
}

static void check_device(const struct copy *c, enum cudaMemcpyKind kind)
{
    const void *on_device = kind == cudaMemcpyHostToDevice ? c->to : c->from;

    fake_block(on_device, c->size, "a copy outside a block of the device");
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t size, enum cudaMemcpyKind kind)
{
    const struct copy c = {to, from, size};

    fake_lock();
    check_device(&c, kind);
    if (!fake.is_broken)
        copy(&c);
    return done(cudaSuccess);
}

cudaError_t cudaMemset(void *to, int value, size_t size)
{
    fake_lock();
    fake_block(to, size, "a fill outside a block of the device");
    if (!fake.is_broken)
        memset(to, value, size);
    return done(cudaSuccess);
}

cudaError_t cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch,
                         size_t width, size_t height, enum cudaMemcpyKind kind)
{
    fake_lock();
    for (size_t y = 0; y < height && !fake.is_broken; y++) {
        const struct copy c = {(char *)to + y * to_pitch, (const char *)from + y * from_pitch,
                               width};
        check_device(&c, kind);
        copy(&c);
    }
    return done(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    const struct copy c = {to, from, size};
    const void *on_host = kind == cudaMemcpyHostToDevice ? from : to;

    fake_lock();
    check_device(&c, kind);
    const struct block *b = find(false, on_host, size);
    if (!b)
        die("an asynchronous copy from or to memory that is not locked");
    fake.staged += b->kind == BLOCK_HOST ? size : 0;
    return done(fake_enqueue(stream, copy, &c, sizeof(c)));
}

struct fill {
    void *to;
    int value;
    size_t size;
};

static void fill(const void *job)
{
    const struct fill *f = job;

    memset(f->to, f->value, f->size);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t stream)
{
    const struct fill f = {to, value, size};

    fake_lock();
    fake_block(to, size, "a fill outside a block of the device");
    return done(fake_enqueue(stream, fill, &f, sizeof(f)));
}

/* ---- graphs ------------------------------------------------------------------------------ */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode)
{
    (void)mode;
    fake_lock();
    if (s->capturing)
        return done(cudaErrorIllegalState);
    if (!fake_make())
        return done(cudaErrorMemoryAllocation);
    s->capturing = calloc(1, sizeof(*s->capturing));
    return done(cudaSuccess);
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *out)
{
    fake_lock();
    *out = s->capturing;
    s->capturing = NULL;
    return done(*out ? cudaSuccess : cudaErrorIllegalState);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    fake_lock();
    list_release(&graph->list);
    free(graph);
    fake_unmake();
    return done(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph, unsigned long long flags)
{
    (void)flags;
    fake_lock();
    if (!fake_make())
        return done(cudaErrorMemoryAllocation);
    *out = calloc(1, sizeof(**out));
    (*out)->list = graph->list;
    graph->list = (struct op_list){0};
    return done(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    fake_lock();
    list_release(&exec->list);
    free(exec);
    fake_unmake();
    return done(cudaSuccess);
}

struct launch {
    cudaGraphExec_t exec;
    cudaStream_t stream;
};

static void launch(const void *job)
{
    const struct launch *l = job;

    for (long i = 0; i < l->exec->list.n; i++)
        work(&l->exec->list.ops[i], l->stream);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    const struct launch l = {exec, stream};

    return fake_enqueue(stream, launch, &l, sizeof(l));
}

/* ---- cuDNN's handle ---------------------------------------------------------------------- */

struct cudnnContext {
    cudaStream_t stream;
};

cudaStream_t fake_stream_of(void *handle)
{
    return ((cudnnHandle_t)handle)->stream;
}

size_t cudnnGetVersion(void)
{
    return CUDNN_VERSION;
}

const char *cudnnGetErrorString(cudnnStatus_t status)
{
    return status == CUDNN_STATUS_SUCCESS ? "success" : "a failure";
}

void cudnnGetLastErrorString(char *message, size_t size)
{
    snprintf(message, size, "as the test wanted");
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *out)
{
    if (fake.is_broken)
        return CUDNN_STATUS_INTERNAL_ERROR;
    if (!fake_make())
        return CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED;
    *out = calloc(1, sizeof(**out));
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    free(handle);
    fake_unmake();
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}
