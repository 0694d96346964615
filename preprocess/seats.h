/* seats.h -- the zygote's children: a few busy with an image each, one more waiting in its sandbox,
 * so that forking is done while others work.
 *
 * A child that takes many times the processor time of any before is killed after a moment: its image
 * may hang, and others wait. The zygote gives it once more, patiently, when it can: it then stands back
 * behind others, the further the longer it takes, and the time in which it waited for a processor is not
 * counted. */
#ifndef PREPROCESS_SEATS_H
#define PREPROCESS_SEATS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "preprocess/child.h"
#include "preprocess/wire.h"

enum {
    SEATS_LOOK_MS = 20, /* how often seats_watch wants to be called while any is busy */
    /* Niceness of a patient child that is slow again: it hangs, most likely. At 19 a busy machine let it come to
     * its limit only after minutes. */
    SEATS_LAST_NICE = 10,
};

struct seat {
    pid_t pid; /* 0: empty; negative: killed while it waited, to be reaped */
    int control;
    bool is_busy;
    struct wire_job job;
    int64_t start_us, cpu_us; /* cpu_us: as seats_watch saw it last */
    enum wire_end killed;     /* WIRE_EXITED: not by us */
};

struct seats {
    const struct child_config *child;
    struct seat *seat;
    int count, busy, children;
    int64_t told_us;    /* when seats_watch said last that one moved */
    int64_t longest_us; /* processor time of an image that came to an end by itself */
    int idle_deaths;    /* in a row */
};

/* A child that has ended. */
struct seat_end {
    struct wire_job job;
    struct wire_outcome outcome;
    bool needs_vips; /* nothing was decoded */
};

/* Room for `children` at work, and for as many patient ones. 0, or -1: no memory. */
int seats_init(struct seats *s, const struct child_config *child, int children);

/* Fork what is missing. 0, or -1: not now, call again. */
int seats_fill(struct seats *s);

/* Give a waiting child its image; both descriptors stay the caller's. False: none waits. */
bool seats_give(struct seats *s, const struct wire_job *job, int image_fd, int slot_fd);

/* After SIGCHLD, until it returns false: the next child that has ended its work. Children that
 * cannot even wait make it end the process: the parent then knows. */
bool seats_reap(struct seats *s, struct seat_end *end);

/* Kill what is over its time or memory or, when others wait, slow. Says, once a second, whether a patient child used its
 * processor: else nothing tells that it is not stuck. */
bool seats_watch(struct seats *s, bool others_wait);

#endif
