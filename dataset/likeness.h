/* likeness.h -- whether two pictures show the same, from 128 bits of each.
 *
 * The picture is made 9 x 9 grey (means), and each bit says whether of two neighbours the second is
 * lighter: 64 pairs side by side, 64 one above the other (Krawetz's dHash, both ways). The bits stand
 * still when a picture is made smaller, brighter or is packed harder; how many may differ was chosen
 * once, by a count that no command repeats: of 150 pictures and a changed copy of each nearly all were
 * within 5 bits when made half as large, packed as JPEG of quality 40, or lighter, and few of those cut by
 * 3 %. How many pairs of different lesions are within 5 bits was not counted: nobody looked at those that
 * were found. A cut-out or a turned picture is not found. Pure functions. */
#ifndef DATASET_LIKENESS_H
#define DATASET_LIKENESS_H

#include <stdint.h>

#include "common/err.h"

enum { LIKENESS_BITS = 128, LIKENESS_NEAR = 5 /* bits that may differ */ };

struct likeness {
    uint64_t across, down;
};

/* `rgb`: h,w,3, each side 9 or more px, else all bits are 0 and the picture is like nothing. */
struct likeness likeness_of(const uint8_t *rgb, int w, int h);

/* Bits that differ. */
int likeness_distance(struct likeness a, struct likeness b);

/* Call `take` for each pair i < j no farther than `near` from each other, in order. One without a bit set
 * (nothing to see, or no picture) is in no pair. -1 from `take` ends it. */
int likeness_pairs(const struct likeness *all, int n, int near,
                   int (*take)(void *ctx, int i, int j, struct err *err), void *ctx,
                   struct err *err);

#endif
