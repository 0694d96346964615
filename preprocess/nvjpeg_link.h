/* nvjpeg_link.h -- the zygote's side of a batcher: starts it when the first picture is for it, keeps it
 * supplied, and gives back what it cannot do or had when it died or fell silent.
 *
 * A batcher may have been taken over by what it decoded, so that only answers to what it was given count;
 * any other ends it for good. What it was asked for can be done without: one that died three times is off. */
#ifndef PREPROCESS_NVJPEG_LINK_H
#define PREPROCESS_NVJPEG_LINK_H

#include <stdbool.h>
#include <sys/types.h>

#include "preprocess/decode.h"
#include "preprocess/slot.h"
#include "preprocess/wire.h"

/* Whose link it is. Both calls come from within nvjpeg_link_receive and nvjpeg_link_watch. */
struct nvjpeg_link_owner {
    const struct decoder_config *decoder;
    struct slot_layout layout;
    const int *slot_fds;
    void *ctx;
    void (*decoded)(void *ctx, const struct wire_outcome *o);
    void (*given_back)(void *ctx, int slot, int64_t cpu_us); /* a child is to decode it */
};

struct nvjpeg_link {
    struct nvjpeg_link_owner owner;
    uint64_t *given; /* by slot: the number of the job that it has; 0: none */
    int sock;        /* -1: none */
    pid_t pid;
    int out;          /* images that it has */
    int64_t since_us; /* it last answered, or got the first of them */
    bool is_up;       /* it said so */
    int deaths;
    bool is_off; /* for good */
};

/* Nothing is started. 0, or -1: no memory. The link lives as long as the zygote. */
int nvjpeg_link_init(struct nvjpeg_link *n, const struct nvjpeg_link_owner *owner);

/* Starts it when it has to. False: it is off. */
bool nvjpeg_link_is_there(struct nvjpeg_link *n);

/* `fd` stays the caller's. False: it has enough. */
bool nvjpeg_link_give(struct nvjpeg_link *n, const struct wire_job *job, int fd);

/* When its socket (there is one) can be read. */
void nvjpeg_link_receive(struct nvjpeg_link *n);

/* Now and then while it has images: ends one that does not answer in time. */
void nvjpeg_link_watch(struct nvjpeg_link *n);

#endif
