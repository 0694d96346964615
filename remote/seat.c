#include "remote/seat.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/log.h"
#include "common/status.h"
#include "common/token.h"
#include "queue/last_stage.h"
#include "remote/server.h"

enum { TICK_MS = 500, CHUNK = 64 << 10 };

struct seat {
    struct session *session;
    struct server *server;
    struct last_stage *last_stage;
    struct buf pending;
    bool is_over;
    int exit_status;
};

static void stop(struct seat *t, int exit_status)
{
    t->is_over = true;
    t->exit_status = exit_status;
}

static int on_line(void *ctx, const char *line, size_t n, struct err *err)
{
    static struct wire_message m; /* 90 kB; only the main thread comes here */
    struct seat *t = ctx;

    if (wire_parse(&m, line, n, err))
        return -1;
    int ret = session_take(t->session, &m, err);
    if (ret == 1)
        stop(t, 0);
    return ret < 0 ? -1 : 0;
}

static void read_wire(struct seat *t)
{
    static char chunk[CHUNK]; /* only the main thread comes here */
    char quoted[512];
    struct err err = {0};
    ssize_t n = read(WIRE_FD, chunk, sizeof(chunk));

    if (n == 0 || (n < 0 && errno != EINTR)) {
        stop(t, STATUS_UNFINISHED); /* the scheduler is gone */
    } else if (n > 0 && wire_feed(&t->pending, chunk, (size_t)n, on_line, t, &err)) {
        log_event(LOG_ERROR, "wire.broken", "text=%s", log_quote(quoted, sizeof(quoted), err.msg));
        stop(t, STATUS_BROKEN);
    }
}

/* As the worker ended, except that a machine whose device is unfit, or that is set up otherwise, is not ours: it goes,
 * and the seat is free for another. */
static int status_of(const struct protocol_end *end)
{
    return end->status == STATUS_UNFIT || end->status == STATUS_CONFIG ? STATUS_DEVICE
                                                                       : end->status;
}

static void look_at_end(struct seat *t)
{
    struct protocol_end end;

    if (!session_end_of(t->session, &end))
        return;
    log_event(LOG_INFO, "seat.left", "status=%d signal=%d stage=%s", end.status, end.signal,
              wire_stage_word(end.stage));
    if (end.stage < STAGE_COUNT)
        last_stage_note(t->last_stage, end.stage);
    stop(t, end.signal ? -end.signal : status_of(&end));
}

/* The connections of a machine that is cut off stay open; those of a process that was killed do not. */
static void look_at_silence(struct seat *t)
{
    int64_t silent = session_silent_ms(t->session);
    int connections = server_connections(t->server);

    if (silent < (connections ? PROTOCOL_SILENT_MS : PROTOCOL_GONE_MS))
        return;
    log_event(LOG_WARN, "seat.lost", "silent_ms=%lld connections=%d", (long long)silent,
              connections);
    stop(t, STATUS_DEVICE);
}

static void serve(struct seat *t)
{
    while (!t->is_over) {
        struct pollfd fds[] = {
            {WIRE_FD,                      POLLIN, 0},
            {session_ended_fd(t->session), POLLIN, 0},
        };
        if (poll(fds, 2, TICK_MS) < 0 && errno != EINTR) {
            stop(t, STATUS_BROKEN);
            return;
        }
        if (fds[0].revents)
            read_wire(t);
        if (!t->is_over)
            look_at_end(t);
        if (!t->is_over)
            look_at_silence(t);
    }
}

static int open_parts(struct seat *t, const struct settings *s, struct err *err)
{
    char token[TOKEN_SIZE];

    t->last_stage = last_stage_open(); /* before something else takes its number */
    if (token_read(token, s->token, err) || session_new(&t->session, WIRE_FD, err))
        return -1;
    const struct server_config config = {
        .session = t->session,
        .address = s->listen,
        .token = token,
        .certificate = s->certificate,
        .key = s->key,
    };
    return server_open(&t->server, &config, err);
}

static void close_parts(struct seat *t)
{
    server_close(t->server);
    session_free(t->session);
    buf_release(&t->pending);
    last_stage_free(t->last_stage);
}

/* Of the same signal, without a core: nothing of ours went wrong. */
static void die_of(int number)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

int seat_run(const struct settings *settings)
{
    struct seat seat = {0};
    char quoted[512];
    struct err err = {0};

    buf_init(&seat.pending, WIRE_LINE_MAX);
    if (open_parts(&seat, settings, &err)) {
        log_event(LOG_ERROR, "seat.start", "code=%s why=%s", err_name(err.code),
                  log_quote(quoted, sizeof(quoted), err.msg));
        close_parts(&seat);
        return status_of_broken(&err);
    }
    log_event(LOG_INFO, "seat.open", "listen=%s tls=%d", settings->listen,
              settings->certificate[0] != 0);
    serve(&seat);
    close_parts(&seat);
    if (seat.exit_status >= 0)
        return seat.exit_status;
    die_of(-seat.exit_status);
    return STATUS_BROKEN; /* of a signal that ends nobody */
}
