/* kernels_winograd.c -- a 3x3 convolution of stride 1 as F(4x4, 3x3): 36 products for 16 outputs
 * where the direct form takes 144.
 *
 * A tile is 4x4 outputs of one image and the 6x6 inputs around them. Its inputs become 36 values
 * (points) per channel, each point is multiplied with a matrix of its own (channels in, channels
 * out), and the 36 sums become 16 outputs. Lavin and Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2016. The points are 0, 1, -1, 1/2, -2 and infinity instead of their 0, 1, -1,
 * 2, -2: half the rounding error (Barabasz et al., "Error analysis and improving the accuracy of
 * Winograd convolution", 2020, compare sets of points), so that bf16 does. */
#include "engine/onednn/learn_kernels_set.h"
#include "engine/onednn/vector.h"

enum { IN = WINOGRAD_IN, OUT = WINOGRAD_OUT };

/* A panel is as many output channels as a block of sums is wide: 4 vectors where there are 32
 * registers, else 2. */
#ifdef __AVX512F__
enum { WIDE = 4 };
#else
enum { WIDE = 2 };
#endif
enum { NARROW = 2, ROWS = 6 };

static int panel_vectors(int channels)
{
    return channels % (WIDE * LANES) ? NARROW : WIDE;
}

/* Rows of G. */
static inline __attribute__((always_inline)) void weigh(const vec g[3], vec out[IN])
{
    vec even = g[0] + g[2], far = g[0] + 4.0F * g[2];

    out[0] = g[0];
    out[1] = (even + g[1]) * (1.0F / 3);
    out[2] = (g[1] - even) * (1.0F / 3);
    out[3] = (4.0F * g[0] + 2.0F * g[1] + g[2]) * (-4.0F / 15);
    out[4] = (far - 2.0F * g[1]) * (1.0F / 15);
    out[5] = g[2];
}

/* Nine weights of LANES output channels to their points. */
static inline __attribute__((always_inline)) void weigh_kernel(const float *at, int k,
                                                               vec out[WINOGRAD_POINTS])
{
    vec half[IN][3], line[3], point[IN];

#pragma GCC unroll 3
    for (int x = 0; x < 3; x++) {
#pragma GCC unroll 3
        for (int y = 0; y < 3; y++)
            line[y] = load_f32(at + ((size_t)y * 3 + x) * k);
        weigh(line, point);
#pragma GCC unroll 6
        for (int p = 0; p < IN; p++)
            half[p][x] = point[p];
    }
#pragma GCC unroll 6
    for (int p = 0; p < IN; p++)
        weigh(half[p], out + (ptrdiff_t)p * IN);
}

void KERNEL(store_weights)(elem *to, const vec *weights, int apart)
{
#ifdef KERNEL_BF16
    elem low[LANES], high[LANES];
    store(low, weights[0]);
    store(high, weights[apart]);
    uvec both = __builtin_convertvector(*(const hvec_at *)low, uvec) |
                __builtin_convertvector(*(const hvec_at *)high, uvec) << 16;
    memcpy(to, &both, sizeof(both));
#else
    (void)apart;
    store(to, weights[0]);
#endif
}

/* Where the weight from input `i` to output `j` stands in a point's: these are in panels of output
 * channels; in a panel: in/DEPTH,out,DEPTH. */
static size_t packed_at(int c, int k, int i, int j)
{
    int width = panel_vectors(k) * LANES;

    return (size_t)(j - j % width) * c + ((size_t)i / DEPTH * width + j % width) * DEPTH;
}

void KERNEL(winograd_pack_some)(void *to, const float *from, int c, int k, int i)
{
    vec points[DEPTH * WINOGRAD_POINTS];

    for (int j = 0; j < k; j += LANES) {
        elem *at = (elem *)to + packed_at(c, k, i, j);
        for (int d = 0; d < DEPTH; d++)
            weigh_kernel(from + (size_t)d * 9 * k + j, k, points + (size_t)d * WINOGRAD_POINTS);
        for (int p = 0; p < WINOGRAD_POINTS; p++)
            KERNEL(store_weights)(at + (size_t)p * c * k, points + p, WINOGRAD_POINTS);
    }
}

void KERNEL(winograd_pack)(void *to, const float *from, int c, int k)
{
    for (int i = 0; i < c; i += DEPTH)
        KERNEL(winograd_pack_some)(to, from + (size_t)i * 9 * k, c, k, i);
}

#ifndef KERNEL_BF16
void KERNEL(multiply_pack)(float *to, const float *from, int c, int k, int step_in, int step_out)
{
    for (int i = 0; i < c; i++)
        for (int j = 0; j < k; j++)
            to[packed_at(c, k, i, j)] = from[(size_t)i * step_in + (size_t)j * step_out];
}
#endif

/* Six values of a line to their points: rows of B transposed. */
static inline __attribute__((always_inline)) void to_points(const vec d[IN], vec out[IN])
{
    vec a = d[3] - d[1], b = d[4] - d[2];

    out[0] = (d[0] - d[2]) + b + 1.5F * a;
    out[1] = (a + b) + 1.5F * (d[2] + d[3]);
    out[2] = (b - a) + 1.5F * (d[3] - d[2]);
    out[3] = b + 2.0F * a;
    out[4] = b - 0.5F * a;
    out[5] = (d[5] - d[3]) - a + 1.5F * b;
}

/* Six sums of a line to four outputs: rows of A transposed. */
static inline __attribute__((always_inline)) void from_points(const vec m[IN], vec out[OUT])
{
    vec s = m[1] + m[2], t = m[1] - m[2];

    out[0] = (m[0] + s) + (m[3] + m[4]);
    out[1] = t + 0.5F * m[3] - 2.0F * m[4];
    out[2] = s + 0.25F * m[3] + 4.0F * m[4];
    out[3] = t + 0.125F * m[3] - 8.0F * m[4] + m[5];
}

/* Where tile `t` stands: its image, and the first output. */
struct place {
    int image, y, x;
};

static struct place place_of(const struct winograd_job *job, int t)
{
    int across = (job->w + OUT - 1) / OUT, down = (job->h + OUT - 1) / OUT;

    return (struct place){
        .image = t / (across * down),
        .y = t / across % down * OUT,
        .x = t % across * OUT,
    };
}

/* The inputs of a tile; outside the image there are zeros. */
FOR_CELL void find_inputs(const struct winograd_job *job, int t, const void *at[IN * IN],
                          enum cell cell)
{
    struct place p = place_of(job, t);
    size_t step = (size_t)job->in_step * cell_size(cell);
    const char *image = (const char *)job->in + (size_t)p.image * job->h * job->w * step;

    for (int i = 0; i < IN * IN; i++) {
        int y = p.y - 1 + i / IN, x = p.x - 1 + i % IN;
        at[i] = job->zeros;
        if (y >= 0 && x >= 0 && y < job->h && x < job->w)
            at[i] = image + ((size_t)y * job->w + x) * step;
    }
}

FOR_CELL void read_tiles(const struct winograd_job *job, int first, int n, enum cell cell)
{
    const void *at[IN * IN];

    for (int t = 0; t < n; t++) {
        elem *to = (elem *)job->points + (size_t)t * job->c;
        find_inputs(job, first + t, at, cell);
        for (int c = 0; c < job->c; c += LANES) {
            vec half[IN][IN], line[IN], point[IN];
#pragma GCC unroll 6
            for (int x = 0; x < IN; x++) {
#pragma GCC unroll 6
                for (int y = 0; y < IN; y++)
                    line[y] = load_at(at[y * IN + x], (size_t)c, cell);
                to_points(line, point);
#pragma GCC unroll 6
                for (int p = 0; p < IN; p++)
                    half[p][x] = point[p];
            }
#pragma GCC unroll 6
            for (int p = 0; p < IN; p++) {
                to_points(half[p], point);
#pragma GCC unroll 6
                for (int q = 0; q < IN; q++)
                    store(to + (p * IN + q) * job->points_step + c, point[q]);
            }
        }
    }
}

void KERNEL(winograd_in)(const struct winograd_job *job, int first, int n)
{
    switch (job->in_cell) {
    case CELL_U8: read_tiles(job, first, n, CELL_U8); break;
    case CELL_S8: read_tiles(job, first, n, CELL_S8); break;
    default: read_tiles(job, first, n, CELL_ELEM);
    }
}

/* rows x vectors sums, both constant in each caller so that the sums stay in registers. */
static inline __attribute__((always_inline)) void block(const elem *in, int c, const elem *weight,
                                                        float *out, int k, int rows, int vectors)
{
    vec sum[ROWS][WIDE] = {0};

    for (int i = 0; i < c; i += DEPTH, weight += (ptrdiff_t)vectors * LANES * DEPTH) {
        vec w[WIDE];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            w[v] = load_weight(weight + (ptrdiff_t)v * LANES * DEPTH);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[r][v] = multiply_add(sum[r][v], in + (size_t)r * c + i, w[v]);
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            store_f32(out + (size_t)r * k + (ptrdiff_t)v * LANES, sum[r][v]);
}

static inline __attribute__((always_inline)) void
panel(const elem *in, int n, int c, const elem *weight, float *out, int k, int vectors)
{
    int t = 0;

    for (; t + ROWS <= n; t += ROWS)
        block(in + (size_t)t * c, c, weight, out + (size_t)t * k, k, ROWS, vectors);
    in += (size_t)t * c;
    out += (size_t)t * k;
    switch (n - t) {
    case 5: block(in, c, weight, out, k, 5, vectors); break;
    case 4: block(in, c, weight, out, k, 4, vectors); break;
    case 3: block(in, c, weight, out, k, 3, vectors); break;
    case 2: block(in, c, weight, out, k, 2, vectors); break;
    case 1: block(in, c, weight, out, k, 1, vectors); break;
    default: break;
    }
}

void KERNEL(winograd_multiply)(const struct winograd_job *job, int point, int n)
{
    const elem *in = (const elem *)job->points + point * job->points_step;
    const elem *weight = (const elem *)job->weight + (size_t)point * job->c * job->k;
    float *out = job->sums + point * job->sums_step;
    int vectors = panel_vectors(job->k), width = vectors * LANES;

    for (int j = 0; j < job->k; j += width, weight += (size_t)width * job->c) {
        if (vectors == WIDE)
            panel(in, n, job->c, weight, out + j, job->k, WIDE);
        else
            panel(in, n, job->c, weight, out + j, job->k, NARROW);
    }
}

/* One tile's outputs of LANES channels, before bias. */
static inline __attribute__((always_inline)) void finish(const float *sums, size_t step,
                                                         vec out[OUT][OUT])
{
    vec half[OUT][IN], line[IN], point[OUT];

#pragma GCC unroll 6
    for (int q = 0; q < IN; q++) {
#pragma GCC unroll 6
        for (int p = 0; p < IN; p++)
            line[p] = load_f32(sums + (p * IN + q) * step);
        from_points(line, point);
#pragma GCC unroll 4
        for (int y = 0; y < OUT; y++)
            half[y][q] = point[y];
    }
#pragma GCC unroll 4
    for (int y = 0; y < OUT; y++)
        from_points(half[y], out[y]);
}

FOR_CELL void write_tiles(const struct winograd_job *job, int first, int n, enum cell cell)
{
    for (int t = 0; t < n; t++) {
        struct place p = place_of(job, first + t);
        int rows = job->h - p.y < OUT ? job->h - p.y : OUT;
        int columns = job->w - p.x < OUT ? job->w - p.x : OUT;
        size_t corner = (((size_t)p.image * job->h + p.y) * job->w + p.x) * job->out_step;
        for (int c = 0; c < job->k; c += LANES) {
            vec out[OUT][OUT], bias = load_f32(job->bias + c);
            finish(job->sums + (size_t)t * job->k + c, job->sums_step, out);
            for (int y = 0; y < rows; y++)
                for (int x = 0; x < columns; x++)
                    store_at(job->out, corner + ((size_t)y * job->w + x) * job->out_step + c,
                             cell == CELL_U8 || job->linear ? out[y][x] + bias
                                                            : max_of(out[y][x] + bias, (vec){0}),
                             cell);
        }
    }
}

void KERNEL(winograd_out)(const struct winograd_job *job, int first, int n)
{
    if (job->out_cell == CELL_U8)
        write_tiles(job, first, n, CELL_U8);
    else
        write_tiles(job, first, n, CELL_ELEM);
}
