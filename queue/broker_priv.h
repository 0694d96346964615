/* broker_priv.h -- broker.c (connection), broker_jobs.c (calls and answers) and
 * broker_scripts.c (Lua) among themselves. */
#ifndef QUEUE_BROKER_PRIV_H
#define QUEUE_BROKER_PRIV_H

#include <hiredis/async.h>

#include "common/buf.h"
#include "queue/broker.h"
#include "queue/redis_priv.h"

enum broker_script {
    SCRIPT_OPEN,
    SCRIPT_RECOVER,
    SCRIPT_PUT,
    SCRIPT_REOPEN,
    SCRIPT_LEASE,
    SCRIPT_RENEW,
    SCRIPT_FINISH,
    SCRIPT_RELEASE,
    SCRIPT_AGAIN,
    SCRIPT_DISCARD,
    SCRIPT_LOOK,
    SCRIPT_COUNT
};
extern const char *const broker_script_text[SCRIPT_COUNT];

#define BROKER_GROUP "lentigo"

enum { BROKER_KEY_SIZE = 256, BROKER_SHARD_SIZE = 64, FINISH_WORDS = 9 };

/* An argument list under construction; numbers are kept as text in `scratch`. */
struct broker_args {
    struct buf bytes; /* every argument with its 0 */
    size_t *lengths;
    int n, max;
};

/* What was said and is not sent yet: leases that are finished, as the sets of their studies and the words
 * of each; and sets that nobody needs any more. */
struct broker_gathered {
    struct broker_args studies, rows;
    int n;
    struct broker_args forgotten;
};

enum broker_state { BROKER_DOWN, BROKER_CONNECTING, BROKER_OPENING, BROKER_READY };

struct broker {
    struct redis_address address;
    char consumer[128], node[64];
    char prefix[BROKER_SHARD_SIZE + 16]; /* of every key */
    int lease_ms, connect_ms, command_ms;
    struct broker_events on;
    enum broker_state state;
    redisAsyncContext *ac; /* NULL = down */
    bool is_reading, is_writing;
    int64_t since_ms; /* monotonic: the last answer, or the first unanswered word after it */
    int unanswered;
    struct broker_gathered gathered;
    char sha[SCRIPT_COUNT][41];
    char run_id[48];                    /* of the Redis that was last connected, "" = none was */
    char control_id[BROKER_ENTRY_SIZE]; /* last word seen on the control stream */
    char why[128];                      /* of the drop under way, "" = hiredis knows */
};

/* One call on its way; freed when answered. */
struct broker_call {
    struct broker *b;
    void (*answer)(struct broker *b, uint32_t tag, const redisReply *reply); /* NULL: ignored */
    uint32_t tag;
};

void broker_args_init(struct broker_args *a, int max);
void broker_args_text(struct broker_args *a, const char *text);
void broker_args_key(struct broker_args *a, const struct broker *b, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void broker_args_number(struct broker_args *a, int64_t number);
void broker_args_append(struct broker_args *a, const struct broker_args *more);
void broker_args_clear(struct broker_args *a); /* empty, ready for as many */
void broker_args_release(struct broker_args *a);

/* EVALSHA of `script` behind its keys is what `a` holds; releases `a`. */
void broker_args_script(struct broker_args *a, const struct broker *b, enum broker_script script,
                        int n_keys);

/* Send and release `a`, behind what was gathered before. */
void broker_send(struct broker *b, struct broker_args *a,
                 void (*answer)(struct broker *b, uint32_t tag, const redisReply *reply),
                 uint32_t tag);
void broker_send_gathered(struct broker *b);
void broker_clear_gathered(struct broker *b);
void broker_ask_to_write(struct broker *b); /* broker_on_writable will be called */

#endif
