/* random.h -- chance that can be asked for out of order: a counter-based generator.
 *
 * Philox 4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"): the
 * block of numbers with a given place is a function of seed and place alone. So what happens to picture
 * `index` of `epoch` does not depend on which thread does it, nor on what was drawn before. Pure. */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* What numbers are for. Two uses with the same seed, epoch and index must not get the same ones. */
enum random_use {
    RANDOM_ORDER,    /* of an epoch's pictures */
    RANDOM_SIZE,     /* of an iteration's pictures */
    RANDOM_GEOMETRY, /* of one picture, as the three below */
    RANDOM_COLOUR,
    RANDOM_RESOLUTION,
    RANDOM_ARTEFACT,                       /* + enum artefact: one stream each */
    RANDOM_LESIONS = RANDOM_ARTEFACT + 64, /* of a replicate of the bootstrap */
    RANDOM_TRIAL,                          /* of a search: the settings of trial `epoch` */
};

struct random {
    uint32_t key[2], counter[4], block[4];
    int used; /* numbers of `block` that are gone */
};

/* The numbers of (seed, epoch, index, use) from their beginning. */
void random_begin(struct random *r, uint64_t seed, uint32_t epoch, uint32_t index, uint32_t use);

uint32_t random_next(struct random *r);
float random_between(struct random *r, float low, float high); /* low <= x < high */
int random_below(struct random *r, int n);                     /* 0..n-1; n > 0 */
bool random_chance(struct random *r, float share);

/* One block: `counter` and `key` mixed into `out`. */
void random_block(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

#endif
