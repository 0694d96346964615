/* lab.c -- see lab.h. */
#include "lesion/lab.h"

#include <math.h>

#include "common/wide.h"

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

/* rows of the sRGB matrix over the D65 white point 0.95047, 1, 1.08883 */
static const float matrix[3][3] = {
    {0.4339500f, 0.3762098f, 0.1898417f},
    {0.2126729f, 0.7151522f, 0.0721750f},
    {0.0177567f, 0.1094680f, 0.8727754f},
};

enum { CHUNK = 64 }; /* pixels; what belongs to them stays in the first cache */

/* Where in the table of roots the pixels' X, Y and Z stand: place and way to the next one. */
struct places {
    int at[3][CHUNK];
    float on[3][CHUNK];
};

WIDE static void places_find(struct places *p, const float linear[3][CHUNK])
{
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < CHUNK; i++) {
            float at = (matrix[k][0] * linear[0][i] + matrix[k][1] * linear[1][i] +
                        matrix[k][2] * linear[2][i]) *
                       LAB_ROOTS;
            int place = (int)at;
            /* white sums to 1 plus the rounding of the matrix */
            place = place < LAB_ROOTS ? place : LAB_ROOTS;
            p->at[k][i] = place;
            p->on[k][i] = at - (float)place;
        }
}

/* Interpolated roots take the place of the ways. */
WIDE static void roots_read(struct places *p, const float *restrict root)
{
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < CHUNK; i++) {
            float low = root[p->at[k][i]], high = root[p->at[k][i] + 1];
            p->on[k][i] = low + p->on[k][i] * (high - low);
        }
}

WIDE static void lab_write(const struct places *p, int n, float *restrict l, float *restrict a,
                           float *restrict b)
{
    for (int i = 0; i < n; i++) {
        float x = p->on[0][i], y = p->on[1][i], z = p->on[2][i];
        l[i] = 116 * y - 16;
        a[i] = 500 * (x - y);
        b[i] = 200 * (y - z);
    }
}

void lab_of_row(const struct lab_table *t, const uint8_t *rgb, int n, float *l, float *a, float *b)
{
    float linear[3][CHUNK] = {{0}};
    struct places places;

    for (int from = 0; from < n; from += CHUNK) {
        int count = n - from < CHUNK ? n - from : CHUNK;
        for (int i = 0; i < count; i++, rgb += 3)
            for (int k = 0; k < 3; k++)
                linear[k][i] = t->linear[rgb[k]];
        places_find(&places, linear);
        roots_read(&places, t->root);
        lab_write(&places, count, l + from, a + from, b + from);
    }
}

struct lab lab_of_rgb(const struct lab_table *t, uint8_t r, uint8_t g, uint8_t b)
{
    const uint8_t rgb[] = {r, g, b};
    struct lab c;

    lab_of_row(t, rgb, 1, &c.l, &c.a, &c.b);
    return c;
}
