#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/wide.h"
#include "dataset/artefact.h"

/* Across, then down: both passes go through rows of a ring, so that the picture is read and written
 * in place. Weights are 1/65536 and sum to one exactly: an even surface stays as it is. */
enum { REACH_MAX = 3 * ARTEFACT_SIGMA_MAX, ONE = 1 << 16 };

struct kernel {
    uint32_t weight[REACH_MAX + 1]; /* of the distance */
    int reach;
};

static void make_kernel(struct kernel *k, float sigma)
{
    float sum = 0;
    uint32_t rest = ONE;

    k->reach = (int)ceilf(3 * sigma);
    for (int i = -k->reach; i <= k->reach; i++)
        sum += expf(-0.5F * (float)(i * i) / (sigma * sigma));
    for (int i = 1; i <= k->reach; i++) {
        k->weight[i] = (uint32_t)(ONE * expf(-0.5F * (float)(i * i) / (sigma * sigma)) / sum);
        rest -= 2 * k->weight[i];
    }
    k->weight[0] = rest;
}

/* sums[i] of n bytes: the weighted sum of row[i - reach * step] ... row[i + reach * step]. */
WIDE static void across(uint8_t *restrict out, const uint8_t *restrict row, size_t n,
                        const struct kernel *k, uint32_t *restrict sums)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = ONE / 2 + k->weight[0] * row[i];
    for (int d = 1; d <= k->reach; d++) {
        const uint8_t *before = row - 3L * d, *after = row + 3L * d;
        uint32_t weight = k->weight[d];
        for (size_t i = 0; i < n; i++)
            sums[i] += weight * (uint32_t)(before[i] + after[i]);
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(sums[i] >> 16);
}

/* The same down: one new row of the rows around it. */
WIDE static void down_add(uint32_t *restrict sums, const uint8_t *restrict above,
                          const uint8_t *restrict below, uint32_t weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += weight * (uint32_t)(above[i] + below[i]);
}

WIDE static void down_begin(uint32_t *restrict sums, const uint8_t *restrict row, uint32_t weight,
                            size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = ONE / 2 + weight * row[i];
}

WIDE static void down_end(uint8_t *restrict out, const uint32_t *restrict sums, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(sums[i] >> 16);
}

/* `row` with its ends repeated REACH_MAX times on both sides. */
static void spread(uint8_t *wide, const uint8_t *row, int w, int reach)
{
    size_t n = 3 * (size_t)w;

    memcpy(wide + 3 * (size_t)reach, row, n);
    for (int i = 0; i < reach; i++) {
        memcpy(wide + 3 * (size_t)i, row, 3);
        memcpy(wide + 3 * (size_t)(reach + w + i), row + n - 3, 3);
    }
}

/* Of the scratch: sums, a spread row and the rows between the passes. */
size_t artefact_room(int w, int h)
{
    size_t row = 3 * (size_t)w;

    return row * sizeof(uint32_t) + row + 6 * (size_t)REACH_MAX + row * (size_t)h;
}

void artefact_blur(const struct artefact_canvas *c, float sigma)
{
    size_t n = 3 * (size_t)c->w;
    uint32_t *sums = (uint32_t *)(void *)c->room;
    uint8_t *wide = c->room + n * sizeof(*sums), *between = wide + n + 6 * (size_t)REACH_MAX;
    struct kernel k;

    if (!(sigma > 0))
        return;
    make_kernel(&k, sigma < ARTEFACT_SIGMA_MAX ? sigma : ARTEFACT_SIGMA_MAX);
    for (int j = 0; j < c->h; j++) {
        spread(wide, c->rgb + (size_t)j * n, c->w, k.reach);
        across(between + (size_t)j * n, wide + 3 * (size_t)k.reach, n, &k, sums);
    }
    for (int j = 0; j < c->h; j++) {
        down_begin(sums, between + (size_t)j * n, k.weight[0], n);
        for (int d = 1; d <= k.reach; d++) {
            int above = j - d > 0 ? j - d : 0, below = j + d < c->h ? j + d : c->h - 1;
            down_add(sums, between + (size_t)above * n, between + (size_t)below * n, k.weight[d],
                     n);
        }
        down_end(c->rgb + (size_t)j * n, sums, n);
    }
}
