/* hair.c -- see hair.h. The picture stands in a frame of HAIR_PAD repeated pixels, so that lines in
 * any direction are plain offsets into one flat array. */
#include "lesion/hair.h"

#include <math.h>
#include <string.h>

#include "common/wide.h"

#define SCALE 2.5 /* bytes per unit of L* */

/* DEPTH: 9 units of L*, in whole bytes. */
enum { DEPTH = 22, LINE = 9, LONG_PX = 24, WIDTH_MAX = 4, BOX_SHARE = 5 };

WIDE static void larger_of(uint8_t *restrict out, const uint8_t *restrict a,
                           const uint8_t *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] > b[i] ? a[i] : b[i];
}

WIDE static void smaller_of(uint8_t *restrict out, const uint8_t *restrict a,
                            const uint8_t *restrict b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = a[i] < b[i] ? a[i] : b[i];
}

typedef void pick_fn(uint8_t *restrict, const uint8_t *restrict, const uint8_t *restrict, size_t);

/* For each place the pick of the LINE bytes from there on, `step` apart: windows of 2, 4, 8 and 9
 * by doubling. The result is in `out`; `n` shrinks by what has no whole window. */
static void slide(pick_fn *pick, uint8_t *out, uint8_t *spare, const uint8_t *in, size_t *n,
                  size_t step)
{
    size_t left = *n - step;

    pick(spare, in, in + step, left);
    left -= 2 * step;
    pick(out, spare, spare + 2 * step, left);
    left -= 4 * step;
    pick(spare, out, out + 4 * step, left);
    left -= step;
    pick(out, spare, in + (LINE - 1) * step, left);
    *n = left;
}

static size_t stride_of(const struct field *f)
{
    return (size_t)f->w + 2 * (size_t)HAIR_PAD;
}

WIDE static void row_of_bytes(uint8_t *restrict out, const float *restrict l, int w)
{
    for (int x = 0; x < w; x++)
        out[x] = (uint8_t)(int)(l[x] * (float)SCALE);
}

static void pad_lightness(struct hair_scratch *s, const struct field *f)
{
    size_t stride = stride_of(f);

    for (int y = -HAIR_PAD; y < f->h + HAIR_PAD; y++) {
        int from = y < 0 ? 0 : y < f->h ? y : f->h - 1;
        uint8_t *row = s->light + (size_t)(y + HAIR_PAD) * stride;
        row_of_bytes(row + HAIR_PAD, f->l + field_at(f, 0, from), f->w);
        memset(row, row[HAIR_PAD], HAIR_PAD);
        memset(row + HAIR_PAD + f->w, row[HAIR_PAD + f->w - 1], HAIR_PAD);
    }
}

/* The largest closing of the four directions into `closed`. A closing's value for a place stands
 * LINE - 1 steps before it. */
static void close_lines(struct hair_scratch *s, const struct field *f)
{
    size_t stride = stride_of(f), total = stride * ((size_t)f->h + 2 * (size_t)HAIR_PAD);
    const size_t steps[] = {1, stride, stride + 1, stride - 1};

    memset(s->closed, 0, total);
    for (size_t k = 0; k < sizeof(steps) / sizeof(*steps); k++) {
        size_t n = total;
        slide(larger_of, s->spare[0], s->spare[1], s->light, &n, steps[k]);
        slide(smaller_of, s->spare[2], s->spare[1], s->spare[0], &n, steps[k]);
        size_t first = (LINE - 1) * steps[k];
        memcpy(s->spare[1], s->closed + first, n);
        larger_of(s->closed + first, s->spare[1], s->spare[2], n);
    }
}

WIDE static void mark_row(uint8_t *restrict mask, const uint8_t *restrict closed,
                          const uint8_t *restrict light, const uint8_t *restrict is_outside, int w)
{
    for (int x = 0; x < w; x++)
        mask[x] = closed[x] - light[x] > DEPTH && !is_outside[x];
}

static void mark_thin(struct hair_scratch *s, const struct field *f, const uint8_t *is_outside)
{
    for (int y = 0; y < f->h; y++) {
        size_t at = (size_t)(y + HAIR_PAD) * stride_of(f) + HAIR_PAD, i = field_at(f, 0, y);
        mark_row(s->mask + i, s->closed + at, s->light + at, is_outside + i, f->w);
    }
}

/* The pixels of all parts that look like hair. */
static int hair_pixels(const struct components *parts)
{
    int sum = 0;

    for (int i = 0; i < parts->n_runs; i++) {
        const struct run *root = parts->runs + i;
        if (root->root != i)
            continue;
        int w = root->box_x1 - root->box_x0, h = root->box_y1 - root->y;
        double length = hypot(w, h);
        bool is_thin = root->area <= WIDTH_MAX * length || root->area * BOX_SHARE < w * h;
        sum += length >= LONG_PX && is_thin ? root->area : 0;
    }
    return sum;
}

double hair_measure(struct hair_scratch *s, struct components *parts, const struct field *f,
                    const uint8_t *is_outside)
{
    pad_lightness(s, f);
    close_lines(s, f);
    mark_thin(s, f, is_outside);
    components_find(parts, s->mask, f->w, f->w, f->h);
    return (double)hair_pixels(parts) / (f->w * f->h);
}
