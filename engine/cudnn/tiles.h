/* tiles.h -- which part of which image a block works on. Blocks count through the images, in each
 * row by row of tiles. Valid C11 and CUDA C++. */
#ifndef ENGINE_CUDNN_TILES_H
#define ENGINE_CUDNN_TILES_H

#include <stdbool.h>

#include "engine/cudnn/arith.h"

enum { WARP = 32 }; /* threads that run together */

/* How a batch is cut up. */
struct tiles {
    int images, down, across; /* tiles of an image */
    int rows, columns;        /* pixels of a tile; the last ones may reach beyond the image */
};

struct tile {
    int image, y, x; /* the first pixel */
};

LENTIGO_HD struct tiles tiles_of(int images, int h, int w, int rows, int columns)
{
    struct tiles t;

    t.images = images;
    t.down = (h + rows - 1) / rows;
    t.across = (w + columns - 1) / columns;
    t.rows = rows;
    t.columns = columns;
    return t;
}

LENTIGO_HD long long tiles_count(struct tiles t)
{
    return (long long)t.images * t.down * t.across;
}

LENTIGO_HD struct tile tiles_nth(struct tiles t, int n)
{
    struct tile at;

    at.image = n / (t.down * t.across);
    at.y = n / t.across % t.down * t.rows;
    at.x = n % t.across * t.columns;
    return at;
}

LENTIGO_HD bool tile_inside(int y, int x, int h, int w)
{
    return y >= 0 && x >= 0 && y < h && x < w;
}

#endif
