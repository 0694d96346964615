#include "engine/ref/ops.h"

#include <math.h>
#include <string.h>

/* out += x * the weights of one tap, for all inputs of one pixel. */
static void add_tap(const struct layer *l, const double *weight, const double *x, double *out)
{
    int inputs = network[l->in[0]].channels / l->groups;

    if (l->groups > 1) { /* depthwise: channel c sees channel c alone */
        for (int c = 0; c < l->channels; c++)
            out[c] += x[c] * weight[c];
        return;
    }
    for (int i = 0; i < inputs; i++) {
        const double *row = weight + (size_t)i * l->channels;
        for (int o = 0; o < l->channels; o++)
            out[o] += x[i] * row[o];
    }
}

void ref_conv(const struct layer *l, const struct ref_conv *w, struct ref_map in,
              struct ref_map out)
{
    int inputs = network[l->in[0]].channels / l->groups, pad = l->kernel / 2;

    for (int y = 0; y < out.shape.h; y++)
        for (int x = 0; x < out.shape.w; x++) {
            double *to = out.at + ((size_t)y * out.shape.w + x) * out.shape.c;
            memcpy(to, w->bias, (size_t)out.shape.c * sizeof(*to));
            for (int tap = 0; tap < l->kernel * l->kernel; tap++) {
                int iy = y * l->stride - pad + tap / l->kernel;
                int ix = x * l->stride - pad + tap % l->kernel;
                if (iy < 0 || ix < 0 || iy >= in.shape.h || ix >= in.shape.w)
                    continue;
                add_tap(l, w->weight + (size_t)tap * inputs * l->channels,
                        in.at + ((size_t)iy * in.shape.w + ix) * in.shape.c, to);
            }
            for (int c = 0; c < out.shape.c && l->relu; c++)
                to[c] = to[c] > 0 ? to[c] : 0;
        }
}

/* Mean of the window [y0,y1) x [x0,x1) for every channel. */
static void mean_window(struct ref_map in, const int y[2], const int x[2], double *to)
{
    memset(to, 0, (size_t)in.shape.c * sizeof(*to));
    for (int iy = y[0]; iy < y[1]; iy++)
        for (int ix = x[0]; ix < x[1]; ix++) {
            const double *from = in.at + ((size_t)iy * in.shape.w + ix) * in.shape.c;
            for (int c = 0; c < in.shape.c; c++)
                to[c] += from[c];
        }
    for (int c = 0; c < in.shape.c; c++)
        to[c] /= (double)(y[1] - y[0]) * (x[1] - x[0]);
}

static void pool_window(int n, int i, int window[2])
{
    window[0] = 2 * i - 1 > 0 ? 2 * i - 1 : 0;
    window[1] = 2 * i + 2 < n ? 2 * i + 2 : n;
}

void ref_average(struct ref_map in, struct ref_map out)
{
    for (int i = 0; i < out.shape.h * out.shape.w; i++) {
        int y[2], x[2];
        pool_window(in.shape.h, i / out.shape.w, y);
        pool_window(in.shape.w, i % out.shape.w, x);
        mean_window(in, y, x, out.at + (size_t)i * out.shape.c);
    }
}

void ref_bins(struct ref_map in, struct ref_map out)
{
    int bins = out.shape.w;

    for (int i = 0; i < bins * bins; i++) {
        int y[2], x[2];
        bin_window(in.shape.h, bins, i / bins, &y[0], &y[1]);
        bin_window(in.shape.w, bins, i % bins, &x[0], &x[1]);
        mean_window(in, y, x, out.at + (size_t)i * out.shape.c);
    }
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
    int y0, y1, x0, x1;
    double fy = resize_tap(in.shape.h, to_shape.h, y, &y0, &y1);
    double fx = resize_tap(in.shape.w, to_shape.w, x, &x0, &x1);
    const double *a = in.at + ((size_t)y0 * in.shape.w + x0) * in.shape.c;
    const double *b = in.at + ((size_t)y0 * in.shape.w + x1) * in.shape.c;
    const double *c = in.at + ((size_t)y1 * in.shape.w + x0) * in.shape.c;
    const double *d = in.at + ((size_t)y1 * in.shape.w + x1) * in.shape.c;

    for (int i = 0; i < in.shape.c; i++)
        to[i] = a[i] * (1 - fy) * (1 - fx) + c[i] * fy * (1 - fx) + b[i] * (1 - fy) * fx +
                d[i] * fy * fx;
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
    out[0] = 0;
    out[1] = at[0];
    for (int i = 0; i < n; i++) {
        out[0] += at[i];
        out[1] = at[i] > out[1] ? at[i] : out[1];
    }
    out[0] /= n;
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
        double a = 1 / (1 + exp(-in[2].at[p]));
        for (int c = 0; c < out.shape.c; c++) {
            size_t i = p * out.shape.c + c;
            out.at[i] = in[0].at[i] * a + in[1].at[i] * (scale - a);
        }
    }
}

static int best_class(const double *logits)
{
    int best = 0;

    for (int c = 1; c < ENGINE_CLASSES; c++)
        if (logits[c] > logits[best])
            best = c;
    return best;
}

static void add_scores(struct engine_scores *scores, const double *logits, int best)
{
    double p[ENGINE_CLASSES], sum = 0;

    for (int c = 0; c < ENGINE_CLASSES; c++)
        sum += p[c] = exp(logits[c] - logits[best]);
    scores->content_px++;
    scores->lesion_px += best != 0;
    for (int c = 0; c < ENGINE_CLASSES; c++) {
        scores->all_sum[c] += p[c] / sum;
        if (best)
            scores->lesion_sum[c] += p[c] / sum;
    }
    if (best)
        scores->lesion_top_sum += p[best] / sum;
}

void ref_classes(struct ref_map logits, int h, int w, struct engine_image *image)
{
    struct shape full = {h, w, ENGINE_CLASSES};
    double pixel[ENGINE_CLASSES] = {0};

    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            resize_pixel(logits, y, x, full, pixel);
            int best = best_class(pixel);
            image->class_map[(size_t)y * w + x] = (uint8_t)best;
            if (y < image->content_h && x < image->content_w)
                add_scores(&image->scores, pixel, best);
        }
}
