#include "queue/client.h"

#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "queue/client_priv.h"
#include "queue/spool.h"

enum { NODES_MAX = 256, KEY_SIZE = 256, CONTROL_LENGTH = 1000, REDIS_MAJOR_MIN = 7 };

static const char node_keys[] = REDIS_KEY "node:*", control_key[] = REDIS_CONTROL;

/* One adapter for hiredis's errors: whatever ails the connection, the same call later may work. Of a time
 * limit that ran out hiredis says only what the socket said. */
static int err_set_redis(struct err *err, const redisContext *c)
{
    if (c && c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
        return err_set(err, ERR_AGAIN,
                       "redis: connected, but there was no answer in time; is it paused, "
                       "stopped or very busy?");
    return err_set(err, ERR_AGAIN, "redis: %s", c && c->err ? c->errstr : "no connection");
}

static int select_database(struct queue_client *client, int database, struct err *err)
{
    char number[16];
    const char *select[] = {"SELECT", number};

    snprintf(number, sizeof(number), "%d", database);
    redisReply *reply = client_ask(client, REDIS_REPLY_STATUS, 2, select, err);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

int queue_client_open(struct queue_client **out, const char *address, int timeout_ms,
                      struct err *err)
{
    const struct timeval limit = {timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000};
    struct redis_address at;

    if (redis_address_parse(&at, address, err))
        return -1;
    redisContext *c = at.path[0] ? redisConnectUnixWithTimeout(at.path, limit)
                                 : redisConnectWithTimeout(at.host, at.port, limit);
    struct queue_client *client = calloc(1, sizeof(*client));
    if (!client || !c || c->err || redisSetTimeout(c, limit) != REDIS_OK) {
        err_set_redis(err, c);
        if (c)
            redisFree(c);
        free(client);
        return err_wrap(err, "%s", address);
    }
    redis_bound_answers(c);
    client->c = c;
    if (at.database && select_database(client, at.database, err)) {
        queue_client_close(client);
        return err_wrap(err, "%s", address);
    }
    *out = client;
    return 0;
}

void queue_client_close(struct queue_client *c)
{
    if (!c)
        return;
    redisFree(c->c);
    free(c);
}

redisReply *client_ask(struct queue_client *c, int type, int argc, const char **argv,
                       struct err *err)
{
    redisReply *reply = redisCommandArgv(c->c, argc, argv, NULL);

    if (!reply) {
        err_set_redis(err, c->c);
        return NULL;
    }
    if (reply->type == type)
        return reply;
    err_set(err, ERR_AGAIN, "redis: %s: %s", argv[0],
            reply->type == REDIS_REPLY_ERROR ? reply->str : "odd answer");
    freeReplyObject(reply);
    return NULL;
}

/* A node whose figures expired between SCAN and GET is no error; nor is one that another version
 * wrote: they are left out and logged. */
static void read_node(struct queue_client *c, const char *key, struct stats *out, int max, int *n)
{
    const char *get[] = {"GET", key};
    struct err why = {0};
    char quoted[512];
    redisReply *reply = client_ask(c, REDIS_REPLY_STRING, 2, get, &why);

    if (!reply)
        return;
    json_t *object = json_parse(reply->str, (size_t)reply->len, key, &why);
    if (object && *n < max && !stats_from_json(&out[*n], object, &why))
        ++*n;
    else if (why.code)
        log_event(LOG_WARN, "client.figures_skipped", "why=%s",
                  log_quote(quoted, sizeof(quoted), why.msg));
    json_decref(object);
    freeReplyObject(reply);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* SCAN's answer: the next cursor and a list of keys. */
static int take_keys(char cursor[32], char keys[NODES_MAX][KEY_SIZE], int *n_keys,
                     const redisReply *reply, struct err *err)
{
    const redisReply *list = reply->elements == 2 ? reply->element[1] : NULL;

    if (!list || list->type != REDIS_REPLY_ARRAY || !reply->element[0]->str)
        return err_set(err, ERR_AGAIN, "redis: SCAN: odd answer");
    snprintf(cursor, 32, "%s", reply->element[0]->str);
    for (size_t i = 0; i < list->elements && *n_keys < NODES_MAX; i++)
        if (list->element[i]->str)
            snprintf(keys[(*n_keys)++], KEY_SIZE, "%s", list->element[i]->str);
    return 0;
}

int queue_client_stats(struct queue_client *c, struct stats *out, int max, int *n, struct err *err)
{
    char cursor[32] = "0", keys[NODES_MAX][KEY_SIZE];
    int n_keys = 0;

    *n = 0;
    do {
        const char *scan[] = {"SCAN", cursor, "MATCH", node_keys, "COUNT", "1000"};
        redisReply *reply = client_ask(c, REDIS_REPLY_ARRAY, 6, scan, err);
        if (!reply)
            return -1;
        int ret = take_keys(cursor, keys, &n_keys, reply, err);
        freeReplyObject(reply);
        if (ret)
            return -1;
    } while (strcmp(cursor, "0") != 0);
    qsort(keys, (size_t)n_keys, KEY_SIZE, by_text);
    for (int i = 0; i < n_keys; i++) /* SCAN may name a key twice */
        if (i == 0 || strcmp(keys[i], keys[i - 1]) != 0)
            read_node(c, keys[i], out, max, n);
    return 0;
}

int queue_client_look_at(struct queue_client *c, const char *image, bool *is_queued, int64_t *done,
                         struct err *err)
{
    const char *eval[] = {"EVAL",
                          "return {redis.call('SISMEMBER', KEYS[1], ARGV[1]),\n"
                          "        tonumber(redis.call('HGET', KEYS[2], 'done') or '0')}\n",
                          "2",
                          REDIS_KEY "queued",
                          REDIS_KEY "counters",
                          image};
    redisReply *reply = client_ask(c, REDIS_REPLY_ARRAY, 6, eval, err);

    if (!reply)
        return -1;
    *is_queued = reply->elements == 2 && reply->element[0]->integer == 1;
    *done = reply->elements == 2 ? reply->element[1]->integer : 0;
    freeReplyObject(reply);
    return 0;
}

int queue_client_tell(struct queue_client *c, const char *word, struct err *err)
{
    char length[16];
    const char *add[] = {"XADD", control_key, "MAXLEN", "~", length, "*", "word", word};

    snprintf(length, sizeof(length), "%d", CONTROL_LENGTH);
    redisReply *reply = client_ask(c, REDIS_REPLY_STRING, 8, add, err);
    if (!reply)
        return -1;
    freeReplyObject(reply);
    return 0;
}

/* `name` must be `wanted` in Redis's own configuration. */
static int check_setting(struct queue_client *c, const char *name, const char *wanted,
                         struct err *err)
{
    const char *get[] = {"CONFIG", "GET", name};
    redisReply *reply = client_ask(c, REDIS_REPLY_ARRAY, 3, get, err);

    if (!reply)
        return -1;
    const char *is =
        reply->elements == 2 && reply->element[1]->str ? reply->element[1]->str : "unknown";
    int ret = strcmp(is, wanted) == 0
                  ? 0
                  : err_set(err, ERR_CONFIG, "redis: %s is %s and must be %s", name, is, wanted);
    freeReplyObject(reply);
    return ret;
}

int queue_client_memory(struct queue_client *c, int64_t *bytes, struct err *err)
{
    static const char key[] = "used_memory:";
    const char *info[] = {"INFO", "memory"};
    redisReply *reply = client_ask(c, REDIS_REPLY_STRING, 2, info, err);

    if (!reply)
        return -1;
    const char *at = strstr(reply->str, key);
    *bytes = at ? strtoll(at + strlen(key), NULL, 10) : 0;
    freeReplyObject(reply);
    return 0;
}

static int check_version(struct queue_client *c, struct err *err)
{
    const char *info[] = {"INFO", "server"};
    redisReply *reply = client_ask(c, REDIS_REPLY_STRING, 2, info, err);
    int ret = 0;

    if (!reply)
        return -1;
    const char *at = strstr(reply->str, "redis_version:");
    const char *version = at ? at + strlen("redis_version:") : "unknown";
    if (strtol(version, NULL, 10) < REDIS_MAJOR_MIN)
        ret = err_set(err, ERR_CONFIG, "redis: version %.*s is older than %d",
                      (int)strcspn(version, "\r\n"), version, REDIS_MAJOR_MIN);
    freeReplyObject(reply);
    return ret;
}

/* The epoch says whose index it is: whoever fills it, for his spool (broker_set_epoch). */
int queue_client_check_owner(struct queue_client *c, const char *spool_id, struct err *err)
{
    const char *get[] = {"GET", REDIS_KEY "epoch"};
    redisReply *reply = redisCommandArgv(c->c, 2, get, NULL);
    int ret = 0;

    if (!reply)
        return err_set_redis(err, c->c);
    bool is_id = reply->type == REDIS_REPLY_STRING && reply->len == SPOOL_ID_SIZE - 1;
    if (is_id && strcmp(reply->str, spool_id) != 0)
        ret = err_set(err, ERR_CONFIG,
                      "redis: it is the index of another spool; give each its own "
                      "database (ADDRESS#1), or lentigo recover makes it this one's");
    freeReplyObject(reply);
    return ret;
}

int queue_client_check(struct queue_client *c, struct err *err)
{
    if (check_version(c, err) || check_setting(c, "maxmemory-policy", "noeviction", err))
        return -1;
    return check_setting(c, "appendonly", "yes", err);
}
