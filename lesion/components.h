/* components.h -- connected parts of a mask, as runs of pixels with a union-find over them.
 *
 * Pixels that touch by side or corner belong together (8-connectivity). Parts smaller than 1 % of
 * the largest one are specks: they are not counted and enter no measure. */
#ifndef LESION_COMPONENTS_H
#define LESION_COMPONENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pixels x0 .. x1 - 1 of row y. Runs stand in reading order. */
struct run {
    int y, x0, x1;
    int root; /* index of the first run of the same part */
    /* Of the whole part, when this run is its root (its rows are y .. box_y1 - 1): */
    int area; /* px */
    int box_x0, box_x1, box_y1;
};

struct components {
    struct run *runs; /* the caller's memory: components_runs_max() of them */
    int n_runs;
    int largest; /* index of its root, -1 when the mask is empty */
    int n_kept;  /* parts of at least 1 % of the largest one's area */
};

/* Enough runs for any mask of w x h. */
size_t components_runs_max(int w, int h);

/* A part's box runs from box_x0, y to box_x1 - 1, box_y1 - 1. Fills all but `runs`. A pixel is in the mask when it is not 0; `stride` bytes from row to row. */
void components_find(struct components *c, const uint8_t *mask, int stride, int w, int h);

/* Is run `i` part of a component that counts? */
bool components_is_kept(const struct components *c, int i);

#endif
