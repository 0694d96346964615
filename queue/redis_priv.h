/* redis_priv.h -- what broker.c and client.c share: names of keys, and where Redis listens. */
#ifndef QUEUE_REDIS_PRIV_H
#define QUEUE_REDIS_PRIV_H

#include "common/err.h"

/* One hash tag for all keys of a queue, so that its scripts stay on one shard; another queue (a sweep of
 * train/) has another tag. */
#define REDIS_SHARD       "s0"
#define REDIS_TAGGED(tag) "lentigo:{" tag "}:"
#define REDIS_KEY         REDIS_TAGGED(REDIS_SHARD)
#define REDIS_CONTROL     REDIS_KEY "control"

struct redis_address {
    char path[108]; /* of a unix socket: sun_path's size on Linux; "" = host and port */
    char host[256];
    int port;
    int database; /* 0 is Redis's default */
};

/* `text`: an absolute or relative path with a '/', or host:port ([...] around an IPv6 host); then
 * perhaps #N, a database. ERR_CONFIG. */
int redis_address_parse(struct redis_address *out, const char *text, struct err *err);

/* hiredis makes room for as many elements as an answer announces, gigabytes on the word of a dozen bytes. From
 * now on such an answer is an error of the connection. */
struct redisContext;
void redis_bound_answers(struct redisContext *c);

#endif
