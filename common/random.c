#include "common/random.h"

#include <assert.h>
#include <string.h>

enum { ROUNDS = 10 };

void random_block(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c[4], k[2] = {key[0], key[1]};

    memcpy(c, counter, sizeof(c));
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t a = UINT64_C(0xd2511f53) * c[0], b = UINT64_C(0xcd9e8d57) * c[2];
        const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ k[0], (uint32_t)b,
                                  (uint32_t)(a >> 32) ^ c[3] ^ k[1], (uint32_t)a};
        memcpy(c, next, sizeof(c));
        k[0] += 0x9e3779b9U;
        k[1] += 0xbb67ae85U;
    }
    memcpy(out, c, sizeof(c));
}

void random_begin(struct random *r, uint64_t seed, uint32_t epoch, uint32_t index, uint32_t use)
{
    const uint32_t place[4] = {0, index, epoch, use};

    *r = (struct random){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
          .used = 4
    };
    memcpy(r->counter, place, sizeof(place));
}

uint32_t random_next(struct random *r)
{
    if (r->used == 4) {
        random_block(r->block, r->counter, r->key);
        r->counter[0]++;
        r->used = 0;
    }
    return r->block[r->used++];
}

float random_between(struct random *r, float low, float high)
{
    return low + (high - low) * ((float)(random_next(r) >> 8) * 0x1p-24F);
}

int random_below(struct random *r, int n)
{
    assert(n > 0);
    return (int)((uint64_t)random_next(r) * (uint64_t)n >> 32);
}

bool random_chance(struct random *r, float share)
{
    return random_between(r, 0, 1) < share;
}
