/* What Redis answers, as bytes on a socket, to client.c and to broker.c. The first byte chooses who
 * asks. The commands themselves go nowhere. */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "queue/broker.h"
#include "queue/client.h"
#include "tests/fuzz/fuzz.h"

/* hiredis ends the program at an answer that nobody asked for, which Redis never gives: of so few
 * bytes ("+\r\n" is the shortest answer) no more come than CALLS. */
enum { BYTES_MAX = 600, CALLS = 208, SCRIPTS = 11 };

static char address[128];

static int listener(void)
{
    static int fd = -1;
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (fd >= 0)
        return fd;
    snprintf(address, sizeof(address), "%s/redis", fuzz_dir());
    memcpy(at.sun_path, address, strlen(address) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fuzz_expect(fd >= 0 && !bind(fd, (const struct sockaddr *)&at, sizeof(at)) && !listen(fd, 4),
                "a socket to listen on");
    return fd;
}

/* Everything that will ever be answered, then the end. */
static int answer(const char *first, const uint8_t *data, size_t size)
{
    int fd = accept(listener(), NULL, NULL);

    fuzz_expect(fd >= 0 && write(fd, first, strlen(first)) == (ssize_t)strlen(first) &&
                    write(fd, data, size) == (ssize_t)size && !shutdown(fd, SHUT_WR),
                "answers fit into the socket");
    return fd;
}

static void ask_client(int what, const uint8_t *data, size_t size)
{
    static struct stats stats[2];
    struct queue_client *c = NULL;
    struct err err = {0};
    int n;

    fuzz_expect(!queue_client_open(&c, address, 1000, &err), err.msg);
    int fd = answer("", data, size);
    int ret = what == 0   ? queue_client_stats(c, stats, 2, &n, &err)
              : what == 1 ? queue_client_check(c, &err)
                          : queue_client_tell(c, "pause", &err);
    if (!ret)
        fuzz_accepted();
    fuzz_expect(!ret == (err.code == ERR_OK), "a failure says why");
    queue_client_close(c);
    close(fd);
}

struct session {
    struct broker *b;
    bool is_down;
};

static void on_watch(void *ctx, int fd, bool read, bool write)
{
    (void)ctx;
    (void)fd;
    (void)read;
    (void)write;
}

static void on_unwatch(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
}

static void on_down(void *ctx, const char *why)
{
    struct session *s = ctx;

    s->is_down = strlen(why) < 1000;
}

static void on_put(void *ctx, int added)
{
    (void)ctx;
    (void)added;
}

/* As the scheduler does: a malformed one is thrown away, another given back or finished. */
static void on_leased(void *ctx, const struct broker_leased *jobs, int n)
{
    struct session *s = ctx;

    for (int i = 0; i < n; i++) {
        const struct broker_leased *l = &jobs[i];
        fuzz_expect(broker_class_word(l->lease.class)[0] != 0, "the class is one of ours");
        if (l->job.n < 0)
            broker_discard(s->b, &l->lease, &l->job);
        else if (l->lease.attempt > 1)
            broker_release(s->b, &l->lease);
        else
            broker_finish(s->b, &l->lease, &l->job, 3, "done", (uint32_t)i);
    }
}

static void on_lost(void *ctx, const struct broker_lease *lease)
{
    (void)ctx;
    fuzz_expect(broker_class_word(lease->class)[0] != 0, "the class is one of ours");
}

static void on_number(void *ctx, uint32_t tag, int number)
{
    (void)ctx;
    (void)tag;
    (void)number;
}

static void on_look(void *ctx, const struct broker_look *look)
{
    (void)ctx;
    for (int i = 0; i < look->n_words; i++)
        fuzz_expect(strlen(look->words[i]) < sizeof(look->words[i]), "a word ends");
}

static void on_ready(void *ctx, bool has_epoch, bool is_same)
{
    const struct broker_lease lease = {.attempt = 1, .entry = "1-1"};
    const struct broker_job job = {"u1", "s1", 1};
    const int least[BROKER_CLASSES] = {0};
    struct session *s = ctx;

    (void)has_epoch;
    (void)is_same;
    for (int i = 0; i < CALLS; i += 7) {
        broker_lease(s->b, 8, least);
        broker_look(s->b);
        broker_renew(s->b, &lease, 1);
        broker_finish(s->b, &lease, &job, 3, "done", 1);
        broker_put(s->b, 0, &job, 1);
        broker_again(s->b, &lease, 1);
        broker_reopen(s->b, 0, &job, "set_aside");
    }
}

/* With `is_open` the answers that open the connection come of themselves. */
static void ask_broker(bool is_open, const uint8_t *data, size_t size)
{
    struct session s = {0};
    const struct broker_options options = {
        .address = address, .consumer = "c", .node = "n", .lease_ms = 1000};
    const struct broker_events events = {.ctx = &s,
                                         .watch = on_watch,
                                         .unwatch = on_unwatch,
                                         .ready = on_ready,
                                         .down = on_down,
                                         .put = on_put,
                                         .leased = on_leased,
                                         .lost = on_lost,
                                         .again = on_number,
                                         .finished = on_number,
                                         .look = on_look};
    char opening[SCRIPTS * 64 + 64] = "";
    struct err err = {0};

    for (int i = 0; i < SCRIPTS && is_open; i++)
        snprintf(opening + strlen(opening), 64, "$40\r\n%040d\r\n", i);
    if (is_open)
        snprintf(opening + strlen(opening), 64, "*3\r\n:1\r\n$3\r\n0-0\r\n$2\r\n7f\r\n");
    fuzz_expect(!broker_new(&s.b, &options, &events, &err), err.msg);
    fuzz_expect(!broker_connect(s.b, &err), err.msg);
    int fd = answer(opening, data, size);
    for (int i = 0; i < 100 && !s.is_down; i++) {
        broker_on_writable(s.b);
        broker_on_readable(s.b);
    }
    broker_free(s.b);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > BYTES_MAX)
        return 0;
    listener();
    if (data[0] % 5 < 3)
        ask_client(data[0] % 5, data + 1, size - 1);
    else
        ask_broker(data[0] % 5 == 3, data + 1, size - 1);
    return 0;
}
