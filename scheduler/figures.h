/* figures.h -- the node's struct stats kept up, and the parts of it that are counted here. */
#ifndef SCHEDULER_FIGURES_H
#define SCHEDULER_FIGURES_H

#include "queue/broker.h"
#include "queue/stats.h"
#include "scheduler/index.h"
#include "scheduler/machine.h"
#include "scheduler/pace.h"

struct scheduler;

struct figures {
    struct stats stats;
    struct machine machine;
    struct pace pace;
    int64_t tightest[STAGE_COUNT]; /* looks at which each stage was the bottleneck */
    int64_t memory_at_ms, gpus_at_ms;
};

/* What became of an image; `risk` is borrowed. `is_old`: before this start, so no throughput. */
struct figures_image {
    enum result_status status;
    enum reason reason;
    const char *risk;
    double malignant_probability;
    bool is_old;
};

void figures_open(struct figures *f, const char *node);
void figures_close(struct figures *f);
void figures_note(struct figures *f, const struct index *x, uint32_t image,
                  const struct figures_image *what);
void figures_forget(struct figures *f, const struct index *x, uint32_t image); /* open again */
void figures_note_queue(struct figures *f, const struct broker_look *look);

/* Bring s->figures.stats up to now. */
void figures_gather(struct scheduler *s, int64_t now_ms, const char *state);

/* To Redis, and in a run one line of progress to standard output. -1: nobody reads that any more. */
int figures_publish(struct scheduler *s);

/* stats.json of a run: the figures; "wall_s", "run_images" and "run_images_per_s" over all its starts
 * so far; and of this start "binds", the stage that was the bottleneck most of the time (null in a run
 * too short to tell), with "binds_share" of it. */
int figures_write(struct scheduler *s, const char *path, struct err *err);

#endif
