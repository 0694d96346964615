/* demo_random.h -- chance and noise that are the same on every machine and in every run.
 *
 * The generator is PCG32 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically
 * Good Algorithms for Random Number Generation"): 64 bits of state, one stream per picture. The
 * noise is a function of the place alone, so that a picture can be drawn at any size. */
#ifndef CLI_DEMO_RANDOM_H
#define CLI_DEMO_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct demo_random {
    uint64_t state, stream;
};

void demo_random_seed(struct demo_random *r, uint64_t seed, uint64_t stream);
uint32_t demo_random_next(struct demo_random *r);
float demo_between(struct demo_random *r, float low, float high);
int demo_below(struct demo_random *r, int n); /* 0..n-1 */
bool demo_chance(struct demo_random *r, float share);

/* Smooth noise of cell size 1, 0..1, mean 0.5. */
float demo_noise(uint32_t seed, float x, float y);

/* `octaves` of it, each of half the size and half the strength; 0..1, mean 0.5. */
float demo_fractal(uint32_t seed, float x, float y, int octaves);

/* Distances to the nearest and second nearest of points strewn one a cell (Worley 1996):
 * second - first is small on the walls of a honeycomb, first is small in its middles. */
struct demo_cell {
    float first, second;
};
struct demo_cell demo_cells(uint32_t seed, float x, float y);

#endif
