/* field.c -- see field.h. */
#include "lesion/field.h"

#include <assert.h>
#include <string.h>

#include "common/shrink.h"
#include "common/wide.h"

WIDE static void smooth_lightness(struct field *f)
{
    float row[FIELD_SIDE + 2];

    assert(f->w > 0);
    for (int y = 0; y < f->h; y++) {
        const float *here = f->l + field_at(f, 0, y), *above = y ? here - f->w : here;
        const float *below = y + 1 < f->h ? here + f->w : here;
        for (int x = 0; x < f->w; x++)
            row[x + 1] = (above[x] + 2 * here[x] + below[x]) / 16;
        row[0] = row[1];
        row[f->w + 1] = row[f->w];
        for (int x = 0; x < f->w; x++)
            f->smooth[field_at(f, x, y)] = row[x] + 2 * row[x + 1] + row[x + 2];
    }
}

void field_make(struct field *f, const struct lab_table *t, const uint8_t *rgb, int w, int h,
                uint32_t *sums)
{
    int longest = w > h ? w : h;
    uint8_t row[3 * FIELD_SIDE];

    f->w = shrink_side(w, longest, FIELD_SIDE);
    f->h = shrink_side(h, longest, FIELD_SIDE);
    struct shrink shrink = {.w = w, .h = h, .to_w = f->w, .to_h = f->h, .sums = sums};
    for (int y = 0; y < h; y++, rgb += (size_t)w * 3)
        if (shrink_push(&shrink, rgb, row)) {
            size_t at = field_at(f, 0, shrink.made - 1);
            lab_of_row(t, row, f->w, f->l + at, f->a + at, f->b + at);
        }
    smooth_lightness(f);
}

/* Pixel x of a row of the field takes column columns[x] of the map. */
static void take_row(uint8_t *restrict out, const uint8_t *restrict row, const int *columns, int w)
{
    for (int x = 0; x < w; x++)
        out[x] = row[columns[x]] != 0;
}

/* Number of pixels in a row of the lesion, and the sum of their places. */
WIDE static int sum_row(const uint8_t *row, int w, int *sum_x)
{
    int n = 0, sum = 0;

    for (int x = 0; x < w; x++) {
        n += row[x];
        sum += row[x] * x;
    }
    *sum_x = sum;
    return n;
}

void field_mark_lesion(struct field *f, const uint8_t *shape, const uint8_t *map, int map_w,
                       int content_w, int content_h)
{
    int64_t sum_x = 0, sum_y = 0;
    int n = 0, columns[FIELD_SIDE];

    for (int x = 0; x < f->w; x++)
        columns[x] = (int)((2LL * x + 1) * content_w / (2LL * f->w));
    for (int y = 0; y < f->h; y++) {
        int from = (int)((2LL * y + 1) * content_h / (2LL * f->h)), row_x;
        uint8_t *lesion = f->lesion + field_at(f, 0, y);
        take_row(lesion, shape + (size_t)(from + 1) * (size_t)(content_w + 2) + 1, columns, f->w);
        take_row(f->any + field_at(f, 0, y), map + (size_t)from * (size_t)map_w, columns, f->w);
        int in_row = sum_row(lesion, f->w, &row_x);
        n += in_row;
        sum_x += row_x;
        sum_y += (int64_t)in_row * y;
    }
    f->lesion_px = n;
    f->centre_x = n ? (double)sum_x / n + 0.5 : f->w / 2.0;
    f->centre_y = n ? (double)sum_y / n + 0.5 : f->h / 2.0;
}

/* Eight sums side by side on every machine, so that the result does not depend on it. */
typedef double sums8 __attribute__((vector_size(64)));
typedef float values8 __attribute__((vector_size(32)));
typedef uint8_t flags8 __attribute__((vector_size(8)));

WIDE double field_sum(const float *plane, const uint8_t *left_out, int n)
{
    sums8 sums = {0};
    double sum = 0;
    int i = 0;

    for (; i + 8 <= n; i += 8) {
        values8 values;
        flags8 flags;
        memcpy(&values, plane + i, sizeof(values));
        memcpy(&flags, left_out + i, sizeof(flags));
        values *= 1 - __builtin_convertvector(flags, values8);
        sums += __builtin_convertvector(values, sums8);
    }
    for (; i < n; i++)
        sum += left_out[i] ? 0 : plane[i];
    for (int k = 0; k < 8; k++)
        sum += sums[k];
    return sum;
}
