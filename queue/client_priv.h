/* client_priv.h -- client.c, audit.c and refill.c among themselves. */
#ifndef QUEUE_CLIENT_PRIV_H
#define QUEUE_CLIENT_PRIV_H

#include <hiredis/hiredis.h>

#include "queue/client.h"
#include "queue/redis_priv.h"

struct queue_client {
    redisContext *c;
};

/* The answer, or NULL with `err`; an answer of another type than `type` is an error too. The caller
 * frees it. */
redisReply *client_ask(struct queue_client *c, int type, int argc, const char **argv,
                       struct err *err);

#endif
