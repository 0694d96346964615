/* frame.h -- how large the network's input is for a picture: aspect kept, padded with mid grey.
 *
 * The network halves its input five times, but nothing needs sides that are multiples of 32: the
 * backends round up where it halves. Grey is no skin, and the network was taught on pictures without
 * it: padding to 8 instead of 32 costs less and makes fewer mistakes (validation split: failure rate
 * 0.1123 -> 0.1034 at 224, 0.0995 -> 0.0985 at 256, 0.1005 -> 0.0966 at 320). No padding at all would
 * give nearly each picture a shape, and so a plan and a batch, of its own. */
#ifndef PREPROCESS_FRAME_H
#define PREPROCESS_FRAME_H

#include "preprocess/slot.h"

enum {
    FRAME_STEP = 8, /* px, sides of the input are multiples of it */
    FRAME_GREY = 128,
};

struct frame {
    struct slot_size content; /* the part that is picture, top left */
    struct slot_size padded;
};

/* The longest side becomes `side`, whatever that side is now. */
struct slot_size frame_fit(struct slot_size s, int side);

/* The input for an original of `w`,`h` px, as displayed, when `size` is asked for: a small original
 * is never enlarged beyond DECODE_ENLARGE_MAX. */
struct frame frame_of(struct slot_size original, int size);

/* px, longest side of the content of frame_of. */
int frame_side(int longest, int size);

/* Fill what is not content with grey. `rgb`: padded.h,padded.w,3. */
void frame_pad(const struct frame *f, uint8_t *rgb);

#endif
