/* wire.h -- the records between decoder, zygote and child, and descriptors sent along with them.
 * Datagrams on a socketpair of one program with itself, so plain structs and no versions. */
#ifndef PREPROCESS_WIRE_H
#define PREPROCESS_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WIRE_FDS_MAX = 2 };

/* decoder -> zygote with the original's descriptor; zygote -> child with the slot's as well */
struct wire_job {
    uint64_t number; /* never the same twice */
    uint64_t tag;
    int64_t bytes; /* of the original; filled in by the zygote */
    int32_t slot, size, want_measure, want_display, is_mask;
    int32_t patience; /* an enum wire_patience; the zygotes' own */
};

/* How an image is treated that takes many times as long as others. */
enum wire_patience {
    PATIENCE_NONE,   /* killed when others wait */
    PATIENCE_BEHIND, /* it was killed so: it gets what processor nobody else on this machine wants */
    PATIENCE_A_SHARE, /* that was next to nothing for long: it gets some of it in any case */
};

enum wire_end {
    WIRE_EXITED,      /* by itself: the slot's head holds the verdict */
    WIRE_DIED,        /* of `signal`, or with an exit status of its own */
    WIRE_TIMEOUT,     /* killed by the zygote */
    WIRE_MEMORY,      /* killed by the zygote */
    WIRE_NOT_REGULAR, /* not a regular file: no child was asked */
    WIRE_NO_ROOM,     /* its descriptor did not arrive, too many are open: no child was asked */
    WIRE_MOVES, /* no end: a child that stands back uses its processor; the zygotes' word to the decoder */
    WIRE_NOT_PLAIN, /* a batcher's: others have to decode it; the decoder never hears of it */
    WIRE_SLOW,      /* no end: killed by a zygote, to be done again patiently */
};

/* zygote -> decoder; the very first one, with number 0, says whether the sandbox stands */
struct wire_outcome {
    uint64_t number;
    int32_t slot, end, signal;
    int32_t is_by_nvjpeg; /* a batcher decoded it */
    int64_t cpu_us, wall_us;
    char text[200]; /* of the first one, when it failed; a batcher's: what decodes */
};

/* 0, or -1 with errno. `flags` as of send(2). */
int wire_send(int sock, const void *record, size_t n, const int *fds, int fd_count, int flags);

/* Bytes received, 0 at the end, -1 with errno. Missing descriptors are -1 in `fds`, which has
 * WIRE_FDS_MAX places, or is NULL. A datagram of another size than `n` is EBADMSG. */
ssize_t wire_receive(int sock, void *record, size_t n, int *fds, int flags);

#endif
