/* split.h -- which pictures train, which choose and which test.
 *
 * Pictures that belong together (one patient, one lesion, the same picture twice) are a group and go
 * to one side. Groups are dealt out one by one, the largest first and those of a size in an order
 * drawn by the seed: each goes where it brings the numbers of every class, and of pictures in all,
 * nearest to the percentages. The outcome depends on seed, ids, classes and groups and not on the
 * order of the rows. Pure functions, any thread. */
#ifndef DATASET_SPLIT_H
#define DATASET_SPLIT_H

#include <stdint.h>

#include "common/err.h"

enum split { SPLIT_TRAIN, SPLIT_VAL, SPLIT_TEST, SPLIT_COUNT };

/* "train", "val", "test"; static storage. */
const char *split_word(int split);

/* Sets joined step by step; at first each of the n is a set of its own. */
struct groups {
    int *parent; /* n */
    int n;
};

int groups_init(struct groups *g, int n, struct err *err);
void groups_release(struct groups *g);
int groups_find(struct groups *g, int i); /* the number of i's set: that of its first member */
void groups_join(struct groups *g, int i, int j);

/* Join all whose value is the same text; "" is nobody's. Returns how many values have more than one
 * member; -1 is ERR_NOMEM. */
int groups_join_equal(struct groups *g, const char *const *values, struct err *err);

struct split_picture {
    const char *id;
    int class; /* 0..7 */
};

/* "70,15,15": whole percentages of train, val and test, together 100, train not 0. ERR_INPUT. */
int split_parse(int percent[SPLIT_COUNT], const char *text, struct err *err);

/* Fill out[n] with a split each. */
int split_assign(uint8_t *out, const struct split_picture *pictures, struct groups *groups,
                 const int percent[SPLIT_COUNT], uint64_t seed, struct err *err);

#endif
