/* jpeg.c -- gpu_jpeg DEVICE FILE...: JPEG files decoded by nvJPEG and by the processor, side by side.
 *
 * First every file goes through the decoders both ways, and what comes out is compared; the same with a
 * byte spoilt, which is counted: nvJPEG may not see what the processor refuses. Then nvJPEG alone
 * is timed (files in memory to pixels in memory) with BATCHES of them at once. One JSON line; status 1
 * when nothing came by nvJPEG, an answer was another one, or pixels are further off than LIMIT_*. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "engine/wish.h"
#include "preprocess/batcher.h"
#include "preprocess/decode.h"
#include "preprocess/jpeg_plain.h"
#include "preprocess/nvjpeg.h"
#include "tests/gpu/line.h"

enum { SIZE = 512, FILE_MAX = 64 << 20, TURN_US = 1000000 };
static const size_t PIXELS_MAX = (size_t)2 << 30; /* bytes of RGB of a batch */
static const int batches[] = {1, 16, 64};
enum { BATCHES = sizeof(batches) / sizeof(*batches) };

/* Levels of 255: docs/gpu.md. */
static const double LIMIT_MEAN = 1.0;
static const int LIMIT_MAX = 48;

struct report {
    int files, by_nvjpeg, plain, different;
    int refused[2];      /* of the same files with a byte spoilt; by the processor, with nvJPEG */
    int max;             /* levels, of the network's inputs */
    double mean;         /* the same, of the worst picture */
    const char *backend; /* of nvJPEG */
    double us[BATCHES];  /* a picture; 0: not timed */
};

/* ---- side by side ------------------------------------------------------------------------- */

static int open_decoder(struct decoder **out, int device, bool wants_nvjpeg, struct err *err)
{
    const struct decoder_config config = {.slots = 1,
                                          .children = 1,
                                          .size_max = SIZE,
                                          .seconds = 20,
                                          .memory_mb = 1024,
                                          .megapixels_max = 120,
                                          .wants_nvjpeg = wants_nvjpeg,
                                          .nvjpeg_device = device};

    return decoder_open(out, &config, err);
}

static void compare(struct report *r, const struct decoded *a, const struct decoded *b)
{
    const struct picture *p = &a->network, *q = &b->network;
    size_t n = (size_t)p->w * (size_t)p->h * 3;
    double sum = 0;

    if (a->reason != b->reason || p->w != q->w || p->h != q->h ||
        a->orientation != b->orientation || a->is_grey != b->is_grey) {
        r->different++;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int off = abs(p->rgb[i] - q->rgb[i]);

        r->max = off > r->max ? off : r->max;
        sum += off;
    }
    if (n && sum / (double)n > r->mean)
        r->mean = sum / (double)n;
}

static int decode_both(struct decoder *const d[2], int fd, struct decoded out[2], struct err *err)
{
    const struct decode_request request = {.fd = fd, .size = SIZE};

    return decoder_wait(d[0], &request, &out[0], err) || decoder_wait(d[1], &request, &out[1], err)
               ? -1
               : 0;
}

/* A file with another byte in the middle of its data. */
static int spoil(const struct buf *file)
{
    int fd = memfd_create("spoilt", MFD_CLOEXEC);
    char byte = (char)(file->data[file->len / 2] ^ 0x55);
    bool is_whole = fd >= 0 && write(fd, file->data, file->len) == (ssize_t)file->len &&
                    pwrite(fd, &byte, 1, (off_t)(file->len / 2)) == 1;

    if (fd >= 0 && !is_whole)
        close(fd);
    return is_whole ? fd : -1;
}

static int compare_spoilt(struct report *r, struct decoder *const d[2], const char *path,
                          struct err *err)
{
    struct decoded out[2];
    struct buf file;
    int ret = -1, fd;

    buf_init(&file, FILE_MAX);
    if (!file_read(path, &file, err)) {
        fd = spoil(&file);
        ret = fd < 0 ? err_set(err, ERR_NOMEM, "%s: no copy", path) : decode_both(d, fd, out, err);
        if (fd >= 0)
            close(fd);
    }
    buf_release(&file);
    for (int i = 0; i < 2 && !ret; i++)
        r->refused[i] += out[i].reason != REASON_NONE;
    return ret;
}

static int compare_file(struct report *r, struct decoder *const d[2], const char *path,
                        struct err *err)
{
    struct decoded out[2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int ret = fd < 0 ? err_set(err, ERR_INPUT, "%s cannot be opened", path)
                     : decode_both(d, fd, out, err);

    if (fd >= 0)
        close(fd);
    if (ret)
        return -1;
    r->files++;
    r->by_nvjpeg += out[1].is_by_nvjpeg;
    compare(r, &out[0], &out[1]);
    return compare_spoilt(r, d, path, err);
}

static int compare_files(struct report *r, int device, int n, char **paths, struct err *err)
{
    struct decoder *d[2] = {NULL, NULL};
    int ret = open_decoder(&d[0], device, false, err) || open_decoder(&d[1], device, true, err);

    for (int i = 0; i < n && !ret; i++)
        ret = compare_file(r, d, paths[i], err);
    decoder_close(d[0]);
    decoder_close(d[1]);
    return ret ? -1 : 0;
}

/* ---- nvJPEG alone ------------------------------------------------------------------------- */

/* The plain ones of which a batch has room; the caller frees their bytes. */
static int load(struct nvjpeg_picture *pictures, int n, char **paths, struct err *err)
{
    int plain = 0;

    for (int i = 0; i < n; i++) {
        struct jpeg_plain p;
        struct buf file;

        buf_init(&file, FILE_MAX);
        if (file_read(paths[i], &file, err)) {
            buf_release(&file);
            return -1;
        }
        if (jpeg_plain_make(&p, (const uint8_t *)file.data, file.len) &&
            (size_t)p.w * (size_t)p.h * 3 <= PIXELS_MAX / BATCHER_BATCH)
            pictures[plain++] = (struct nvjpeg_picture){p.bytes, p.n, p.w, p.h, NULL};
        else
            free(p.bytes);
        buf_release(&file);
    }
    return plain;
}

/* Batches of `n` out of `count` pictures, over and over for TURN_US. */
static int time_batch(struct nvjpeg *j, const struct nvjpeg_picture *pictures, int count, int n,
                      double *us, struct err *err)
{
    struct nvjpeg_picture batch[BATCHER_BATCH];
    int64_t start = 0, now = 0;
    long done = 0;

    for (long round = -1; round < 0 || now - start < TURN_US;
         round++) { /* the first is not timed */
        for (int i = 0; i < n; i++)
            batch[i] = pictures[((round + 1) * n + i) % count];
        if (nvjpeg_decode(j, batch, n, err))
            return -1;
        now = clock_mono_us();
        start = round < 0 ? now : start;
        done += round < 0 ? 0 : n;
    }
    *us = (double)(now - start) / (double)done;
    return 0;
}

static int time_all(struct report *r, int device, int n, char **paths, struct err *err)
{
    struct nvjpeg_picture *pictures = calloc((size_t)n, sizeof(*pictures));
    struct nvjpeg *j = NULL;
    int ret = pictures ? load(pictures, n, paths, err) : -1;

    r->plain = ret > 0 ? ret : 0;
    if (ret > 0)
        ret = nvjpeg_open(&j, device, PIXELS_MAX, (int)sysconf(_SC_NPROCESSORS_ONLN), err);
    if (j)
        r->backend = nvjpeg_backend(j);
    for (int i = 0; i < BATCHES && j && !ret; i++)
        ret = time_batch(j, pictures, r->plain, batches[i], &r->us[i], err);
    nvjpeg_close(j);
    for (int i = 0; i < r->plain; i++)
        free((void *)(uintptr_t)pictures[i].bytes);
    free(pictures);
    return ret < 0 ? -1 : 0;
}

static void print(const struct report *r, bool is_ok, const struct err *err)
{
    json_t *us = json_object();
    char name[12];

    for (int i = 0; i < BATCHES; i++) {
        snprintf(name, sizeof(name), "%d", batches[i]);
        json_object_set_new(us, name, r->us[i] > 0 ? json_real(r->us[i]) : json_null());
    }
    print_line(json_pack("{s:i, s:i, s:i, s:i, s:[i, i], s:i, s:f, s:s, s:o, s:b, s:s}", "files",
                         r->files, "by_nvjpeg", r->by_nvjpeg, "plain", r->plain, "different",
                         r->different, "spoilt_refused", r->refused[0], r->refused[1], "max",
                         r->max, "mean", r->mean, "backend", r->backend ? r->backend : "",
                         "us_per_picture", us, "ok", is_ok, "error", err->msg));
}

int main(int argc, char **argv)
{
    struct report r = {0};
    struct err err = {0};

    if (argc < 3 || wish_gpu(argv[1]) < 0) {
        fprintf(stderr, "gpu_jpeg DEVICE FILE...\n");
        return 64;
    }
    int device = wish_gpu(argv[1]);
    bool is_ok = !compare_files(&r, device, argc - 2, argv + 2, &err) && r.by_nvjpeg &&
                 !r.different && r.max <= LIMIT_MAX && r.mean <= LIMIT_MEAN &&
                 !time_all(&r, device, argc - 2, argv + 2, &err);

    print(&r, is_ok, &err);
    return is_ok ? 0 : 1;
}
