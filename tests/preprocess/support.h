/* support.h -- pictures made at test time and one call to decode them. */
#ifndef TESTS_PREPROCESS_SUPPORT_H
#define TESTS_PREPROCESS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vips/vips.h>

#include "preprocess/decode.h"

struct file {
    uint8_t *bytes; /* g_free */
    size_t n;
};

/* Two children, four slots, size_max 512, 256 MiB, 60 megapixels. It forks, so it must come before
 * the test's own use of libvips, which starts threads. */
struct decoder *support_decoder(void (*hook)(uint64_t tag), int seconds);

/* Skin with a lesion, smooth, no symmetry. 3 bands, sRGB; g_object_unref. */
VipsImage *support_picture(int w, int h);

/* What a libvips saver makes of `image`; `how` is ".jpg[Q=95]" and the like. */
struct file support_save(VipsImage *image, const char *how);
struct file support_copy(const struct file *file, size_t n); /* the first n bytes */

/* An open descriptor with the bytes as its content. */
int support_fd(const void *bytes, size_t n);

/* The same picture through a saver, made by a process of its own: this one stays without threads. */
int support_original(int w, int h, const char *how);

/* Decode in slot 0 at `size` with measuring image and display copy. */
struct decoded support_decode(struct decoder *d, const void *bytes, size_t n, int size,
                              uint64_t tag);

struct decoded support_decode_fd(struct decoder *d, int fd, int size, uint64_t tag);

/* Largest and mean difference of two pictures of one size. */
struct difference {
    int max;
    double mean;
};
struct difference support_compare(struct picture a, struct picture b);
struct picture support_keep(struct picture p); /* copied; g_free of rgb */

#endif
