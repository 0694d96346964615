/* kernels_learn_maps.c -- the first convolution, what halves a map, and the context module,
 * backwards. */
#include "engine/onednn/learn_kernels_set.h"
#include "engine/onednn/vector.h"

/* ---- stem -------------------------------------------------------------------------------- */

enum {
    SPAN = 3 * STEM_INPUTS,          /* values of a row under one output */
    VECTORS = STEM_CHANNELS / LANES, /* of outputs */
    PIXELS = LANES == 16  ? 8
             : LANES == 8 ? 3
                          : 1, /* at a time: as many as there are registers for */
};

static size_t row_floats(int w)
{
    return (size_t)STEM_INPUTS * ((size_t)w + 3);
}

/* Row `y` of the picture, -1 to 1, into its place; zeros outside of the picture. */
static void read_row(const struct learn_stem_job *job, int y)
{
    float *to = job->rows + (size_t)((y + 3) % 3) * row_floats(job->w);
    const uint8_t *from = job->rgb + (ptrdiff_t)y * job->w * STEM_INPUTS;

    memset(to, 0, row_floats(job->w) * sizeof(*to));
    if (y < 0 || y >= job->h)
        return;
    for (int i = 0; i < job->w * STEM_INPUTS; i++)
        to[STEM_INPUTS + i] = ((float)from[i] - 127.5F) * (1 / 127.5F);
}

static void find_rows(const struct learn_stem_job *job, int y, const float *rows[3])
{
    read_row(job, 2 * y);
    read_row(job, 2 * y + 1);
    for (int i = 0; i < 3; i++)
        rows[i] = job->rows + (size_t)((2 * y - 1 + i + 3) % 3) * row_floats(job->w);
}

/* `pixels` outputs side by side; a constant in each caller. */
FOR_CELL void stem_pixels(const float *const rows[3], const float *weight, elem *out, int pixels)
{
    vec sum[PIXELS][VECTORS] = {0};

    for (int row = 0; row < 3; row++)
        for (int i = 0; i < SPAN; i++) {
            vec w[VECTORS];
#pragma GCC unroll 8
            for (int v = 0; v < VECTORS; v++, weight += LANES)
                w[v] = load_f32(weight);
#pragma GCC unroll 8
            for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
                for (int v = 0; v < VECTORS; v++)
                    sum[p][v] += rows[row][(ptrdiff_t)p * 2 * STEM_INPUTS + i] * w[v];
        }
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            store(out + (ptrdiff_t)p * STEM_CHANNELS + (ptrdiff_t)v * LANES, sum[p][v]);
}

void KERNEL(learn_stem)(const struct learn_stem_job *job)
{
    int ow = (job->w + 1) / 2;
    elem *out = job->z;

    read_row(job, -1);
    for (int y = 0; y < (job->h + 1) / 2; y++) {
        const float *rows[3];
        find_rows(job, y, rows);
        for (int x = 0; x < ow;) {
            int pixels = x + PIXELS <= ow ? PIXELS : 1;
            if (pixels == PIXELS)
                stem_pixels(rows, job->weight, out, PIXELS);
            else
                stem_pixels(rows, job->weight, out, 1);
            for (int i = 0; i < 3; i++)
                rows[i] += (ptrdiff_t)pixels * 2 * STEM_INPUTS;
            out += (ptrdiff_t)pixels * STEM_CHANNELS;
            x += pixels;
        }
    }
}

/* Three weights at a time, so that their sums stay in registers along a row. */
FOR_CELL void stem_row_back(const float *row, const elem *gradient, int ow, float *sums)
{
    vec sum[3][VECTORS];

#pragma GCC unroll 3
    for (int i = 0; i < 3; i++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            sum[i][v] = load_f32(sums + (ptrdiff_t)i * STEM_CHANNELS + (ptrdiff_t)v * LANES);
    for (int x = 0; x < ow; x++, row += (ptrdiff_t)2 * STEM_INPUTS, gradient += STEM_CHANNELS)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++) {
            vec g = load(gradient + (ptrdiff_t)v * LANES);
#pragma GCC unroll 3
            for (int i = 0; i < 3; i++)
                sum[i][v] += row[i] * g;
        }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++)
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            store_f32(sums + (ptrdiff_t)i * STEM_CHANNELS + (ptrdiff_t)v * LANES, sum[i][v]);
}

void KERNEL(learn_stem_back)(const struct learn_stem_job *job)
{
    int ow = (job->w + 1) / 2;

    read_row(job, -1);
    for (int y = 0; y < (job->h + 1) / 2; y++) {
        const float *rows[3];
        find_rows(job, y, rows);
        for (int i = 0; i < 3 * SPAN; i += 3)
            stem_row_back(rows[i / SPAN] + i % SPAN,
                          (const elem *)job->z + (size_t)y * ow * STEM_CHANNELS, ow,
                          job->sums + (size_t)i * STEM_CHANNELS);
    }
}

/* ---- what halves a map ------------------------------------------------------------------- */

/* The outputs that read input `y`: up to two of them, and their tap. */
struct readers {
    int n, at[2], tap[2];
};

static struct readers readers_of(int y, int outputs)
{
    struct readers r = {.n = 1, .at = {y / 2}, .tap = {y % 2 ? 2 : 1}};

    if (y % 2 && y / 2 + 1 < outputs) {
        r.at[1] = y / 2 + 1;
        r.tap[1] = 0;
        r.n = 2;
    }
    return r;
}

/* Taps of an output of the pool that are inside along one axis. */
static int inside(int o, int size)
{
    return 3 - (o == 0) - (2 * o + 1 >= size);
}

/* One way in which an input goes into outputs. */
struct path {
    const elem *conv;
    const float *weight;
    const elem *pool[LEARN_SOURCES_MAX];
    float share;
};

static int find_paths(const struct halve_back_job *job, int y, int x, struct path paths[4])
{
    int oh = (job->h + 1) / 2, ow = (job->w + 1) / 2, n = 0;
    struct readers down = readers_of(y, oh), across = readers_of(x, ow);

    for (int i = 0; i < down.n; i++)
        for (int k = 0; k < across.n; k++, n++) {
            int oy = down.at[i], ox = across.at[k];
            size_t p = (size_t)oy * ow + ox;
            paths[n] = (struct path){
                .conv = (const elem *)job->conv + p * job->c,
                .weight = job->weight + ((size_t)down.tap[i] * 3 + across.tap[k]) * job->c,
                .share = 1 / (float)(inside(oy, job->h) * inside(ox, job->w)),
            };
            for (int s = 0; s < job->n_pool; s++)
                paths[n].pool[s] = (const elem *)job->pool[s].at + p * job->pool[s].step;
        }
    return n;
}

static void halve_back_pixel(const struct halve_back_job *job, int y, int x)
{
    struct path paths[4];
    int n = find_paths(job, y, x, paths);
    elem *out = (elem *)job->out + ((size_t)y * job->w + x) * job->c;

    for (int c = 0; c < job->c; c += LANES) {
        vec sum = {0};
        for (int i = 0; i < n; i++) {
            const struct path *p = &paths[i];
            vec pool = {0};
            for (int s = 0; s < job->n_pool; s++)
                pool += load(p->pool[s] + c);
            sum += load(p->conv + c) * load_f32(p->weight + c) + pool * p->share;
        }
        store(out + c, sum);
    }
}

/* The nine weights' gradients of LANES channels along one row of outputs. */
static void halve_weights_row(const struct halve_back_job *job, int oy, int c)
{
    int ow = (job->w + 1) / 2;
    vec sum[9];

#pragma GCC unroll 9
    for (int t = 0; t < 9; t++)
        sum[t] = load_f32(job->sums + (size_t)t * job->c + c);
    for (int ox = 0; ox < ow; ox++) {
        vec g = load((const elem *)job->conv + ((size_t)oy * ow + ox) * job->c + c);
#pragma GCC unroll 9
        for (int t = 0; t < 9; t++) {
            int y = 2 * oy - 1 + t / 3, x = 2 * ox - 1 + t % 3;
            if (y >= 0 && x >= 0 && y < job->h && x < job->w)
                sum[t] += g * load((const elem *)job->in + ((size_t)y * job->w + x) * job->c + c);
        }
    }
#pragma GCC unroll 9
    for (int t = 0; t < 9; t++)
        store_f32(job->sums + (size_t)t * job->c + c, sum[t]);
}

void KERNEL(halve_back)(const struct halve_back_job *job)
{
    for (int y = 0; y < job->h; y++)
        for (int x = 0; x < job->w; x++)
            halve_back_pixel(job, y, x);
    for (int oy = 0; oy < (job->h + 1) / 2; oy++)
        for (int c = 0; c < job->c; c += LANES)
            halve_weights_row(job, oy, c);
}

/* ---- context ----------------------------------------------------------------------------- */

/* Adds to the windows' pixels; a window at a time, since they overlap where their number does not
 * divide the map. */
void KERNEL(bins_back)(const struct bins_back_job *job)
{
    struct shape shape = job->shape;

    for (int b = 0; b < job->bins * job->bins; b++) {
        const elem *from = (const elem *)job->from + (size_t)b * shape.c;
        int y0, y1, x0, x1;
        bin_window(shape.h, job->bins, b / job->bins, &y0, &y1);
        bin_window(shape.w, job->bins, b % job->bins, &x0, &x1);
        float share = 1 / ((float)(y1 - y0) * (float)(x1 - x0));
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++) {
                elem *to = (elem *)job->to + ((size_t)y * shape.w + x) * shape.c;
                for (int c = 0; c < shape.c; c += LANES)
                    store(to + c, load(to + c) + load(from + c) * share);
            }
    }
}

static void spread_pixel(const struct resize_back_job *job, int y, int x)
{
    struct tap row = job->rows[y], column = job->columns[x];
    const elem *from = (const elem *)job->from + ((size_t)y * job->w + x) * job->c;
    const float share[4] = {(1 - row.f) * (1 - column.f), (1 - row.f) * column.f,
                            row.f * (1 - column.f), row.f * column.f};

    for (int k = 0; k < 4; k++) {
        size_t p = (size_t)(k < 2 ? row.lo : row.hi) * job->to_w + (k % 2 ? column.hi : column.lo);
        float *to = job->scratch + p * job->c;
        for (int c = 0; c < job->c && share[k] != 0; c += LANES)
            store_f32(to + c, load_f32(to + c) + load(from + c) * share[k]);
    }
}

void KERNEL(resize_back)(const struct resize_back_job *job)
{
    size_t count = (size_t)job->to_h * job->to_w * job->c;

    memset(job->scratch, 0, count * sizeof(float));
    for (int y = 0; y < job->h; y++)
        for (int x = 0; x < job->w; x++)
            spread_pixel(job, y, x);
    for (size_t i = 0; i < count; i += LANES)
        store((elem *)job->to + i, load_f32(job->scratch + i));
}
