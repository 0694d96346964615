/* nvjpeg.h -- JPEG pictures decoded on a GPU, by NVIDIA's nvJPEG.
 *
 * nvJPEG and CUDA's driver are opened at run time: nothing of CUDA is needed to build this, and a machine
 * without has nvjpeg_open fail. Of its ways to decode the first that the device has is taken: its engine
 * for JPEG (A100, H100 and later), else its cores. Only jpeg_plain.h's files are for this. One thread. */
#ifndef PREPROCESS_NVJPEG_H
#define PREPROCESS_NVJPEG_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct nvjpeg;

struct nvjpeg_picture {
    const uint8_t *bytes; /* n; of a plain JPEG of w x h px */
    size_t n;
    int w, h;
    const uint8_t *rgb; /* out: h,w,3; borrowed until the next call */
};

/* On CUDA's device of this number; pictures that are decoded together may hold `bytes` as RGB, and as
 * many are taken from the device and locked here. `threads`: of the processor, where nvJPEG wants some.
 * ERR_CONFIG: no driver, library or device; ERR_NOMEM. */
int nvjpeg_open(struct nvjpeg **out, int device, size_t bytes, int threads, struct err *err);
void nvjpeg_close(struct nvjpeg *j); /* NULL is fine */

/* "engine" or "cores": what decodes. */
const char *nvjpeg_backend(const struct nvjpeg *j);

/* All of them, or -1 ERR_INPUT and none: one that nvJPEG does not take spoils the others. ERR_DEVICE:
 * CUDA failed; close, and open again in a new process. */
int nvjpeg_decode(struct nvjpeg *j, struct nvjpeg_picture *pictures, int n, struct err *err);

#endif
