/* seats.h -- the zygote's children: a few busy with an image each, one more waiting in its sandbox,
 * so that forking is done while others work.
 *
 * A child that takes many times the processor time of any before is slow: its image may hang. While others
 * wait it is killed, and the zygote gives the image once more, patiently, when it can. A slow or patient child
 * stands back: it gets what processor nobody else on this machine wants, and what it had to wait for one is
 * not counted. One that gets next to none for long is killed as well, and its image given with a share of the
 * processor: it has to come to its end on a machine that is busy for hours, too. */
#ifndef PREPROCESS_SEATS_H
#define PREPROCESS_SEATS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "preprocess/child.h"
#include "preprocess/wire.h"

enum { SEATS_LOOK_MS = 20 }; /* how often seats_watch wants to be called while any is busy */

struct seat {
    pid_t pid; /* 0: empty; negative: killed while it waited, to be reaped */
    int control;
    bool is_busy;
    struct wire_job job;
    int64_t start_us, cpu_us; /* cpu_us: as seats_watch saw it last */
    int64_t back_us;          /* since when it stands back; 0: it does not */
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

/* Kill what is over its time or memory or, when others wait, slow. Says, once a second, whether a child that
 * stands back used its processor: else nothing tells that it is not stuck. */
bool seats_watch(struct seats *s, bool others_wait);

#endif
