/* kernels_attend.c -- a fusion block between its convolutions: resize the high branch, reduce both
 * over channels, two tiny convolutions on planes, sigmoid, blend. */
#include "engine/onednn/kernels_set.h"
#include "engine/onednn/vector.h"

/* Sum and maximum over channels of one pixel of x, and of y as it is resized into `out`. */
struct pixel_stats {
    float x_sum, x_max, y_sum, y_max;
};

FOR_CELL void reduce_pixel(const struct attend_job *job, size_t at, const size_t corner[4],
                           const float weight[4], struct pixel_stats *s, enum cell cell)
{
    vec x_sum = {0}, y_sum = {0}, x_max = all_lanes(-3e38F), y_max = x_max;

    for (int c = 0; c < job->c; c += LANES) {
        vec vx = load_at(job->x, at + c, cell);
        vec vy = load_at(job->y, corner[0] + c, cell) * weight[0] +
                 load_at(job->y, corner[1] + c, cell) * weight[1] +
                 load_at(job->y, corner[2] + c, cell) * weight[2] +
                 load_at(job->y, corner[3] + c, cell) * weight[3];
        store_at(job->out, at + c, vy, cell);
        x_sum += vx;
        x_max = max_of(x_max, vx);
        y_sum += vy;
        y_max = max_of(y_max, vy);
    }
    *s = (struct pixel_stats){sum_lanes(x_sum) * job->x_step, max_lanes(x_max) * job->x_step,
                              sum_lanes(y_sum) * job->y_step, max_lanes(y_max) * job->y_step};
}

/* One row of the four planes of statistics; y's resized row goes into out's. */
FOR_CELL void reduce_row(const struct attend_job *job, int row, enum cell cell)
{
    struct tap v = job->rows[row];
    size_t upper = (size_t)v.lo * job->y_w * job->c, lower = (size_t)v.hi * job->y_w * job->c;
    size_t plane = plane_size(job->h, job->w), first = (size_t)row * job->w * job->c;
    float *stats = job->stats + ((size_t)row + 1) * plane_pitch(job->w) + 1;
    float share = 1.0F / (float)job->c;

    for (int i = 0; i < job->w; i++) {
        struct tap u = job->columns[i];
        size_t left = (size_t)u.lo * job->c, right = (size_t)u.hi * job->c;
        const size_t corner[4] = {upper + left, upper + right, lower + left, lower + right};
        const float weight[4] = {(1 - v.f) * (1 - u.f), (1 - v.f) * u.f, v.f * (1 - u.f),
                                 v.f * u.f};
        struct pixel_stats s;
        reduce_pixel(job, first + (size_t)i * job->c, corner, weight, &s, cell);
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

/* `out` holds y, in y's steps. */
FOR_CELL void blend_row(const struct attend_job *job, int row, enum cell cell)
{
    const float *a = sigmoid_row(job, row);
    float x_unit = job->x_step / job->out_step, y_unit = job->y_step / job->out_step;
    size_t at = (size_t)row * job->w * job->c;

    for (int i = 0; i < job->w; i++, at += job->c) {
        float x_share = a[i] * x_unit, y_share = (job->weights->scale - a[i]) * y_unit;
        for (int c = 0; c < job->c; c += LANES)
            store_at(job->out, at + c,
                     load_at(job->x, at + c, cell) * x_share +
                         load_at(job->out, at + c, cell) * y_share,
                     cell);
    }
}

FOR_CELL void attend_maps(const struct attend_job *job, enum cell cell)
{
    size_t plane = plane_size(job->h, job->w);

    memset(job->stats, 0, STATS_CHANNELS * plane * sizeof(float)); /* borders */
    memset(job->hidden, 0, HIDDEN_CHANNELS * plane * sizeof(float));
    memset(job->attention, 0, plane * sizeof(float));
    for (int row = 0; row < job->h; row++)
        reduce_row(job, row, cell);
    for (int row = 0; row < job->h; row++)
        hidden_row(job, row);
    for (int row = 0; row < job->h; row++)
        convolve_row(job, job->hidden, HIDDEN_CHANNELS, row, job->weights->out,
                     job->weights->out_bias,
                     job->attention + ((size_t)row + 1) * plane_pitch(job->w) + PLANE_BORDER);
    for (int row = 0; row < job->h; row++)
        blend_row(job, row, cell);
}

void KERNEL(attend)(const struct attend_job *job)
{
    if (job->cell == CELL_U8)
        attend_maps(job, CELL_U8);
    else
        attend_maps(job, CELL_ELEM);
}
