#include "engine/ref/conv.h"

#include <string.h>

#include "common/wide.h"
#include "engine/ref/matrix.h"

/* A 1x1 convolution's windows are the pixels. */
static bool is_unfolded(const struct layer *l)
{
    return l->kernel == 1 && l->stride == 1;
}

static size_t pixels(struct shape s)
{
    return (size_t)s.h * (size_t)s.w;
}

static size_t window(const struct layer *l, struct shape in)
{
    return (size_t)l->kernel * (size_t)l->kernel * (size_t)in.c;
}

size_t ref_conv_scratch(const struct layer *l, struct shape in, struct shape out)
{
    return l->groups > 1 || is_unfolded(l) ? 0 : pixels(out) * window(l, in);
}

size_t ref_conv_scratch_most(const struct shape shapes[LAYER_COUNT])
{
    size_t most = 0;

    for (int i = 0; i < LAYER_COUNT; i++) {
        const struct layer *l = &network[i];
        size_t need = l->op == LAYER_CONV ? ref_conv_scratch(l, shapes[l->in[0]], shapes[i]) : 0;
        most = need > most ? need : most;
    }
    return most;
}

/* Where tap `tap` of output pixel `p` falls in the input; -1 in the padding. */
static ptrdiff_t pixel_under(const struct layer *l, struct shape in, struct shape out, size_t p,
                             int tap)
{
    int y = (int)(p / (size_t)out.w) * l->stride - l->kernel / 2 + tap / l->kernel;
    int x = (int)(p % (size_t)out.w) * l->stride - l->kernel / 2 + tap % l->kernel;

    return y < 0 || x < 0 || y >= in.h || x >= in.w ? -1 : (ptrdiff_t)y * in.w + x;
}

static void unfold(const struct layer *l, struct ref_map in, struct shape out, double *to)
{
    size_t c = (size_t)in.shape.c;

    for (size_t p = 0; p < pixels(out); p++)
        for (int tap = 0; tap < l->kernel * l->kernel; tap++, to += c) {
            ptrdiff_t from = pixel_under(l, in.shape, out, p, tap);
            if (from < 0)
                memset(to, 0, c * sizeof(*to));
            else
                memcpy(to, in.at + (size_t)from * c, c * sizeof(*to));
        }
}

/* The way back: what belongs to a pixel of the input is added to it. */
static void fold(const struct layer *l, const double *from, struct shape out, struct ref_map in)
{
    size_t c = (size_t)in.shape.c;

    for (size_t p = 0; p < pixels(out); p++)
        for (int tap = 0; tap < l->kernel * l->kernel; tap++, from += c) {
            ptrdiff_t to = pixel_under(l, in.shape, out, p, tap);
            for (size_t i = 0; to >= 0 && i < c; i++)
                in.at[(size_t)to * c + i] += from[i];
        }
}

/* One tap of one pixel of a depthwise convolution, in three directions. */
enum way { FORWARD, BACK, LEARN };

WIDE static void depthwise_tap(enum way way, double *weight, double *in, double *out, int c)
{
    switch (way) {
    case FORWARD:
        for (int i = 0; i < c; i++)
            out[i] += in[i] * weight[i];
        break;
    case BACK:
        for (int i = 0; i < c; i++)
            in[i] += out[i] * weight[i];
        break;
    case LEARN:
        for (int i = 0; i < c; i++)
            weight[i] += in[i] * out[i];
        break;
    }
}

static void depthwise(enum way way, const struct layer *l, double *weight, struct ref_map in,
                      struct ref_map out)
{
    size_t c = (size_t)in.shape.c;

    for (size_t p = 0; p < pixels(out.shape); p++)
        for (int tap = 0; tap < l->kernel * l->kernel; tap++) {
            ptrdiff_t under = pixel_under(l, in.shape, out.shape, p, tap);
            if (under >= 0)
                depthwise_tap(way, weight + (size_t)tap * c, in.at + (size_t)under * c,
                              out.at + p * c, in.shape.c);
        }
}

void ref_conv(const struct layer *l, const struct ref_conv *w, struct ref_map in,
              struct ref_map out, double *scratch)
{
    size_t c = (size_t)out.shape.c;

    for (size_t p = 0; p < pixels(out.shape) && w->bias; p++)
        memcpy(out.at + p * c, w->bias, c * sizeof(*out.at));
    if (!w->bias)
        memset(out.at, 0, pixels(out.shape) * c * sizeof(*out.at));
    if (l->groups > 1) {
        depthwise(FORWARD, l, w->weight, in, out);
        return;
    }
    if (!is_unfolded(l))
        unfold(l, in, out.shape, scratch);
    matrix_product_add(&(struct matrix_product){.rows = pixels(out.shape),
                                                .columns = c,
                                                .terms = window(l, in.shape),
                                                .a = is_unfolded(l) ? in.at : scratch,
                                                .a_row = window(l, in.shape),
                                                .a_term = 1,
                                                .b = w->weight,
                                                .c = out.at});
}

void ref_conv_back(const struct layer *l, const struct ref_conv *w, struct ref_map out,
                   struct ref_map in, double *scratch)
{
    if (l->groups > 1) {
        depthwise(BACK, l, w->weight, in, out);
        return;
    }
    if (!is_unfolded(l))
        memset(scratch, 0, pixels(out.shape) * window(l, in.shape) * sizeof(*scratch));
    matrix_product_add(&(struct matrix_product){.rows = pixels(out.shape),
                                                .columns = window(l, in.shape),
                                                .terms = (size_t)out.shape.c,
                                                .a = out.at,
                                                .a_row = (size_t)out.shape.c,
                                                .a_term = 1,
                                                .b = w->transposed,
                                                .c = is_unfolded(l) ? in.at : scratch});
    if (!is_unfolded(l))
        fold(l, scratch, out.shape, in);
}

void ref_conv_learn(const struct layer *l, struct ref_map in, struct ref_map out,
                    const struct ref_conv *w, double *scratch)
{
    size_t c = (size_t)out.shape.c;

    for (size_t p = 0; p < pixels(out.shape) && w->bias; p++)
        for (size_t i = 0; i < c; i++)
            w->bias[i] += out.at[p * c + i];
    if (l->groups > 1) {
        depthwise(LEARN, l, w->weight, in, out);
        return;
    }
    if (!is_unfolded(l))
        unfold(l, in, out.shape, scratch);
    matrix_product_add(&(struct matrix_product){.rows = window(l, in.shape),
                                                .columns = c,
                                                .terms = pixels(out.shape),
                                                .a = is_unfolded(l) ? in.at : scratch,
                                                .a_row = 1,
                                                .a_term = window(l, in.shape),
                                                .b = out.at,
                                                .c = w->weight});
}

/* Eight outputs at a time: a line of memory is then read and written whole. */
enum { LINE = 8 };

void ref_conv_load(const struct layer *l, int inputs, const double *from, const struct ref_conv *w)
{
    size_t taps = (size_t)l->kernel * (size_t)l->kernel, in = (size_t)inputs,
           out = (size_t)l->channels;

    for (size_t first = 0; first < out; first += LINE)
        for (size_t i = 0; i < in * taps; i++) /* in,kernel,kernel becomes kernel,kernel,in */
            for (size_t o = first; o < out && o < first + LINE; o++)
                w->weight[(i % taps * in + i / taps) * out + o] = from[o * in * taps + i];
}

void ref_conv_unload(const struct layer *l, int inputs, const struct ref_conv *w, double *to)
{
    size_t taps = (size_t)l->kernel * (size_t)l->kernel, in = (size_t)inputs,
           out = (size_t)l->channels;

    for (size_t first = 0; first < out; first += LINE)
        for (size_t i = 0; i < in * taps; i++)
            for (size_t o = first; o < out && o < first + LINE; o++)
                to[o * in * taps + i] += w->weight[(i % taps * in + i / taps) * out + o];
}

void ref_conv_transpose(const struct layer *l, int inputs, const struct ref_conv *w)
{
    size_t rows = (size_t)l->kernel * (size_t)l->kernel * (size_t)inputs,
           columns = (size_t)l->channels;

    for (size_t first = 0; first < columns; first += LINE)
        for (size_t i = 0; i < rows; i++)
            for (size_t o = first; o < columns && o < first + LINE; o++)
                w->transposed[o * rows + i] = w->weight[i * columns + o];
}
