/* sample.h -- decoded pictures of a folder, kept in memory: what a network is calibrated on.
 *
 * A labelled set (labels.h) gives pictures of its train split (all when it has none), any other
 * folder whatever below it can be decoded. They are spread evenly over the list. */
#ifndef WORKER_SAMPLE_H
#define WORKER_SAMPLE_H

#include <stdint.h>

#include "common/err.h"
#include "preprocess/decode.h"

struct sample_picture {
    uint8_t *rgb; /* h,w,3; owned */
    int w, h, content_w, content_h;
};

struct sample {
    struct sample_picture *pictures;
    int n;
    bool is_labelled;
};

struct sample_request {
    const char *dir;
    struct decoder *decoder; /* slot 0 is used; borrowed */
    int size;                /* px, longest side */
    int count;               /* pictures at most */
};

/* What cannot be decoded is left out. ERR_CONFIG: no such folder, or no picture in it. */
int sample_take(struct sample *out, const struct sample_request *request, struct err *err);
void sample_release(struct sample *s); /* safe on a zeroed one */

#endif
