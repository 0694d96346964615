#include "cli/demo_random.h"

#include <math.h>

void demo_random_seed(struct demo_random *r, uint64_t seed, uint64_t stream)
{
    *r = (struct demo_random){.state = 0, .stream = stream << 1 | 1};
    demo_random_next(r);
    r->state += seed;
    demo_random_next(r);
}

uint32_t demo_random_next(struct demo_random *r)
{
    uint64_t old = r->state;
    uint32_t mixed = (uint32_t)(((old >> 18) ^ old) >> 27), turn = (uint32_t)(old >> 59);

    r->state = old * UINT64_C(6364136223846793005) + r->stream;
    return mixed >> turn | mixed << (-turn & 31);
}

float demo_between(struct demo_random *r, float low, float high)
{
    return low + (high - low) * ((float)(demo_random_next(r) >> 8) * 0x1p-24F);
}

int demo_below(struct demo_random *r, int n)
{
    return (int)((uint64_t)demo_random_next(r) * (uint64_t)n >> 32);
}

bool demo_chance(struct demo_random *r, float share)
{
    return demo_between(r, 0, 1) < share;
}

/* The finaliser of MurmurHash3 over the cell's coordinates. */
static uint32_t hash(uint32_t seed, int x, int y)
{
    uint32_t h = seed ^ (uint32_t)x * 0x8da6b343U ^ (uint32_t)y * 0xd8163841U;

    h = (h ^ h >> 16) * 0x85ebca6bU;
    h = (h ^ h >> 13) * 0xc2b2ae35U;
    return h ^ h >> 16;
}

/* floor(), without the call that it is on plain x86-64. */
static int whole(float x)
{
    int i = (int)x;

    return i - (x < (float)i);
}

static float unit(uint32_t h)
{
    return (float)(h >> 8) * 0x1p-24F;
}

float demo_noise(uint32_t seed, float x, float y)
{
    int ix = whole(x), iy = whole(y);
    float u = x - (float)ix, v = y - (float)iy;
    float a = unit(hash(seed, ix, iy)), b = unit(hash(seed, ix + 1, iy));
    float c = unit(hash(seed, ix, iy + 1)), d = unit(hash(seed, ix + 1, iy + 1));

    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v;
}

float demo_fractal(uint32_t seed, float x, float y, int octaves)
{
    float sum = 0, weight = 1, total = 0;

    for (int i = 0; i < octaves; i++) {
        sum += weight * demo_noise(seed + (uint32_t)i * 0x9e3779b9U, x, y);
        total += weight;
        weight *= 0.5F;
        x = x * 2 + 17.3F; /* moved, so that the octaves' grids do not line up */
        y = y * 2 + 9.1F;
    }
    return sum / total;
}

struct demo_cell demo_cells(uint32_t seed, float x, float y)
{
    int ix = whole(x), iy = whole(y);
    struct demo_cell near = {9, 9};

    for (int cy = iy - 1; cy <= iy + 1; cy++)
        for (int cx = ix - 1; cx <= ix + 1; cx++) {
            uint32_t h = hash(seed, cx, cy);
            float dx = (float)cx + (float)(h & 0xffff) * 0x1p-16F - x;
            float dy = (float)cy + (float)(h >> 16) * 0x1p-16F - y;
            float d = dx * dx + dy * dy;
            if (d < near.first) {
                near.second = near.first;
                near.first = d;
            } else if (d < near.second) {
                near.second = d;
            }
        }
    return (struct demo_cell){sqrtf(near.first), sqrtf(near.second)};
}
