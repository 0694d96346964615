/* memory.h -- the one block of device memory and the one of page-locked host memory that a stream
 * has, for whatever shape it runs.
 *
 * Device: work | berth 0 | berth 1. Host: berth 0 | berth 1. In a berth a chunk of images comes in and
 * its results go out, so that one chunk is being moved while another is computed; maps and all else that
 * serves one chunk at a time is work. Chunks of different shapes meet in these berths, so their places
 * belong to the memory and not to a shape.
 *
 * A block grows to the largest need and moves when it does. Whoever holds addresses in it remembers
 * the generation and takes them anew when that has changed. */
#ifndef ENGINE_CUDNN_MEMORY_H
#define ENGINE_CUDNN_MEMORY_H

#include <stddef.h>

#include "common/err.h"

enum { BERTHS = 2, MEMORY_BLOCK_ALIGN = 256 };

struct memory {
    char *device, *host;            /* the blocks; on the device work is first */
    size_t work_bytes, berth_bytes; /* multiples of the alignment */
    unsigned generation;            /* counts moves; 0: never had any */
};

size_t memory_align(size_t bytes);

/* Nothing on the device may use the memory meanwhile. ERR_NOMEM leaves none at all: what there was
 * is given up first, so that another stream or a smaller batch can have it. */
int memory_reserve(struct memory *m, size_t work_bytes, size_t berth_bytes, struct err *err);
void memory_release(struct memory *m); /* safe on a zeroed one */

/* The memory's, until it moves. */
char *memory_device_berth(const struct memory *m, int berth);
char *memory_host_berth(const struct memory *m, int berth);

#endif
