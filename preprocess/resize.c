#include "preprocess/resize.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/wide.h"

enum { LANES = 4 }; /* room that a load of four sums may reach past the last pixel */

static bool is_growing(const struct resizer *r)
{
    return r->w > r->source_w || r->h > r->source_h;
}

int resizer_init(struct resizer *r, int source_w, int source_h, int w, int h)
{
    *r = (struct resizer){.source_w = source_w, .source_h = source_h, .w = w, .h = h};
    if (is_growing(r))
        r->kept = malloc((size_t)source_w * (size_t)source_h * 3);
    else
        r->sums = calloc((size_t)source_w * 3 + LANES, sizeof(*r->sums));
    return r->kept || r->sums ? 0 : -1;
}

void resizer_release(struct resizer *r)
{
    free(r->sums);
    free(r->kept);
    *r = (struct resizer){0};
}

void resizer_set_output(struct resizer *r, uint8_t *out, size_t stride)
{
    r->out = out;
    r->stride = stride;
}

/* In units of 1/h of a source row an output row is source_h long and a source row h, so all
 * weights are whole numbers; a sum is at most 255 * source_h. The same holds across. */
WIDE static void sums_add(uint32_t *restrict sums, const uint8_t *restrict row, size_t n,
                          int weight)
{
    uint16_t w = (uint16_t)weight;

    for (size_t i = 0; i < n; i++)
        sums[i] += (uint32_t)((uint32_t)row[i] * w);
}

WIDE static void sums_set(uint32_t *restrict sums, const uint8_t *restrict row, size_t n,
                          int weight)
{
    uint16_t w = (uint16_t)weight;

    for (size_t i = 0; i < n; i++)
        sums[i] = (uint32_t)((uint32_t)row[i] * w);
}

/* Four lanes for three channels: the fourth reads the next pixel's first sum and is dropped. Doubles
 * hold every sum exactly (below 2^53), so their order does not matter. */
typedef int32_t sums4 __attribute__((vector_size(16)));
typedef double lanes __attribute__((vector_size(32)));

/* Through a pointer: how a vector is returned depends on the processor compiled for. */
static inline void add_scaled(lanes *to, const uint32_t *sums, int weight)
{
    sums4 s;

    memcpy(&s, sums, sizeof(s));
    *to += __builtin_convertvector(s, lanes) * (double)weight;
}

WIDE static void emit_row(const struct resizer *r)
{
    uint8_t *out = r->out + (size_t)r->out_row * r->stride;
    const uint32_t *sums = r->sums;
    double scale = 1.0 / ((double)r->source_w * r->source_h);
    int w = r->w, used = 0; /* units of the source pixel at `sums` that are spent */

    for (int x = 0; x < w; x++, out += 3) {
        int left = r->source_w - (w - used);
        lanes sum = {0};

        add_scaled(&sum, sums, w - used);
        for (sums += 3; left >= w; left -= w, sums += 3)
            add_scaled(&sum, sums, w);
        used = left;
        if (left > 0)
            add_scaled(&sum, sums, left);
        sums4 level = __builtin_convertvector(sum * scale + 0.5, sums4);
        out[0] = (uint8_t)level[0];
        out[1] = (uint8_t)level[1];
        out[2] = (uint8_t)level[2];
    }
}

static void push_area(struct resizer *r, const uint8_t *rgb)
{
    size_t n = (size_t)r->source_w * 3;
    int64_t start = (int64_t)r->row * r->h, end = start + r->h;
    int64_t edge = (int64_t)(r->out_row + 1) * r->source_h;

    if (end < edge) {
        sums_add(r->sums, rgb, n, r->h);
        return;
    }
    sums_add(r->sums, rgb, n, (int)(edge - start));
    emit_row(r);
    r->out_row++;
    sums_set(r->sums, rgb, n, (int)(end - edge));
}

/* Source position of output pixel i, in units of 1/(2 * to) of a source pixel, clamped. */
static void position(int i, int from, int to, int index[2], int weight[2])
{
    int at = (2 * i + 1) * from - to;

    at = at < 0 ? 0 : at;
    index[0] = at / (2 * to);
    index[1] = index[0] + 1 < from ? index[0] + 1 : index[0];
    weight[1] = at % (2 * to);
    weight[0] = 2 * to - weight[1];
}

static void grow(const struct resizer *r)
{
    uint64_t unit = (uint64_t)(2 * r->w) * (uint64_t)(2 * r->h);

    for (int y = 0; y < r->h; y++) {
        int iy[2], wy[2];

        position(y, r->source_h, r->h, iy, wy);
        const uint8_t *top = r->kept + (size_t)iy[0] * (size_t)r->source_w * 3;
        const uint8_t *low = r->kept + (size_t)iy[1] * (size_t)r->source_w * 3;
        for (int x = 0; x < r->w; x++) {
            int ix[2], wx[2];

            position(x, r->source_w, r->w, ix, wx);
            for (int c = 0; c < 3; c++) {
                int a = ix[0] * 3 + c, b = ix[1] * 3 + c;
                uint64_t sum = (uint64_t)(top[a] * wx[0] + top[b] * wx[1]) * (uint64_t)wy[0] +
                               (uint64_t)(low[a] * wx[0] + low[b] * wx[1]) * (uint64_t)wy[1];
                r->out[(size_t)y * r->stride + (size_t)x * 3 + (size_t)c] =
                    (uint8_t)((sum + unit / 2) / unit);
            }
        }
    }
}

void resizer_push(struct resizer *r, const uint8_t *rgb)
{
    size_t n = (size_t)r->source_w * 3;

    if (r->kept) {
        memcpy(r->kept + (size_t)r->row * n, rgb, n);
        if (r->row == r->source_h - 1)
            grow(r);
    } else if (r->w == r->source_w && r->h == r->source_h) {
        memcpy(r->out + (size_t)r->row * r->stride, rgb, n);
    } else {
        push_area(r, rgb);
    }
    r->row++;
}
