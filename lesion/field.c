/* field.c -- see field.h. */
#include "lesion/field.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static int side(int length, int longest)
{
    if (longest <= FIELD_SIDE)
        return length;
    int made = (int)lround((double)length * FIELD_SIDE / longest);
    return made > 0 ? made : 1;
}

/* Add rows y0 .. y1 - 1 of the picture, byte by byte, into one row of sums. */
static void sum_rows(uint32_t *sums, const uint8_t *rgb, int n, int y0, int y1)
{
    memset(sums, 0, (size_t)n * sizeof(*sums));
    for (int y = y0; y < y1; y++) {
        const uint8_t *row = rgb + (size_t)y * (size_t)n;
        for (int i = 0; i < n; i++)
            sums[i] += row[i];
    }
}

static int edge_of(int i, int from, int to)
{
    return (int)((int64_t)i * from / to);
}

static void smooth_lightness(struct field *f)
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

/* The means of one row's pixels: sums over `rows` rows, `w` columns, into `to` pixels. */
static void mean_pixels(uint8_t *out, const uint32_t *sums, int w, int rows, int to)
{
    for (int x = 0, x0 = 0; x < to; x++) {
        int x1 = edge_of(x + 1, w, to);
        float share = 1.0f / (float)((x1 - x0) * rows);
        uint32_t r = 0, g = 0, b = 0;
        for (; x0 < x1; x0++) {
            r += sums[0];
            g += sums[1];
            b += sums[2];
            sums += 3;
        }
        *out++ = (uint8_t)((float)r * share + 0.5f);
        *out++ = (uint8_t)((float)g * share + 0.5f);
        *out++ = (uint8_t)((float)b * share + 0.5f);
    }
}

void field_make(struct field *f, const struct lab_table *t, const uint8_t *rgb, int w, int h,
                uint32_t *sums)
{
    uint8_t row[3 * FIELD_SIDE];

    f->w = side(w, w > h ? w : h);
    f->h = side(h, w > h ? w : h);
    for (int y = 0; y < f->h; y++) {
        int y0 = edge_of(y, h, f->h), y1 = edge_of(y + 1, h, f->h);
        size_t at = field_at(f, 0, y);
        sum_rows(sums, rgb, 3 * w, y0, y1);
        mean_pixels(row, sums, w, y1 - y0, f->w);
        lab_of_row(t, row, f->w, f->l + at, f->a + at, f->b + at);
    }
    smooth_lightness(f);
}

void field_mark_lesion(struct field *f, const uint8_t *shape, const uint8_t *map, int map_w,
                       int content_w, int content_h)
{
    int64_t sum_x = 0, sum_y = 0;
    int n = 0, columns[FIELD_SIDE];

    for (int x = 0; x < f->w; x++)
        columns[x] = (int)((2LL * x + 1) * content_w / (2LL * f->w));
    for (int y = 0; y < f->h; y++) {
        int from = (int)((2LL * y + 1) * content_h / (2LL * f->h));
        const uint8_t *shape_row = shape + (size_t)(from + 1) * (size_t)(content_w + 2) + 1;
        const uint8_t *map_row = map + (size_t)from * (size_t)map_w;
        for (int x = 0; x < f->w; x++) {
            int is_lesion = shape_row[columns[x]] != 0;
            f->lesion[field_at(f, x, y)] = (uint8_t)is_lesion;
            f->any[field_at(f, x, y)] = map_row[columns[x]] != 0;
            n += is_lesion;
            sum_x += is_lesion ? x : 0;
            sum_y += is_lesion ? y : 0;
        }
    }
    f->lesion_px = n;
    f->centre_x = n ? (double)sum_x / n + 0.5 : f->w / 2.0;
    f->centre_y = n ? (double)sum_y / n + 0.5 : f->h / 2.0;
}
