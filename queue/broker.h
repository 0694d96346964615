/* broker.h -- the queue in Redis Streams, as one scheduler sees it, without blocking.
 *
 * A job is an entry in the stream of its class; a lease is its pending record. Whoever renews,
 * finishes or gives back a lease is checked inside Redis for owner and attempt, so a late word of a
 * former owner changes nothing ("lost"). The attempt is Redis's delivery count. Nothing kept here
 * is needed to recover: after `ready` with has_epoch false the caller puts in again what the spool
 * has not finished. A job entry holds upload, study key and number; no field of a patient.
 *
 * The broker owns no event loop: it asks through `watch` which events of its socket it needs, and
 * is called back on them. One thread. No event is delivered from inside broker_new or broker_free;
 * every other function may deliver `down` before it returns. An unanswered call is answered by
 * `down` alone. The caller ignores SIGPIPE. */
#ifndef QUEUE_BROKER_H
#define QUEUE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

enum {
    BROKER_CLASSES = 3,
    BROKER_ENTRY_SIZE = 48,
    BROKER_PUT_MAX = 512,   /* jobs in one broker_put */
    BROKER_LEASE_MAX = 512, /* jobs in one broker_lease, leases in one broker_renew */
    BROKER_GATHER_MAX =
        512, /* leases that are finished, sets that are forgotten, by one call of Redis */
    BROKER_WORDS_MAX = 16
};

/* "interactive", "bulk", "training": served in this order. -1 for an unknown word. */
const char *broker_class_word(int class);
int broker_class_of(const char *word);

struct broker_job {
    const char *upload, *study; /* borrowed during the call */
    int n;
};

struct broker_lease {
    int class;
    int attempt;                   /* 1 = never leased before */
    char entry[BROKER_ENTRY_SIZE]; /* id in the stream; "" = no lease */
};

struct broker_leased {
    struct broker_lease lease;
    struct broker_job job; /* texts valid during the event; "" and -1 when the entry is malformed */
};

struct broker_look {
    bool has_epoch;
    struct {
        int64_t ready, leased;
        int64_t oldest_ms; /* wall clock of the oldest entry, -1 = none */
    } classes[BROKER_CLASSES];
    int n_words; /* new on the control stream since the last look */
    char words[BROKER_WORDS_MAX][16];
};

struct broker_events {
    void *ctx;
    void (*watch)(void *ctx, int fd, bool read, bool write);
    void (*unwatch)(void *ctx, int fd); /* the descriptor is closed right after */
    /* is_same: it is the very process of the last connection, so what it has answered is there. Another
     * one (a restart, a replica in its place) may have lost the last that was put. */
    void (*ready)(void *ctx, bool has_epoch, bool is_same);
    void (*down)(void *ctx, const char *why);
    void (*put)(void *ctx, int added);
    void (*leased)(void *ctx, const struct broker_leased *jobs, int n);
    void (*lost)(void *ctx, const struct broker_lease *lease); /* a renewal was refused */
    /* remaining: images of the study without result, or -1 when the lease was lost */
    void (*finished)(void *ctx, uint32_t tag, int remaining);
    void (*again)(void *ctx, uint32_t tag, int attempt); /* -1 = lost */
    void (*look)(void *ctx, const struct broker_look *look);
};

struct broker_options {
    const char *address;  /* unix socket path or host:port */
    const char *consumer; /* name of this scheduler in the consumer groups */
    const char *node;     /* name under which figures are published */
    const char *shard;    /* which queue: its keys' hash tag; NULL = the installation's images */
    int lease_ms;
    int connect_ms, command_ms; /* time-outs; 0 = 2000 and 5000 */
};

struct broker;

/* ERR_CONFIG: the address. Does not connect yet. */
int broker_new(struct broker **out, const struct broker_options *options,
               const struct broker_events *events, struct err *err);
void broker_free(struct broker *b); /* NULL is fine */

/* Start to connect; answered by `ready` or `down`. ERR_AGAIN. */
int broker_connect(struct broker *b, struct err *err);
bool broker_is_ready(const struct broker *b);
bool broker_is_idle(const struct broker *b); /* nothing that was said waits for its answer */
void broker_drop(struct broker *b, const char *why); /* close now; `down` follows if it was up */

void broker_on_readable(struct broker *b);
void broker_on_writable(struct broker *b);

/* Several times a second: time-outs, and a PING when nothing else was said for a while. */
void broker_tick(struct broker *b, int64_t now_ms);

/* The calls below do nothing while the broker is not ready. */

/* Jobs that are in the stream already are skipped; answered by `put`. */
void broker_put(struct broker *b, int class, const struct broker_job *jobs, int n);

/* One job that was finished as `status` comes back: in the stream once more, and no longer ticked off
 * or counted. When it is in the stream already nothing is added. */
void broker_reopen(struct broker *b, int class, const struct broker_job *job, const char *status);

/* Numbers of a study that had a result before they were put, for the fan-in. */
void broker_seed(struct broker *b, const char *upload, const char *study, const int *numbers,
                 int n);
/* All was put, for the spool of this id. */
void broker_set_epoch(struct broker *b, const char *spool_id);

/* Give back all that this consumer has leased: as an earlier process, or over an earlier connection, whose
 * last answers may have been lost. Before the first lease over a connection: whoever holds the spool's
 * lock knows that it is the only one. What it still works on is leased to it once more. */
void broker_recover(struct broker *b);

/* At most `max` jobs, given back and expired ones first within each class. Of each class at least
 * `least` if there are so many, the rest in the order of the classes; -1 = none of this class. */
void broker_lease(struct broker *b, int max, const int least[BROKER_CLASSES]);
void broker_renew(struct broker *b, const struct broker_lease *leases, int n);

/* Acknowledge, delete, count under `status` and tick off in the study's set, all or nothing. What is
 * finished (and forgotten, below) until the socket can be written to goes to Redis together, before
 * whatever is asked of it after that. */
void broker_finish(struct broker *b, const struct broker_lease *lease, const struct broker_job *job,
                   int total, const char *status, uint32_t tag);
void broker_discard(struct broker *b, const struct broker_lease *lease,
                    const struct broker_job *job); /* a job that names nothing */

/* Give back: the next broker_lease of anyone gets it with the next attempt. */
void broker_release(struct broker *b, const struct broker_lease *lease);

/* Keep it for another try of our own: the attempt rises. */
void broker_again(struct broker *b, const struct broker_lease *lease, uint32_t tag);

/* All of this shard but the sets of its studies: for a queue that has done its work. */
void broker_forget_shard(struct broker *b);
void broker_forget_study(struct broker *b, const char *upload, const char *study);
void broker_look(struct broker *b);
void broker_publish(struct broker *b, const char *stats_json);

#endif
