/* reporting.h -- studies whose images are all terminal go to the reporters, each until it is done.
 *
 * Not in Redis: which studies wait is plain from the spool. A reporter that dies gives its studies
 * back; one that it held alone when it crashed three times (or died unexplained ten times) is given
 * up, logged, and the run ends with status 1. */
#ifndef SCHEDULER_REPORTING_H
#define SCHEDULER_REPORTING_H

#include <stdbool.h>
#include <stdint.h>

#include "queue/wire.h"

struct child;
struct scheduler;

struct report_job {
    uint32_t study;
    struct child *reporter; /* NULL = waits for another try */
    bool is_alone;
    int tries;
    int64_t not_before_ms, sent_ms;
};

struct reporting {
    uint32_t *line; /* studies never sent yet, first at `head` */
    uint32_t head, n, cap;
    struct report_job *jobs; /* sent, or to be sent once more; a handful */
    int n_jobs, cap_jobs;
    int64_t made;     /* reports since the start */
    int64_t first_ms; /* when the first study was sent, 0 = not yet */
};

void reporting_release(struct reporting *r);

/* All images of the study are terminal. Without reports it is finished at once. */
void reporting_ready(struct scheduler *s, uint32_t study);
void reporting_pump(struct scheduler *s);
void reporting_message(struct scheduler *s, struct child *reporter, const struct wire_message *m);
void reporting_ended(struct scheduler *s, struct child *reporter, int status, int signal);
void reporting_tick(struct scheduler *s, int64_t now_ms);

#endif
