/* wire.h -- what the scheduler and its children say to each other: JSON lines over one socket.
 *
 * A child finds the socket at descriptor WIRE_FD; both directions. End of file means that the
 * other side is gone: a child then gives up its work and ends. The first message of a child is
 * HELLO with WIRE_VERSION; another version is refused.
 *
 *   scheduler -> worker    JOBS, DRAIN (finish what you have, then end), REFUSED (a seat only: its worker
 *                          is none for this spool; end)
 *   worker -> scheduler    HELLO, ALIVE, DONE, FAILED, STATS
 *   scheduler -> reporter  STUDY, DRAIN
 *   reporter -> scheduler  HELLO, REPORTED, FAILED, STATS
 *
 * JOBS, ALIVE and DONE speak of many images at once, each a row of a list: what a line costs, they share.
 * A job is no more than a name; what is known of the image stands in its study.json, which whoever works
 * on it reads. */
#ifndef QUEUE_WIRE_H
#define QUEUE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/reason.h"
#include "queue/result.h"

enum {
    WIRE_VERSION = 2,
    WIRE_FD = 3,
    WIRE_LINE_MAX = 128 << 10, /* the longest DONE fits */
    WIRE_ID_SIZE = 128,
    WIRE_ITEMS_MAX = 512
};

enum wire_kind {
    WIRE_HELLO,
    WIRE_JOBS,
    WIRE_STUDY,
    WIRE_DRAIN,
    WIRE_ALIVE,
    WIRE_DONE,
    WIRE_FAILED,
    WIRE_REPORTED,
    WIRE_STATS,
    WIRE_REFUSED
};

enum wire_stage {
    STAGE_DECODE,
    STAGE_BATCH,
    STAGE_NETWORK,
    STAGE_MEASURE,
    STAGE_REPORT,
    STAGE_COUNT
};
const char *wire_stage_word(enum wire_stage s);

/* Since the child's start; the scheduler takes differences. */
struct wire_stage_stats {
    int64_t items;   /* finished in this stage */
    int64_t busy_us; /* time that the stage's threads or processes were at work */
    int lanes;       /* how many work side by side */
    int waiting;     /* items in front of the stage now */
};

/* One image of a list: JOBS carries the first five, ALIVE the id, DONE all but the flags. */
struct wire_item {
    char id[WIRE_ID_SIZE]; /* "<upload>/<study key>/<n>" */
    int attempt;
    bool is_alone;   /* a suspect: nothing else in the process that works on it */
    bool is_urgent;  /* before what waits already */
    bool is_careful; /* in a process apart, with others, one after the other */
    enum result_status status;
    enum reason reason;
    char risk[16]; /* word */
    double malignant_probability;
};

struct wire_message {
    enum wire_kind kind;
    /* HELLO */
    int version, pid, credit; /* credit: items that the child can hold at once */
    char role[16];            /* "worker", "reporter" */
    char model[64], model_sha256[65], policy_sha256[65];
    char precision[16], backend[16], device[32];
    int size;
    bool isolates; /* works on an image in a process apart when asked to */
    /* STUDY, REPORTED: "<upload>/<study key>"; FAILED: this or that of an image */
    char id[WIRE_ID_SIZE];
    int attempt;
    char dir[4096];    /* JOBS: root of the spool; STUDY: folder of the study */
    bool want_display; /* JOBS: HTML or PDF reports will be made */
    char risk[16];     /* REPORTED: risk word of the study */
    /* FAILED: the item is given back */
    enum err_code code;
    char text[240]; /* FAILED, REFUSED: why */
    enum wire_stage stage;
    int signal; /* a child died of it while it held only this item, else 0 */
    /* STATS */
    struct wire_stage_stats stages[STAGE_COUNT];
    int64_t memory_kb; /* proportional set size of the child and its own children */
    /* JOBS: to do; DONE: terminal, the results are on the disk; ALIVE: moved on since the last one.
     * What lies behind n_items has no meaning. */
    int n_items;
    struct wire_item items[WIRE_ITEMS_MAX];
};

/* Append the message and a newline; only the fields of its kind are written. ERR_LIMIT, ERR_NOMEM. */
int wire_format(const struct wire_message *m, struct buf *out, struct err *err);

/* Make an empty message of the kind: cheaper than zeroing all of it. */
void wire_begin(struct wire_message *m, enum wire_kind kind);

/* A new zeroed row at the end of the list; there must be room. */
struct wire_item *wire_add(struct wire_message *m, const char *id);

/* Parse one line (without newline); fields of other kinds are zeroed. ERR_BUG: the other side does
 * not speak this version. A HELLO of another version is read as far as `version` and is no error:
 * the caller compares it with WIRE_VERSION. */
int wire_parse(struct wire_message *out, const char *line, size_t n, struct err *err);

/* Cut lines out of a byte stream. What is no whole line yet waits in `pending` (zeroed at first,
 * buf_release at the end); `on_line` sees each whole line, and its -1 ends the call. ERR_BUG: a line
 * longer than WIRE_LINE_MAX. */
int wire_feed(struct buf *pending, const char *bytes, size_t n,
              int (*on_line)(void *ctx, const char *line, size_t n, struct err *err), void *ctx,
              struct err *err);

/* Blocking halves for children that have no event loop (reporters). wire_read: 1 = message, 0 = end
 * of file (a line cut by it is dropped), -1 = ERR_BUG or ERR_AGAIN; `pending` as above. */
int wire_read(int fd, struct buf *pending, struct wire_message *out, struct err *err);

/* The whole message or ERR_CANCELLED: the other side is gone. `fd` is a blocking socket; no SIGPIPE
 * is raised. One writer at a time. */
int wire_write(int fd, const struct wire_message *m, struct err *err);

#endif
