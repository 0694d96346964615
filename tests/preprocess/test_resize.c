/* The resizer against a slow, plain statement of what it must compute. */
#include "tests/preprocess/support.h"

#include <math.h>
#include <stdlib.h>

#include "preprocess/resize.h"

static uint8_t *noise(int w, int h)
{
    size_t n = (size_t)w * (size_t)h * 3;
    uint8_t *p = malloc(n);
    uint32_t x = 12345;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525U + 1013904223U;
        p[i] = (uint8_t)(x >> 24);
    }
    return p;
}

static uint8_t *resize(const uint8_t *rgb, int sw, int sh, int w, int h)
{
    uint8_t *out = malloc((size_t)w * (size_t)h * 3);
    struct resizer r;

    assert_int_equal(resizer_init(&r, sw, sh, w, h), 0);
    resizer_set_output(&r, out, (size_t)w * 3);
    for (int y = 0; y < sh; y++)
        resizer_push(&r, rgb + (size_t)y * (size_t)sw * 3);
    resizer_release(&r);
    return out;
}

/* Mean over the source area [x*sw/w, (x+1)*sw/w) x [...]. */
static double area_mean(const uint8_t *rgb, const int s[2], const int d[2], int x, int y, int c)
{
    double x0 = (double)x * s[0] / d[0], x1 = (double)(x + 1) * s[0] / d[0];
    double y0 = (double)y * s[1] / d[1], y1 = (double)(y + 1) * s[1] / d[1], sum = 0;

    for (int j = (int)y0; j < s[1] && j < y1; j++)
        for (int i = (int)x0; i < s[0] && i < x1; i++)
            sum += rgb[((size_t)j * (size_t)s[0] + (size_t)i) * 3 + (size_t)c] *
                   (fmin(x1, i + 1) - fmax(x0, i)) * (fmin(y1, j + 1) - fmax(y0, j));
    return sum / ((x1 - x0) * (y1 - y0));
}

static double bilinear(const uint8_t *rgb, const int s[2], const int d[2], int x, int y, int c)
{
    double u = fmin(fmax((x + 0.5) * s[0] / d[0] - 0.5, 0), s[0] - 1);
    double v = fmin(fmax((y + 0.5) * s[1] / d[1] - 0.5, 0), s[1] - 1);
    int i = (int)u, j = (int)v, i1 = i + 1 < s[0] ? i + 1 : i, j1 = j + 1 < s[1] ? j + 1 : j;

    u -= i;
    v -= j;
#define AT(i, j) rgb[((size_t)(j) * (size_t)s[0] + (size_t)(i)) * 3 + (size_t)c]
    return (AT(i, j) * (1 - u) + AT(i1, j) * u) * (1 - v) +
           (AT(i, j1) * (1 - u) + AT(i1, j1) * u) * v;
#undef AT
}

static const int sizes[][4] = {
    {60,   45, 51,   38 },
    {64,   48, 32,   24 },
    {61,   47, 13,   7  },
    {100,  3,  10,   1  },
    {33,   33, 33,   33 },
    {17,   17, 64,   64 },
    {50,   37, 64,   47 },
    {40,   30, 256,  192},
    {300,  20, 1,    20 },
    {1023, 2,  1023, 3  },
};

static void check_pixel(const uint8_t *in, const uint8_t *out, const int *s, int x, int y)
{
    const int *d = s + 2;
    bool grows = d[0] > s[0] || d[1] > s[1];

    for (int c = 0; c < 3; c++) {
        double want = (grows ? bilinear : area_mean)(in, s, d, x, y, c);
        int got = out[((size_t)y * (size_t)d[0] + (size_t)x) * 3 + (size_t)c];

        if (fabs(got - want) > 0.5 + 1e-6)
            fail_msg("%dx%d -> %dx%d at %d,%d: %d, not %.4f", s[0], s[1], d[0], d[1], x, y, got,
                     want);
    }
}

static void agrees_with_the_plain_statement(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
        const int *s = sizes[k];
        uint8_t *in = noise(s[0], s[1]), *out = resize(in, s[0], s[1], s[2], s[3]);

        for (int y = 0; y < s[3]; y++)
            for (int x = 0; x < s[2]; x++)
                check_pixel(in, out, s, x, y);
        free(out);
        free(in);
    }
}

static void transposed(const uint8_t *in, int w, int h, uint8_t *out)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            memcpy(out + ((size_t)x * (size_t)h + (size_t)y) * 3,
                   in + ((size_t)y * (size_t)w + (size_t)x) * 3, 3);
}

static void turning_first_or_last_is_the_same_to_the_bit(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof(sizes) / sizeof(*sizes); k++) {
        const int *s = sizes[k], *d = sizes[k] + 2;
        size_t n = (size_t)d[0] * (size_t)d[1] * 3;
        uint8_t *in = noise(s[0], s[1]), *turned = malloc((size_t)s[0] * (size_t)s[1] * 3);
        uint8_t *a = resize(in, s[0], s[1], d[0], d[1]), *b = malloc(n);

        transposed(in, s[0], s[1], turned);
        uint8_t *c = resize(turned, s[1], s[0], d[1], d[0]);
        transposed(a, d[0], d[1], b);
        assert_memory_equal(b, c, n);
        free(in);
        free(turned);
        free(a);
        free(b);
        free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_plain_statement),
        cmocka_unit_test(turning_first_or_last_is_the_same_to_the_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
