/* item.h -- one image on its way through the worker.
 *
 *   waiting ──► decoding ──► ready ──► in a lane ──► committing ──► told to the scheduler
 *
 * One owner at a time: the event loop until `ready`, then a lane, then the committer, then the
 * event loop again. Queues hand it over; nothing in it needs a lock. */
#ifndef WORKER_ITEM_H
#define WORKER_ITEM_H

#include "preprocess/decode.h"
#include "queue/studies.h"
#include "queue/wire.h"

enum item_state { ITEM_WAITING, ITEM_DECODING, ITEM_READY, ITEM_COMMITTING };

struct item {
    struct item *next; /* in whatever queue it stands */
    enum item_state state;
    int place;    /* among those that the worker holds */
    uint64_t tag; /* names it to the decoder */
    int fd;       /* of the original, -1 when closed */
    char id[WIRE_ID_SIZE];
    int attempt;
    char study_dir[SPOOL_PATH_SIZE];
    bool is_known;                                      /* `image` is filled in */
    struct study_image image;                           /* extra is NULL */
    bool is_alone, is_urgent, is_careful, want_display; /* as in wire.h */
    struct decoded decoded;
    int stalls; /* decodings that ran out of time without having had a processor */
    /* The pass of the network that it is ready for: the second one, fine, where the first left
     * doubt; and the shape of its input, px. */
    bool is_fine;
    int input_w, input_h;
    /* What became of it; written by the lane, or by the event loop when it never reached one. */
    enum wire_kind outcome; /* WIRE_DONE or WIRE_FAILED */
    json_t *entry;          /* of results/<n>.json when DONE; owned */
    enum result_status status;
    enum reason reason;
    char risk[16];
    double malignant_probability;
    struct err err;
    enum wire_stage stage;
    int signal;
};

/* A first-in first-out list of items, in which the urgent ones stand before the others. */
struct item_list {
    struct item *head, *tail;
    int length;
};

void item_list_push(struct item_list *list, struct item *item);
void item_list_push_first(struct item_list *list, struct item *item); /* it is the next one */
struct item *item_list_pop(struct item_list *list);                   /* NULL when empty */

/* The first item for the same pass with the same shape of input as `like`, taken out of the list;
 * NULL when there is none. */
struct item *item_list_take_like(struct item_list *list, const struct item *like);

/* A new item of row `i` of JOBS, not yet looked up, its original not open; NULL and ERR_NOMEM, or
 * ERR_INPUT: the row names no image. */
struct item *item_new(const struct wire_message *jobs, int i, uint64_t tag, struct err *err);

/* Fill in what its study.json says of the image. A study that cannot be read is not the image's fault:
 * ERR_AGAIN, ERR_NOMEM. */
int item_look_up(struct item *item, struct studies *studies, struct err *err);

void item_free(struct item *item); /* closes fd; NULL is fine */

/* The picture cannot be used: results/<n>.json will say why. Sets outcome, status, reason, entry
 * (NULL when memory is gone: then the item is given back instead). */
void item_set_aside(struct item *item, enum reason reason, const char *detail);

/* The item cannot be worked on here and goes back to the scheduler. */
void item_give_back(struct item *item, enum wire_stage stage, const struct err *err);

#endif
