#include "preprocess/child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preprocess/encode.h"
#include "preprocess/jpeg.h"
#include "preprocess/wire.h"

enum { EXIT_SANDBOX = 3, EXIT_CONTROL = 4 };

struct child {
    const struct child_config *config;
    struct wire_job job;
    uint8_t *slot;
    struct verdict verdict;
};

static void fill_head(const struct child *c, struct slot_head *head)
{
    const struct verdict *v = &c->verdict;

    head->reason = v->reason;
    head->is_degraded = v->is_degraded;
    memcpy(head->note, v->note, sizeof(head->note));
    memcpy(head->text, v->text, sizeof(head->text));
}

/* GLib found no memory and is about to abort: say so while we can. */
static void on_fatal(void *ctx, const char *text)
{
    struct child *c = ctx;
    struct slot_head head = {0};

    verdict_message(&c->verdict, text);
    if (c->verdict.reason != REASON_DECODE_MEMORY)
        return;
    fill_head(c, &head);
    slot_publish(c->slot, &head, c->job.number);
    _exit(0);
}

static int decode(struct child *c, const uint8_t *bytes, size_t n, struct slot_head *head)
{
    const struct child_config *config = c->config;
    struct outputs o = {.layout = &config->layout,
                        .slot = c->slot,
                        .network_size = c->job.size,
                        .want_measure = c->job.want_measure,
                        .want_display = c->job.want_display,
                        .is_mask = c->job.is_mask,
                        .megapixels_max = config->megapixels_max};
    enum image_kind kind = sniff(bytes, n, &c->verdict);
    int ret = -1;

    head->kind = (int32_t)kind;
    if (kind == KIND_JPEG)
        ret = jpeg_read(bytes, n, config->vips, &o, &c->verdict);
    else if (kind != KIND_NONE)
        ret = config->vips ? config->vips->read(kind, bytes, n, &o, &c->verdict) : JPEG_NEEDS_VIPS;
    if (ret == 0)
        outputs_end(&o, head);
    outputs_release(&o);
    return ret;
}

/* The original's bytes in memory of our own: a mapped file that shrinks would be a SIGBUS, and
 * would be blamed on the image. NULL after a refusal. */
static uint8_t *read_original(struct child *c, int fd, size_t *n)
{
    size_t size = (size_t)c->job.bytes, got = 0;

    if (size > ((size_t)c->config->memory_mb << 20) / 2) {
        verdict_refuse(&c->verdict, REASON_TOO_LARGE, "a file of %zu bytes", size);
        return NULL;
    }
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) {
        verdict_refuse(&c->verdict, REASON_DECODE_MEMORY, "a file of %zu bytes", size);
        return NULL;
    }
    while (got < size) {
        ssize_t r = pread(fd, bytes + got, size - got, (off_t)got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            verdict_refuse(&c->verdict, REASON_UNREADABLE, "read: %s", strerror(errno));
            free(bytes);
            return NULL;
        }
        if (r == 0)
            break;
        got += (size_t)r;
    }
    *n = got;
    return bytes;
}

static void run_job(struct child *c, const int fds[WIRE_FDS_MAX])
{
    struct slot_head head = {0};
    size_t n = 0;

    c->slot = mmap(NULL, c->config->layout.size, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    if (c->slot == MAP_FAILED)
        _exit(EXIT_CONTROL);
    if (c->config->vips)
        c->config->vips->watch(on_fatal, c);
    if (c->config->hook)
        c->config->hook(c->job.tag);

    uint8_t *bytes = read_original(c, fds[0], &n);
    if (bytes && decode(c, bytes, n, &head) == JPEG_NEEDS_VIPS)
        _exit(CHILD_NEEDS_VIPS);
    free(bytes);
    fill_head(c, &head);
    slot_publish(c->slot, &head, c->job.number);
}

static void enter(const struct child_config *config)
{
    if (sandbox_enter(config->sandbox, config->zygote_pid, config->seconds, config->memory_mb))
        _exit(EXIT_SANDBOX);
}

_Noreturn void child_probe(const struct child_config *config)
{
    enter(config);
    _exit(0);
}

_Noreturn void child_main(int control, const struct child_config *config)
{
    struct child c = {.config = config};
    int fds[WIRE_FDS_MAX];

    if (dup2(control, SANDBOX_CONTROL_FD) < 0 || close_range(SANDBOX_CONTROL_FD + 1, ~0U, 0))
        _exit(EXIT_CONTROL);
#ifndef LENTIGO_SANITIZED
    dup2(STDIN_FILENO, STDERR_FILENO); /* /dev/null, see zygote.c */
#endif
    enter(config);
    if (wire_receive(SANDBOX_CONTROL_FD, &c.job, sizeof(c.job), fds, 0) <= 0)
        _exit(EXIT_CONTROL);
    run_job(&c, fds);
    _exit(0);
}

static int warm_with(const struct child_config *config, uint8_t *slot, const struct buf *file)
{
    struct child c = {.config = config, .slot = slot, .job = {.size = 32}};
    struct slot_head head = {0};

    return decode(&c, (const uint8_t *)file->data, file->len, &head);
}

int child_warm_up(const struct child_config *config)
{
    enum { SIDE = 32 };
    static const uint8_t rgb[SIDE * SIDE * 3];
    uint8_t *slot = mmap(NULL, config->layout.size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct buf jpeg, png;
    struct err err = {0};
    int ret = -1;

    if (slot == MAP_FAILED)
        return -1;
    buf_init(&jpeg, 1 << 16);
    buf_init(&png, 1 << 16);
    if (!encode_jpeg(rgb, SIDE, SIDE, 90, &jpeg, &err) && !encode_png(rgb, SIDE, SIDE, &png, &err))
        ret = warm_with(config, slot, &jpeg) || (config->vips && warm_with(config, slot, &png)) ? -1
                                                                                                : 0;
    buf_release(&jpeg);
    buf_release(&png);
    munmap(slot, config->layout.size);
    return ret;
}
