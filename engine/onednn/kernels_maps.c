/* kernels_maps.c -- pooling, concatenation and the context module's sum. */
#include "engine/onednn/kernels_set.h"
#include "engine/onednn/vector.h"

#ifndef __AVX512F__
float KERNEL(sum_lanes_of)(vec v)
{
    float sum = 0;

    for (int i = 0; i < LANES; i++)
        sum += v[i];
    return sum;
}

float KERNEL(max_lanes_of)(vec v)
{
    float max = v[0];

    for (int i = 1; i < LANES; i++)
        max = v[i] > max ? v[i] : max;
    return max;
}
#endif

/* Runs are multiples of COPY_BLOCK: at least 32 channels of a byte. */
void KERNEL(copy)(void *to, size_t step, const void *from, size_t run, size_t pixels)
{
    enum { COPY_BLOCK = 32 };
    char *out = to;
    const char *in = from;

    for (size_t p = 0; p < pixels; p++, out += step, in += run)
        for (size_t i = 0; i < run; i += COPY_BLOCK)
            memcpy(out + i, in + i, COPY_BLOCK);
}

FOR_CELL void add_pixel(float *sum, const void *map, size_t at, int channels, enum cell cell)
{
    for (int c = 0; c < channels; c += LANES)
        store_f32(sum + c, load_f32(sum + c) + load_at(map, at + c, cell));
}

FOR_CELL void mean_bins(const struct bins_job *job, enum cell cell)
{
    struct shape shape = job->shape;

    for (int i = 0; i < job->bins * job->bins; i++) {
        elem *to = (elem *)job->out + (size_t)i * shape.c;
        int y0, y1, x0, x1;
        bin_window(shape.h, job->bins, i / job->bins, &y0, &y1);
        bin_window(shape.w, job->bins, i % job->bins, &x0, &x1);
        memset(job->scratch, 0, (size_t)shape.c * sizeof(*job->scratch));
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++)
                add_pixel(job->scratch, job->in, ((size_t)y * shape.w + x) * shape.c, shape.c,
                          cell);
        float share = job->in_step / ((float)(y1 - y0) * (float)(x1 - x0));
        for (int c = 0; c < shape.c; c += LANES)
            store(to + c, load_f32(job->scratch + c) * share);
    }
}

void KERNEL(bins)(const struct bins_job *job)
{
    if (job->in_cell == CELL_U8)
        mean_bins(job, CELL_U8);
    else
        mean_bins(job, CELL_ELEM);
}

/* The four corners of a bilinear value and their weights. */
struct corners {
    const elem *at[4];
    float weight[4];
};

static struct corners find_corners(const void *map, int map_w, int c, struct tap row,
                                   struct tap column)
{
    const elem *upper = (const elem *)map + (size_t)row.lo * map_w * c;
    const elem *lower = (const elem *)map + (size_t)row.hi * map_w * c;

    return (struct corners){
        .at = {upper + (size_t)column.lo * c, upper + (size_t)column.hi * c,
               lower + (size_t)column.lo * c,                                                        lower + (size_t)column.hi * c},
        .weight = {(1 - row.f) * (1 - column.f),  (1 - row.f) * column.f,        row.f * (1 - column.f),
               row.f * column.f                                                                                                   }
    };
}

static vec value_at(const struct corners *k, int c)
{
    return load(k->at[0] + c) * k->weight[0] + load(k->at[1] + c) * k->weight[1] +
           load(k->at[2] + c) * k->weight[2] + load(k->at[3] + c) * k->weight[3];
}

FOR_CELL void sum_maps(const struct sum_job *job, enum cell cell)
{
    float unit = 1 / job->out_step;

    for (int i = 0; i < job->h * job->w; i++) {
        struct corners k[3];
        for (int m = 0; m < 3; m++)
            k[m] = find_corners(job->in[m], job->in_side[m], job->c, job->rows[m][i / job->w],
                                job->columns[m][i % job->w]);
        for (int c = 0; c < job->c; c += LANES)
            store_at(job->out, (size_t)i * job->c + c,
                     (value_at(&k[0], c) + value_at(&k[1], c) + value_at(&k[2], c)) * unit, cell);
    }
}

void KERNEL(sum)(const struct sum_job *job)
{
    if (job->out_cell == CELL_U8)
        sum_maps(job, CELL_U8);
    else
        sum_maps(job, CELL_ELEM);
}

void KERNEL(widen)(float *out, const void *in, size_t count)
{
    const elem *from = in;

    for (size_t i = 0; i < count; i++)
        out[i] = load_one(from + i);
}

const struct kernels KERNEL(kernels) = {
    .isa = KERNEL_TEXT_OF(KERNEL_SET),
    .elem_size = sizeof(elem),
    .stem_pack = KERNEL(stem_pack),
    .stem = KERNEL(stem),
    .halve = KERNEL(halve),
    .halve_bytes = KERNEL(halve_bytes),
    .copy = KERNEL(copy),
    .bins = KERNEL(bins),
    .sum = KERNEL(sum),
    .attend = KERNEL(attend),
    .classes = KERNEL(classes),
    .winograd_pack = KERNEL(winograd_pack),
    .winograd_pack_some = KERNEL(winograd_pack_some),
    .winograd_in = KERNEL(winograd_in),
    .winograd_multiply = KERNEL(winograd_multiply),
    .winograd_out = KERNEL(winograd_out),
    .widen = KERNEL(widen),
};
