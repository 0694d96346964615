/* kernels_halve.c -- what halves a map: depthwise convolution of stride 2 with the average pool of
 * the same taps, of elems and, in an int8 engine, of bytes.
 *
 * With VNNI (only AVX-512's is used here) nine taps of 64 channels become three groups of four
 * bytes a channel, which one instruction multiplies and adds up; the pool is the same with weights
 * of one. Elsewhere it is f32 arithmetic with the same results but for ties of the rounding. */
#include "engine/onednn/kernels_set.h"
#include "engine/onednn/vector.h"

/* The nine inputs of one output pixel. A tap outside the image reads zeros, so there is one loop
 * for the inside and the border; only the pool's divisor differs. */
FOR_CELL int find_taps(const struct halve_job *job, int oy, int ox, const void *taps[9],
                       enum cell cell)
{
    int inside = 0;

    for (int t = 0; t < 9; t++) {
        int y = 2 * oy - 1 + t / 3, x = 2 * ox - 1 + t % 3;
        bool in = y >= 0 && x >= 0 && y < job->h && x < job->w;
        taps[t] = job->zeros;
        if (in)
            taps[t] = (const char *)job->in + ((size_t)y * job->w + x) * job->c * cell_size(cell);
        inside += in;
    }
    return inside;
}

void KERNEL(halve)(const struct halve_job *job)
{
    int oh = (job->h + 1) / 2, ow = (job->w + 1) / 2;
    const void *taps[9];

    for (int i = 0; i < oh * ow; i++) {
        float share = 1.0F / (float)find_taps(job, i / ow, i % ow, taps, CELL_ELEM);
        elem *conv = (elem *)job->conv + (size_t)i * job->c;
        elem *pool = (elem *)job->pool + (size_t)i * job->pool_step;
        for (int c = 0; c < job->c; c += LANES) {
            vec sum = {0}, product = load_f32(job->bias + c);
            for (int t = 0; t < 9; t++) {
                vec x = load_at(taps[t], (size_t)c, CELL_ELEM);
                sum += x;
                product += x * load_f32(job->weight + (size_t)t * job->c + c);
            }
            store(conv + c, product);
            store(pool + c, sum * share);
        }
    }
}

#ifdef __AVX512VNNI__
enum { BLOCK = 64, QUARTERS = 4 };

/* 64 channels in four registers, as interleaving leaves them: in lane L (16 bytes) quarter q holds
 * channels 16 L + 4 q and the next three. */
typedef __m512i quarters[QUARTERS];

/* Four taps of 64 channels, the taps of a channel side by side. */
static inline void interleave(const __m512i tap[4], quarters out)
{
    __m512i ab_low = _mm512_unpacklo_epi8(tap[0], tap[1]);
    __m512i ab_high = _mm512_unpackhi_epi8(tap[0], tap[1]);
    __m512i cd_low = _mm512_unpacklo_epi8(tap[2], tap[3]);
    __m512i cd_high = _mm512_unpackhi_epi8(tap[2], tap[3]);

    out[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    out[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    out[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    out[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}

/* 64 floats in the order of the quarters. */
static void load_quarters(const float *from, __m512 out[QUARTERS])
{
    __m512 a = _mm512_loadu_ps(from), b = _mm512_loadu_ps(from + 16);
    __m512 c = _mm512_loadu_ps(from + 32), d = _mm512_loadu_ps(from + 48);
    __m512 ab_low = _mm512_shuffle_f32x4(a, b, 0x44), cd_low = _mm512_shuffle_f32x4(c, d, 0x44);
    __m512 ab_high = _mm512_shuffle_f32x4(a, b, 0xee), cd_high = _mm512_shuffle_f32x4(c, d, 0xee);

    out[0] = _mm512_shuffle_f32x4(ab_low, cd_low, 0x88);
    out[1] = _mm512_shuffle_f32x4(ab_low, cd_low, 0xdd);
    out[2] = _mm512_shuffle_f32x4(ab_high, cd_high, 0x88);
    out[3] = _mm512_shuffle_f32x4(ab_high, cd_high, 0xdd);
}

/* What stays the same along a row for 64 channels. */
struct block {
    quarters weight[3];
    __m512 scale[QUARTERS], bias[QUARTERS];
};

static void load_block(const struct halve_job *job, int c, struct block *b)
{
    int8_t weight[12][BLOCK] = {0};
    __m512i tap[12];

    for (int t = 0; t < 9; t++)
        for (int i = 0; i < BLOCK; i++)
            weight[t][i] = (int8_t)job->weight[(size_t)t * job->c + c + i];
    for (int t = 0; t < 12; t++)
        tap[t] = _mm512_loadu_si512(weight[t]);
    for (int g = 0; g < 3; g++)
        interleave(tap + 4 * (size_t)g, b->weight[g]);
    load_quarters(job->scale + c, b->scale);
    load_quarters(job->bias + c, b->bias);
}

static inline __m512i round_quarter(__m512i sum, __m512 scale, __m512 bias)
{
    return _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, bias));
}

static inline void halve_block(const void *const taps[9], int c, const struct block *b, float share,
                               uint8_t *conv, uint8_t *pool)
{
    const __m512i ones = _mm512_set1_epi8(1), zero = _mm512_setzero_si512();
    const __m512 shares = _mm512_set1_ps(share), none = _mm512_setzero_ps();
    quarters product = {zero, zero, zero, zero}, sum = {zero, zero, zero, zero};
    __m512i tap[12] = {zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero};

    for (int t = 0; t < 9; t++)
        tap[t] = _mm512_loadu_si512((const uint8_t *)taps[t] + c);
#pragma GCC unroll 3
    for (int g = 0; g < 3; g++) {
        quarters x;
        interleave(tap + 4 * (size_t)g, x);
#pragma GCC unroll 4
        for (int q = 0; q < QUARTERS; q++) {
            product[q] = _mm512_dpbusd_epi32(product[q], x[q], b->weight[g][q]);
            sum[q] = _mm512_dpbusd_epi32(sum[q], x[q], ones);
        }
    }
#pragma GCC unroll 4
    for (int q = 0; q < QUARTERS; q++) {
        product[q] = round_quarter(product[q], b->scale[q], b->bias[q]);
        sum[q] = round_quarter(sum[q], shares, none);
    }
    _mm512_storeu_si512(conv + c, _mm512_packs_epi16(_mm512_packs_epi32(product[0], product[1]),
                                                     _mm512_packs_epi32(product[2], product[3])));
    _mm512_storeu_si512(pool + c, _mm512_packus_epi16(_mm512_packus_epi32(sum[0], sum[1]),
                                                      _mm512_packus_epi32(sum[2], sum[3])));
}

/* One row of outputs for the 64 channels from `c` on. */
static void halve_row(const struct halve_job *job, int oy, int c)
{
    int ow = (job->w + 1) / 2;
    const void *taps[9];
    struct block b;

    load_block(job, c, &b);
    for (int ox = 0; ox < ow; ox++) {
        float share = job->pool_scale / (float)find_taps(job, oy, ox, taps, CELL_U8);
        size_t i = (size_t)oy * ow + ox;
        halve_block(taps, c, &b, share, (uint8_t *)job->conv + i * job->c,
                    (uint8_t *)job->pool + i * job->pool_step);
    }
}
#else
enum { BLOCK = LANES };

static void halve_row(const struct halve_job *job, int oy, int c)
{
    int ow = (job->w + 1) / 2;
    const void *taps[9];

    for (int ox = 0; ox < ow; ox++) {
        float share = job->pool_scale / (float)find_taps(job, oy, ox, taps, CELL_U8);
        size_t i = (size_t)oy * ow + ox;
        vec sum = {0}, product = {0};
        for (int t = 0; t < 9; t++) {
            vec x = load_at(taps[t], (size_t)c, CELL_U8);
            sum += x;
            product += x * load_f32(job->weight + (size_t)t * job->c + c);
        }
        product = product * load_f32(job->scale + c) + load_f32(job->bias + c);
        store_s8((int8_t *)job->conv + i * job->c + c, product);
        store_u8((uint8_t *)job->pool + i * job->pool_step + c, sum * share);
    }
}
#endif

void KERNEL(halve_bytes)(const struct halve_job *job)
{
    for (int oy = 0; oy < (job->h + 1) / 2; oy++)
        for (int c = 0; c < job->c; c += BLOCK)
            halve_row(job, oy, c);
}
