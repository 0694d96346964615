/* zygote.h -- the small process that has libvips ready and forks a child per image.
 *
 * It runs one thread and reads no upload itself. It ends when the decoder's end of the socket
 * closes and dies with its parent; its children die with it. SIGINT and SIGTERM, which a terminal
 * or systemd send to a whole group, do not touch it: whether to stop is the parent's to say. */
#ifndef PREPROCESS_ZYGOTE_H
#define PREPROCESS_ZYGOTE_H

#include "preprocess/decode.h"
#include "preprocess/slot.h"

struct zygote_config {
    const struct decoder_config *decoder;
    struct slot_layout layout;
    const int *slot_fds; /* decoder->slots of them */
    int sock;            /* to the decoder: wire_job in, wire_outcome out */
    int parent_pid;
};

_Noreturn void zygote_main(const struct zygote_config *config);

#endif
