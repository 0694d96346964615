/* watch.h -- what `lentigo watch` knows of the folders that it waits for, and the file that tells.
 *
 * <spool>/watch/<16 digits>.json is written anew when something changed; `status` reads it. Its lock
 * (.lock) is held as long as the watch lives, so that one folder has one watch and the file of one that
 * is gone is told from that of one at work. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "common/clock.h"
#include "queue/arrival.h"
#include "queue/spool.h"

enum { WATCH_NAME_SIZE = 256, WATCH_WHY_SIZE = 240, WATCH_TAKEN_MAX = 10 };

enum watch_state {
    WATCH_ARRIVES, /* see its arrival */
    WATCH_HELD,    /* complete; turned away for a while */
    WATCH_REFUSED, /* complete and wrong: waits for a change */
    WATCH_STAYS,   /* accepted, but could not be renamed */
};

struct watch_row {
    char name[WATCH_NAME_SIZE];
    struct arrival arrival;
    enum watch_state state;
    char why[WATCH_WHY_SIZE]; /* HELD, REFUSED, STAYS */
    uint64_t print;           /* what REFUSED and STAYS is about: another one is a new try */
    int64_t retry_ms;         /* HELD: monotonic */
    int64_t retry_at_ms;      /* the same on the wall */
    int inotify;              /* watch descriptor, -1 = none */
    bool is_there;
};

struct watch_taken {
    char name[WATCH_NAME_SIZE], upload[64], at[CLOCK_ISO_SIZE];
    int images;
    bool was_there;
};

struct watch {
    char folder[SPOOL_PATH_SIZE]; /* absolute */
    char site[64];
    char file[SPOOL_PATH_SIZE]; /* of the spool, that tells */
    int lock_fd;
    struct watch_row *rows; /* by name; owned */
    int n, cap;
    int loose;                    /* files directly in the folder */
    char trouble[WATCH_WHY_SIZE]; /* the folder itself cannot be read; "" = all is well */
    struct watch_taken taken[WATCH_TAKEN_MAX]; /* newest first */
    int n_taken;                               /* in all */
    char *told;                                /* the file's text without its time; owned */
    int64_t told_ms;
};

/* Open for the life of the process, whose end gives up the lock. `folder` is there. ERR_AGAIN: it has a
 * watch already. */
int watch_open(struct watch *w, const struct spool *s, const char *folder, const char *site,
               struct err *err);

/* The row of `name`, a new one when there is none; NULL: no memory. */
struct watch_row *watch_row_of(struct watch *w, const char *name);
void watch_drop(struct watch *w, int i);
void watch_note_taken(struct watch *w, const struct watch_taken *taken);

/* Write the file when it would say something else, or is old. A disk that is full is logged. */
void watch_tell(struct watch *w, int64_t now_ms);

/* Each file of the spool's watches; `pid` is that of its watch, 0 = it is not at work. */
int watch_each(const char *spool_root, int (*visit)(void *ctx, json_t *told, int pid), void *ctx,
               struct err *err);

#endif
