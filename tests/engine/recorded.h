/* recorded.h -- the labels of a picture's pixels that recorded logits (logits_eighth, 1,8,h,w of a side an
 * eighth as long) stand for. For tests only. */
#ifndef TESTS_ENGINE_RECORDED_H
#define TESTS_ENGINE_RECORDED_H

#include <stdint.h>

#include "tests/engine/npz.h"

struct recorded_labels {
    uint8_t label;   /* by the rule of engine.h */
    uint8_t highest; /* of all eight classes, as the recorded class map has it */
};

/* Of the pixel (y, x) of a picture of `h` by `w`. */
struct recorded_labels recorded_labels_at(const struct npy *logits, int h, int w, int y, int x);

#endif
