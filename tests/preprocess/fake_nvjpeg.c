#include "tests/preprocess/fake_nvjpeg.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>

enum {
    SUCCESS = 0,
    INVALID = 2,
    BAD_JPEG = 3,
    ARCH_MISMATCH = 7,
    HARDWARE = 3,
    RGBI = 5,
    CHANNELS = 4
};

struct image {
    unsigned char *channel[CHANNELS];
    size_t pitch[CHANNELS];
};

struct reader {
    struct jpeg_error_mgr errors;
    jmp_buf out;
};

static int batch; /* made ready for so many */

int nvjpegCreateEx(int backend, void *device, void *pinned, unsigned flags, void **handle);
int nvjpegJpegStateCreate(void *handle, void **state);
int nvjpegDecodeBatchedInitialize(void *handle, void *state, int n, int threads, int format);
int nvjpegDecodeBatched(void *handle, void *state, const unsigned char *const *data,
                        const size_t *sizes, struct image *images, void *stream);

/* FAKE_NVJPEG_NO_ENGINE: the device has none for JPEG. */
int nvjpegCreateEx(int backend, void *device, void *pinned, unsigned flags, void **handle)
{
    *handle = &batch;
    if (device || pinned || flags != (1 << 2 | 1 << 5))
        return INVALID;
    return backend == HARDWARE && getenv("FAKE_NVJPEG_NO_ENGINE") ? ARCH_MISMATCH : SUCCESS;
}

int nvjpegJpegStateCreate(void *handle, void **state)
{
    *state = handle;
    return handle == &batch ? SUCCESS : INVALID;
}

int nvjpegDecodeBatchedInitialize(void *handle, void *state, int n, int threads, int format)
{
    batch = n;
    return handle == &batch && state == &batch && threads > 0 && format == RGBI ? SUCCESS : INVALID;
}

static void on_error(j_common_ptr c)
{
    longjmp(((struct reader *)c->client_data)->out, 1);
}

static void on_message(j_common_ptr c, int level)
{
    (void)c;
    (void)level;
}

/* Nothing but what a decoder needs may be in it. */
static void check_stream(const unsigned char *p, size_t n)
{
    for (size_t at = 2; at + 4 <= n && p[at + 1] != 0xda;
         at += 2 + (size_t)(p[at + 2] << 8 | p[at + 3]))
        if (p[at] != 0xff || !memchr("\xdb\xc4\xc0\xdd", p[at + 1], 4))
            abort();
}

static void act(int width)
{
    switch (width) {
    case FAKE_DIES: abort();
    case FAKE_HANGS: sleep(1000); break;
    case FAKE_OPENS:
        if (open("/etc/passwd", O_RDONLY) >= 0)
            abort();
        break;
    case FAKE_RUNS: execl("/bin/true", "true", (char *)NULL); break;
    default: break;
    }
}

static int decode(const unsigned char *data, size_t n, const struct image *image)
{
    struct jpeg_decompress_struct j = {0};
    struct reader r;

    j.err = jpeg_std_error(&r.errors);
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    j.client_data = &r;
    if (setjmp(r.out)) {
        jpeg_destroy_decompress(&j);
        return BAD_JPEG;
    }
    jpeg_create_decompress(&j);
    j.client_data = &r;
    jpeg_mem_src(&j, data, n);
    jpeg_read_header(&j, TRUE);
    act((int)j.image_width);
    j.out_color_space = JCS_RGB;
    j.do_fancy_upsampling = FALSE;
    jpeg_start_decompress(&j);
    while (j.output_scanline < j.output_height) {
        JSAMPROW row = image->channel[0] + (size_t)j.output_scanline * image->pitch[0];

        jpeg_read_scanlines(&j, &row, 1);
    }
    int ret = j.image_width == FAKE_REFUSES ? BAD_JPEG : SUCCESS;
    jpeg_destroy_decompress(&j);
    return ret;
}

int nvjpegDecodeBatched(void *handle, void *state, const unsigned char *const *data,
                        const size_t *sizes, struct image *images, void *stream)
{
    if (handle != &batch || state != &batch || !batch || !stream)
        return INVALID;
    for (int i = 0; i < batch; i++) {
        check_stream(data[i], sizes[i]);
        int ret = decode(data[i], sizes[i], &images[i]);
        if (ret) {
            batch = 0; /* to be made ready anew */
            return ret;
        }
    }
    return SUCCESS;
}
