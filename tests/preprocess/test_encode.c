/* What is written can be read back: by libvips, whose readers are not the encoders'. */
#include "tests/preprocess/support.h"

#include <stdlib.h>

#include "preprocess/encode.h"

enum { W = 600, H = 450 };

static VipsImage *load(const struct buf *b)
{
    VipsImage *image = vips_image_new_from_buffer(b->data, b->len, "", NULL);

    assert_non_null(image);
    return image;
}

static void jpeg_round_trip(void **state)
{
    VipsImage *picture = support_picture(W, H);
    size_t n, m;
    uint8_t *rgb = vips_image_write_to_memory(picture, &n);
    struct err err = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(encode_jpeg(rgb, W, H, 90, &out, &err), 0);
    VipsImage *back = load(&out);
    uint8_t *again = vips_image_write_to_memory(back, &m);
    assert_int_equal(n, m);
    struct difference d =
        support_compare((struct picture){rgb, W, H}, (struct picture){again, W, H});
    assert_true(d.max <= 20 && d.mean < 1.5);
    buf_release(&out);
    buf_init(&out, 100);
    assert_int_equal(encode_jpeg(rgb, W, H, 90, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&out);
    g_free(again);
    g_free(rgb);
    g_object_unref(back);
    g_object_unref(picture);
}

static void png_round_trip(void **state)
{
    VipsImage *picture = support_picture(W, H);
    size_t n, m;
    uint8_t *rgb = vips_image_write_to_memory(picture, &n);
    struct err err = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(encode_png(rgb, W, H, &out, &err), 0);
    VipsImage *back = load(&out);
    uint8_t *again = vips_image_write_to_memory(back, &m);
    assert_int_equal(n, m);
    assert_memory_equal(rgb, again, n);
    buf_release(&out);
    buf_init(&out, 100);
    assert_int_equal(encode_png(rgb, W, H, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&out);
    g_free(again);
    g_free(rgb);
    g_object_unref(back);
    g_object_unref(picture);
}

static void empty_pictures_are_refused(void **state)
{
    struct err err = {0};
    struct buf out;
    uint8_t pixel[3] = {0};

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(encode_png(pixel, 0, 1, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    err = (struct err){0};
    assert_int_equal(encode_jpeg(pixel, 1, 70000, 90, &out, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&out);
}

static int setup(void **state)
{
    (void)state;
    return vips_init("test");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jpeg_round_trip),
        cmocka_unit_test(png_round_trip),
        cmocka_unit_test(empty_pictures_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
