#include "remote/join.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/status.h"
#include "common/text.h"
#include "common/token.h"
#include "remote/visit.h"

enum {
    HELLO_MS = 60000, /* of a worker: what a scheduler waits for one */
    KNOCK_MS = 500,   /* between tries to sit down */
    KNOCK_LIMIT_MS = 5000,
    LOST_MS = 1000, /* before the next worker after a session that was lost */
    LOOK_MS = 1000,
    END_LIMIT_MS = 3000,
    END_AGAIN_MS = 200,
    PAUSE_MIN_MS = 200,
    PAUSE_MAX_MS = 10000,
    URL_MAX = 1024,
    GOING_ON = -1,
};

struct join {
    char url[URL_MAX], token[TOKEN_SIZE];
    struct http_seat seat;
    struct nest nest;
    int signals;   /* signalfd */
    int n_signals; /* that came */
    int patience;  /* the signal, counted from 1, that a request under way gives up for */
    struct http *http;
    struct http_watch watch;
    struct worker worker;
    struct wire_message hello; /* large */
    char session[PROTOCOL_SESSION_SIZE];
    int64_t pause_ms; /* before the next worker */
    char told[256];   /* why it waits, as it was logged last */
    int status;       /* to end with, or GOING_ON */
};

/* ---- waiting ---- */

static int count_signals(struct join *j)
{
    struct signalfd_siginfo ignored;

    while (read(j->signals, &ignored, sizeof(ignored)) == sizeof(ignored))
        j->n_signals++;
    return j->n_signals;
}

static bool is_out_of_patience(void *ctx)
{
    struct join *j = ctx;

    return count_signals(j) >= j->patience;
}

/* Until a signal comes, one of the two (-1: none) is readable, or the time is over. False: told to stop. */
static bool wait_for(struct join *j, int fd, int other, int ms)
{
    struct pollfd fds[] = {
        {j->signals, POLLIN, 0},
        {fd,         POLLIN, 0},
        {other,      POLLIN, 0},
    };

    if (!count_signals(j)) /* one may have come during a request */
        (void)poll(fds, sizeof(fds) / sizeof(*fds), ms);
    return !count_signals(j);
}

static bool has_ended(const struct worker *w)
{
    struct pollfd fd = {w->pid_fd, POLLIN, 0};

    return poll(&fd, 1, 0) > 0;
}

static void finish(struct join *j, int status, const char *event, const char *why)
{
    char quoted[512];

    log_event(LOG_ERROR, event, "status=%d why=%s", status, log_quote(quoted, sizeof(quoted), why));
    j->status = status;
}

/* Said once, not at each try of a long night. */
static void tell_waiting(struct join *j, const char *why)
{
    char quoted[512];

    if (strncmp(j->told, why, sizeof(j->told) - 1) != 0)
        log_event(LOG_INFO, "join.waiting", "url=%s why=%s", j->url,
                  log_quote(quoted, sizeof(quoted), why));
    snprintf(j->told, sizeof(j->told), "%s", why);
}

/* ---- the worker ---- */

/* Its own children may hold the other end of the wire: that it has ended is seen by itself. */
static bool meet_worker(struct join *j, struct err *err)
{
    int64_t until = clock_mono_us() / 1000 + HELLO_MS;
    struct pollfd wire = {j->worker.wire, POLLIN, 0};

    while (poll(&wire, 1, 0) <= 0) {
        int64_t left = until - clock_mono_us() / 1000;
        if (left <= 0)
            err_set(err, ERR_BUG, "lentigo-worker said nothing for %d s", HELLO_MS / 1000);
        if (left <= 0 || has_ended(&j->worker) ||
            !wait_for(j, j->worker.wire, j->worker.pid_fd, (int)left))
            return false;
    }
    return !worker_greet(&j->worker, &j->hello, err);
}

/* The scheduler is to know one machine's GPU from another's. */
static void name_device(struct wire_message *hello)
{
    char host[256], name[sizeof(hello->device) + 1 + sizeof(host)];

    if (gethostname(host, sizeof(host)))
        return;
    host[sizeof(host) - 1] = 0;
    snprintf(name, sizeof(name), "%s@%s", hello->device, host);
    text_copy_cut(hello->device, sizeof(hello->device), name);
}

static void wait_longer(struct join *j)
{
    int64_t longer = j->pause_ms * 2 < PAUSE_MAX_MS ? j->pause_ms * 2 : PAUSE_MAX_MS;

    j->pause_ms = j->pause_ms ? longer : PAUSE_MIN_MS;
}

/* ---- the seat ---- */

static bool is_session(const char *text)
{
    size_t n = 0;

    while (isxdigit((unsigned char)text[n]))
        n++;
    return n == PROTOCOL_SESSION_SIZE - 1 && !text[n];
}

static void refuse_setup(struct join *j, const char *what, const char *do_this)
{
    char why[512];

    snprintf(why, sizeof(why), "%s; %s", what, do_this);
    finish(j, STATUS_CONFIG, "join.refused", why);
}

/* True: a seat is taken. */
static bool judge_hello(struct join *j, const struct http_answer *answer)
{
    char why[320];

    switch (answer->status) {
    case 201:
        if (!is_session(answer->text))
            break;
        memcpy(j->session, answer->text, sizeof(j->session));
        return true;
    case 401:
        refuse_setup(j, answer->text, "give both machines the same file by --token");
        return false;
    case 426:
        refuse_setup(j, answer->text, "install the same version of lentigo on both machines");
        return false;
    default: break;
    }
    snprintf(why, sizeof(why), "status %d: %s", answer->status, answer->text);
    tell_waiting(j, why);
    return false;
}

static bool knock_once(struct join *j, const struct buf *line)
{
    const struct http_request request = {.method = "POST",
                                         .path = "/v1/hello",
                                         .bytes = line->data,
                                         .size_bytes = (int64_t)line->len,
                                         .limit_ms = KNOCK_LIMIT_MS};
    struct http_answer answer;
    struct err err = {0};

    j->patience = 1;
    if (!http_send(j->http, &request, &answer, &err))
        return judge_hello(j, &answer);
    if (err.code == ERR_CONFIG)
        finish(j, STATUS_CONFIG, "join.refused", err.msg);
    else
        tell_waiting(j, err.msg);
    return false;
}

/* True: a seat is taken; false: the worker has ended, or we are to end. */
static bool knock(struct join *j)
{
    struct err err = {0};
    struct buf line;
    bool is_in = false, is_on = true;

    name_device(&j->hello);
    buf_init(&line, WIRE_LINE_MAX);
    if (wire_format(&j->hello, &line, &err))
        tell_waiting(j, err.msg);
    while (!err.code && is_on && !is_in) {
        is_in = knock_once(j, &line);
        is_on = is_in || (j->status == GOING_ON && wait_for(j, j->worker.pid_fd, -1, KNOCK_MS) &&
                          !has_ended(&j->worker));
    }
    buf_release(&line);
    return is_in;
}

/* `tries_ms`: how long it is tried when it does not come through. */
static void say_end(struct join *j, const struct protocol_end *end, int tries_ms)
{
    int64_t until = clock_mono_us() / 1000 + tries_ms;
    struct http_request request = {
        .method = "POST", .path = "/v1/end", .session = j->session, .limit_ms = END_LIMIT_MS};
    struct http_answer answer = {.status = 503};
    struct err err = {0};
    struct buf line;

    buf_init(&line, 256);
    j->patience = j->n_signals + 1;
    if (protocol_end_format(end, &line, &err))
        goto done;
    request.bytes = line.data;
    request.size_bytes = (int64_t)line.len;
    while ((http_send(j->http, &request, &answer, &err) || answer.status == 503) &&
           err.code != ERR_CANCELLED && clock_mono_us() / 1000 < until) {
        err = (struct err){0};
        usleep(END_AGAIN_MS * 1000);
    }
done:
    buf_release(&line);
}

/* ---- at the seat ---- */

static bool is_of_a_crash(const struct protocol_end *end)
{
    return end->signal || (end->status != STATUS_OK && end->status != STATUS_UNFIT &&
                           end->status != STATUS_CONFIG);
}

/* Where it held no image, none can have done it: one that the scheduler has handed out meanwhile, and that
 * never came here, must not be taken for the one that did. */
static void tell_how_it_ended(struct join *j, struct visit *v, const struct protocol_end *end)
{
    const struct protocol_end blameless = {.status = STATUS_DEVICE, .stage = STAGE_COUNT};

    say_end(j, is_of_a_crash(end) && !visit_at_work(v) ? &blameless : end, PROTOCOL_SILENT_MS);
}

static void tell_lost(const char *why)
{
    char quoted[512];

    log_event(LOG_WARN, "join.lost", "why=%s", log_quote(quoted, sizeof(quoted), why));
}

/* Until the worker has ended and all is told (true, and `end` is how), or the visit or we are to end (false). */
static bool watch_visit(struct join *j, struct visit *v, struct protocol_end *end)
{
    bool is_buried = false;
    char why[256];

    while (wait_for(j, visit_fd(v), is_buried ? -1 : j->worker.pid_fd, LOOK_MS)) {
        switch (visit_look(v, why)) {
        case VISIT_ON: break;
        case VISIT_LOST: tell_lost(why); return false;
        case VISIT_REFUSED: finish(j, STATUS_CONFIG, "join.refused", why); return false;
        }
        if (!is_buried && has_ended(&j->worker)) {
            is_buried = true;
            worker_bury(&j->worker, end);
            visit_settle(v);
        }
        if (is_buried && visit_is_settled(v))
            return true;
    }
    return false;
}

static const struct protocol_end goodbye = {.status = STATUS_DEVICE, .stage = STAGE_COUNT};

/* True: the worker has ended, and `end` is how. */
static bool attend(struct join *j, struct protocol_end *end)
{
    const struct visit_config config = {.seat = &j->seat,
                                        .session = j->session,
                                        .nest = &j->nest,
                                        .worker = &j->worker,
                                        .credit = j->hello.credit};
    struct visit *v = NULL;
    struct err err = {0};

    log_event(LOG_INFO, "join.joined", "url=%s", j->url);
    j->told[0] = 0;
    if (visit_open(&v, &config, &err)) {
        tell_lost(err.msg);
        say_end(j, &goodbye, 0);
        return false;
    }
    bool is_whole = watch_visit(j, v, end);
    if (is_whole)
        tell_how_it_ended(j, v, end);
    else
        say_end(j, &goodbye, 0); /* if it was lost, some of its requests may come through yet */
    if (visit_has_worked(v))
        j->pause_ms = 0;
    visit_close(v);
    return is_whole;
}

/* ---- one worker's life ---- */

/* It has ended by itself. `was_seated`: it was at work for a seat. */
static void judge_end(struct join *j, const struct protocol_end *end, bool was_seated)
{
    bool is_drained = was_seated && !end->signal && end->status == STATUS_OK;

    log_event(is_drained ? LOG_INFO : LOG_WARN, "worker.ended", "status=%d signal=%d", end->status,
              end->signal);
    if (!end->signal && end->status == STATUS_CONFIG)
        finish(j, STATUS_CONFIG, "join.end",
               "lentigo-worker cannot work with these settings; its own lines say why");
    else if (!end->signal && end->status == STATUS_UNFIT)
        finish(j, STATUS_UNFIT, "join.end", "the device of this machine computes wrongly");
    else if (is_drained)
        j->pause_ms = 0;
    else
        wait_longer(j);
}

/* It never came to work, and not by an end of its own that would tell why. */
static void judge_start(struct join *j, const struct err *err)
{
    char quoted[512];

    if (err->code == ERR_CONFIG)
        finish(j, STATUS_CONFIG, "join.end", err->msg);
    else if (err->code)
        log_event(LOG_ERROR, "worker.start", "why=%s", log_quote(quoted, sizeof(quoted), err->msg));
    wait_longer(j);
}

/* What has ended by itself keeps its own end. */
static void dismiss_worker(struct join *j, struct protocol_end *end)
{
    if (j->worker.pid) {
        worker_kill(&j->worker);
        worker_bury(&j->worker, end);
    }
    worker_release(&j->worker);
    nest_clear(&j->nest);
}

static void live_once(struct join *j)
{
    struct protocol_end end = {.signal = SIGKILL};
    struct err err = {0};

    bool is_seated = !worker_start(&j->worker, &err) && meet_worker(j, &err) && knock(j);
    bool is_whole = is_seated && attend(j, &end);
    dismiss_worker(j, &end);
    if (is_seated && !is_whole)
        j->pause_ms = LOST_MS;
    else if (is_whole || end.signal != SIGKILL)
        judge_end(j, &end, is_seated);
    else
        judge_start(j, &err);
}

/* ---- life ---- */

static int check_url(struct join *j, const char *url, struct err *err)
{
    size_t n = strlen(url);

    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return err_set(err, ERR_INPUT, "\"%.80s\" is no URL of a seat, such as https://intake:8700",
                       url);
    if (strchr(url, '@'))
        return err_set(err, ERR_INPUT, "no name or password belongs into the URL: see --token");
    while (n && url[n - 1] == '/')
        n--;
    if (n >= sizeof(j->url))
        return err_set(err, ERR_INPUT, "URL: longer than %d bytes", URL_MAX - 1);
    memcpy(j->url, url, n);
    return 0;
}

/* Threads and children that come later have them blocked too; a child unblocks them. */
static int catch_signals(struct join *j, struct err *err)
{
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGTERM);
    sigaddset(&both, SIGINT);
    (void)signal(SIGPIPE, SIG_IGN); /* of TLS */
    sigprocmask(SIG_BLOCK, &both, NULL);
    j->signals = signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK);
    return j->signals < 0 ? err_set(err, ERR_AGAIN, "signalfd: %s", strerror(errno)) : 0;
}

static int open_all(struct join *j, const struct settings *s, const char *url, struct err *err)
{
    if (check_url(j, url, err) || token_read(j->token, s->token, err) || catch_signals(j, err) ||
        http_open_all(err))
        return -1;
    j->seat = (struct http_seat){j->url, j->token, s->authority};
    j->watch = (struct http_watch){.is_over = is_out_of_patience, .ctx = j};
    return http_new(&j->http, &j->seat, &j->watch, err) || nest_open(&j->nest, err) ? -1 : 0;
}

static void close_all(struct join *j)
{
    nest_close(&j->nest);
    http_free(j->http);
    http_close_all();
    if (j->signals >= 0)
        close(j->signals);
}

int join_run(const struct settings *s, const char *url)
{
    static struct join join = {/* too large for the stack; one a process */
                               .status = GOING_ON,
                               .signals = -1,
                               .nest.fd = -1};
    struct join *j = &join;
    struct err err = {0};

    if (open_all(j, s, url, &err)) {
        fprintf(stderr, "lentigo-join: %s\n", err.msg);
        j->status = status_of_err(&err);
    } else {
        log_event(LOG_INFO, "join.start", "url=%s nest=%s", j->url, j->nest.root);
    }
    while (j->status == GOING_ON) {
        live_once(j);
        if (!wait_for(j, -1, -1, (int)j->pause_ms) && j->status == GOING_ON)
            j->status = STATUS_OK;
    }
    close_all(j);
    log_event(LOG_INFO, "join.ended", "status=%d", j->status);
    return j->status;
}
