/* kernels_stem.c -- the first convolution, 3x3 with stride 2 over three channels, straight from the
 * picture's bytes.
 *
 * Three channels fill no vector of a general convolution, and a converted picture is read once. Here
 * three rows are kept as elements; the nine values of a row under an output pixel lie side by
 * side, so a pixel is a few broadcasts against weights for all output channels. Values enter as
 * x - 127.5, which bf16 holds exactly; the factor 1/127.5 stands in the weights, and zero padding
 * is the specification's mid grey. */
#include "engine/onednn/kernels_set.h"
#include "engine/onednn/vector.h"

enum {
    SPAN = 3 * STEM_INPUTS,             /* values of a row under one output */
    STEPS = (SPAN + DEPTH - 1) / DEPTH, /* the last one's tail has zero weights */
    VECTORS = STEM_CHANNELS / LANES,    /* of outputs */
    PIXELS = LANES == 16  ? 8
             : LANES == 8 ? 3
                          : 1,               /* at a time: as many as there are registers for */
    WEIGHTS = STEPS * DEPTH * STEM_CHANNELS, /* of a row */
};

void KERNEL(stem_pack)(void *to, const float *from)
{
    elem *out = to;

    for (int row = 0; row < 3; row++)
        for (int step = 0; step < STEPS; step++)
            for (int c = 0; c < STEM_CHANNELS; c += LANES, out += (size_t)LANES * DEPTH) {
                vec both[DEPTH] = {0};
                for (int d = 0; d < DEPTH && step * DEPTH + d < SPAN; d++)
                    both[d] = load_f32(
                        from + ((size_t)row * SPAN + (size_t)step * DEPTH + d) * STEM_CHANNELS + c);
                KERNEL(store_weights)(out, both, 1);
            }
}

static void convert(elem *to, const uint8_t *rgb, size_t count)
{
    size_t i = 0;

    for (; i + LANES <= count; i += LANES)
        store(to + i, load_bytes(rgb + i) - 127.5F);
    if (i < count) {
        uint8_t rest[LANES] = {0};
        elem done[LANES];
        memcpy(rest, rgb + i, count - i);
        store(done, load_bytes(rest) - 127.5F);
        memcpy(to + i, done, (count - i) * sizeof(elem));
    }
}

/* Elements of a row: a pixel of zeros on the left, and on the right what the last output reads. */
static size_t row_elems(int w)
{
    return (size_t)STEM_INPUTS * ((size_t)w + 3);
}

/* Row `y` of the picture, or zeros outside of it, into its place. */
static void read_row(const struct stem_job *job, int y)
{
    elem *to = (elem *)job->rows + (size_t)((y + 3) % 3) * row_elems(job->w);

    memset(to, 0, row_elems(job->w) * sizeof(elem));
    if (y >= 0 && y < job->h)
        convert(to + STEM_INPUTS, job->rgb + (size_t)y * job->w * STEM_INPUTS,
                (size_t)job->w * STEM_INPUTS);
}

/* `pixels` outputs side by side from `at` on; a constant in each caller. */
FOR_CELL void do_pixels(const elem *const rows[3], const struct stem_job *job, size_t at,
                        int pixels, enum cell cell)
{
    const elem *weight = job->weight;
    vec sum[PIXELS][VECTORS];

#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            sum[p][v] = load_f32(job->bias + (ptrdiff_t)v * LANES);
    for (int row = 0; row < 3; row++)
        for (int step = 0; step < STEPS; step++) {
            vec w[VECTORS];
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++, weight += (size_t)LANES * DEPTH)
                w[v] = load_weight(weight);
#pragma GCC unroll 8
            for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
                for (int v = 0; v < VECTORS; v++)
                    sum[p][v] = multiply_add(
                        sum[p][v],
                        rows[row] + (ptrdiff_t)p * 2 * STEM_INPUTS + (ptrdiff_t)step * DEPTH, w[v]);
        }
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            store_at(job->out, at + (size_t)p * STEM_CHANNELS + (size_t)v * LANES,
                     max_of(sum[p][v], (vec){0}), cell);
}

FOR_CELL void do_row(const struct stem_job *job, int y, enum cell cell)
{
    int x = 0, ow = (job->w + 1) / 2;
    size_t at = (size_t)y * ow * STEM_CHANNELS;
    const elem *rows[3];

    for (int i = 0; i < 3; i++)
        rows[i] = (const elem *)job->rows + (size_t)((2 * y - 1 + i + 3) % 3) * row_elems(job->w);
    while (x < ow) {
        int pixels = x + PIXELS <= ow ? PIXELS : 1;
        if (pixels == PIXELS)
            do_pixels(rows, job, at, PIXELS, cell);
        else
            do_pixels(rows, job, at, 1, cell);
        for (int i = 0; i < 3; i++)
            rows[i] += (size_t)pixels * 2 * STEM_INPUTS;
        at += (size_t)pixels * STEM_CHANNELS;
        x += pixels;
    }
}

void KERNEL(stem)(const struct stem_job *job)
{
    read_row(job, -1);
    for (int y = 0; y < (job->h + 1) / 2; y++) {
        read_row(job, 2 * y);
        read_row(job, 2 * y + 1);
        if (job->out_cell == CELL_U8)
            do_row(job, y, CELL_U8);
        else
            do_row(job, y, CELL_ELEM);
    }
}
