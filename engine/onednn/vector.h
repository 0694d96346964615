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

#if defined(__AVX512F__)
static inline float sum_lanes(vec v)
{
    return _mm512_reduce_add_ps((__m512)v);
}

static inline float max_lanes(vec v)
{
    return _mm512_reduce_max_ps((__m512)v);
}
#else
static inline float sum_lanes(vec v)
{
    float lanes[LANES];

    store_f32(lanes, v);
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++)
            lanes[i] += lanes[i + width];
    return lanes[0];
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
#endif

/* LANES bytes as numbers. GCC 12 makes scalar code of the plain conversion. */
static inline vec load_bytes(const uint8_t *p)
{
#if defined(__AVX512F__)
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
#else
    bvec bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return __builtin_convertvector(__builtin_convertvector(bytes, ivec), vec);
#endif
}

#define LOG2_E 1.44269504088896341F

/* 2^x within 2e-7 of the value for -126 <= x <= 126; below, 2^-126. The whole part goes into the
 * exponent's bits; the rest is a minimax polynomial of degree 5 on [-1/2, 1/2] (Remez, relative
 * error 7.5e-8). */
static inline vec exp2_of(vec x)
{
    const float round = 12582912; /* 1.5 * 2^23: adding it leaves the whole part in the low bits */
    vec t = max_of(x, all_lanes(-126)) + round;
    vec f = max_of(x, all_lanes(-126)) - (t - round);
    vec p = all_lanes(1.327647198e-3F);

    p = p * f + 9.675541334e-3F;
    p = p * f + 5.550713274e-2F;
    p = p * f + 2.402211972e-1F;
    p = p * f + 6.931469671e-1F;
    p = p * f + 1.000000072F;
    return (vec)((ivec)p + ((ivec)t << 23));
}

#endif
