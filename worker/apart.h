/* apart.h -- images computed in a process apart, one after the other: what crashes, hangs or fills
 * memory there takes nothing with it but that process.
 *
 * The process is a fork of the calling thread, so model, plans and the slots of decoded pixels are there
 * as they were; it stays for the images to come, which it is sent, until one ends it. What it says of
 * each comes through a pipe and is checked like anything from outside.
 * Only for engines on a processor: a GPU's context does not survive a fork. What the process makes for
 * the first time (a plan for a new shape) is lost with it, so make it before, and end it: the next one
 * has it. One thread uses it. */
#ifndef WORKER_APART_H
#define WORKER_APART_H

#include "queue/last_stage.h"
#include "worker/item.h"

struct apart {
    /* The caller's, set before the first image. */
    struct last_stage *stage; /* shared with the process: `compute` notes here where it is */
    bool is_trial;            /* of a suspect: how a process that is begun is called */
    bool is_behind; /* and whether it gets what processor nobody else on this machine wants */
    void *ctx;
    /* In the process: work it out; sets the outcome and what goes with it. */
    void (*compute)(void *ctx, struct item *item);
    /* Here, now and then while nothing comes; `has_moved`: it used its processor. False: end it. */
    bool (*goes_on)(void *ctx, bool has_moved);
    /* Its own; 0 at the beginning. */
    pid_t pid; /* 0: there is no process */
    int images, answers;
    int64_t cpu_us, still_since_ms;
};

/* How much processor time the item may take before it is said to hang, ms: at least 20 times what any took
 * that was well (`longest_us`, 0 = unknown), and what its size may take. */
int64_t apart_patience_ms(const struct item *item, int64_t longest_us);

/* Blocks until the item has its outcome: of FAILED with the signal that ended the process over it. More than
 * `cpu_ms` of processor time end it by SIGXCPU. The item's pixels must be mapped so that a fork has them.
 * The processor time that it took, us; 0 when it failed. */
int64_t apart_run(struct apart *a, struct item *item, int64_t cpu_ms);

/* The next item gets a process of its own. */
void apart_end(struct apart *a);

#endif
