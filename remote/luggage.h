/* luggage.h -- the images in the hands of a machine that joins, and what is to be told of them.
 *
 *   WANTED ──► FETCHING ──► AT_WORK ──► MADE ──► SENDING ──► SENT ──► told: DONE
 *                  └────────────┴──────────────────┴───────► FAILED ──► told: FAILED
 *
 * Whoever takes an image out (fetchers, senders) has it for himself until he puts it on. Each leaves by being
 * told, with its files; before it is told, since the seat may hand it out again at once. With the last
 * image of a study its folder goes. Every function from any thread. */
#ifndef REMOTE_LUGGAGE_H
#define REMOTE_LUGGAGE_H

#include <stdbool.h>

#include "queue/wire.h"

struct luggage;

/* One image; who has taken it may read all of it. */
struct luggage_item {
    struct wire_item row; /* as it came in JOBS; from MADE on as it came in DONE */
    bool want_display;
    /* The luggage's own. */
    int state, study;
    uint64_t order;
    enum err_code code;
    char text[240];
    enum wire_stage stage;
    int signal;
};

/* `root` (a nest) is borrowed; `credit`: images at once, at most WIRE_ITEMS_MAX. ERR_NOMEM. */
int luggage_new(struct luggage **out, const char *root, int credit, struct err *err);
void luggage_free(struct luggage *l);  /* no thread may be in it; files stay; NULL is fine */
void luggage_close(struct luggage *l); /* who waits gets NULL or false, now and later */

/* ---- from the seat ---- */

/* JOBS. ERR_BUG: more than the credit, one that is here already, or no id of an image. */
int luggage_take(struct luggage *l, const struct wire_message *jobs, struct err *err);

void luggage_drain(struct luggage *l); /* DRAIN */

/* Once true, after DRAIN, when nothing is on its way to the worker any more. */
bool luggage_may_drain(struct luggage *l);

/* ---- on the way to the worker ---- */

/* Waits for an image to fetch, the urgent ones first. */
struct luggage_item *luggage_next_wanted(struct luggage *l);

/* Is the image's study.json to be fetched by the caller? Waits while another does so. */
bool luggage_begin_study(struct luggage *l, const struct luggage_item *item);
void luggage_end_study(struct luggage *l, const struct luggage_item *item, bool is_there);

/* Before the worker is told: from then on it is not the caller's. */
void luggage_pass_on(struct luggage *l, struct luggage_item *item);

/* ---- from the worker ---- */

/* The rows of a DONE; a FAILED. What it does not hold is passed over and counted. */
int luggage_note_done(struct luggage *l, const struct wire_message *done);
int luggage_note_failed(struct luggage *l, const struct wire_message *failed);

/* ALIVE and STATS: the last of each is told, since it says all that those before it said. ERR_NOMEM. */
int luggage_note_line(struct luggage *l, enum wire_kind kind, const char *line, size_t n,
                      struct err *err);

/* ---- on the way to the seat ---- */

/* Waits for an image whose files are to be sent, the urgent ones first. */
struct luggage_item *luggage_next_made(struct luggage *l);
void luggage_put_sent(struct luggage *l, struct luggage_item *item);

/* It goes back to the queue; also of one that was passed on and did not arrive. */
void luggage_put_failed(struct luggage *l, struct luggage_item *item, const struct err *why);

/* Waits until something is to be told, `wait_ms` at most. False: closed. */
bool luggage_wait_news(struct luggage *l, int wait_ms);

/* Append what is to be told, as whole lines; what is told of leaves, and the caller has it in hand until
 * luggage_told. `is_moving`: an ALIVE for what is being sent, too. ERR_NOMEM, ERR_LIMIT: nothing more left. */
int luggage_gather(struct luggage *l, bool is_moving, struct buf *out, struct err *err);
void luggage_told(struct luggage *l);

/* Is nothing left but what is at work, and all told? */
bool luggage_is_settled(struct luggage *l);
int luggage_at_work(struct luggage *l);

#endif
