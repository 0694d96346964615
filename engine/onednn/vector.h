/* vector.h -- short vectors for the kernels: as many f32 lanes as the instruction set has, loads
 * and stores of activations (f32, or bf16 kept as its 16 bits), and exp.
 *
 * Compiled once for each instruction set (CMakeLists.txt); GCC's vector extension keeps one source
 * for all. Private to the kernels. */
#ifndef ENGINE_ONEDNN_VECTOR_H
#define ENGINE_ONEDNN_VECTOR_H

#include <stdint.h>
#include <string.h>

#include "engine/onednn/kernels_set.h"

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

/* The same in memory: any alignment, any type underneath. */
typedef float vec_at __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint16_t hvec_at __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef uint8_t bvec_at __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef int8_t svec_at __attribute__((vector_size(LANES), aligned(1), may_alias));

static inline vec load_f32(const float *p)
{
    return *(const vec_at *)p;
}

static inline void store_f32(float *p, vec v)
{
    *(vec_at *)p = v;
}

static inline void store_bytes(uint8_t *p, ivec v)
{
    *(bvec_at *)p = __builtin_convertvector(v, bvec);
}

static inline vec all_lanes(float f)
{
    return (vec){0} + f;
}

/* bf16 pays only where the instructions are; without them the same is computed for tests. */
#ifdef KERNEL_BF16
typedef uint16_t elem;

union f32_bits {
    uint32_t bits;
    float f;
};

static inline vec load(const elem *p)
{
    return (vec)(__builtin_convertvector(*(const hvec_at *)p, uvec) << 16);
}

static inline float load_one(const elem *p)
{
    return (union f32_bits){.bits = (uint32_t)*p << 16}.f;
}

#ifdef __AVX512BF16__
static inline void store(elem *p, vec v) /* rounded to nearest even */
{
    *(hvec_at *)p = (hvec)_mm512_cvtneps_pbh((__m512)v);
}
#else
static inline void store(elem *p, vec v)
{
    uvec bits = (uvec)v;
    *(hvec_at *)p = __builtin_convertvector((bits + 0x7fff + ((bits >> 16) & 1)) >> 16, hvec);
}
#endif
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

#if defined(__AVX512F__)
static inline vec max_of(vec a, vec b)
{
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
}

static inline float sum_lanes(vec v)
{
    return _mm512_reduce_add_ps((__m512)v);
}

static inline float max_lanes(vec v)
{
    return _mm512_reduce_max_ps((__m512)v);
}

static inline vec load_bytes(const uint8_t *p) /* GCC 12 makes scalar code of the plain form */
{
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

static inline vec load_signed(const int8_t *p)
{
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}
#else
#ifdef __AVX2__
static inline vec max_of(vec a, vec b)
{
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
}
#else
static inline vec max_of(vec a, vec b)
{
    return (vec)choose(a > b, (ivec)a, (ivec)b);
}
#endif

float KERNEL(sum_lanes_of)(vec v);
float KERNEL(max_lanes_of)(vec v);

static inline float sum_lanes(vec v)
{
    return KERNEL(sum_lanes_of)(v);
}

static inline float max_lanes(vec v)
{
    return KERNEL(max_lanes_of)(v);
}

static inline vec load_bytes(const uint8_t *p)
{
    return __builtin_convertvector(__builtin_convertvector(*(const bvec_at *)p, ivec), vec);
}

static inline vec load_signed(const int8_t *p)
{
    return __builtin_convertvector(__builtin_convertvector(*(const svec_at *)p, ivec), vec);
}
#endif

/* `v` where `of` is over 0, else 0. */
#ifdef __AVX512F__
static inline vec keep_where_positive(vec of, vec v)
{
    __mmask16 over = _mm512_cmp_ps_mask((__m512)of, _mm512_setzero_ps(), _CMP_GT_OQ);
    return (vec)_mm512_maskz_mov_ps(over, (__m512)v);
}
#else
static inline vec keep_where_positive(vec of, vec v)
{
    return (vec)((ivec)(of > 0) & (ivec)v);
}
#endif

#define ROUND_UNIT 12582912.0F /* 1.5 * 2^23: adding it leaves the whole part in the low bits */

/* Rounded to nearest even and kept within a byte. */
#ifdef __AVX512F__
static inline void store_u8(uint8_t *p, vec v)
{
    __m512i whole = _mm512_max_epi32(_mm512_cvtps_epi32((__m512)v), _mm512_setzero_si512());

    _mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(whole));
}

static inline void store_s8(int8_t *p, vec v)
{
    _mm_storeu_si128((__m128i *)p, _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32((__m512)v)));
}
#else
static inline ivec round_between(vec v, float low, float high)
{
    return (ivec)(-max_of(-max_of(v, all_lanes(low)), all_lanes(-high)) + ROUND_UNIT);
}

static inline void store_u8(uint8_t *p, vec v)
{
    store_bytes(p, round_between(v, 0, 255));
}

static inline void store_s8(int8_t *p, vec v)
{
    store_bytes((uint8_t *)p, round_between(v, -128, 127));
}
#endif

/* Value `i` of a map; `cell` is a constant in every caller, so one loop becomes one for each. */
static inline vec load_at(const void *map, size_t i, enum cell cell)
{
    return cell == CELL_U8   ? load_bytes((const uint8_t *)map + i)
           : cell == CELL_S8 ? load_signed((const int8_t *)map + i)
                             : load((const elem *)map + i);
}

static inline void store_at(void *map, size_t i, vec v, enum cell cell) /* U8 or ELEM */
{
    cell == CELL_U8 ? store_u8((uint8_t *)map + i, v) : store((elem *)map + i, v);
}

static inline size_t cell_size(enum cell cell)
{
    return cell == CELL_ELEM ? sizeof(elem) : 1;
}

#define FOR_CELL static inline __attribute__((always_inline)) /* ends in a constant `cell` */

#define LOG2_E 1.44269504088896341F

/* 2^f for |f| <= 1/2: minimax polynomial of degree 5 (Remez, relative error 7.5e-8). */
static inline vec exp2_fraction(vec f)
{
    vec high = (1.327647198e-3F * f + 9.675541334e-3F) * f + 5.550713274e-2F;

    return ((high * f + 2.402211972e-1F) * f + 6.931469671e-1F) * f + 1.000000072F;
}

/* 2^x within 2e-7 of the value for -126 <= x <= 126; below, 2^-126. The whole part of x goes into
 * the exponent's bits. */
static inline vec exp2_of(vec x)
{
    vec t = max_of(x, all_lanes(-126)) + ROUND_UNIT;
    vec p = exp2_fraction(max_of(x, all_lanes(-126)) - (t - ROUND_UNIT));
    return (vec)((ivec)p + ((ivec)t << 23));
}

/* ---- products ---- */

#ifdef KERNEL_BF16
typedef int32_t pair_at __attribute__((aligned(2), may_alias));
enum { DEPTH = 2 }; /* products that one instruction adds up */

#ifdef __AVX512BF16__
static inline vec multiply_add(vec sum, const elem *pair, vec weight)
{
    __m512i both = _mm512_set1_epi32(*(const pair_at *)pair);
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)both, (__m512bh)weight);
}
#else
static inline vec multiply_add(vec sum, const elem *pair, vec weight)
{
    return sum + load_one(pair) * (vec)((uvec)weight << 16) +
           load_one(pair + 1) * (vec)((uvec)weight & 0xffff0000);
}
#endif

static inline vec load_weight(const elem *p)
{
    return *(const vec_at *)p;
}
#else
enum { DEPTH = 1 };

static inline vec multiply_add(vec sum, const elem *value, vec weight)
{
    return sum + *value * weight;
}

static inline vec load_weight(const elem *p)
{
    return load_f32(p);
}
#endif

/* The weights of DEPTH inputs, `apart` vectors apart, side by side as multiply_add wants them:
 * LANES,DEPTH. */
void KERNEL(store_weights)(elem *to, const vec *weights, int apart);

#endif
