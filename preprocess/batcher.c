#include "preprocess/batcher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "preprocess/encode.h"
#include "preprocess/jpeg_plain.h"
#include "preprocess/nvjpeg.h"
#include "preprocess/outputs.h"
#include "preprocess/sandbox.h"
#include "preprocess/sniff.h"
#include "preprocess/wire.h"

enum {
    PIXELS_MAX = 256 << 20, /* bytes of RGB that are decoded together */
    FILE_MAX = 64 << 20,    /* bytes; of what is larger little is plain */
};

struct item {
    struct wire_job job;
    int image, slot; /* descriptors */
    struct jpeg_plain plain;
    const uint8_t *rgb; /* nvJPEG's; NULL: it has none */
    bool is_done;       /* the slot holds its pictures */
};

struct batcher {
    const struct batcher_config *config;
    struct nvjpeg *nvjpeg;
    struct item items[BATCHER_BATCH];
    int n;
};

/* ---- many at once ------------------------------------------------------------------------- */

/* Items `first` to before `end`, each once. */
struct round {
    struct batcher *b;
    void (*work)(const struct batcher *b, struct item *item);
    atomic_int next;
    int end;
};

static void *run_round(void *arg)
{
    struct round *r = arg;
    int i;

    while ((i = atomic_fetch_add(&r->next, 1)) < r->end)
        r->work(r->b, &r->b->items[i]);
    return NULL;
}

static void each(struct batcher *b, int first, int end,
                 void (*work)(const struct batcher *b, struct item *item))
{
    struct round r = {.b = b, .work = work, .next = first, .end = end};
    pthread_t threads[BATCHER_BATCH];
    int wanted = (end - first < b->config->threads ? end - first : b->config->threads) - 1, n = 0;

    while (n < wanted && !pthread_create(&threads[n], NULL, run_round, &r))
        n++;
    run_round(&r);
    while (n > 0)
        pthread_join(threads[--n], NULL);
}

/* ---- one picture -------------------------------------------------------------------------- */

/* NULL: it cannot be read, or is no longer what it was. */
static uint8_t *read_original(const struct item *item)
{
    size_t size = (size_t)item->job.bytes, got = 0;
    uint8_t *bytes = size > 0 && size <= FILE_MAX ? malloc(size) : NULL;

    while (bytes && got < size) {
        ssize_t r = pread(item->image, bytes + got, size - got, (off_t)got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0) {
            free(bytes);
            return NULL;
        }
        got += (size_t)r;
    }
    return bytes;
}

static struct outputs outputs_for(const struct batcher *b, const struct item *item)
{
    return (struct outputs){.layout = &b->config->layout,
                            .network_size = item->job.size,
                            .want_measure = item->job.want_measure,
                            .want_display = item->job.want_display,
                            .megapixels_max = b->config->megapixels_max,
                            .orientation = item->plain.orientation};
}

static size_t pixels_of(const struct item *item)
{
    return (size_t)item->plain.w * (size_t)item->plain.h * 3;
}

static void look_at(const struct batcher *b, struct item *item)
{
    uint8_t *bytes = read_original(item);
    struct verdict v = {0};

    if (bytes && jpeg_plain_make(&item->plain, bytes, (size_t)item->job.bytes)) {
        struct outputs o = outputs_for(b, item);

        if (outputs_check(&o, item->plain.w, item->plain.h, &v) || pixels_of(item) > PIXELS_MAX) {
            free(item->plain.bytes);
            item->plain = (struct jpeg_plain){0};
        }
    }
    free(bytes);
}

static int fill_slot(const struct batcher *b, struct item *item, uint8_t *slot)
{
    struct outputs o = outputs_for(b, item);
    struct slot_size size = {item->plain.w, item->plain.h};
    struct slot_head head = {.kind = KIND_JPEG};
    struct verdict v = {0};

    o.slot = slot;
    int ret = outputs_begin(&o, size, size, &v);
    for (int y = 0; y < size.h && !ret; y++)
        outputs_push(&o, item->rgb + (size_t)y * (size_t)size.w * 3);
    if (!ret) {
        outputs_end(&o, &head);
        slot_publish(slot, &head, item->job.number);
    }
    outputs_release(&o);
    return ret;
}

static void make_outputs(const struct batcher *b, struct item *item)
{
    if (!item->rgb)
        return;
    void *slot =
        mmap(NULL, b->config->layout.size, PROT_READ | PROT_WRITE, MAP_SHARED, item->slot, 0);
    if (slot == MAP_FAILED)
        return;
    item->is_done = !fill_slot(b, item, slot);
    munmap(slot, b->config->layout.size);
}

/* ---- a batch ------------------------------------------------------------------------------ */

/* Plain items from `first` on that have room together, before `end`; returns where they end. */
static int gather(const struct batcher *b, int first, int end, struct nvjpeg_picture *pictures,
                  int *n)
{
    size_t bytes = 0;
    int i = first;

    for (*n = 0; i < end; i++) {
        const struct jpeg_plain *p = &b->items[i].plain;

        if (!p->bytes)
            continue;
        bytes += pixels_of(&b->items[i]);
        if (bytes > PIXELS_MAX)
            break;
        pictures[(*n)++] = (struct nvjpeg_picture){p->bytes, p->n, p->w, p->h, NULL};
    }
    return i;
}

/* What is left of CUDA after an error of its own is no use; the zygote gives all to others. */
static int decode(const struct batcher *b, struct nvjpeg_picture *pictures, int n)
{
    struct err err = {0};
    int ret = nvjpeg_decode(b->nvjpeg, pictures, n, &err);

    if (err.code == ERR_DEVICE)
        _exit(1);
    return ret;
}

static void take_pixels(struct batcher *b, int first, int end,
                        const struct nvjpeg_picture *pictures)
{
    for (int i = first; i < end; i++)
        if (b->items[i].plain.bytes)
            b->items[i].rgb = (pictures++)->rgb;
}

/* As many from `first` on as have room together; returns where the next ones begin. */
static int decode_range(struct batcher *b, int first, int end)
{
    struct nvjpeg_picture pictures[BATCHER_BATCH];
    int n, next = gather(b, first, end, pictures, &n);

    if (n && !decode(b, pictures, n)) {
        take_pixels(b, first, next, pictures);
        each(b, first, next, make_outputs);
    } else if (n > 1) { /* one that nvJPEG does not take spoils all */
        for (int i = first; i < next; i++)
            (void)decode_range(b, i, i + 1);
    }
    return next;
}

static int64_t cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void answer(const struct item *item, int64_t cpu, int64_t wall)
{
    const struct wire_outcome o = {.number = item->job.number,
                                   .slot = item->job.slot,
                                   .end = item->is_done ? WIRE_EXITED : WIRE_NOT_PLAIN,
                                   .cpu_us = cpu,
                                   .wall_us = wall};

    if (wire_send(SANDBOX_CONTROL_FD, &o, sizeof(o), NULL, 0, 0))
        _exit(0); /* the zygote is gone */
}

static void run_batch(struct batcher *b)
{
    int64_t wall = clock_mono_us(), cpu = cpu_us();

    each(b, 0, b->n, look_at);
    for (int first = 0; first < b->n;)
        first = decode_range(b, first, b->n);
    wall = clock_mono_us() - wall;
    cpu = cpu_us() - cpu;
    for (int i = 0; i < b->n; i++) {
        struct item *item = &b->items[i];

        close(item->image);
        close(item->slot);
        free(item->plain.bytes);
        answer(item, cpu / b->n, wall);
    }
}

/* Those that wait, at least one. */
static void take_jobs(struct batcher *b)
{
    struct wire_job job;
    int fds[WIRE_FDS_MAX];
    ssize_t got = 0;

    for (b->n = 0; b->n < BATCHER_BATCH; b->n++) {
        do
            got = wire_receive(SANDBOX_CONTROL_FD, &job, sizeof(job), fds, b->n ? MSG_DONTWAIT : 0);
        while (got < 0 && errno == EINTR);
        if (got <= 0)
            break;
        b->items[b->n] = (struct item){.job = job, .image = fds[0], .slot = fds[1]};
    }
    if (got == 0 || !b->n)
        _exit(0);
}

/* ---- start -------------------------------------------------------------------------------- */

/* A picture of our own goes through all of it first: what CUDA and nvJPEG put off until then, they do
 * before the fence. */
static int warm_up(struct batcher *b, struct err *err)
{
    enum { SIDE = 64, BYTES = 1 << 16 };
    static const uint8_t grey[SIDE * SIDE * 3];
    struct jpeg_plain plain = {0};
    struct buf file;
    int ret = -1;

    buf_init(&file, BYTES);
    if (!encode_jpeg(grey, SIDE, SIDE, 90, &file, err)) {
        if (jpeg_plain_make(&plain, (const uint8_t *)file.data, file.len))
            ret = nvjpeg_decode(
                b->nvjpeg, &(struct nvjpeg_picture){plain.bytes, plain.n, plain.w, plain.h, NULL},
                1, err);
        else
            err_set(err, ERR_BUG, "a JPEG of our own is not plain");
    }
    free(plain.bytes);
    buf_release(&file);
    return ret;
}

static void start(struct batcher *b)
{
    struct wire_outcome hello = {.end = WIRE_EXITED};
    struct err err = {0};

    if (nvjpeg_open(&b->nvjpeg, b->config->device, PIXELS_MAX, b->config->threads, &err) ||
        warm_up(b, &err) || sandbox_fence(b->config->zygote_pid, &err)) {
        hello.end = WIRE_DIED;
        snprintf(hello.text, sizeof(hello.text), "%s", err.msg);
    } else {
        snprintf(hello.text, sizeof(hello.text), "%s", nvjpeg_backend(b->nvjpeg));
    }
    if (wire_send(SANDBOX_CONTROL_FD, &hello, sizeof(hello), NULL, 0, 0) ||
        hello.end != WIRE_EXITED)
        _exit(0);
}

_Noreturn void batcher_main(int control, const struct batcher_config *config)
{
    static struct batcher b; /* a process has one */

    b.config = config;
    prctl(PR_SET_NAME, "lentigo-nvjpeg");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != config->zygote_pid ||
        dup2(control, SANDBOX_CONTROL_FD) < 0 || close_range(SANDBOX_CONTROL_FD + 1, ~0U, 0))
        _exit(1);
#ifndef LENTIGO_SANITIZED
    dup2(STDIN_FILENO, STDERR_FILENO); /* /dev/null: nothing of a picture goes into a log */
#endif
    start(&b);
    for (;;) {
        take_jobs(&b);
        run_batch(&b);
    }
}
