/* slot.h -- how a slot of shared memory is laid out. The child writes it and may be hostile: the
 * parent copies the head once and believes nothing in the copy unchecked (decode.c). */
#ifndef PREPROCESS_SLOT_H
#define PREPROCESS_SLOT_H

#include <stdint.h>

struct slot_size {
    int32_t w, h; /* px; 0,0: absent */
};

/* Valid when `job` is the number of the job that the slot was given for; written last. */
struct slot_head {
    uint64_t job;
    int32_t reason; /* enum reason */
    int32_t kind;   /* enum image_kind */
    int32_t is_degraded, is_grey;
    int32_t orientation;       /* EXIF, 1..8 */
    struct slot_size original; /* as displayed */
    struct slot_size network, content, field, measure, display;
    char note[96];
    char text[200];
};

/* Byte offsets of the four pictures, each on a page of its own: fixed, so that a slot's pages are
 * there already when the next picture of like size comes. */
struct slot_layout {
    int network_max; /* px, longest side of the padded network input */
    uint64_t network, field, measure, display, size;
};

/* The last thing that is written: `slot` now holds what `head` says. */
void slot_publish(uint8_t *slot, const struct slot_head *head, uint64_t job);

/* `size_max`: px, the largest network size that will be asked for. */
struct slot_layout slot_layout(int size_max);

#endif
