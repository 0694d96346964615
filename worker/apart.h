/* apart.h -- images computed in a process apart, one after the other: what crashes, hangs or fills
 * memory there takes nothing with it but that process.
 *
 * The process is a fork of the calling thread, so model, plans and decoded pixels are there as they
 * were. What it says of each image comes through a pipe and is checked like anything from outside.
 * Only for engines on a processor: a GPU's context does not survive a fork. What the fork would make
 * for the first time (a plan for a new shape) is lost with it, so make it before. */
#ifndef WORKER_APART_H
#define WORKER_APART_H

#include "queue/last_stage.h"
#include "worker/item.h"

struct apart {
    struct last_stage *stage; /* shared with the process: `compute` notes here where it is */
    int nice;                 /* how far it stands back behind other processes, 0..19 */
    int64_t cpu_ms;           /* processor time of one image; more ends it by SIGXCPU */
    void *ctx;
    /* In the process: work it out; sets the outcome and what goes with it. */
    void (*compute)(void *ctx, struct item *item);
    /* Here, item after item; has its outcome, of FAILED with the signal that ended the process over
     * it. `cpu_us` of the image, 0 when it failed. */
    void (*settled)(void *ctx, struct item *item, int64_t cpu_us);
    /* Here, now and then while nothing comes; `has_moved`: it used its processor. False: end it. */
    bool (*goes_on)(void *ctx, bool has_moved);
};

/* How much processor time the item may take before it is said to hang, ms: at least 20 times what any took
 * that was well (`longest_us`, 0 = unknown), and what its size may take. */
int64_t apart_patience_ms(const struct item *item, int64_t longest_us);

/* Settles every item, one death after the other. Blocks. The items' pixels must be mapped so that a
 * fork has them. */
void apart_run(const struct apart *a, struct item **items, int n);

#endif
