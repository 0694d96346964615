#include "tests/preprocess/support.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct decoder *support_decoder(void (*hook)(uint64_t tag), int seconds)
{
    struct decoder_config config = {.slots = 4,
                                    .children = 2,
                                    .size_max = 512,
                                    .seconds = seconds,
                                    .memory_mb = 256,
                                    .megapixels_max = 60,
                                    .child_hook = hook};
    struct decoder *d = NULL;
    struct err err = {0};

    if (decoder_open(&d, &config, &err))
        fail_msg("decoder_open: %s", err.msg);
    return d;
}

VipsImage *support_picture(int w, int h)
{
    uint8_t *rgb = g_malloc((size_t)w * (size_t)h * 3), *p = rgb;

    assert_int_equal(vips_init("test"), 0);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++, p += 3) {
            double u = (double)x / w - 0.4, v = (double)y / h - 0.6;
            double lesion = u * u * 9 + v * v * 16 < 1 ? 1 - (u * u * 9 + v * v * 16) : 0;

            p[0] = (uint8_t)(215 + 20 * u - 130 * lesion);
            p[1] = (uint8_t)(165 + 30 * v - 110 * lesion);
            p[2] = (uint8_t)(145 + 15 * u * v - 80 * lesion + 20 * u);
        }
    VipsImage *memory =
        vips_image_new_from_memory_copy(rgb, (size_t)w * (size_t)h * 3, w, h, 3, VIPS_FORMAT_UCHAR);
    VipsImage *image = NULL;

    g_free(rgb);
    assert_int_equal(vips_copy(memory, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL),
                     0);
    g_object_unref(memory);
    return image;
}

struct file support_save(VipsImage *image, const char *how)
{
    void *bytes = NULL;
    size_t n = 0;

    if (vips_image_write_to_buffer(image, how, &bytes, &n, NULL))
        fail_msg("%s: %s", how, vips_error_buffer());
    return (struct file){bytes, n};
}

struct file support_copy(const struct file *file, size_t n)
{
    return (struct file){g_memdup2(file->bytes, n), n};
}

int support_fd(const void *bytes, size_t n)
{
    int fd = memfd_create("original", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    return fd;
}

int support_original(int w, int h, const char *how)
{
    int fd = memfd_create("original", MFD_CLOEXEC), status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        struct file f = support_save(support_picture(w, h), how);

        _exit(write(fd, f.bytes, f.n) != (ssize_t)f.n);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return fd;
}

struct decoded support_decode_fd(struct decoder *d, int fd, int size, uint64_t tag)
{
    struct decoded out = {0};
    struct err err = {0};
    struct decode_request request = {
        .slot = 0, .fd = fd, .size = size, .want_measure = true, .want_display = true, .tag = tag};

    if (decoder_wait(d, &request, &out, &err))
        fail_msg("decoder_wait: %s", err.msg);
    assert_int_equal(out.tag, tag);
    return out;
}

struct decoded support_decode(struct decoder *d, const void *bytes, size_t n, int size,
                              uint64_t tag)
{
    int fd = support_fd(bytes, n);
    struct decoded out = support_decode_fd(d, fd, size, tag);

    close(fd);
    return out;
}

struct difference support_compare(struct picture a, struct picture b)
{
    struct difference d = {0};
    size_t n = (size_t)a.w * (size_t)a.h * 3;

    assert_int_equal(a.w, b.w);
    assert_int_equal(a.h, b.h);
    for (size_t i = 0; i < n; i++) {
        int delta = abs(a.rgb[i] - b.rgb[i]);

        d.max = delta > d.max ? delta : d.max;
        d.mean += delta / (double)n;
    }
    return d;
}

struct picture support_keep(struct picture p)
{
    return (struct picture){g_memdup2(p.rgb, (size_t)p.w * (size_t)p.h * 3), p.w, p.h};
}
