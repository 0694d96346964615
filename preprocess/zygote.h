/* zygote.h -- the small process that forks a child per image.
 *
 *      decoder ──► zygote ──fork──► child: JPEG in sRGB or grey
 *                     │ everything else, from the first such file on
 *                     ├──► zygote with libvips ──fork──► child
 *                     └──► batcher: plain JPEG, when a GPU is asked for; what it hands back, to a child
 *
 * A zygote runs one thread and looks at no more of an upload than its first three bytes. It ends
 * when the other end of its socket closes and dies with its parent; its children die with it.
 * SIGINT and SIGTERM, which a terminal or systemd send to a whole group, do not touch it: whether
 * to stop is the parent's to say. */
#ifndef PREPROCESS_ZYGOTE_H
#define PREPROCESS_ZYGOTE_H

#include "preprocess/decode.h"
#include "preprocess/slot.h"

struct zygote_config {
    const struct decoder_config *decoder;
    struct slot_layout layout;
    const int *slot_fds; /* decoder->slots of them */
    int sock;            /* to the parent: wire_job in, wire_outcome out */
    int parent_pid;
    bool has_vips;
};

_Noreturn void zygote_main(const struct zygote_config *config);

#endif
