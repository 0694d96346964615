/* outputs.h -- the pictures that one decode makes, filled row by row into a slot.
 *
 *      rows of the original ──► network input   (aspect kept, padded with grey 128)
 *      (stored orientation) ├─► field           (<= 256, the means of whole pixels)
 *                           ├─► measuring image (<= 1024, when one is wanted)
 *                           └─► display copy    (<= 1600, when one is wanted; of a mask: its own
 *                                                pixels, as a mean of classes would be another one)
 *
 * A picture that has to be turned is made in stored orientation in memory of its own and turned
 * into the slot at the end, when it is small. */
#ifndef PREPROCESS_OUTPUTS_H
#define PREPROCESS_OUTPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shrink.h"
#include "preprocess/resize.h"
#include "preprocess/slot.h"
#include "preprocess/verdict.h"

/* A picture of some of the original's pixels: those under the middles of its own. */
struct pick {
    struct slot_size from, to; /* in stored orientation; from is no smaller */
    int row, made;             /* rows taken and made so far */
};

struct output {
    struct slot_size size;  /* of the picture as displayed, padding not counted */
    struct slot_size frame; /* with padding */
    uint8_t *target;        /* frame.h,frame.w,3 in the slot */
    uint8_t *turned;        /* in stored orientation; NULL when upright already */
    uint8_t *rows;          /* where the rows go: `target` or `turned` */
    size_t stride;          /* bytes from one to the next */
    bool is_mean, is_pick;  /* each pixel the mean of whole ones; one of them */
    struct resizer resizer; /* the one of these three that is meant works, the others are zeroed */
    struct shrink shrink;
    struct pick pick;
};

struct outputs {
    const struct slot_layout *layout;
    uint8_t *slot;
    int network_size; /* px, longest side asked for */
    bool want_measure, want_display, is_mask;
    int megapixels_max;

    int orientation;           /* EXIF, 1..8 */
    struct slot_size original; /* as displayed */
    int rows_left;
    struct output network, field, measure, display;
    struct output *wanted[4]; /* of these */
    int n_wanted;
};

/* Refuses what is over a limit, from the header alone. `w`, `h`: stored orientation. */
int outputs_check(const struct outputs *o, int64_t w, int64_t h, struct verdict *v);

/* px: rows whose longest side is at least this much lose nothing (for shrink-on-load). */
int outputs_need(const struct outputs *o, int w, int h);

/* `w`,`h` are the original's, `row_w`,`row_h` those of the rows to come (shrink-on-load); all in
 * stored orientation. */
int outputs_begin(struct outputs *o, struct slot_size original, struct slot_size rows,
                  struct verdict *v);

void outputs_push(struct outputs *o, const uint8_t *rgb);

/* Turns, pads and fills `head`'s sizes and is_grey. */
void outputs_end(struct outputs *o, struct slot_head *head);

void outputs_release(struct outputs *o);

#endif
