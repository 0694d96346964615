/* child.h -- one supervised child process: started, greeted, talked to, started again.
 *
 *   OFF -> STARTING -> (HELLO) UP -> DRAINING -> OFF ...
 *
 * It dies: `ended` is called once everything that it had written was delivered, then it is OFF and
 * starts again: at once when it had something to do, after that with a pause that doubles from 0.2 s to
 * 10 s and is forgotten after 2 s in which something was done, or 30 s in which nothing was to do. One that
 * says no HELLO within 60 s is killed, unless it is a seat, which waits for somebody to join. All on the
 * loop's thread. */
#ifndef SCHEDULER_CHILD_H
#define SCHEDULER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/settings.h"
#include "queue/last_stage.h"
#include "queue/wire.h"
#include "scheduler/devices.h"
#include "scheduler/load.h"
#include "scheduler/numa.h"

enum child_role { CHILD_WORKER, CHILD_REPORTER };
enum child_state { CHILD_OFF, CHILD_STARTING, CHILD_UP, CHILD_DRAINING };

struct child;

struct child_facts { /* of its HELLO */
    char model[64], model_sha256[65], policy_sha256[65];
    char precision[16], device[32];
    int size;
};

struct child_events {
    void *ctx;
    void (*up)(void *ctx, struct child *child); /* HELLO of our version was said */
    void (*message)(void *ctx, struct child *child, const struct wire_message *m);
    /* It is gone; status is -1 when a signal ended it. */
    void (*ended)(void *ctx, struct child *child, int status, int signal);
    void (*fatal)(void *ctx, const char *why); /* configuration: no child of its kind can work */
    void (*strange)(void *ctx,
                    const char *why); /* a child of another version came up, and is ended */
};

struct child {
    enum child_role role;
    enum child_state state;
    const struct child_events *on;
    const char *config; /* path for --config, "" = none; borrowed */
    /* Where a worker of another machine joins; NULL = it is of this machine. Borrowed. */
    const char *seat;
    struct device device; /* what a worker is to use; name "" = what the settings say */
    int jobs, decoders;   /* a worker's part of the cores; 0 = what the settings say */
    cpu_set_t cpus;       /* it and its children keep to these; none = to ours */
    uv_loop_t *loop;
    uv_process_t process;
    uv_pipe_t pipe;
    int open_handles; /* of the two above: it can start again when both are closed */
    struct buf input;
    struct last_stage *last_stage; /* of the process that runs or ran last; NULL before the first */
    bool is_broken;                /* said something odd and was killed for it */
    bool by_us;                    /* killed because nothing moved */
    bool is_wanted;                /* start it again when it ends */
    bool is_retired;               /* out of service */
    struct child_facts facts;
    int pid, credit;
    bool isolates;    /* of its HELLO: it works on an image in a process apart when asked to */
    int in_flight;    /* kept by the owner */
    int suspects;     /* of those in flight; kept by the owner */
    bool is_reserved; /* for an item that runs alone; kept by the owner */
    /* Images in a row that came back for want of something where it is; it gets none before; both kept by the
     * owner. */
    int n_moved_back;
    int64_t rests_until_ms;
    int64_t progress_ms; /* last sign of progress; kept by the owner */
    int64_t items, memory_kb;
    int64_t items_at_start; /* done before the process that runs or ran last */
    int starts;
    int fails; /* in a row: ended without HELLO, or by its device without an item done */
    int64_t items_at_fail;                  /* done when it last failed so */
    int pauses;                             /* before a start, since the last good work */
    int64_t started_ms, up_ms, start_at_ms; /* monotonic */
    struct load load;
};

void child_init(struct child *c, enum child_role role, uv_loop_t *loop, const char *config,
                const struct child_events *events);
void child_start(struct child *c, int64_t now_ms);

/* False when the message could not be queued: the child is on its way out. */
bool child_send(struct child *c, const struct wire_message *m);
void child_drain(struct child *c); /* DRAIN, or the end for one that is not up */
/* Who joined at a seat is none for this spool: it gets no work and goes, and the seat is free again. */
void child_refuse(struct child *c, const char *why);
void child_kill(struct child *c, int signal);

/* Within `ended`: it is not started again. */
void child_retire(struct child *c, const char *why);

/* Within `ended`: an item was to blame for the death, so the pause starts from its shortest. */
void child_excuse(struct child *c);

/* Several times a second: starts again what is due, kills what said no HELLO. */
void child_tick(struct child *c, int64_t now_ms);

bool child_is_up(const struct child *c); /* it said HELLO, takes work and is not known to be dead */
bool child_is_gone(const struct child *c); /* no process and no open handle */
const char *child_program(const struct child *c);
const char *child_state_word(const struct child *c, int64_t now_ms);

#endif
