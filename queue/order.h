/* order.h -- what an operator asked for: cancel, retry, begin, pause, resume.
 *
 * An order is a line of the spool's log before anybody acts on it, so it outlives Redis and every
 * process. The scheduler reads the log as it grows and carries the orders out one after the other;
 * the line "carried_out" says that one is done and durable, and keeps the next start from doing it
 * again.
 *   {"event":"cancel","order":"<16 hex>","target":"<upload>[/<key>[/<n>]]","by","why","at"}
 *   {"event":"retry","order":…,"images":[["<upload>/<key>/<n>",<retries before>],…],"by","why","at"}
 *   {"event":"begin","order":…,"target":"<upload>","by","why","at"}      now, though it was scheduled
 *   {"event":"pause"|"resume","order":…,"target":"<class>" or "" = all,"by","why","at"}
 *   {"event":"carried_out","order":…,"images":<how many changed>,"at"}
 * Pause and resume are a state rather than work: the last one of a class counts. */
#ifndef QUEUE_ORDER_H
#define QUEUE_ORDER_H

#include "common/clock.h"
#include "queue/spool.h"
#include "queue/wire.h"

enum {
    ORDER_ID_SIZE = 17,
    ORDER_BY_SIZE = 64,
    ORDER_WHY_SIZE = 240,
    ORDER_IMAGES_MAX = 400 /* of one retry: its line stays within what the log takes */
};

enum order_kind {
    ORDER_CANCEL,
    ORDER_RETRY,
    ORDER_BEGIN,
    ORDER_PAUSE,
    ORDER_RESUME,
    ORDER_CARRIED_OUT
};

struct order_image {
    char id[WIRE_ID_SIZE];
    int retries; /* before this one: its result moves to history/<n>.<retries>.json */
};

struct order {
    enum order_kind kind;
    char id[ORDER_ID_SIZE];
    char target[WIRE_ID_SIZE]; /* CANCEL, BEGIN, PAUSE, RESUME */
    char by[ORDER_BY_SIZE], why[ORDER_WHY_SIZE], at[CLOCK_ISO_SIZE];
    int n_images;               /* of RETRY; of CARRIED_OUT only the number */
    struct order_image *images; /* RETRY; owned */
};

/* Give it an id, a date and the user who runs this process. `why` is cut to fit. ERR_AGAIN: the
 * system has no random bytes. */
int order_sign(struct order *o, const char *why, struct err *err);

/* Append it to the log, synced. ERR_LIMIT: more than ORDER_IMAGES_MAX images. */
int order_append(struct spool *s, const struct order *o, struct err *err);

/* 1: `event` is an order, `out` is the caller's to release; 0: it is something else, or an order
 * that does not parse (logged); -1: ERR_NOMEM. */
int order_read(struct order *out, const json_t *event, struct err *err);
void order_release(struct order *o); /* safe on a zeroed one; leaves it zeroed */

const char *order_word(enum order_kind kind);

/* study_dir/history/<name>.<retries>.json: what a retry took out of the way. */
int order_history_path(char out[SPOOL_PATH_SIZE], const char *study_dir, const char *name,
                       int retries, struct err *err);

/* The study's report.json becomes the next free history/report.<k>.json, so that it gets a new one;
 * nothing when there is none. The caller syncs. */
int order_retire_report(const char *study_dir, struct err *err);

/* The user who runs this process: who gave an order. */
void order_by(char out[ORDER_BY_SIZE]);

#endif
