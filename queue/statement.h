/* statement.h -- what came in and what became of it, day by day and site by site, as a chain whose
 * links name each other's SHA-256.
 *
 *   <spool>/statements/<day>.json         a statement; <day>.2.json is the second one of that day
 *   <spool>/statements/<day>.facts        the facts that it adds, a line each
 *
 *   {"version":1,"number":<1, 2, ...>,"day":"2026-11-26","made_at","program",
 *    "previous":{"file","sha256"} or null,"facts":{"file","lines","sha256"},
 *    "sites":{"<site>":{"carried","received","reopened","done","set_aside","cancelled","left"}},
 *    "total":{the same}}
 *
 * For each site carried + received + reopened = done + set_aside + cancelled + left, where `carried`
 * is the `left` of the statement before and `reopened` counts results that a retry took back or a mending (mend.h) replaced. A
 * statement holds every fact that was there when it was made and stood in none before; what comes
 * later, also to a day that has one, goes into the next. None is ever written again. A fact is
 *
 *   study <upload>/<key> <images> <sha256 of study.json>
 *   result <upload>/<key>/<n> <try, from 0> <status> <sha256 of results/<n>.json>
 *   reopened <upload>/<key>/<n> <try>                         by a retry
 *   reopened <upload>/<key>/<n> <try> <sha256>                another result of this try was stated; that
 *                                                             of this digest came in its place
 *   report <upload>/<key> <sha256 of report.json>
 *
 * The newest statement is named, with its digest, by a line of the spool's log
 * ({"event":"statement","file","sha256","at"}); who keeps that digest elsewhere can show that the whole
 * chain is as it was. Masks are not in it (`lentigo replay` compares those). */
#ifndef QUEUE_STATEMENT_H
#define QUEUE_STATEMENT_H

#include <stdatomic.h>

#include "common/sha256.h"
#include "queue/spool.h"

enum { STATEMENT_FILE_SIZE = 32, STATEMENT_DAY_SIZE = 11 };

/* X(field) of each site, in the order in which they are read */
#define STATEMENT_COUNTS_MAP(X) \
    X(carried) X(received) X(reopened) X(done) X(set_aside) X(cancelled) X(left)

struct statement_counts {
#define X(field) int64_t field;
    STATEMENT_COUNTS_MAP(X)
#undef X
};

struct statement {
    char file[STATEMENT_FILE_SIZE]; /* "2026-11-26.json"; "" = none was made */
    char sha256[SHA256_HEX_SIZE];   /* of the file */
    char day[STATEMENT_DAY_SIZE];
    int64_t number, facts;
    struct statement_counts total;
};

/* Add a statement for `day` ("2026-11-26"; an earlier one than the last statement's becomes that).
 * `always`: also when there is nothing new to state. `stop` (may be NULL) ends it early with
 * ERR_CANCELLED. ERR_AGAIN: disk, or the last statement cannot be read; nothing was added. Several
 * processes may call it at once, one waits for the other. */
int statement_make(struct spool *s, const char *day, bool always, const atomic_bool *stop,
                   struct statement *out, struct err *err);

/* Must a statement be made now, `now_ms` being the wall clock? `last` is the newest one's day or "".
 * `first` is the day of the oldest upload or "". If so `day` receives yesterday's. */
bool statement_is_due(const char *last, const char *first, int64_t now_ms,
                      char day[STATEMENT_DAY_SIZE]);

/* Each statement in order, as it says; a visit that returns -1 ends it with -1. ERR_INPUT: one does
 * not parse. */
int statement_each(const struct spool *s,
                   int (*visit)(void *ctx, const struct statement *statement, const json_t *text,
                                struct err *err),
                   void *ctx, struct err *err);

/* What a proof says; `ctx` is handed on. */
struct statement_listener {
    void (*wrong)(void *ctx, const char *where, const char *what); /* not as it was stated */
    /* a stated result that is not there, once for each time after the statement that the spool's log says that
     * this image's was damaged and moved to mended/ (mend.h): nothing wrong */
    void (*mended)(void *ctx, const char *where, const char *what);
    void *ctx;
};

/* Prove the chain: every digest, every sum, every fact against the file that it is about. `*n_wrong`
 * counts what `wrong` heard. ERR_AGAIN: not readable. */
int statement_verify(const struct spool *s, const struct statement_listener *listener,
                     int64_t *n_wrong, struct err *err);

#endif
