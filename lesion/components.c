/* components.c -- one pass makes runs and joins them with the row above, one pass flattens. */
#include "lesion/components.h"

#include <string.h>

size_t components_runs_max(int w, int h)
{
    return ((size_t)w + 1) / 2 * (size_t)h;
}

/* First pixel at or after `x` that is in the mask, else `w`. Eight at a time: most are not. */
static int skip_background(const uint8_t *row, int x, int w)
{
    uint64_t eight;

    for (; x + 8 <= w; x += 8) {
        memcpy(&eight, row + x, 8);
        if (eight)
            break;
    }
    while (x < w && !row[x])
        x++;
    return x;
}

static int skip_mask(const uint8_t *row, int x, int w)
{
    const uint8_t *end = memchr(row + x, 0, (size_t)(w - x));

    return end ? (int)(end - row) : w;
}

static int root_of(struct run *runs, int i)
{
    while (runs[i].root != i) {
        runs[i].root = runs[runs[i].root].root;
        i = runs[i].root;
    }
    return i;
}

/* The earlier run becomes the root, so that a root is always the first run of its part. */
static void join(struct run *runs, int i, int k)
{
    i = root_of(runs, i);
    k = root_of(runs, k);
    if (i < k)
        runs[k].root = i;
    else
        runs[i].root = k;
}

/* Join the runs from..to-1 of one row with the runs above..from-1 of the row before it. */
static void join_rows(struct run *runs, int above, int from, int to)
{
    int end = from;

    for (int i = from; i < to; i++) {
        while (above < end && runs[above].x1 < runs[i].x0)
            above++;
        for (int k = above; k < end && runs[k].x0 <= runs[i].x1; k++)
            join(runs, i, k);
    }
}

static void sum_parts(struct components *c)
{
    struct run *runs = c->runs;

    c->largest = -1;
    for (int i = 0; i < c->n_runs; i++) {
        runs[i].root = root_of(runs, i);
        struct run *root = runs + runs[i].root;
        root->area += runs[i].x1 - runs[i].x0;
        root->box_x0 = runs[i].x0 < root->box_x0 ? runs[i].x0 : root->box_x0;
        root->box_x1 = runs[i].x1 > root->box_x1 ? runs[i].x1 : root->box_x1;
        root->box_y1 = runs[i].y + 1;
    }
    for (int i = 0; i < c->n_runs; i++)
        if (runs[i].root == i && (c->largest < 0 || runs[i].area > runs[c->largest].area))
            c->largest = i;
    c->n_kept = 0;
    for (int i = 0; i < c->n_runs; i++)
        c->n_kept += runs[i].root == i && components_is_kept(c, i);
}

void components_find(struct components *c, const uint8_t *mask, int stride, int w, int h)
{
    int n = 0, above = 0;

    for (int y = 0; y < h; y++) {
        const uint8_t *row = mask + (size_t)y * (size_t)stride;
        int from = n;
        for (int x = skip_background(row, 0, w); x < w; x = skip_background(row, x, w)) {
            int end = skip_mask(row, x, w);
            c->runs[n] =
                (struct run){.y = y, .x0 = x, .x1 = end, .root = n, .box_x0 = x, .box_x1 = end};
            n++;
            x = end;
        }
        join_rows(c->runs, above, from, n);
        above = from;
    }
    c->n_runs = n;
    sum_parts(c);
}

bool components_is_kept(const struct components *c, int i)
{
    return (int64_t)c->runs[c->runs[i].root].area * 100 >= c->runs[c->largest].area;
}
