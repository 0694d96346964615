/* What is written can be read back: by libvips, whose readers are not the encoders'. */
#include "tests/preprocess/support.h"

#include <stdlib.h>

#include "common/clock.h"
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

static void mask_keeps_classes_and_is_fast(void **state)
{
    uint8_t *mask = calloc(W, H);
    struct err err = {0};
    struct buf out;

    (void)state;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            if ((x - 250) * (x - 250) + (y - 200) * (y - 200) < 130 * 130)
                mask[y * W + x] = (uint8_t)(1 + x / 50 % 7);
    buf_init(&out, 1 << 20);
    int64_t start = clock_cpu_us();
    assert_int_equal(encode_mask_png(mask, W, H, &out, &err), 0);
    print_message("mask of %d x %d: %.2f ms, %zu bytes\n", W, H,
                  (double)(clock_cpu_us() - start) / 1000, out.len);
    assert_memory_equal(out.data + 24, "\x08\x03", 2); /* 8 bits, palette */
    assert_true(out.len < 20000);

    /* libvips turns palette into colour: each class must have its own. */
    VipsImage *back = load(&out);
    size_t n;
    uint8_t *rgb = vips_image_write_to_memory(back, &n);
    uint32_t colour_of[8], seen = 0;
    assert_int_equal(n, W * H * 3);
    for (int i = 0; i < W * H; i++) {
        uint32_t colour =
            (uint32_t)rgb[i * 3] << 16 | (uint32_t)rgb[i * 3 + 1] << 8 | rgb[i * 3 + 2];

        if (seen >> mask[i] & 1)
            assert_int_equal(colour_of[mask[i]], colour);
        colour_of[mask[i]] = colour;
        seen |= 1U << mask[i];
    }
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < a; b++)
            if (seen >> a & seen >> b & 1)
                assert_int_not_equal(colour_of[a], colour_of[b]);
    assert_int_equal(colour_of[0], 0);

    mask[77] = 8;
    assert_int_equal(encode_mask_png(mask, W, H, &out, &err), -1);
    assert_int_equal(err.code, ERR_BUG);
    buf_release(&out);
    free(mask);
    g_free(rgb);
    g_object_unref(back);
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
        cmocka_unit_test(mask_keeps_classes_and_is_fast),
        cmocka_unit_test(empty_pictures_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
