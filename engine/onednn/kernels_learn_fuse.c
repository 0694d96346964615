/* kernels_learn_fuse.c -- a fusion block in training, in pieces: between them stand the norms of the
 * attention, which need all images. */
#include "engine/onednn/learn_kernels_set.h"
#include "engine/onednn/vector.h"

/* Where pixel x of row y stands in a plane. */
static size_t plane_at(int w, int y, int x)
{
    return ((size_t)y + PLANE_BORDER) * plane_pitch(w) + PLANE_BORDER + x;
}

static void resize_pixel(const struct fuse_job *job, int row, int column, elem *to)
{
    struct tap v = job->rows[row], u = job->columns[column];
    const elem *upper = (const elem *)job->small + (size_t)v.lo * job->small_w * job->c;
    const elem *lower = (const elem *)job->small + (size_t)v.hi * job->small_w * job->c;
    size_t left = (size_t)u.lo * job->c, right = (size_t)u.hi * job->c;

    for (int c = 0; c < job->c; c += LANES)
        store(to + c, load(upper + left + c) * ((1 - v.f) * (1 - u.f)) +
                          load(upper + right + c) * ((1 - v.f) * u.f) +
                          load(lower + left + c) * (v.f * (1 - u.f)) +
                          load(lower + right + c) * (v.f * u.f));
}

static void mean_max(const elem *at, int c, float *mean, float *max)
{
    vec sum = {0}, top = all_lanes(-3e38F);

    for (int i = 0; i < c; i += LANES) {
        vec v = load(at + i);
        sum += v;
        top = max_of(top, v);
    }
    *mean = sum_lanes(sum) / (float)c;
    *max = max_lanes(top);
}

void KERNEL(fuse_stats)(const struct fuse_job *job)
{
    size_t plane = plane_size(job->h, job->w);

    memset(job->stats, 0, STATS_CHANNELS * plane * sizeof(float)); /* borders */
    for (int row = 0; row < job->h; row++)
        for (int column = 0; column < job->w; column++) {
            size_t p = ((size_t)row * job->w + column) * job->c;
            float *at = job->stats + plane_at(job->w, row, column);
            elem *y = (elem *)job->y + p;
            resize_pixel(job, row, column, y);
            mean_max((const elem *)job->x + p, job->c, at, at + plane);
            mean_max(y, job->c, at + 2 * plane, at + 3 * plane);
        }
}

void KERNEL(fuse)(const struct fuse_job *job)
{
    for (int i = 0; i < job->h * job->w; i++) {
        float a = job->attention[plane_at(job->w, i / job->w, i % job->w)], b = job->scale - a;
        const elem *x = (const elem *)job->x + (size_t)i * job->c;
        const elem *y = (const elem *)job->y + (size_t)i * job->c;
        elem *out = (elem *)job->out + (size_t)i * job->c;
        for (int c = 0; c < job->c; c += LANES)
            store(out + c, load(x + c) * a + load(y + c) * b);
    }
}

void KERNEL(fuse_back_attention)(const struct fuse_job *job)
{
    for (int i = 0; i < job->h * job->w; i++) {
        const elem *x = (const elem *)job->x + (size_t)i * job->c;
        const elem *y = (const elem *)job->y + (size_t)i * job->c;
        const elem *g = (const elem *)job->gradient + (size_t)i * job->c;
        vec sum = {0};
        for (int c = 0; c < job->c; c += LANES)
            sum += load(g + c) * (load(x + c) - load(y + c));
        job->by_attention[plane_at(job->w, i / job->w, i % job->w)] = sum_lanes(sum);
    }
}

/* Adds the maximum's gradient to the first channel that has it. */
static void add_to_top(const elem *value, int c, float max, float by_max, elem *to)
{
    float sum[LANES];
    int i = 0;

    while (i < c - 1 && load_one(value + i) != max)
        i++;
    int block = i - i % LANES;
    store_f32(sum, load(to + block));
    sum[i % LANES] += by_max;
    store(to + block, load_f32(sum));
}

void KERNEL(fuse_back)(const struct fuse_job *job)
{
    size_t plane = plane_size(job->h, job->w);
    float share = 1 / (float)job->c;

    for (int i = 0; i < job->h * job->w; i++) {
        size_t at = plane_at(job->w, i / job->w, i % job->w), p = (size_t)i * job->c;
        float a = job->attention[at], b = job->scale - a;
        const float *by = job->by_stats + at, *stats = job->stats + at;
        const elem *g = (const elem *)job->gradient + p;
        elem *by_x = (elem *)job->by_x + p, *by_y = (elem *)job->by_y + p;
        for (int c = 0; c < job->c; c += LANES) {
            vec v = load(g + c);
            store(by_x + c, v * a + by[0] * share);
            store(by_y + c, v * b + by[2 * plane] * share);
        }
        add_to_top((const elem *)job->x + p, job->c, stats[plane], by[plane], by_x);
        add_to_top((const elem *)job->y + p, job->c, stats[3 * plane], by[3 * plane], by_y);
    }
}

/* ---- planes ------------------------------------------------------------------------------ */

/* Row `row` of output plane `o`. */
static void plane_row(const struct plane_job *job, int o, int row)
{
    size_t plane = plane_size(job->h, job->w), pitch = plane_pitch(job->w);
    float *restrict out = job->out + (size_t)o * plane + plane_at(job->w, row, 0);
    const float *weight = job->weight + (size_t)o * job->inputs * 9;

    memset(out, 0, (size_t)job->w * sizeof(*out));
    for (int t = 0; t < job->inputs * 9; t++) {
        const float *from =
            job->in + (size_t)(t / 9) * plane + (size_t)(row + t % 9 / 3) * pitch + t % 3;
        for (int x = 0; x < job->w; x++)
            out[x] += weight[t] * from[x];
    }
}

void KERNEL(plane)(const struct plane_job *job)
{
    memset(job->out, 0, (size_t)job->outputs * plane_size(job->h, job->w) * sizeof(float));
    for (int o = 0; o < job->outputs; o++)
        for (int row = 0; row < job->h; row++)
            plane_row(job, o, row);
}

/* In LANES sums, so that they need no fixed order of additions. */
static float dot(const float *a, const float *b, int n)
{
    float part[LANES] = {0}, rest = 0;
    vec sum = {0};
    int i = 0;

    for (; i + LANES <= n; i += LANES)
        sum += load_f32(a + i) * load_f32(b + i);
    for (; i < n; i++)
        rest += a[i] * b[i];
    store_f32(part, sum);
    for (i = 0; i < LANES; i++)
        rest += part[i];
    return rest;
}

void KERNEL(plane_back)(const struct plane_job *job)
{
    size_t plane = plane_size(job->h, job->w), pitch = plane_pitch(job->w);

    for (int i = 0; i < job->outputs * job->inputs * 9; i++) {
        int o = i / 9 / job->inputs, k = i / 9 % job->inputs, t = i % 9;
        for (int row = 0; row < job->h; row++)
            job->sums[i] += (double)dot(
                job->out + (size_t)o * plane + plane_at(job->w, row, 0),
                job->in + (size_t)k * plane + (size_t)(row + t / 3) * pitch + t % 3, job->w);
    }
}

/* Clamped to where the sigmoid is 0 or 1 in f32 and its exponential is finite. */
void KERNEL(sigmoid)(float *plane, size_t count)
{
    for (size_t i = 0; i < count; i += LANES) {
        vec v = -max_of(-max_of(load_f32(plane + i), all_lanes(-80)), all_lanes(-80));
        store_f32(plane + i, 1 / (1 + exp2_of(v * -LOG2_E)));
    }
}
