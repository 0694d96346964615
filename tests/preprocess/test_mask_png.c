/* What is written is read back by libpng, which checks every checksum and every code. */
#include "tests/preprocess/support.h"

#include <stdlib.h>

#include <png.h>

#include "common/clock.h"
#include "preprocess/mask_png.h"

struct reading {
    const uint8_t *at, *end;
};

static void on_read(png_structp png, png_bytep out, size_t n)
{
    struct reading *r = png_get_io_ptr(png);

    if (n > (size_t)(r->end - r->at))
        png_error(png, "cut off");
    memcpy(out, r->at, n);
    r->at += n;
}

static void on_trouble(png_structp png, png_const_charp text)
{
    (void)png;
    fail_msg("%s", text); /* libpng's warnings are our errors */
}

/* The pixels as they stand in the file; the caller frees them. */
static uint8_t *read_back(const struct buf *file, int *w, int *h)
{
    struct reading r = {(const uint8_t *)file->data, (const uint8_t *)file->data + file->len};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, on_trouble, on_trouble);
    png_infop info = png_create_info_struct(png);
    png_colorp palette;
    int n_colours;

    png_set_read_fn(png, &r, on_read);
    png_read_info(png, info);
    assert_int_equal(png_get_color_type(png, info), PNG_COLOR_TYPE_PALETTE);
    assert_int_equal(png_get_bit_depth(png, info), 8);
    png_get_PLTE(png, info, &palette, &n_colours);
    assert_int_equal(n_colours, 8);
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(&palette[a], &palette[b], sizeof(*palette));
    *w = (int)png_get_image_width(png, info);
    *h = (int)png_get_image_height(png, info);
    uint8_t *pixels = malloc((size_t)*w * (size_t)*h);
    assert_non_null(pixels);
    for (int y = 0; y < *h; y++)
        png_read_row(png, pixels + (size_t)y * (size_t)*w, NULL);
    png_read_end(png, info);
    assert_ptr_equal(r.at, r.end);
    png_destroy_read_struct(&png, &info, NULL);
    return pixels;
}

static void check(const struct mask_png *m)
{
    struct err err = {0};
    struct buf out;
    int w, h;

    buf_init(&out, 1 << 24);
    assert_int_equal(mask_png_encode(m, &out, &err), 0);
    uint8_t *pixels = read_back(&out, &w, &h), *at = pixels;
    assert_int_equal(w, m->columns ? m->columns[m->map_w] : m->map_w);
    assert_int_equal(h, m->rows ? m->rows[m->map_h] : m->map_h);
    for (int y = 0; y < m->map_h; y++)
        for (int j = m->rows ? m->rows[y + 1] - m->rows[y] : 1; j; j--)
            for (int x = 0; x < m->map_w; x++)
                for (int i = m->columns ? m->columns[x + 1] - m->columns[x] : 1; i; i--)
                    assert_int_equal(*at++, m->classes[y * m->stride + x]);
    free(pixels);
    buf_release(&out);
}

/* Runs of every length up to past two longest matches, of background and of a class. */
static void every_length_of_run(void **state)
{
    enum { WIDTH = 3 * 258 + 5 };
    static uint8_t row[WIDTH];

    (void)state;
    for (int n = 1; n < WIDTH; n++) {
        for (int x = 0; x < WIDTH; x++)
            row[x] = x < n ? 0 : (uint8_t)(1 + n % 7);
        check(&(struct mask_png){row, WIDTH, WIDTH, 1, NULL, NULL});
    }
}

static void noise(void **state)
{
    enum { W = 61, H = 47 };
    uint8_t map[H * W];
    uint32_t seed = 1;

    (void)state;
    for (int i = 0; i < W * H; i++)
        map[i] = (seed = seed * 1664525 + 1013904223) >> 29;
    check(&(struct mask_png){map, W, W - 2, H, NULL, NULL});
    check(&(struct mask_png){map, W, 1, 1, NULL, NULL});
}

static void map_is_seen_through_larger_and_smaller_pixels(void **state)
{
    enum { W = 5, H = 4 };
    static const uint8_t map[H][W + 1] = {
        {0, 0, 1, 1, 0, 9},
        {0, 3, 3, 7, 7, 9},
        {2, 2, 2, 2, 2, 9},
        {0, 0, 0, 0, 0, 9}
    };
    static const int up[] = {0, 300, 301, 309, 900, 1234}, down[] = {0, 1, 1, 1, 2, 2};
    static const int tall[] = {0, 1, 70, 71, 400}, flat[] = {0, 0, 1, 1, 1};

    (void)state;
    check(&(struct mask_png){map[0], W + 1, W, H, up, tall});
    check(&(struct mask_png){map[0], W + 1, W, H, down, tall});
    check(&(struct mask_png){map[0], W + 1, W, H, up, flat});
}

static void large_mask_is_small_and_fast(void **state)
{
    enum { W = 256, H = 192 };
    uint8_t map[H * W];
    int columns[W + 1], rows[H + 1];
    struct err err = {0};
    struct buf out;

    (void)state;
    for (int i = 0; i <= W; i++)
        columns[i] = i * 600 / W;
    for (int i = 0; i <= H; i++)
        rows[i] = i * 450 / H;
    for (int i = 0; i < W * H; i++) {
        int dx = i % W - 110, dy = i / W - 90;
        map[i] = dx * dx + dy * dy < 60 * 60 ? (uint8_t)(1 + i % W / 40) : 0;
    }
    buf_init(&out, 1 << 20);
    int64_t start = clock_cpu_us();
    assert_int_equal(mask_png_encode(&(struct mask_png){map, W, W, H, columns, rows}, &out, &err),
                     0);
    print_message("mask of 600 x 450: %.3f ms, %zu bytes\n",
                  (double)(clock_cpu_us() - start) / 1000, out.len);
    assert_true(out.len < 8000);
    buf_release(&out);
}

static void what_cannot_be_written_is_refused(void **state)
{
    static const int wide[] = {0, 65536}, none[] = {0, 0};
    const uint8_t map[] = {0, 1, 8};
    const struct {
        struct mask_png mask;
        size_t max;
        enum err_code code;
    } cases[] = {
        {{map, 3, 3, 1, NULL, NULL}, 1000, ERR_BUG  },
        {{map, 3, 2, 1, NULL, NULL}, 100,  ERR_LIMIT},
        {{map, 1, 1, 1, wide, NULL}, 1000, ERR_LIMIT},
        {{map, 1, 1, 1, NULL, none}, 1000, ERR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        struct buf out;
        buf_init(&out, cases[i].max);
        assert_int_equal(mask_png_encode(&cases[i].mask, &out, &err), -1);
        assert_int_equal(err.code, cases[i].code);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_of_run),
        cmocka_unit_test(noise),
        cmocka_unit_test(map_is_seen_through_larger_and_smaller_pixels),
        cmocka_unit_test(large_mask_is_small_and_fast),
        cmocka_unit_test(what_cannot_be_written_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
