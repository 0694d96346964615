#include "engine/ref/learn_ops.h"

#include <assert.h>
#include <string.h>

#include "common/wide.h"

#define ARITH_DOUBLE
#include "engine/cudnn/arith.h"

static size_t pixels(struct ref_map m)
{
    return (size_t)m.shape.h * (size_t)m.shape.w;
}

static double *pixel(struct ref_map m, size_t p)
{
    return m.at + p * (size_t)m.shape.c;
}

enum { CHANNELS_MAX = 1024 };

/* 1/sqrt(variance + epsilon) of each channel. */
static void shrink(const struct ref_norm *norm, int c, double out[CHANNELS_MAX])
{
    assert(c <= CHANNELS_MAX);
    for (int i = 0; i < c; i++)
        out[i] = 1 / sqrt(norm->variance[i] + BATCH_NORM_EPSILON);
}

/* Two passes: the variance of a channel with a large mean keeps its digits. */
WIDE static void measure(const struct ref_norm *norm, struct ref_map in)
{
    int c = in.shape.c;

    memset(norm->mean, 0, (size_t)c * sizeof(double));
    memset(norm->variance, 0, (size_t)c * sizeof(double));
    for (size_t p = 0; p < pixels(in); p++)
        for (int i = 0; i < c; i++)
            norm->mean[i] += pixel(in, p)[i];
    for (int i = 0; i < c; i++)
        norm->mean[i] /= (double)pixels(in);
    for (size_t p = 0; p < pixels(in); p++)
        for (int i = 0; i < c; i++) {
            double off = pixel(in, p)[i] - norm->mean[i];
            norm->variance[i] += off * off;
        }
    for (int i = 0; i < c; i++)
        norm->variance[i] /= (double)pixels(in);
}

WIDE void ref_norm(const struct ref_norm *norm, struct ref_map in, struct ref_map out)
{
    int c = in.shape.c;
    double by[CHANNELS_MAX] = {0};

    if (pixels(in) == 1) {
        memcpy(out.at, in.at, (size_t)c * sizeof(*out.at));
        return;
    }
    measure(norm, in);
    shrink(norm, c, by);
    for (size_t p = 0; p < pixels(in); p++)
        for (int i = 0; i < c; i++)
            pixel(out, p)[i] =
                (pixel(in, p)[i] - norm->mean[i]) * by[i] * norm->gamma[i] + norm->beta[i];
}

/* Sums over the batch of the gradient, and of it times the normalised input. */
struct norm_sums {
    double gradient[CHANNELS_MAX], product[CHANNELS_MAX];
};

WIDE static void add_up(const struct ref_norm *norm, struct ref_map in, struct ref_map gradient,
                        const double *by, struct norm_sums *sums)
{
    for (size_t p = 0; p < pixels(in); p++) {
        const double *x = pixel(in, p), *g = pixel(gradient, p);
        for (int i = 0; i < in.shape.c; i++) {
            sums->gradient[i] += g[i];
            sums->product[i] += g[i] * ((x[i] - norm->mean[i]) * by[i]);
        }
    }
}

WIDE void ref_norm_back(const struct ref_norm *norm, struct ref_map in, struct ref_map gradient,
                        double *gamma, double *beta)
{
    struct norm_sums sums = {0};
    double by[CHANNELS_MAX] = {0}, n = (double)pixels(in);

    if (pixels(in) == 1)
        return;
    shrink(norm, in.shape.c, by);
    add_up(norm, in, gradient, by, &sums);
    for (int i = 0; i < in.shape.c; i++) {
        beta[i] += sums.gradient[i];
        gamma[i] += sums.product[i];
    }
    for (size_t p = 0; p < pixels(in); p++) {
        const double *x = pixel(in, p);
        double *g = pixel(gradient, p);
        for (int i = 0; i < in.shape.c; i++)
            g[i] = norm->gamma[i] * by[i] *
                   (g[i] - sums.gradient[i] / n -
                    (x[i] - norm->mean[i]) * by[i] * sums.product[i] / n);
    }
}

void ref_relu_back(struct ref_map out, struct ref_map gradient)
{
    for (size_t i = 0; i < pixels(out) * (size_t)out.shape.c; i++)
        gradient.at[i] = out.at[i] > 0 ? gradient.at[i] : 0;
}

/* The gradient of a window's mean. */
static void spread(const double *from, struct arith_window y, struct arith_window x,
                   struct ref_map in)
{
    double share = arith_share(y, x);

    for (int iy = y.begin; iy < y.end; iy++)
        for (int ix = x.begin; ix < x.end; ix++) {
            double *to = pixel(in, (size_t)iy * (size_t)in.shape.w + (size_t)ix);
            for (int c = 0; c < in.shape.c; c++)
                to[c] += from[c] * share;
        }
}

void ref_average_back(struct ref_map out, struct ref_map in)
{
    for (int i = 0; i < out.shape.h * out.shape.w; i++)
        spread(pixel(out, (size_t)i), arith_pool_window(in.shape.h, i / out.shape.w),
               arith_pool_window(in.shape.w, i % out.shape.w), in);
}

void ref_bins_back(struct ref_map out, struct ref_map in)
{
    int bins = out.shape.w;

    for (int i = 0; i < bins * bins; i++)
        spread(pixel(out, (size_t)i), arith_bin_window(in.shape.h, bins, i / bins),
               arith_bin_window(in.shape.w, bins, i % bins), in);
}

void ref_concat_back(struct ref_map out, const struct ref_map *in, int inputs)
{
    for (size_t p = 0; p < pixels(out); p++) {
        const double *from = pixel(out, p);
        for (int k = 0; k < inputs; k++)
            for (int c = 0; c < in[k].shape.c; c++)
                pixel(in[k], p)[c] += *from++;
    }
}

void ref_resize_back(struct ref_map out, struct ref_map in)
{
    for (int i = 0; i < out.shape.h * out.shape.w; i++) {
        struct arith_tap y = arith_tap(in.shape.h, out.shape.h, i / out.shape.w);
        struct arith_tap x = arith_tap(in.shape.w, out.shape.w, i % out.shape.w);
        struct arith_corners corners = arith_corners(y, x);
        const double *from = pixel(out, (size_t)i);
        for (int k = 0; k < 4; k++) {
            int row = k < 2 ? y.lo : y.hi, column = k % 2 ? x.hi : x.lo;
            double *to = pixel(in, (size_t)row * (size_t)in.shape.w + (size_t)column);
            for (int c = 0; c < in.shape.c; c++)
                to[c] += from[c] * corners.share[k];
        }
    }
}

void ref_sum_back(struct ref_map out, const struct ref_map *in, int inputs)
{
    for (int k = 0; k < inputs; k++)
        for (size_t i = 0; i < pixels(out) * (size_t)out.shape.c; i++)
            in[k].at[i] += out.at[i];
}

static void mean_max_back(const double *value, int n, const double gradient[2], double *to)
{
    int top = 0;

    for (int i = 0; i < n; i++) {
        top = value[i] > value[top] ? i : top;
        to[i] += gradient[0] / n;
    }
    to[top] += gradient[1];
}

void ref_stats_back(const struct ref_map *value, struct ref_map out, const struct ref_map *in)
{
    for (size_t p = 0; p < pixels(out); p++)
        for (int k = 0; k < 2; k++)
            mean_max_back(pixel(value[k], p), value[k].shape.c, pixel(out, p) + 2L * k,
                          pixel(in[k], p));
}

void ref_blend_back(const struct ref_map *value, double scale, struct ref_map out,
                    const struct ref_map *in)
{
    for (size_t p = 0; p < pixels(out); p++) {
        const double *x = pixel(value[0], p), *y = pixel(value[1], p), *g = pixel(out, p);
        double a = arith_sigmoid(value[2].at[p]), by_a = 0;
        for (int c = 0; c < out.shape.c; c++) {
            pixel(in[0], p)[c] += g[c] * a;
            pixel(in[1], p)[c] += g[c] * (scale - a);
            by_a += g[c] * (x[c] - y[c]);
        }
        in[2].at[p] += by_a * a * (1 - a);
    }
}
