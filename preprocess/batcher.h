/* batcher.h -- the process that decodes plain JPEG files on a GPU, many at once.
 *
 *      zygote ──► batcher: jpeg_plain.h ──► nvJPEG ──► rows to this side ──► outputs.h ──► slots
 *         ▲          │ not plain, or nvJPEG says no: back, and a child decodes it
 *         └──────────┘
 *
 * CUDA takes a second to start and hundreds of MiB, so it cannot be had in a process per picture: this
 * one lives on, and what a hostile file did to it could touch the pictures after it. Therefore it is
 * asked for by name (--decode nvjpeg), gets files that were checked and written anew, holds the slots of
 * its batch only, and stands behind sandbox_fence. It says of no picture that it is bad: what it cannot
 * do, and all it had when it died, others do.
 *
 * Its records are wire.h's: a wire_job with the descriptors of original and slot in; a wire_outcome out,
 * WIRE_EXITED or WIRE_NOT_PLAIN. The first of those, with number 0, says whether it stands. */
#ifndef PREPROCESS_BATCHER_H
#define PREPROCESS_BATCHER_H

#include "preprocess/slot.h"

enum {
    BATCHER_BATCH = 64,
    BATCHER_AHEAD = 2 * BATCHER_BATCH, /* jobs that the zygote gives it at most */
    BATCHER_START_S = 60,              /* until it stands: CUDA looks at every device */
};

struct batcher_config {
    struct slot_layout layout;
    int device, threads; /* of CUDA; of the processor, for everything beside nvJPEG */
    int megapixels_max, zygote_pid;
};

/* Right after fork. Ends with the zygote. */
_Noreturn void batcher_main(int control, const struct batcher_config *config);

#endif
