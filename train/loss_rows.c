#include "train/loss_rows.h"

#include <stddef.h>
#include <string.h>

#include "common/wide.h"

enum { LANES = 16, PART = 512 };

WIDE void row_between(float *restrict out, const float *restrict upper, const float *restrict lower,
                      float f, int w)
{
    float g = 1 - f;

    for (int i = 0; i < ROW_CLASSES * w; i++)
        out[i] = upper[i] * g + lower[i] * f;
}

WIDE static void widen(int32_t *restrict out, const uint8_t *restrict labels, int w)
{
    for (int x = 0; x < w; x++)
        out[x] = labels[x];
}

WIDE static void plane_labels(float *restrict is, float *restrict weight,
                              const int32_t *restrict labels, int32_t c, float class_weight, int w)
{
    for (int x = 0; x < w; x++) {
        float here = labels[x] == c ? 1.0F : 0.0F;
        is[x] = here;
        weight[x] += here * class_weight;
    }
}

void row_labels(float *is, float *weight, const uint8_t *labels,
                const float class_weight[ROW_CLASSES], int w)
{
    int32_t part[PART]; /* compared as bytes, each would have to be widened eight times */

    memset(weight, 0, (size_t)w * sizeof(*weight));
    for (int x = 0; x < w; x += PART) {
        int n = w - x < PART ? w - x : PART;
        widen(part, labels + x, n);
        for (int c = 0; c < ROW_CLASSES; c++)
            plane_labels(is + (ptrdiff_t)c * w + x, weight + x, part, c, class_weight[c], n);
    }
}

/* exp for x from -87 to 0, relative error below 2e-7: 2^n times a
 * polynomial in r = x - n log 2 (coefficients of Cephes' expf, S. Moshier). */
static inline float exp_below(float x)
{
    const float log2e = 1.44269504F, high = 0.693359375F, low = -2.12194440e-4F;
    union {
        float value;
        uint32_t bits;
    } n, power;

    /* adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits */
    n.value = x * log2e + 12582912;
    power.bits = (n.bits - 0x4b400000U + 127) << 23;
    n.value -= 12582912;
    float r = x - n.value * high - n.value * low;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1;
    return p * power.value;
}

/* log for x >= 1, as Cephes' logf: x = m 2^e with m within sqrt(1/2) and sqrt(2). */
static inline float log_above(float x)
{
    union {
        float value;
        int32_t bits;
    } u = {x};
    int32_t e = (u.bits - 0x3f3504f3) >> 23; /* the bits of sqrt(1/2) */
    u.bits -= e * (1 << 23);
    float m = u.value - 1, y = 7.0376836292e-2F, z = m * m, n = (float)e;
    y = y * m - 1.1514610310e-1F;
    y = y * m + 1.1676998740e-1F;
    y = y * m - 1.2420140846e-1F;
    y = y * m + 1.4249322787e-1F;
    y = y * m - 1.6668057665e-1F;
    y = y * m + 2.0000714765e-1F;
    y = y * m - 2.4999993993e-1F;
    y = y * m + 3.3333331174e-1F;
    y = y * m * z + n * -2.12194440e-4F - 0.5F * z;
    return m + y + n * 0.693359375F;
}

WIDE static void plane_max(float *restrict most, const float *restrict z, int w)
{
    for (int x = 0; x < w; x++)
        most[x] = z[x] > most[x] ? z[x] : most[x];
}

/* Below -87 exp would leave the normal numbers. A NaN passes: it compares false with everything. In a
 * loop of its own, as GCC 12 would make a branch of it in the next. */
WIDE static void plane_below(float *restrict z, float *restrict loss, const float *restrict is,
                             const float *restrict most, int w)
{
    for (int x = 0; x < w; x++) {
        float d = z[x] - most[x];
        loss[x] -= is[x] * d;
        z[x] = d < -87 ? -87 : d;
    }
}

WIDE static void plane_exp(float *restrict z, float *restrict sum, int w)
{
    for (int x = 0; x < w; x++) {
        float e = exp_below(z[x]);
        z[x] = e;
        sum[x] += e;
    }
}

/* `loss` holds most - z of the true class; where none is true it stays 0. */
WIDE static void row_logs(float *restrict loss, const float *restrict sum,
                          const float *restrict any, int w)
{
    for (int x = 0; x < w; x++)
        loss[x] += any[x] * log_above(sum[x]);
}

WIDE static void row_inverse(float *restrict sum, int w)
{
    for (int x = 0; x < w; x++)
        sum[x] = 1 / sum[x];
}

WIDE static void plane_scale(float *restrict z, const float *restrict by, int w)
{
    for (int x = 0; x < w; x++)
        z[x] *= by[x];
}

WIDE static void plane_sum(float *restrict out, const float *restrict a, int w)
{
    for (int x = 0; x < w; x++)
        out[x] += a[x];
}

void row_softmax(float *z, float *loss, const float *is, float *scratch, int w)
{
    float *most = scratch, *sum = scratch + w;
    size_t bytes = (size_t)w * sizeof(*z);

    memcpy(most, z, bytes);
    for (int c = 1; c < ROW_CLASSES; c++)
        plane_max(most, z + (ptrdiff_t)c * w, w);
    memset(sum, 0, bytes);
    memset(loss, 0, bytes);
    for (int c = 0; c < ROW_CLASSES; c++) {
        plane_below(z + (ptrdiff_t)c * w, loss, is + (ptrdiff_t)c * w, most, w);
        plane_exp(z + (ptrdiff_t)c * w, sum, w);
    }
    memset(most, 0, bytes);
    for (int c = 0; c < ROW_CLASSES; c++)
        plane_sum(most, is + (ptrdiff_t)c * w, w);
    row_logs(loss, sum, most, w);
    row_inverse(sum, w);
    for (int c = 0; c < ROW_CLASSES; c++)
        plane_scale(z + (ptrdiff_t)c * w, sum, w);
}

WIDE static void plane_entropy(float *restrict out, const float *restrict p,
                               const float *restrict is, const float *restrict weight, int w)
{
    for (int x = 0; x < w; x++)
        out[x] = weight[x] * (p[x] - is[x]);
}

void row_entropy(float *out, const float *p, const float *is, const float *weight, int w)
{
    for (ptrdiff_t c = 0; c < ROW_CLASSES; c++)
        plane_entropy(out + c * w, p + c * w, is + c * w, weight, w);
}

WIDE static void plane_product(float *restrict sum, const float *restrict a,
                               const float *restrict b, int w)
{
    for (int x = 0; x < w; x++)
        sum[x] += a[x] * b[x];
}

WIDE static void plane_chain(float *restrict out, const float *restrict p, const float *restrict dp,
                             const float *restrict mean, int w)
{
    for (int x = 0; x < w; x++)
        out[x] += p[x] * (dp[x] - mean[x]);
}

void row_chain(float *out, const float *p, const float *dp, float *scratch, int w)
{
    memset(scratch, 0, (size_t)w * sizeof(*scratch));
    for (ptrdiff_t c = 0; c < ROW_CLASSES; c++)
        plane_product(scratch, p + c * w, dp + c * w, w);
    for (ptrdiff_t c = 0; c < ROW_CLASSES; c++)
        plane_chain(out + c * w, p + c * w, dp + c * w, scratch, w);
}

WIDE void row_spread(float *restrict upper, float *restrict lower, const float *restrict g, float f,
                     int w)
{
    float h = 1 - f;

    for (int i = 0; i < ROW_CLASSES * w; i++) {
        upper[i] += g[i] * h;
        lower[i] += g[i] * f;
    }
}

WIDE void row_add(float *restrict upper, const float *restrict g, int w)
{
    for (int i = 0; i < ROW_CLASSES * w; i++)
        upper[i] += g[i];
}

/* Sixteen sums side by side: one after the other would not be vectorised, as the order counts. */
WIDE double row_dot(const float *restrict a, const float *restrict b, int w)
{
    float lanes[LANES] = {0};
    double sum = 0;
    int x = 0;

    for (; x + LANES <= w; x += LANES)
        for (int k = 0; k < LANES; k++)
            lanes[k] += a[x + k] * b[x + k];
    for (; x < w; x++)
        sum += (double)a[x] * (double)b[x];
    for (int k = 0; k < LANES; k++)
        sum += (double)lanes[k];
    return sum;
}
