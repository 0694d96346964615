/* kernels_learn_winograd.c -- the weight gradients of dense convolutions in f32: products of maps, and
 * for 3x3 convolutions the same F(4x4, 3x3) as kernels_winograd.c, turned round.
 *
 * With out = A'[(G w G') * (B' in B)]A the gradient by w is G'[(A gradient A') * (B' in B)]G, the
 * product added up over all tiles: 36 multiplications for 144 here too. */
#include "engine/onednn/learn_kernels_set.h"
#include "engine/onednn/vector.h"

#ifndef KERNEL_BF16

enum { IN = WINOGRAD_IN, OUT = WINOGRAD_OUT, TAPS = 3 };

/* ---- products ---------------------------------------------------------------------------- */

#ifdef __AVX512F__
enum { WIDE = 4 };
#else
enum { WIDE = 2 };
#endif
enum { ROWS = 4, NARROW = 2 };

/* ROWS x vectors sums, which stay in registers; `vectors` is a constant in each caller. */
FOR_CELL void outer_block(const struct outer_job *job, int i, int j, int vectors)
{
    const float *a = job->a + i, *b = job->b + j;
    float *to = job->sums + (size_t)i * job->b_c + j;
    vec sum[ROWS][WIDE] = {0};

    for (int t = 0; t < job->n; t++, a += job->a_step, b += job->b_c) {
        vec w[WIDE];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            w[v] = load_f32(b + (ptrdiff_t)v * LANES);
#pragma GCC unroll 4
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[r][v] += a[r] * w[v];
    }
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            float *at = to + (size_t)r * job->b_c + (ptrdiff_t)v * LANES;
            store_f32(at, job->begin ? sum[r][v] : sum[r][v] + load_f32(at));
        }
}

void KERNEL(outer)(const struct outer_job *job)
{
    int vectors = job->b_c % (WIDE * LANES) ? NARROW : WIDE;

    for (int j = 0; j < job->b_c; j += vectors * LANES)
        for (int i = 0; i < job->a_c; i += ROWS) {
            if (vectors == WIDE)
                outer_block(job, i, j, WIDE);
            else
                outer_block(job, i, j, NARROW);
        }
}

/* ---- transforms -------------------------------------------------------------------------- */

/* Four gradients of a line to their points: rows of A. */
FOR_CELL void to_points(const vec g[OUT], vec out[IN])
{
    vec even = g[0] + g[2], odd = g[1] + g[3];

    out[0] = g[0];
    out[1] = even + odd;
    out[2] = even - odd;
    out[3] = (g[0] + 0.25F * g[2]) + (0.5F * g[1] + 0.125F * g[3]);
    out[4] = (g[0] + 4.0F * g[2]) - (2.0F * g[1] + 8.0F * g[3]);
    out[5] = g[3];
}

/* Six sums of a line to three weights: rows of G transposed. */
FOR_CELL void to_weights(const vec m[IN], vec out[TAPS])
{
    vec both = (m[1] + m[2]) * (1.0F / 3), apart = (m[1] - m[2]) * (1.0F / 3);

    out[0] = (m[0] + apart) + (m[4] * (1.0F / 15) - m[3] * (16.0F / 15));
    out[1] = both - (m[3] * (8.0F / 15) + m[4] * (2.0F / 15));
    out[2] = (apart + m[5]) + (m[4] - m[3]) * (4.0F / 15);
}

/* The gradients of a tile; outside the map there are zeros. */
static void read_tile(const struct winograd_learn_job *job, int t, int c, vec out[OUT][OUT])
{
    int across = (job->w + OUT - 1) / OUT, down = (job->h + OUT - 1) / OUT;
    int image = t / (across * down), y0 = t / across % down * OUT, x0 = t % across * OUT;

    for (int y = 0; y < OUT; y++)
        for (int x = 0; x < OUT; x++) {
            size_t p = ((size_t)image * job->h + y0 + y) * job->w + x0 + x;
            out[y][x] = (vec){0};
            if (y0 + y < job->h && x0 + x < job->w)
                out[y][x] = load_f32(job->gradient + p * job->k + c);
        }
}

void KERNEL(winograd_learn_in)(const struct winograd_learn_job *job, int first, int n)
{
    for (int t = 0; t < n; t++)
        for (int c = 0; c < job->k; c += LANES) {
            float *to = job->points + (size_t)t * job->k + c;
            vec tile[OUT][OUT], half[OUT][IN], line[OUT], point[IN];
            read_tile(job, first + t, c, tile);
#pragma GCC unroll 4
            for (int y = 0; y < OUT; y++)
                to_points(tile[y], half[y]);
#pragma GCC unroll 6
            for (int q = 0; q < IN; q++) {
#pragma GCC unroll 4
                for (int y = 0; y < OUT; y++)
                    line[y] = half[y][q];
                to_points(line, point);
#pragma GCC unroll 6
                for (int p = 0; p < IN; p++)
                    store_f32(to + (size_t)(p * IN + q) * job->points_step, point[p]);
            }
        }
}

void KERNEL(winograd_learn_out)(const float *sums, size_t step, int c, float *out)
{
    for (int i = 0; i < c; i += LANES) {
        vec half[TAPS][IN], line[IN], weight[TAPS];
        float taps[TAPS * TAPS][LANES];
#pragma GCC unroll 6
        for (int q = 0; q < IN; q++) {
#pragma GCC unroll 6
            for (int p = 0; p < IN; p++)
                line[p] = load_f32(sums + (size_t)(p * IN + q) * step + i);
            to_weights(line, weight);
#pragma GCC unroll 3
            for (int y = 0; y < TAPS; y++)
                half[y][q] = weight[y];
        }
#pragma GCC unroll 3
        for (int y = 0; y < TAPS; y++) {
            to_weights(half[y], weight);
#pragma GCC unroll 3
            for (int x = 0; x < TAPS; x++)
                store_f32(taps[y * TAPS + x], weight[x]);
        }
        for (int l = 0; l < LANES; l++)
            for (int t = 0; t < TAPS * TAPS; t++)
                out[((size_t)i + l) * TAPS * TAPS + t] += taps[t][l];
    }
}

#endif
