/* vector.h -- short vectors for the kernels: as many f32 lanes as the instruction set has, loads
 * and stores of activations (f32, or bf16 kept as its 16 bits), and exp.
 *
 * Compiled once for each instruction set (CMakeLists.txt); GCC's vector extension keeps one source
 * for all. Private to the kernels. */
#ifndef ENGINE_ONEDNN_VECTOR_H
#define ENGINE_ONEDNN_VECTOR_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16 };
#elif defined(__AVX2__)
#include <immintrin.h>
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));
typedef uint32_t uvec __attribute__((vector_size(LANES * 4)));
typedef uint16_t hvec __attribute__((vector_size(LANES * 2)));
typedef uint8_t bvec __attribute__((vector_size(LANES)));

static inline vec load_f32(const float *p)
{
    vec v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void store_f32(float *p, vec v)
{
    memcpy(p, &v, sizeof(v));
}

static inline vec all_lanes(float f)
{
    return (vec){0} + f;
}

#ifdef KERNEL_BF16
#ifndef __AVX512BF16__
#error "bf16 kernels are built for machines that have AVX512-BF16 only"
#endif
typedef uint16_t elem;

static inline vec load(const elem *p)
{
    hvec half;

    memcpy(&half, p, sizeof(half));
    return (vec)(__builtin_convertvector(half, uvec) << 16);
}

static inline float load_one(const elem *p)
{
    uint32_t bits = (uint32_t)*p << 16;
    float f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}

static inline void store(elem *p, vec v)
{
    __m256bh half = _mm512_cvtneps_pbh((__m512)v); /* to nearest even */

    memcpy(p, &half, sizeof(half));
}
#else
typedef float elem;

static inline vec load(const elem *p)
{
    return load_f32(p);
}

static inline float load_one(const elem *p)
{
    return *p;
}

static inline void store(elem *p, vec v)
{
    store_f32(p, v);
}
#endif

/* `a` where the mask is set, else `b`. */
static inline ivec choose(ivec mask, ivec a, ivec b)
{
    return (mask & a) | (~mask & b);
}

static inline vec max_of(vec a, vec b)
{
#if defined(__AVX512F__)
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return (vec)choose(a > b, (ivec)a, (ivec)b);
#endif
}

static inline float sum_lanes(vec v)
{
    float lanes[LANES], sum = 0;

    store_f32(lanes, v);
    for (int width = LANES / 2; width > 1; width /= 2)
        for (int i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    sum = lanes[0] + lanes[1];
    return sum;
}

static inline float max_lanes(vec v)
{
    float lanes[LANES];

    store_f32(lanes, v);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
    return lanes[0];
}

/* exp within 2e-7 of the value on [-87, 87], clamped outside: 2^n from the exponent's bits times the
 * Taylor series of 2^f, |f| <= 1/2, whose next term is below 2e-8. */
static inline vec exp_of(vec x)
{
    const float log2_e = 1.44269504088896341F, round = 12582912; /* 1.5 * 2^23 */
    vec t = -max_of(-max_of(x, all_lanes(-87)), all_lanes(-87)) * log2_e;
    vec n = (t + round) - round;
    vec f = t - n;
    vec p = all_lanes(1.52527338040598403e-5F);

    p = p * f + 1.54035303933816099e-4F;
    p = p * f + 1.33335581464284434e-3F;
    p = p * f + 9.61812910762847716e-3F;
    p = p * f + 5.55041086648215800e-2F;
    p = p * f + 2.40226506959100712e-1F;
    p = p * f + 6.93147180559945309e-1F;
    p = p * f + 1;
    return (vec)((ivec)p + (__builtin_convertvector(n, ivec) << 23));
}

#endif
