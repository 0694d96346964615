#include "engine/network.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ARITH_DOUBLE
#include "engine/cudnn/arith.h"

/* clang-format off */
#define B "backbone.features."
#define D "ppseg_head."
#define NO L_NONE, L_NONE, L_NONE

/* name, op, names, in, channels, kernel, stride, groups, bias, norm, relu, serial */
#define CONV(name, names, in, c, k, s, serial) \
    {name, LAYER_CONV, names, {in, NO}, c, k, s, 1, false, true, true, serial}
#define DEPTHWISE(name, in, c, serial) \
    {name, LAYER_CONV, NAMES_AVD, {in, NO}, c, 3, 2, c, false, true, false, serial}
#define AVERAGE(name, in, c) \
    {name, LAYER_AVERAGE, NAMES_NONE, {in, NO}, c, 3, 2, 1, false, false, false, 0}
#define CONCAT(name, a, b, c, e, channels) \
    {name, LAYER_CONCAT, NAMES_NONE, {a, b, c, e}, channels, 1, 1, 1, false, false, false, 0}
#define BINS(name, bins) \
    {name, LAYER_BINS, NAMES_NONE, {L_F7, NO}, 1024, bins, 1, 1, false, false, false, 0}
#define CONTEXT(name, in, c, k, serial) \
    {name, LAYER_CONV, NAMES_DECODER, {in, NO}, c, k, 1, 1, true, true, true, serial}
#define RESIZE(name, in, like, c) \
    {name, LAYER_RESIZE, NAMES_NONE, {in, like, L_NONE, L_NONE}, c, 1, 1, 1, false, false, false, 0}
#define SUM(name, a, b, e, c) \
    {name, LAYER_SUM, NAMES_NONE, {a, b, e, L_NONE}, c, 1, 1, 1, false, false, false, 0}
#define STATS(name, x, y) \
    {name, LAYER_STATS, NAMES_NONE, {x, y, L_NONE, L_NONE}, 4, 1, 1, 1, false, false, false, 0}
#define ATTENTION(name, in, serial) \
    {name, LAYER_CONV, NAMES_DECODER, {in, NO}, 1, 3, 1, 1, false, true, false, serial}
#define BLEND(name, x, y, a, c, serial) \
    {name, LAYER_BLEND, NAMES_FUSION, {x, y, a, L_NONE}, c, 1, 1, 1, false, false, false, serial}
#define CLASSIFIER(name, in, serial) \
    {name, LAYER_CONV, NAMES_PLAIN, {in, NO}, 8, 1, 1, 1, false, false, false, serial}

const struct layer network[LAYER_COUNT] = {
    [L_IN]  = {"input", LAYER_INPUT, NAMES_NONE, {L_NONE, NO}, 3, 1, 1, 1, false, false, false, 0},
    [L_F0]  = CONV(B "0", NAMES_BACKBONE, L_IN, 32, 3, 2, 0),
    [L_F1]  = CONV(B "1", NAMES_BACKBONE, L_F0, 64, 3, 2, 1),

    [L_F2A] = CONV(B "2.conv_list.0", NAMES_BACKBONE, L_F1, 128, 1, 1, 3),
    [L_F2D] = DEPTHWISE(B "2.avd_layer", L_F2A, 128, 2),
    [L_F2P] = AVERAGE(B "2.skip", L_F2A, 128),
    [L_F2B] = CONV(B "2.conv_list.1", NAMES_BACKBONE, L_F2D, 64, 3, 1, 4),
    [L_F2C] = CONV(B "2.conv_list.2", NAMES_BACKBONE, L_F2B, 32, 3, 1, 5),
    [L_F2E] = CONV(B "2.conv_list.3", NAMES_BACKBONE, L_F2C, 32, 3, 1, 6),
    [L_F2]  = CONCAT(B "2", L_F2P, L_F2B, L_F2C, L_F2E, 256),

    [L_F3A] = CONV(B "3.conv_list.0", NAMES_BACKBONE, L_F2, 128, 1, 1, 7),
    [L_F3B] = CONV(B "3.conv_list.1", NAMES_BACKBONE, L_F3A, 64, 3, 1, 8),
    [L_F3C] = CONV(B "3.conv_list.2", NAMES_BACKBONE, L_F3B, 32, 3, 1, 9),
    [L_F3E] = CONV(B "3.conv_list.3", NAMES_BACKBONE, L_F3C, 32, 3, 1, 10),
    [L_F3]  = CONCAT(B "3", L_F3A, L_F3B, L_F3C, L_F3E, 256),

    [L_F4A] = CONV(B "4.conv_list.0", NAMES_BACKBONE, L_F3, 256, 1, 1, 12),
    [L_F4D] = DEPTHWISE(B "4.avd_layer", L_F4A, 256, 11),
    [L_F4P] = AVERAGE(B "4.skip", L_F4A, 256),
    [L_F4B] = CONV(B "4.conv_list.1", NAMES_BACKBONE, L_F4D, 128, 3, 1, 13),
    [L_F4C] = CONV(B "4.conv_list.2", NAMES_BACKBONE, L_F4B, 64, 3, 1, 14),
    [L_F4E] = CONV(B "4.conv_list.3", NAMES_BACKBONE, L_F4C, 64, 3, 1, 15),
    [L_F4]  = CONCAT(B "4", L_F4P, L_F4B, L_F4C, L_F4E, 512),

    [L_F5A] = CONV(B "5.conv_list.0", NAMES_BACKBONE, L_F4, 256, 1, 1, 16),
    [L_F5B] = CONV(B "5.conv_list.1", NAMES_BACKBONE, L_F5A, 128, 3, 1, 17),
    [L_F5C] = CONV(B "5.conv_list.2", NAMES_BACKBONE, L_F5B, 64, 3, 1, 18),
    [L_F5E] = CONV(B "5.conv_list.3", NAMES_BACKBONE, L_F5C, 64, 3, 1, 19),
    [L_F5]  = CONCAT(B "5", L_F5A, L_F5B, L_F5C, L_F5E, 512),

    [L_F6A] = CONV(B "6.conv_list.0", NAMES_BACKBONE, L_F5, 512, 1, 1, 21),
    [L_F6D] = DEPTHWISE(B "6.avd_layer", L_F6A, 512, 20),
    [L_F6P] = AVERAGE(B "6.skip", L_F6A, 512),
    [L_F6B] = CONV(B "6.conv_list.1", NAMES_BACKBONE, L_F6D, 256, 3, 1, 22),
    [L_F6C] = CONV(B "6.conv_list.2", NAMES_BACKBONE, L_F6B, 128, 3, 1, 23),
    [L_F6E] = CONV(B "6.conv_list.3", NAMES_BACKBONE, L_F6C, 128, 3, 1, 24),
    [L_F6]  = CONCAT(B "6", L_F6P, L_F6B, L_F6C, L_F6E, 1024),

    [L_F7A] = CONV(B "7.conv_list.0", NAMES_BACKBONE, L_F6, 512, 1, 1, 25),
    [L_F7B] = CONV(B "7.conv_list.1", NAMES_BACKBONE, L_F7A, 256, 3, 1, 26),
    [L_F7C] = CONV(B "7.conv_list.2", NAMES_BACKBONE, L_F7B, 128, 3, 1, 27),
    [L_F7E] = CONV(B "7.conv_list.3", NAMES_BACKBONE, L_F7C, 128, 3, 1, 28),
    [L_F7]  = CONCAT(B "7", L_F7A, L_F7B, L_F7C, L_F7E, 1024),

    [L_BIN1] = BINS(D "cm.stages.0.0", 1),
    [L_CM1]  = CONTEXT(D "cm.stages.0.1", L_BIN1, 128, 1, 29),
    [L_UP1]  = RESIZE(D "cm.stages.0.2", L_CM1, L_F7, 128),
    [L_BIN2] = BINS(D "cm.stages.1.0", 2),
    [L_CM2]  = CONTEXT(D "cm.stages.1.1", L_BIN2, 128, 1, 30),
    [L_UP2]  = RESIZE(D "cm.stages.1.2", L_CM2, L_F7, 128),
    [L_BIN4] = BINS(D "cm.stages.2.0", 4),
    [L_CM4]  = CONTEXT(D "cm.stages.2.1", L_BIN4, 128, 1, 31),
    [L_UP4]  = RESIZE(D "cm.stages.2.2", L_CM4, L_F7, 128),
    [L_CMS]  = SUM(D "cm.sum", L_UP1, L_UP2, L_UP4, 128),
    [L_CM]   = CONTEXT(D "cm.conv_out", L_CMS, 128, 3, 32),

    [L_X2]   = CONV(D "arm_list.2.conv_x", NAMES_DECODER, L_F7, 128, 3, 1, 41),
    [L_Y2]   = RESIZE(D "arm_list.2.up", L_CM, L_X2, 128),
    [L_M2]   = STATS(D "arm_list.2.stats", L_X2, L_Y2),
    [L_Q2]   = CONV(D "arm_list.2.conv_xy_atten.0", NAMES_DECODER, L_M2, 2, 3, 1, 43),
    [L_T2]   = ATTENTION(D "arm_list.2.conv_xy_atten.1", L_Q2, 44),
    [L_G2]   = BLEND(D "arm_list.2", L_X2, L_Y2, L_T2, 128, 2),
    [L_ARM2] = CONV(D "arm_list.2.conv_out", NAMES_DECODER, L_G2, 128, 3, 1, 42),

    [L_X1]   = CONV(D "arm_list.1.conv_x", NAMES_DECODER, L_F5, 128, 3, 1, 37),
    [L_Y1]   = RESIZE(D "arm_list.1.up", L_ARM2, L_X1, 128),
    [L_M1]   = STATS(D "arm_list.1.stats", L_X1, L_Y1),
    [L_Q1]   = CONV(D "arm_list.1.conv_xy_atten.0", NAMES_DECODER, L_M1, 2, 3, 1, 39),
    [L_T1]   = ATTENTION(D "arm_list.1.conv_xy_atten.1", L_Q1, 40),
    [L_G1]   = BLEND(D "arm_list.1", L_X1, L_Y1, L_T1, 128, 1),
    [L_ARM1] = CONV(D "arm_list.1.conv_out", NAMES_DECODER, L_G1, 64, 3, 1, 38),

    [L_X0]   = CONV(D "arm_list.0.conv_x", NAMES_DECODER, L_F3, 64, 3, 1, 33),
    [L_Y0]   = RESIZE(D "arm_list.0.up", L_ARM1, L_X0, 64),
    [L_M0]   = STATS(D "arm_list.0.stats", L_X0, L_Y0),
    [L_Q0]   = CONV(D "arm_list.0.conv_xy_atten.0", NAMES_DECODER, L_M0, 2, 3, 1, 35),
    [L_T0]   = ATTENTION(D "arm_list.0.conv_xy_atten.1", L_Q0, 36),
    [L_G0]   = BLEND(D "arm_list.0", L_X0, L_Y0, L_T0, 64, 0),
    [L_ARM0] = CONV(D "arm_list.0.conv_out", NAMES_DECODER, L_G0, 32, 3, 1, 34),

    [L_HEAD0]   = CONV("seg_heads.0.conv", NAMES_DECODER, L_ARM0, 32, 3, 1, 45),
    [L_LOGITS]  = CLASSIFIER("seg_heads.0.conv_out", L_HEAD0, 46),
    [L_HEAD1]   = CONV("seg_heads.1.conv", NAMES_DECODER, L_ARM1, 64, 3, 1, 47),
    [L_LOGITS1] = CLASSIFIER("seg_heads.1.conv_out", L_HEAD1, 48),
    [L_HEAD2]   = CONV("seg_heads.2.conv", NAMES_DECODER, L_ARM2, 64, 3, 1, 49),
    [L_LOGITS2] = CLASSIFIER("seg_heads.2.conv_out", L_HEAD2, 50),
};
/* clang-format on */

int layer_inputs(const struct layer *l)
{
    int n = 0;

    while (n < LAYER_INPUTS_MAX && l->in[n] != L_NONE)
        n++;
    return n;
}

static struct shape layer_shape(const struct layer *l, const struct shape *shapes)
{
    struct shape s = l->in[0] == L_NONE ? shapes[L_IN] : shapes[l->in[0]];

    s.c = l->channels;
    switch (l->op) {
    case LAYER_CONV:
    case LAYER_AVERAGE: /* padding kernel/2 on both sides: n becomes ceil(n / stride) */
        s.h = (s.h + l->stride - 1) / l->stride;
        s.w = (s.w + l->stride - 1) / l->stride;
        break;
    case LAYER_BINS: s.h = s.w = l->kernel; break;
    case LAYER_RESIZE:
        s.h = shapes[l->in[1]].h;
        s.w = shapes[l->in[1]].w;
        break;
    default: break;
    }
    return s;
}

int network_concat_of(int layer, int *before)
{
    for (int i = layer + 1; i < LAYER_COUNT; i++) {
        *before = 0;
        for (int k = 0; network[i].op == LAYER_CONCAT && k < layer_inputs(&network[i]); k++) {
            if (network[i].in[k] == layer)
                return i;
            *before += network[network[i].in[k]].channels;
        }
    }
    return L_NONE;
}

void network_shapes(struct shape out[LAYER_COUNT], int h, int w)
{
    assert(h > 0 && w > 0);
    out[L_IN] = (struct shape){h, w, network[L_IN].channels};
    for (int i = L_IN + 1; i < LAYER_COUNT; i++)
        out[i] = layer_shape(&network[i], out);
}

/* The times between which a layer's output must stay. */
struct life {
    int born, dies;
};

static int time_of(const struct run_order *order, int layer)
{
    return order ? order->at[layer] : layer;
}

/* A part that is run again for the next image writes all its own outputs again. */
static void outlive_rounds(struct life *life, const struct run_order *order)
{
    if (life->born < order->front && life->dies >= order->front)
        life->born = 0;
    if (life->born < order->back && life->dies >= order->back)
        life->dies = LAYER_COUNT;
}

static void find_lives(struct life life[LAYER_COUNT], const struct run_order *order)
{
    for (int i = 0; i < LAYER_COUNT; i++)
        life[i] = (struct life){time_of(order, i), time_of(order, i)};
    for (int i = 0; i < LAYER_COUNT; i++)
        for (int k = 0; k < layer_inputs(&network[i]); k++) {
            int in = network[i].in[k], now = time_of(order, i);
            if (life[in].dies < now)
                life[in].dies = now;
            if (network[i].op == LAYER_CONCAT && life[i].born > life[in].born)
                life[i].born = life[in].born;
        }
    for (int i = 0; i < LAYER_COUNT && order; i++)
        outlive_rounds(&life[i], order);
    life[L_LOGITS].dies = LAYER_COUNT; /* the caller's */
}

/* The lowest offset where `id` meets none of the layers placed already. */
static size_t first_fit(int id, const struct life *life, const size_t *bytes, const size_t *offset,
                        const bool *placed)
{
    size_t at = 0;
    bool moved = true;

    while (moved) {
        moved = false;
        for (int j = 0; j < LAYER_COUNT; j++) {
            bool apart = !placed[j] || life[j].dies < life[id].born || life[id].dies < life[j].born;
            if (apart || offset[j] + bytes[j] <= at || at + bytes[id] <= offset[j])
                continue;
            at = (offset[j] + bytes[j] + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
            moved = true;
        }
    }
    return at;
}

void network_memory(struct memory_plan *plan, const size_t bytes[LAYER_COUNT],
                    const struct run_order *order, bool keep)
{
    struct life life[LAYER_COUNT];
    bool placed[LAYER_COUNT] = {false};

    *plan = (struct memory_plan){0};
    find_lives(life, order);
    for (int i = 0; i < LAYER_COUNT && keep; i++)
        life[i] = (struct life){0, LAYER_COUNT};
    for (;;) { /* the largest first */
        int id = L_NONE;
        for (int i = 0; i < LAYER_COUNT; i++)
            if (!placed[i] && bytes[i] && (id == L_NONE || bytes[i] > bytes[id]))
                id = i;
        if (id == L_NONE)
            break;
        plan->offset[id] = first_fit(id, life, bytes, plan->offset, placed);
        placed[id] = true;
        if (plan->total < plan->offset[id] + bytes[id])
            plan->total = plan->offset[id] + bytes[id];
    }
}

double resize_tap(int from, int to, int k, int *lo, int *hi)
{
    struct arith_tap tap = arith_tap(from, to, k);

    *lo = tap.lo;
    *hi = tap.hi;
    return tap.f;
}

void bin_window(int n, int bins, int i, int *begin, int *end)
{
    struct arith_window w = arith_bin_window(n, bins, i);

    *begin = w.begin;
    *end = w.end;
}
