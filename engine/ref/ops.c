#include "engine/ref/ops.h"

#include <assert.h>
#include <string.h>

#define ARITH_DOUBLE
#include "engine/cudnn/arith.h"

static_assert((int)ARITH_CLASSES == (int)ENGINE_CLASSES, "the kernels' classes are the engine's");

void ref_input(const uint8_t *rgb, struct ref_map out)
{
    size_t count = (size_t)out.shape.h * out.shape.w * out.shape.c;

    for (size_t i = 0; i < count; i++)
        out.at[i] = arith_normalise(rgb[i]);
}

void ref_relu(struct ref_map map)
{
    size_t count = (size_t)map.shape.h * map.shape.w * map.shape.c;

    for (size_t i = 0; i < count; i++)
        map.at[i] = arith_relu(map.at[i]);
}

/* Mean of a window for every channel. */
static void mean_window(struct ref_map in, struct arith_window y, struct arith_window x, double *to)
{
    memset(to, 0, (size_t)in.shape.c * sizeof(*to));
    for (int iy = y.begin; iy < y.end; iy++)
        for (int ix = x.begin; ix < x.end; ix++) {
            const double *from = in.at + ((size_t)iy * in.shape.w + ix) * in.shape.c;
            for (int c = 0; c < in.shape.c; c++)
                to[c] += from[c];
        }
    for (int c = 0; c < in.shape.c; c++)
        to[c] *= arith_share(y, x);
}

void ref_average(struct ref_map in, struct ref_map out)
{
    for (int i = 0; i < out.shape.h * out.shape.w; i++)
        mean_window(in, arith_pool_window(in.shape.h, i / out.shape.w),
                    arith_pool_window(in.shape.w, i % out.shape.w),
                    out.at + (size_t)i * out.shape.c);
}

void ref_bins(struct ref_map in, struct ref_map out)
{
    int bins = out.shape.w;

    for (int i = 0; i < bins * bins; i++)
        mean_window(in, arith_bin_window(in.shape.h, bins, i / bins),
                    arith_bin_window(in.shape.w, bins, i % bins), out.at + (size_t)i * out.shape.c);
}

void ref_concat(const struct ref_map *in, int inputs, struct ref_map out)
{
    size_t pixels = (size_t)out.shape.h * out.shape.w;

    for (size_t p = 0; p < pixels; p++) {
        double *to = out.at + p * out.shape.c;
        for (int k = 0; k < inputs; k++) {
            memcpy(to, in[k].at + p * in[k].shape.c, (size_t)in[k].shape.c * sizeof(*to));
            to += in[k].shape.c;
        }
    }
}

static void resize_pixel(struct ref_map in, int y, int x, struct shape to_shape, double *to)
{
    struct arith_tap row = arith_tap(in.shape.h, to_shape.h, y);
    struct arith_tap column = arith_tap(in.shape.w, to_shape.w, x);
    const double *upper = in.at + (size_t)row.lo * in.shape.w * in.shape.c;
    const double *lower = in.at + (size_t)row.hi * in.shape.w * in.shape.c;
    size_t left = (size_t)column.lo * in.shape.c, right = (size_t)column.hi * in.shape.c;
    struct arith_corners corners = arith_corners(row, column);

    for (int i = 0; i < in.shape.c; i++)
        to[i] = arith_bilinear(corners, upper[left + i], upper[right + i], lower[left + i],
                               lower[right + i]);
}

void ref_resize(struct ref_map in, struct ref_map out)
{
    for (int y = 0; y < out.shape.h; y++)
        for (int x = 0; x < out.shape.w; x++)
            resize_pixel(in, y, x, out.shape, out.at + ((size_t)y * out.shape.w + x) * out.shape.c);
}

void ref_sum(const struct ref_map *in, int inputs, struct ref_map out)
{
    size_t count = (size_t)out.shape.h * out.shape.w * out.shape.c;

    for (size_t i = 0; i < count; i++) {
        out.at[i] = in[0].at[i];
        for (int k = 1; k < inputs; k++)
            out.at[i] += in[k].at[i];
    }
}

static void mean_max(const double *at, int n, double out[2])
{
    struct arith_reduced r = {at[0], at[0]};

    for (int i = 1; i < n; i++)
        r = arith_reduced_add(r, at[i]);
    out[0] = r.sum / n;
    out[1] = r.max;
}

void ref_stats(const struct ref_map *in, struct ref_map out)
{
    size_t pixels = (size_t)out.shape.h * out.shape.w;

    for (size_t p = 0; p < pixels; p++) {
        mean_max(in[0].at + p * in[0].shape.c, in[0].shape.c, out.at + 4 * p);
        mean_max(in[1].at + p * in[1].shape.c, in[1].shape.c, out.at + 4 * p + 2);
    }
}

void ref_blend(const struct ref_map *in, double scale, struct ref_map out)
{
    size_t pixels = (size_t)out.shape.h * out.shape.w;

    for (size_t p = 0; p < pixels; p++) {
        double a = arith_sigmoid(in[2].at[p]);
        for (int c = 0; c < out.shape.c; c++) {
            size_t i = p * out.shape.c + c;
            out.at[i] = arith_blend(in[0].at[i], in[1].at[i], a, scale);
        }
    }
}

static void keep_scores(struct engine_scores *scores, const double sums[ARITH_SUMS])
{
    for (int c = 0; c < ENGINE_CLASSES; c++) {
        scores->all_sum[c] = sums[ARITH_ALL + c];
        scores->lesion_sum[c] = sums[ARITH_LESION + c];
    }
    scores->lesion_top_sum = sums[ARITH_TOP];
    scores->lesion_px = (uint32_t)sums[ARITH_LESION_PX];
}

void ref_classes(struct ref_map logits, int h, int w, struct engine_image *image)
{
    struct shape full = {h, w, ENGINE_CLASSES};
    double pixel[ENGINE_CLASSES] = {0}, p[ENGINE_CLASSES], sums[ARITH_SUMS] = {0};

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            resize_pixel(logits, y, x, full, pixel);
            double total = arith_powers(pixel, p);
            int label = arith_label(p, total);
            image->class_map[(size_t)y * w + x] = (uint8_t)label;
            if (y < image->content_h && x < image->content_w)
                arith_score(sums, p, total, label);
        }
    keep_scores(&image->scores, sums);
    image->scores.content_px = (uint32_t)image->content_w * (uint32_t)image->content_h;
}
