/* elem.h -- how the device stores activations: fp16, bf16 or f32, eight channels at a time.
 *
 * Computation is in f32 everywhere; a value is rounded (to nearest even) only when it is stored.
 * Loads and stores are of 16 bytes and must be aligned so. Valid C11 and CUDA C++: the conversions
 * of the host are ours, those of the device the device's, and give the same bits. */
#ifndef ENGINE_CUDNN_ELEM_H
#define ENGINE_CUDNN_ELEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/cudnn/arith.h"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

enum elem { ELEM_F32, ELEM_F16, ELEM_BF16 };

enum { ELEM_GROUP = 8 }; /* channels of one load; all channel counts are multiples of it */

LENTIGO_HD size_t elem_size(enum elem kind)
{
    return kind == ELEM_F32 ? 4 : 2;
}

LENTIGO_HD float elem_f32_of_bits(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}

LENTIGO_HD uint32_t elem_bits_of_f32(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

#ifdef __CUDACC__
LENTIGO_HD float elem_f32_of_f16(uint16_t h)
{
    return __half2float(__ushort_as_half(h));
}

LENTIGO_HD uint16_t elem_f16_of_f32(float f)
{
    return __half_as_ushort(__float2half_rn(f));
}
#else
/* No step makes a subnormal float: the threads that call this may flush them to zero. */
LENTIGO_HD float elem_f32_of_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7fff;

    if (rest < 0x0400) /* subnormal: steps of 2^-24 */
        return (sign ? -1.0F : 1.0F) * (float)rest * 0x1p-24F;
    if (rest >= 0x7c00) /* infinity, NaN */
        return elem_f32_of_bits(sign | 0x7f800000 | rest << 13);
    return elem_f32_of_bits(sign | ((rest << 13) + (112U << 23)));
}

LENTIGO_HD uint16_t elem_f16_of_f32(float f)
{
    uint32_t bits = elem_bits_of_f32(f), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;

    if (rest > 0x7f800000) /* NaN */
        return (uint16_t)(sign | 0x7fff);
    if (rest >= 0x477ff000) /* 65520: half way beyond the largest */
        return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) /* below 2^-14; the sum's last place is 2^-24 */
        return (uint16_t)(sign | (elem_bits_of_f32(elem_f32_of_bits(rest) + 0.5F) - 0x3f000000));
    rest -= 112U << 23;
    return (uint16_t)(sign | (rest + 0xfff + (rest >> 13 & 1)) >> 13);
}
#endif

LENTIGO_HD uint16_t elem_bf16_of_f32(float f)
{
    uint32_t bits = elem_bits_of_f32(f);

    if ((bits & 0x7fffffff) > 0x7f800000)
        return 0x7fff;
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

LENTIGO_HD float elem_widen(uint32_t half, enum elem kind)
{
    return kind == ELEM_F16 ? elem_f32_of_f16((uint16_t)half) : elem_f32_of_bits(half << 16);
}

LENTIGO_HD uint32_t elem_narrow(float f, enum elem kind)
{
    return kind == ELEM_F16 ? elem_f16_of_f32(f) : elem_bf16_of_f32(f);
}

/* What one instruction moves. */
struct elem_words {
    uint32_t at[4];
};

#ifdef __CUDACC__
LENTIGO_HD struct elem_words elem_words_load(const void *from)
{
    uint4 u = *(const uint4 *)from;
    struct elem_words w;

    w.at[0] = u.x;
    w.at[1] = u.y;
    w.at[2] = u.z;
    w.at[3] = u.w;
    return w;
}

LENTIGO_HD void elem_words_store(void *to, struct elem_words w)
{
    *(uint4 *)to = make_uint4(w.at[0], w.at[1], w.at[2], w.at[3]);
}
#else
LENTIGO_HD struct elem_words elem_words_load(const void *from)
{
    struct elem_words w;

    memcpy(&w, from, sizeof(w));
    return w;
}

LENTIGO_HD void elem_words_store(void *to, struct elem_words w)
{
    memcpy(to, &w, sizeof(w));
}
#endif

/* Channels c .. c + 7 of a pixel. */
struct elem_group {
    float v[ELEM_GROUP];
};

/* They as they are stored: what has many loads on their way keeps them so. `b` is f32's second half. */
struct elem_stored {
    struct elem_words a, b;
};

LENTIGO_HD struct elem_stored elem_fetch(const void *from, size_t at, enum elem kind)
{
    const char *place = (const char *)from + at * elem_size(kind);
    struct elem_stored s = {elem_words_load(place), {{0, 0, 0, 0}}};

    if (kind == ELEM_F32)
        s.b = elem_words_load(place + 16);
    return s;
}

LENTIGO_HD struct elem_stored elem_fetch_none(void)
{
    struct elem_stored s = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};

    return s;
}

LENTIGO_HD struct elem_group elem_group_of(struct elem_stored s, enum elem kind)
{
    struct elem_group g;

    if (kind == ELEM_F32) {
        LENTIGO_UNROLL
        for (int i = 0; i < 4; i++) {
            g.v[i] = elem_f32_of_bits(s.a.at[i]);
            g.v[4 + i] = elem_f32_of_bits(s.b.at[i]);
        }
        return g;
    }
    LENTIGO_UNROLL
    for (size_t i = 0; i < 4; i++) {
        g.v[2 * i] = elem_widen(s.a.at[i] & 0xffff, kind);
        g.v[2 * i + 1] = elem_widen(s.a.at[i] >> 16, kind);
    }
    return g;
}

/* The eight values from element `at` on, a multiple of 8. */
LENTIGO_HD struct elem_group elem_load(const void *from, size_t at, enum elem kind)
{
    return elem_group_of(elem_fetch(from, at, kind), kind);
}

LENTIGO_HD void elem_store(void *to, size_t at, struct elem_group g, enum elem kind)
{
    char *place = (char *)to + at * elem_size(kind);
    struct elem_words a, b;

    LENTIGO_UNROLL
    for (size_t i = 0; i < 4; i++) {
        a.at[i] = kind == ELEM_F32
                      ? elem_bits_of_f32(g.v[i])
                      : elem_narrow(g.v[2 * i], kind) | elem_narrow(g.v[2 * i + 1], kind) << 16;
        b.at[i] = elem_bits_of_f32(g.v[4 + i]);
    }
    elem_words_store(place, a);
    if (kind == ELEM_F32)
        elem_words_store(place + 16, b);
}

/* One value. */
LENTIGO_HD float elem_one(const void *from, size_t at, enum elem kind)
{
    return kind == ELEM_F32 ? ((const float *)from)[at]
                            : elem_widen(((const uint16_t *)from)[at], kind);
}

/* g + x*y, channel by channel. */
LENTIGO_HD struct elem_group elem_fma(struct elem_group g, struct elem_group x, struct elem_group y)
{
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        g.v[i] += x.v[i] * y.v[i];
    return g;
}

LENTIGO_HD struct elem_group elem_add(struct elem_group a, struct elem_group b)
{
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        a.v[i] += b.v[i];
    return a;
}

LENTIGO_HD struct elem_group elem_scale(struct elem_group g, float by)
{
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        g.v[i] *= by;
    return g;
}

LENTIGO_HD struct elem_group elem_relu(struct elem_group g)
{
    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        g.v[i] = arith_relu(g.v[i]);
    return g;
}

LENTIGO_HD struct elem_group elem_fill(float f)
{
    struct elem_group g;

    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        g.v[i] = f;
    return g;
}

/* A dense map of images of h,w,c. */
struct elem_map {
    const void *at;
    int h, w, c;
    enum elem kind;
};

/* Of row `row` (counted through the batch) the eight channels from `channel` on, resized across. */
LENTIGO_HD struct elem_group elem_across(struct elem_map map, size_t row, struct arith_tap x,
                                         int channel)
{
    size_t first = row * map.w;
    struct elem_group a = elem_load(map.at, (first + x.lo) * map.c + channel, map.kind);
    struct elem_group b = elem_load(map.at, (first + x.hi) * map.c + channel, map.kind);

    return elem_add(elem_scale(a, 1 - x.f), elem_scale(b, x.f));
}

/* Bilinear value of the eight channels from `channel` on of image `image`. */
LENTIGO_HD struct elem_group elem_resized(struct elem_map map, int image, struct arith_tap y,
                                          struct arith_tap x, int channel)
{
    size_t upper = ((size_t)image * map.h + y.lo) * map.w;
    size_t lower = upper + (size_t)(y.hi - y.lo) * map.w;
    struct elem_group ul = elem_load(map.at, (upper + x.lo) * map.c + channel, map.kind);
    struct elem_group ur = elem_load(map.at, (upper + x.hi) * map.c + channel, map.kind);
    struct elem_group ll = elem_load(map.at, (lower + x.lo) * map.c + channel, map.kind);
    struct elem_group lr = elem_load(map.at, (lower + x.hi) * map.c + channel, map.kind);
    struct arith_corners corners = arith_corners(y, x);

    LENTIGO_UNROLL
    for (int i = 0; i < ELEM_GROUP; i++)
        ul.v[i] = arith_bilinear(corners, ul.v[i], ur.v[i], ll.v[i], lr.v[i]);
    return ul;
}

#endif
