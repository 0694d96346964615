#include "dataset/augment_warp.h"

#include <math.h>
#include <string.h>

#include "common/wide.h"

enum { ONE = 1 << 16 };

/* Smallest and largest coordinate of an axis over the target's middles of pixels. */
static void reach_of(double *low, double *high, const struct warp *w, int axis)
{
    const double *m = w->map[axis];
    double corner = m[2] + 0.5 * (m[0] + m[1]);
    double right = m[0] * (w->to_w - 1), down = m[1] * (w->to_h - 1);

    *low = corner + fmin(right, 0) + fmin(down, 0);
    *high = corner + fmax(right, 0) + fmax(down, 0);
}

int warp_measure(struct warp_tables *t, const struct warp *warp, double offset)
{
    for (int axis = 0; axis < 2; axis++) {
        const double *m = warp->map[axis];
        double low, high;
        reach_of(&low, &high, warp, axis);
        if (!(low > -WARP_REACH_MAX && high < WARP_REACH_MAX))
            return -1;
        /* Two more on each side: for the neighbour, and for what steps are off by at the far end. */
        t->first[axis] = (int)floor(low - offset) - 2;
        t->count[axis] = (int)floor(high - offset) + 3 - t->first[axis] + 1;
        /* Weights are whole 1/256: rounded, not cut. */
        double round = offset > 0 ? 0.5 / 256 : 0;
        t->origin[axis] =
            llround((m[2] + 0.5 * (m[0] + m[1]) - offset - t->first[axis] + round) * ONE);
        t->step[0][axis] = (int)lround(m[0] * ONE);
        t->step[1][axis] = (int)lround(m[1] * ONE);
    }
    return 0;
}

static int mirrored(int i, int n)
{
    int turn = i % (2 * n);

    turn += turn < 0 ? 2 * n : 0;
    return turn < n ? turn : 2 * n - 1 - turn;
}

void warp_fill(struct warp_tables *t, const struct warp *warp, int pixel)
{
    const int lengths[2] = {warp->w, warp->h}, strides[2] = {pixel, pixel * warp->w};

    t->stride = strides[1];
    for (int axis = 0; axis < 2; axis++)
        for (int i = 0; i < t->count[axis]; i++)
            t->at[axis][i] = mirrored(t->first[axis] + i, lengths[axis]) * strides[axis];
}

/* A pixel is loaded as four bytes, of which the last is the next one's. */
static inline uint64_t widened(uint32_t rgb)
{
    uint64_t p = rgb;

    return (p & 0xff) | (p & 0xff00) << 8 | (p & 0xff0000) << 16;
}

WIDE static void widen_row(uint16_t *restrict out, const uint8_t *restrict rgb, int w)
{
    uint32_t pixel;

    for (int i = 0; i < w - 1; i++) {
        memcpy(&pixel, rgb + 3 * (size_t)i, 4);
        uint64_t lanes = widened(pixel);
        memcpy(out + 4 * (size_t)i, &lanes, 8);
    }
    const uint8_t *last = rgb + 3 * (size_t)(w - 1);
    uint64_t lanes = widened(last[0] | (uint32_t)last[1] << 8 | (uint32_t)last[2] << 16);
    memcpy(out + 4 * (size_t)(w - 1), &lanes, 8);
}

void warp_widen(uint16_t *out, const uint8_t *rgb, int w, int h)
{
    for (int j = 0; j < h; j++)
        widen_row(out + 4 * (size_t)j * (size_t)w, rgb + 3 * (size_t)j * (size_t)w, w);
}

typedef uint16_t lanes8 __attribute__((vector_size(16)));
typedef uint64_t pair2 __attribute__((vector_size(16)));

/* Two pixels side by side from each of two rows, down to one. Each step rounds to whole levels, so an
 * even surface stays as it is. Through pointers: how a vector is passed depends on the processor
 * compiled for. */
static inline uint64_t blend(const lanes8 *upper, const lanes8 *lower, int x, int y)
{
    static const lanes8 ones = {257, 257, 257, 257}, flip = {0xffff, 0xffff, 0xffff, 0xffff};
    lanes8 down = {0}, right = {0};

    down += (uint16_t)((y >> 8) & 255);
    right += (uint16_t)((x >> 8) & 255);
    lanes8 v = (*upper * (256 - down) + *lower * down + 128) >> 8;
    v *= ones + (right ^ flip); /* 256 - right for the left pixel, right for the right one */
    uint64_t half[2];
    memcpy(half, &v, sizeof(half));
    /* Lanes of 16 bits that do not overflow into each other: the weights of the two are 256. */
    uint64_t sum = (half[0] + half[1] + UINT64_C(0x0080008000800080)) >> 8;
    return (sum & 0xff) | (sum >> 8 & 0xff00) | (sum >> 16 & 0xff0000);
}

struct row {
    uint8_t *out;
    const uint16_t *source;
    int x, y; /* of its first pixel, from the tables' beginning */
};

static inline void load_pair(lanes8 *out, const uint16_t *left, const uint16_t *right)
{
    uint64_t l, r;

    memcpy(&l, left, 8);
    memcpy(&r, right, 8);
    *out = (lanes8)(pair2){l, r};
}

static inline void put(uint8_t *out, uint64_t pixel)
{
    uint16_t two = (uint16_t)pixel;

    memcpy(out, &two, 2);
    out[2] = (uint8_t)(pixel >> 16);
}

/* Of pixels from..to - 1, all of which are in the picture with their neighbours. */
WIDE static void inner_run(const struct row *row, const struct warp_tables *t, int from, int to)
{
    const int dx = t->step[0][0], dy = t->step[0][1];
    const ptrdiff_t stride = t->stride;
    /* Coordinates here count from the picture's corner. */
    int x = row->x + from * dx + t->first[0] * ONE, y = row->y + from * dy + t->first[1] * ONE;
    uint8_t *out = row->out + 3 * (size_t)from;

    for (int i = from; i < to; i++, x += dx, y += dy, out += 3) {
        const uint16_t *at = row->source + (y >> 16) * stride + 4 * (ptrdiff_t)(x >> 16);
        lanes8 upper, lower;
        memcpy(&upper, at, 16);
        memcpy(&lower, at + stride, 16);
        put(out, blend(&upper, &lower, x, y));
    }
}

/* Of pixels from..to - 1, anywhere: through the tables. */
WIDE static void outer_run(const struct row *row, const struct warp_tables *t, int from, int to)
{
    const int dx = t->step[0][0], dy = t->step[0][1];
    int x = row->x + from * dx, y = row->y + from * dy;
    uint8_t *out = row->out + 3 * (size_t)from;

    for (int i = from; i < to; i++, x += dx, y += dy, out += 3) {
        const int32_t *columns = t->at[0] + (x >> 16), *rows = t->at[1] + (y >> 16);
        const uint16_t *above = row->source + rows[0], *below = row->source + rows[1];
        lanes8 upper, lower;
        load_pair(&upper, above + columns[0], above + columns[1]);
        load_pair(&lower, below + columns[0], below + columns[1]);
        put(out, blend(&upper, &lower, x, y));
    }
}

/* Narrows from..to - 1 to where low <= at + i * step < high. */
static void narrow(int *from, int *to, int64_t at, int64_t step, int64_t low, int64_t high)
{
    if (step < 0) { /* the same seen from the other side */
        int64_t swap = 1 - high;
        high = 1 - low;
        low = swap;
        at = -at;
        step = -step;
    }
    if (step == 0) {
        *to = at >= low && at < high ? *to : *from;
        return;
    }
    int64_t first = at >= low ? 0 : (low - at + step - 1) / step;
    int64_t end = at >= high ? 0 : (high - at + step - 1) / step;
    *from = first > *from ? (int)(first < *to ? first : *to) : *from;
    *to = end < *to ? (int)(end > *from ? end : *from) : *to;
}

/* Where row j begins. */
static void begin_row(int start[2], const struct warp_tables *t, int j)
{
    for (int axis = 0; axis < 2; axis++)
        start[axis] = (int)(t->origin[axis] + (int64_t)j * t->step[1][axis]);
}

void warp_picture(uint8_t *out, const uint16_t *source, const struct warp *warp,
                  const struct warp_tables *t)
{
    const int last[2] = {warp->w - 1, warp->h - 1};

    for (int j = 0; j < warp->to_h; j++) {
        struct row row = {.out = out + 3 * (size_t)j * (size_t)warp->to_w, .source = source};
        int start[2], from = 0, to = warp->to_w;
        begin_row(start, t, j);
        row.x = start[0];
        row.y = start[1];
        for (int axis = 0; axis < 2; axis++)
            narrow(&from, &to, start[axis] + (int64_t)t->first[axis] * ONE, t->step[0][axis], 0,
                   (int64_t)last[axis] * ONE);
        outer_run(&row, t, 0, from);
        inner_run(&row, t, from, to);
        outer_run(&row, t, to, warp->to_w);
    }
}

WIDE static void label_row(uint8_t *restrict out, const uint8_t *restrict source,
                           const struct warp_tables *t, const int start[2], int n)
{
    const int32_t *columns = t->at[0], *rows = t->at[1];
    int x = start[0], y = start[1];

    for (int i = 0; i < n; i++, x += t->step[0][0], y += t->step[0][1])
        out[i] = source[rows[y >> 16] + columns[x >> 16]];
}

void warp_label(uint8_t *out, const uint8_t *source, const struct warp *warp,
                const struct warp_tables *t)
{
    int start[2];

    for (int j = 0; j < warp->to_h; j++) {
        begin_row(start, t, j);
        label_row(out + (size_t)j * (size_t)warp->to_w, source, t, start, warp->to_w);
    }
}
