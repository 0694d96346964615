/* last_stage.h -- where a worker was when it died: one number in a page of memory that it shares with
 * the scheduler, written as the work goes on and read after a death that no message could tell of.
 *
 * Only the death of a worker with one image in hand is anybody's to explain, so one number is enough.
 * The worker finds the page's file at descriptor LAST_STAGE_FD; what it wrote there is not trusted
 * further than being a stage or none. */
#ifndef QUEUE_LAST_STAGE_H
#define QUEUE_LAST_STAGE_H

#include "queue/wire.h"

enum { LAST_STAGE_FD = WIRE_FD + 1 };

struct last_stage;

/* The scheduler's side: a new page and a descriptor of it for the child; both are the caller's.
 * ERR_AGAIN: no memory for it. */
int last_stage_new(struct last_stage **out, int *fd, struct err *err);
void last_stage_free(struct last_stage *page); /* NULL is fine */

/* STAGE_COUNT: nothing was noted. NULL is fine. */
enum wire_stage last_stage_read(const struct last_stage *page);

/* The worker's side: the page at LAST_STAGE_FD, NULL when there is none (a worker that something else
 * than a scheduler started); last_stage_free releases it. */
struct last_stage *last_stage_open(void);
void last_stage_note(struct last_stage *page, enum wire_stage stage); /* any thread; NULL is fine */

#endif
