#include "queue/broker.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>

#include "common/clock.h"
#include "queue/broker_priv.h"

enum { CONNECT_MS = 2000, COMMAND_MS = 5000, PING_MS = 1000, ARGS_BYTES_MAX = 1 << 20 };

static const char *const class_words[BROKER_CLASSES] = {"interactive", "bulk", "training"};

const char *broker_class_word(int class)
{
    return class_words[class];
}

int broker_class_of(const char *word)
{
    for (int i = 0; i < BROKER_CLASSES; i++)
        if (!strcmp(word, class_words[i]))
            return i;
    return -1;
}

static int64_t mono_ms(void)
{
    return clock_mono_us() / 1000;
}

/* hiredis's event hooks. They are idempotent and may come in any order. */

static void tell_watch(struct broker *b, bool read, bool write)
{
    b->is_reading = read;
    b->is_writing = write;
    b->on.watch(b->on.ctx, b->ac->c.fd, read, write);
}

static void add_read(void *data)
{
    struct broker *b = data;

    tell_watch(b, true, b->is_writing);
}

static void del_read(void *data)
{
    struct broker *b = data;

    tell_watch(b, false, b->is_writing);
}

void broker_ask_to_write(struct broker *b)
{
    tell_watch(b, b->is_reading, true);
}

static void add_write(void *data)
{
    broker_ask_to_write(data);
}

static void del_write(void *data)
{
    struct broker *b = data;

    tell_watch(b, b->is_reading, false);
}

/* The one place where every end of a connection passes: hiredis is about to free the context. */
static void on_cleanup(void *data)
{
    struct broker *b = data;
    char why[sizeof(b->why)];

    if (!b->ac)
        return;
    snprintf(why, sizeof(why), "%s",
             b->why[0]      ? b->why
             : b->ac->c.err ? b->ac->c.errstr
             : b->ac->err   ? b->ac->errstr
                            : "closed");
    b->on.unwatch(b->on.ctx, b->ac->c.fd);
    b->ac = NULL;
    b->state = BROKER_DOWN;
    b->why[0] = 0;
    broker_clear_gathered(b);
    b->on.down(b->on.ctx, why);
}

int broker_new(struct broker **out, const struct broker_options *options,
               const struct broker_events *events, struct err *err)
{
    struct broker *b = calloc(1, sizeof(*b));

    if (!b)
        return err_set(err, ERR_NOMEM, "broker: out of memory");
    if (redis_address_parse(&b->address, options->address, err)) {
        free(b);
        return -1;
    }
    snprintf(b->consumer, sizeof(b->consumer), "%s", options->consumer);
    snprintf(b->node, sizeof(b->node), "%s", options->node);
    snprintf(b->prefix, sizeof(b->prefix), REDIS_TAGGED("%.63s"),
             options->shard ? options->shard : REDIS_SHARD);
    b->lease_ms = options->lease_ms;
    b->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
    b->command_ms = options->command_ms ? options->command_ms : COMMAND_MS;
    b->on = *events;
    broker_args_init(&b->gathered.studies, BROKER_GATHER_MAX);
    broker_args_init(&b->gathered.rows, FINISH_WORDS * BROKER_GATHER_MAX);
    broker_args_init(&b->gathered.forgotten, BROKER_GATHER_MAX);
    *out = b;
    return 0;
}

static void ignore_down(void *ctx, const char *why)
{
    (void)ctx;
    (void)why;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    b->on.down = ignore_down;
    if (b->ac)
        redisAsyncFree(b->ac);
    broker_args_release(&b->gathered.studies);
    broker_args_release(&b->gathered.rows);
    broker_args_release(&b->gathered.forgotten);
    free(b);
}

bool broker_is_ready(const struct broker *b)
{
    return b->state == BROKER_READY;
}

bool broker_is_idle(const struct broker *b)
{
    return !b->unanswered && !b->gathered.n && !b->gathered.forgotten.n;
}

void broker_drop(struct broker *b, const char *why)
{
    if (!b->ac)
        return;
    snprintf(b->why, sizeof(b->why), "%s", why);
    redisAsyncFree(b->ac); /* inside an answer: as soon as that returns */
}

/* Opening: load the scripts, then SCRIPT_OPEN; answers come in order. */

static void on_script(struct broker *b, uint32_t tag, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING || reply->len != sizeof(b->sha[0]) - 1)
        return broker_drop(b, "SCRIPT LOAD was refused");
    memcpy(b->sha[tag], reply->str, sizeof(b->sha[0]));
}

static void on_open(struct broker *b, uint32_t tag, const redisReply *reply)
{
    (void)tag;
    char run_id[sizeof(b->run_id)];

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[1]->type != REDIS_REPLY_STRING ||
        reply->element[2]->type != REDIS_REPLY_STRING)
        return broker_drop(b, reply->type == REDIS_REPLY_ERROR ? reply->str : "odd answer");
    /* Words that were said while nobody listened are covered by the walk at the start; those that
     * were said while the connection was down are not, so an id that is known stays. */
    if (!b->control_id[0])
        snprintf(b->control_id, sizeof(b->control_id), "%s", reply->element[1]->str);
    snprintf(run_id, sizeof(run_id), "%s", reply->element[2]->str);
    bool is_same = !strcmp(run_id, b->run_id);
    memcpy(b->run_id, run_id, sizeof(run_id));
    b->state = BROKER_READY;
    b->on.ready(b->on.ctx, reply->element[0]->integer == 1, is_same);
}

static void send_open(struct broker *b, uint32_t tag, const redisReply *reply)
{
    struct broker_args a;

    on_script(b, tag, reply);
    if (!b->ac || b->why[0])
        return;
    broker_args_init(&a, 12);
    broker_args_script(&a, b, SCRIPT_OPEN, BROKER_CLASSES + 2);
    for (int i = 0; i < BROKER_CLASSES; i++)
        broker_args_key(&a, b, "jobs:%s", class_words[i]);
    broker_args_key(&a, b, "epoch");
    broker_args_key(&a, b, "control");
    broker_args_text(&a, BROKER_GROUP);
    broker_send(b, &a, on_open, 0);
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct broker *b = ac->data;

    if (status != REDIS_OK)
        return; /* on_cleanup follows */
    b->state = BROKER_OPENING;
    if (b->address.database) { /* an error drops the connection, as everywhere */
        struct broker_args a;
        broker_args_init(&a, 2);
        broker_args_text(&a, "SELECT");
        broker_args_number(&a, b->address.database);
        broker_send(b, &a, NULL, 0);
    }
    for (uint32_t i = 0; i < SCRIPT_COUNT; i++) {
        struct broker_args a;
        broker_args_init(&a, 3);
        broker_args_text(&a, "SCRIPT");
        broker_args_text(&a, "LOAD");
        broker_args_text(&a, broker_script_text[i]);
        broker_send(b, &a, i + 1 < SCRIPT_COUNT ? on_script : send_open, i);
    }
}

int broker_connect(struct broker *b, struct err *err)
{
    const struct redis_address *at = &b->address;

    if (b->ac)
        return 0;
    redisAsyncContext *ac =
        at->path[0] ? redisAsyncConnectUnix(at->path) : redisAsyncConnect(at->host, at->port);
    if (!ac || ac->err) {
        err_set(err, ERR_AGAIN, "redis: %s", ac ? ac->errstr : "out of memory");
        if (ac)
            redisAsyncFree(ac);
        return -1;
    }
    fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC); /* no child keeps our connection open */
    redis_bound_answers(&ac->c);
    b->ac = ac;
    b->state = BROKER_CONNECTING;
    b->unanswered = 0;
    b->since_ms = mono_ms();
    ac->data = b;
    ac->ev.data = b;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = on_cleanup;
    redisAsyncSetConnectCallback(ac, on_connect); /* asks for writability */
    return 0;
}

void broker_on_readable(struct broker *b)
{
    if (b->ac)
        redisAsyncHandleRead(b->ac);
}

void broker_on_writable(struct broker *b)
{
    broker_send_gathered(b);
    if (b->ac)
        redisAsyncHandleWrite(b->ac);
}

void broker_tick(struct broker *b, int64_t now_ms)
{
    struct broker_args a;

    if (!b->ac)
        return;
    int64_t waited = now_ms - b->since_ms;
    if (b->state == BROKER_CONNECTING && waited > b->connect_ms)
        return broker_drop(b, "connect timed out");
    if (b->unanswered && waited > b->command_ms)
        return broker_drop(b, "a command was not answered in time");
    if (b->state != BROKER_READY || b->unanswered || waited < PING_MS)
        return;
    broker_args_init(&a, 1);
    broker_args_text(&a, "PING");
    broker_send(b, &a, NULL, 0);
}

/* Sending. */

void broker_args_init(struct broker_args *a, int max)
{
    *a = (struct broker_args){.max = max, .lengths = calloc((size_t)max, sizeof(size_t))};
    buf_init(&a->bytes, ARGS_BYTES_MAX);
}

void broker_args_text(struct broker_args *a, const char *text)
{
    if (!a->lengths || a->n == a->max) {
        a->bytes.failed = ERR_LIMIT;
        return;
    }
    a->lengths[a->n++] = strlen(text);
    buf_add(&a->bytes, text, strlen(text) + 1);
}

void broker_args_key(struct broker_args *a, const struct broker *b, const char *fmt, ...)
{
    char key[BROKER_KEY_SIZE];
    int n = snprintf(key, sizeof(key), "%s", b->prefix);
    va_list args;

    va_start(args, fmt);
    vsnprintf(key + n, sizeof(key) - (size_t)n, fmt, args);
    va_end(args);
    broker_args_text(a, key);
}

void broker_args_number(struct broker_args *a, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    broker_args_text(a, text);
}

void broker_args_append(struct broker_args *a, const struct broker_args *more)
{
    const char *at = more->bytes.data;

    if (more->bytes.failed)
        a->bytes.failed = more->bytes.failed;
    for (int i = 0; i < more->n; at += more->lengths[i++] + 1)
        broker_args_text(a, at);
}

void broker_args_clear(struct broker_args *a)
{
    a->n = 0;
    buf_clear(&a->bytes);
}

void broker_args_release(struct broker_args *a)
{
    free(a->lengths);
    buf_release(&a->bytes);
}

void broker_args_script(struct broker_args *a, const struct broker *b, enum broker_script script,
                        int n_keys)
{
    broker_args_text(a, "EVALSHA");
    broker_args_text(a, b->sha[script]);
    broker_args_number(a, n_keys);
}

static void on_reply(redisAsyncContext *ac, void *reply, void *data)
{
    struct broker_call *call = data;
    struct broker *b = call->b;
    const redisReply *r = reply;

    (void)ac;
    if (r) { /* NULL: the connection ended, on_cleanup tells */
        b->unanswered--;
        b->since_ms = mono_ms();
        if (r->type == REDIS_REPLY_ERROR)
            broker_drop(b, r->str); /* a script that is gone, a group that is gone: start over */
        else if (call->answer && !b->why[0])
            call->answer(b, call->tag, r);
    }
    free(call);
}

void broker_send(struct broker *b, struct broker_args *a,
                 void (*answer)(struct broker *b, uint32_t tag, const redisReply *reply),
                 uint32_t tag)
{
    struct broker_call *call = calloc(1, sizeof(*call));
    const char **argv = calloc((size_t)a->n + 1, sizeof(*argv));
    int ret = REDIS_ERR;

    broker_send_gathered(b);
    if (call && argv && !a->bytes.failed && b->ac) {
        const char *at = a->bytes.data;
        for (int i = 0; i < a->n; at += a->lengths[i++] + 1)
            argv[i] = at;
        *call = (struct broker_call){b, answer, tag};
        if (!b->unanswered)
            b->since_ms = mono_ms();
        ret = redisAsyncCommandArgv(b->ac, on_reply, call, a->n, argv, a->lengths);
    }
    if (ret == REDIS_OK)
        b->unanswered++;
    else
        free(call);
    free(argv);
    broker_args_release(a);
    if (ret != REDIS_OK && answer) /* its owner would wait for ever */
        broker_drop(b, "a command could not be sent");
}
