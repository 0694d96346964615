/* decode.h -- uploads become pixels here, and only inside the sandbox.
 *
 * A decoder owns a ring of shared-memory slots and a zygote: a small process that has libvips ready
 * and forks one child per image. The child gets the original's open descriptor and its own slot,
 * can open nothing, connect to nothing and start nothing (seccomp), and leaves raw pixels in the
 * slot: a crash or a hang takes out that one image.
 *
 *      decoder_submit(slot, fd) ──► zygote ──fork──► child: magic bytes, one loader, limits,
 *                                      │                    orientation, sRGB, sizes ──► slot
 *      decoder_next() ◄── result ──────┘ waitpid, time limit
 *
 * One decoder is used by one thread; its descriptor can stand in an event loop. The pixels of a
 * slot may be read by any thread from decoder_next until the slot is submitted again. */
#ifndef PREPROCESS_DECODE_H
#define PREPROCESS_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/reason.h"

struct decoder;

enum {
    DECODE_SLOTS_MAX = 1024,
    DECODE_CHILDREN_MAX = 256,
    DECODE_FIELD_MAX = 256,    /* px, longest side of the field */
    DECODE_MEASURE_MAX = 1024, /* px, longest side of the measuring image */
    DECODE_DISPLAY_MAX = 1600, /* px, longest side of the display copy */
    DECODE_ENLARGE_MAX = 256,  /* px, a small original is never enlarged beyond this */
};

struct decoder_config {
    int slots, children; /* ring size; children at once (up to the limits above) */
    int size_max;        /* px, the largest network size that will be asked for */
    int seconds, memory_mb, megapixels_max;
    bool wants_nvjpeg; /* plain JPEG files are decoded by a GPU where one can (batcher.h) */
    int nvjpeg_device; /* CUDA's number of it */
    /* Tests only, else NULL: run in each child, inside its sandbox, before it decodes. It can only
     * do what an upload that took the child over could do. */
    void (*child_hook)(uint64_t tag);
};

/* An 8-bit sRGB picture in a slot, rows top to bottom without padding. Borrowed. */
struct picture {
    const uint8_t *rgb; /* h,w,3 */
    int w, h;
};

/* Where the network inputs of a slot lie for as long as the decoder is open. */
struct slot_inputs {
    const uint8_t *at; /* a page's begin */
    size_t bytes;      /* whole pages */
};

struct decode_request {
    int slot;
    int fd;   /* of the original, open for reading only: what the child could write with it, a
                        * hostile picture could; the caller closes it after submit */
    int size; /* px, longest side of the network input */
    bool want_measure, want_display; /* else `measure`, `display` stay empty */
    bool
        is_mask; /* of a labelled set: the pixels of `display` are the original's own, none is a mean */
    uint64_t tag; /* comes back in the result */
};

struct decoded {
    uint64_t tag;
    int slot;
    enum reason reason; /* REASON_NONE: the pixels are there */
    struct err err;     /* when reason is not NONE: INPUT, LIMIT; AGAIN: not this image's fault */
    int signal;         /* the child died of it (witnessed by waitpid), else 0 */
    bool is_degraded;   /* decoded whole, but the file carries harmless damage */
    bool is_grey;
    bool is_by_nvjpeg;      /* its pixels are a GPU's: within docs/gpu.md's limits of the others' */
    char format[8];         /* "jpeg", "png", "tiff", "webp", "heic" */
    char note[96];          /* the harmless warning, or "" */
    int orientation;        /* EXIF, 1..8: how it was stored */
    int width, height;      /* px of the original as displayed: EXIF orientation applied */
    struct picture network; /* frame.h says how large and how padded */
    int content_w, content_h; /* the part of `network` that is picture, top left */
    struct picture field;     /* longest side <= DECODE_FIELD_MAX, the means of whole pixels */
    struct picture measure;   /* longest side <= DECODE_MEASURE_MAX, for other network sizes */
    struct picture display;   /* longest side <= DECODE_DISPLAY_MAX */
    int64_t cpu_us, wall_us;
};

/* Forks the zygote and waits until it stands (some 30 ms): call before the process has threads and
 * holds much memory. The zygote dies with the thread that calls this. ERR_CONFIG when the sandbox
 * cannot be had; there is no unsandboxed way. */
int decoder_open(struct decoder **out, const struct decoder_config *config, struct err *err);
void decoder_close(struct decoder *d); /* ends zygote and children; NULL is fine */

int decoder_fd(const struct decoder *d);  /* readable when decoder_next has something */
int decoder_pid(const struct decoder *d); /* of the zygote */

/* For who wants to lock these pages in memory: from now on they stay with the slot, whatever was decoded
 * into it. Room for inputs of up to `size` px, which decoder_config allows; before the first submit. */
struct slot_inputs decoder_keep_inputs(struct decoder *d, int slot, int size);

/* Never blocks. The slot is busy until decoder_next returns it. ERR_AGAIN: the zygote is behind, ask
 * again later; ERR_DEVICE: it is gone. */
int decoder_submit(struct decoder *d, const struct decode_request *request, struct err *err);

/* Since the last call: did a decoding that takes long use its processor? Nothing else tells that it is
 * not stuck. */
bool decoder_has_moved(struct decoder *d);

/* How many of those submitted were so slow that they wait until nobody else does, or stand back behind
 * the others: they keep no child from what is submitted next. Changes in decoder_next. */
int decoder_postponed(const struct decoder *d);

/* 1: `out` holds a result. 0: none now. -1 ERR_DEVICE: the zygote is gone; every submitted slot is
 * lost and none of their images is to blame. */
int decoder_next(struct decoder *d, struct decoded *out, struct err *err);

/* The same for one image, waiting for it (tools and tests). */
int decoder_wait(struct decoder *d, const struct decode_request *request, struct decoded *out,
                 struct err *err);

#endif
