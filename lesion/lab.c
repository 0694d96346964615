/* lab.c -- see lab.h. */
#include "lesion/lab.h"

#include <math.h>

void lab_table_init(struct lab_table *t)
{
    for (int i = 0; i < 256; i++) {
        double c = i / 255.0;
        t->linear[i] = (float)(c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    for (int i = 0; i < LAB_ROOTS + 2; i++) {
        double x = (double)i / LAB_ROOTS;
        t->root[i] = (float)(x > 216.0 / 24389 ? cbrt(x) : (24389.0 / 27 * x + 16) / 116);
    }
}

static inline float root(const struct lab_table *t, float x)
{
    float at = x * LAB_ROOTS;
    int i = (int)at;

    i = i < LAB_ROOTS ? i : LAB_ROOTS; /* white sums to 1 plus the rounding of the matrix */
    return t->root[i] + (at - (float)i) * (t->root[i + 1] - t->root[i]);
}

static inline struct lab convert(const struct lab_table *t, uint8_t r, uint8_t g, uint8_t b)
{
    float lr = t->linear[r], lg = t->linear[g], lb = t->linear[b];
    /* rows of the sRGB matrix over the D65 white point 0.95047, 1, 1.08883 */
    float x = root(t, 0.4339500f * lr + 0.3762098f * lg + 0.1898417f * lb);
    float y = root(t, 0.2126729f * lr + 0.7151522f * lg + 0.0721750f * lb);
    float z = root(t, 0.0177567f * lr + 0.1094680f * lg + 0.8727754f * lb);

    return (struct lab){116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

struct lab lab_of_rgb(const struct lab_table *t, uint8_t r, uint8_t g, uint8_t b)
{
    return convert(t, r, g, b);
}

void lab_of_row(const struct lab_table *t, const uint8_t *rgb, int n, float *l, float *a, float *b)
{
    for (int i = 0; i < n; i++, rgb += 3) {
        struct lab c = convert(t, rgb[0], rgb[1], rgb[2]);
        l[i] = c.l;
        a[i] = c.a;
        b[i] = c.b;
    }
}
