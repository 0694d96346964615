#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/redis_priv.h"

static int parse_port(struct redis_address *out, const char *text, const char *port,
                      struct err *err)
{
    char *end;
    long n = strtol(port, &end, 10);

    if (end == port || *end || n < 1 || n > USHRT_MAX)
        return err_set(err, ERR_CONFIG, "redis: \"%.80s\": no port from 1 to 65535", text);
    out->port = (int)n;
    return 0;
}

/* "...#3"; cut off from `address`, which is a copy of `text`. */
static int parse_database(struct redis_address *out, const char *text, char *address,
                          struct err *err)
{
    char *mark = strrchr(address, '#'), *end;

    if (!mark)
        return 0;
    long n = strtol(mark + 1, &end, 10);
    if (end == mark + 1 || *end || n < 0 || n > USHRT_MAX)
        return err_set(err, ERR_CONFIG, "redis: \"%.80s\": no database from 0 to 65535", text);
    *mark = 0;
    out->database = (int)n;
    return 0;
}

static int parse_place(struct redis_address *out, const char *text, struct err *err)
{
    size_t n = strlen(text);
    const char *colon = strrchr(text, ':');

    if (strchr(text, '/')) {
        if (n >= sizeof(out->path))
            return err_set(err, ERR_CONFIG, "redis: socket path longer than %zu bytes: %.100s...",
                           sizeof(out->path) - 1, text);
        memcpy(out->path, text, n + 1);
        return 0;
    }
    if (!colon || colon == text)
        return err_set(err, ERR_CONFIG, "redis: \"%.80s\" is neither host:port nor a path", text);
    const char *host = text;
    size_t length = (size_t)(colon - text);
    if (*host == '[' && length > 2 && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    if (length >= sizeof(out->host))
        return err_set(err, ERR_CONFIG, "redis: host longer than %zu bytes", sizeof(out->host) - 1);
    memcpy(out->host, host, length);
    return parse_port(out, text, colon + 1, err);
}

int redis_address_parse(struct redis_address *out, const char *text, struct err *err)
{
    char address[sizeof(out->path) + sizeof(out->host)];

    memset(out, 0, sizeof(*out));
    if (snprintf(address, sizeof(address), "%s", text) >= (int)sizeof(address))
        return err_set(err, ERR_CONFIG, "redis: address is too long: %.100s...", text);
    return parse_database(out, text, address, err) || parse_place(out, address, err) ? -1 : 0;
}

/* ---- answers ---- */

enum { ELEMENTS_MAX = 1 << 20 }; /* of an array: Redis itself takes no more in a command */

static const redisReplyObjectFunctions *own_of(const redisReadTask *task)
{
    return task->privdata;
}

static void *create_string(const redisReadTask *task, char *text, size_t n)
{
    return own_of(task)->createString(task, text, n);
}

/* NULL ends the connection, as when memory is short. */
static void *create_array(const redisReadTask *task, int elements)
{
    return elements > ELEMENTS_MAX ? NULL : own_of(task)->createArray(task, elements);
}

static void *create_integer(const redisReadTask *task, long long value)
{
    return own_of(task)->createInteger(task, value);
}

static void *create_nil(const redisReadTask *task)
{
    return own_of(task)->createNil(task);
}

void redis_bound_answers(redisContext *c)
{
    static redisReplyObjectFunctions bounded = {/* never written; hiredis takes no const */
                                                .createString = create_string,
                                                .createArray = create_array,
                                                .createInteger = create_integer,
                                                .createNil = create_nil,
                                                .freeObject = freeReplyObject};

    c->reader->privdata = c->reader->fn; /* hiredis hands it to each of the above */
    c->reader->fn = &bounded;
}
