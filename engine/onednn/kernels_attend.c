/* kernels_attend.c -- a fusion block between its convolutions: resize the high branch, reduce both
 * over channels, two tiny convolutions on planes, sigmoid, blend. */
#include "engine/onednn/kernels_set.h"
#include "engine/onednn/vector.h"

/* Sum and maximum over channels of one pixel of x, and of y as it is resized into `out`. */
struct pixel_stats {
    float x_sum, x_max, y_sum, y_max;
};

static void reduce_pixel(const struct attend_job *job, const elem *x, const elem *const corner[4],
                         const float weight[4], elem *out, struct pixel_stats *s)
{
    vec x_sum = {0}, y_sum = {0}, x_max = all_lanes(-3e38F), y_max = x_max;

    for (int c = 0; c < job->c; c += LANES) {
        vec vx = load(x + c);
        vec vy = load(corner[0] + c) * weight[0] + load(corner[1] + c) * weight[1] +
                 load(corner[2] + c) * weight[2] + load(corner[3] + c) * weight[3];
        store(out + c, vy);
        x_sum += vx;
        x_max = max_of(x_max, vx);
        y_sum += vy;
        y_max = max_of(y_max, vy);
    }
    *s = (struct pixel_stats){sum_lanes(x_sum), max_lanes(x_max), sum_lanes(y_sum),
                              max_lanes(y_max)};
}

/* One row of the four planes of statistics; y's resized row goes into out's. */
static void reduce_row(const struct attend_job *job, int row)
{
    struct tap v = job->rows[row];
    const elem *upper = (const elem *)job->y + (size_t)v.lo * job->y_w * job->c;
    const elem *lower = (const elem *)job->y + (size_t)v.hi * job->y_w * job->c;
    size_t plane = plane_size(job->h, job->w), first = (size_t)row * job->w * job->c;
    float *stats = job->stats + ((size_t)row + 1) * plane_pitch(job->w) + 1;
    float share = 1.0F / (float)job->c;

    for (int i = 0; i < job->w; i++) {
        struct tap u = job->columns[i];
        const elem *const corner[4] = {upper + (size_t)u.lo * job->c, upper + (size_t)u.hi * job->c,
                                       lower + (size_t)u.lo * job->c,
                                       lower + (size_t)u.hi * job->c};
        const float weight[4] = {(1 - v.f) * (1 - u.f), (1 - v.f) * u.f, v.f * (1 - u.f),
                                 v.f * u.f};
        size_t at = first + (size_t)i * job->c;
        struct pixel_stats s;
        reduce_pixel(job, (const elem *)job->x + at, corner, weight, (elem *)job->out + at, &s);
        stats[i] = s.x_sum * share;
        stats[plane + i] = s.x_max;
        stats[2 * plane + i] = s.y_sum * share;
        stats[3 * plane + i] = s.y_max;
    }
}

/* One row of a 3x3 convolution of `inputs` planes into one. */
static void convolve_row(const struct attend_job *job, const float *in, int inputs, int row,
                         const float *weight, float bias, float *restrict out)
{
    size_t pitch = plane_pitch(job->w), plane = plane_size(job->h, job->w);

    for (int x = 0; x < job->w; x++)
        out[x] = bias;
    for (int t = 0; t < inputs * 9; t++) {
        const float *from =
            in + (size_t)(t / 9) * plane + (size_t)(row + t % 9 / 3) * pitch + t % 3;
        float w = weight[t];
        for (int x = 0; x < job->w; x++)
            out[x] += w * from[x];
    }
}

static void hidden_row(const struct attend_job *job, int row)
{
    for (int o = 0; o < HIDDEN_CHANNELS; o++) {
        float *out = job->hidden + (size_t)o * plane_size(job->h, job->w) +
                     ((size_t)row + 1) * plane_pitch(job->w) + 1;
        convolve_row(job, job->stats, STATS_CHANNELS, row, job->weights->hidden[o],
                     job->weights->hidden_bias[o], out);
        for (int x = 0; x < job->w; x++)
            out[x] = out[x] > 0 ? out[x] : 0;
    }
}

/* To where the sigmoid is 0 or 1 in f32 and its exponential is finite. */
static vec clamp(vec v)
{
    return -max_of(-max_of(v, all_lanes(-80)), all_lanes(-80));
}

/* Sigmoid of a row of the attention plane into the plane's first row, which is border. */
static const float *sigmoid_row(const struct attend_job *job, int row)
{
    size_t pitch = plane_pitch(job->w);
    const float *from = job->attention + ((size_t)row + 1) * pitch;
    float *to = job->attention;

    for (size_t x = 0; x < pitch; x += LANES)
        store_f32(to + x, 1 / (1 + exp2_of(clamp(load_f32(from + x)) * -LOG2_E)));
    return to + PLANE_BORDER;
}

static void blend_row(const struct attend_job *job, int row)
{
    const float *a = sigmoid_row(job, row);
    size_t first = (size_t)row * job->w * job->c;
    const elem *x = (const elem *)job->x + first;
    elem *out = (elem *)job->out + first; /* holds y */

    for (int i = 0; i < job->w; i++, x += job->c, out += job->c)
        for (int c = 0; c < job->c; c += LANES)
            store(out + c, load(x + c) * a[i] + load(out + c) * (job->weights->scale - a[i]));
}

void KERNEL(attend)(const struct attend_job *job)
{
    size_t plane = plane_size(job->h, job->w);

    memset(job->stats, 0, STATS_CHANNELS * plane * sizeof(float)); /* borders */
    memset(job->hidden, 0, HIDDEN_CHANNELS * plane * sizeof(float));
    memset(job->attention, 0, plane * sizeof(float));
    for (int row = 0; row < job->h; row++)
        reduce_row(job, row);
    for (int row = 0; row < job->h; row++)
        hidden_row(job, row);
    for (int row = 0; row < job->h; row++)
        convolve_row(job, job->hidden, HIDDEN_CHANNELS, row, job->weights->out,
                     job->weights->out_bias,
                     job->attention + ((size_t)row + 1) * plane_pitch(job->w) + PLANE_BORDER);
    for (int row = 0; row < job->h; row++)
        blend_row(job, row);
}
