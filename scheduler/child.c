#include "scheduler/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/place.h"
#include "common/status.h"
#include "scheduler/pause.h"

#define VISIBLE "CUDA_VISIBLE_DEVICES="

enum {
    HELLO_MS = 60000,
    GOOD_WORK_MS = 30000,
    SHORT_GOOD_WORK_MS = 2000,
    CHUNK = 64 << 10,
    ARGUMENTS_MAX = 9
};

static const char *const programs[] = {"lentigo-worker", "lentigo-reports"};
static const char *const roles[] = {"worker", "reporter"};

const char *child_program(const struct child *c)
{
    return c->seat ? "lentigo-seat" : programs[c->role];
}

const char *child_state_word(const struct child *c, int64_t now_ms)
{
    switch (c->state) {
    case CHILD_OFF:
        if (c->is_retired)
            return "out of service";
        if (!c->is_wanted)
            return c->starts ? "ended" : "idle";
        return now_ms < c->start_at_ms ? "backing off" : "starting";
    case CHILD_STARTING: return c->seat ? "open" : "starting";
    case CHILD_DRAINING: return "draining";
    case CHILD_UP: break;
    }
    if (now_ms < c->rests_until_ms)
        return "backing off";
    return c->in_flight ? "working" : "idle";
}

void child_init(struct child *c, enum child_role role, uv_loop_t *loop, const char *config,
                const struct child_events *events)
{
    *c = (struct child){.role = role, .loop = loop, .config = config, .on = events};
}

void child_kill(struct child *c, int signal)
{
    if (c->pid > 0)
        kill(c->pid, signal);
}

/* What it says is not to be trusted any more. */
static void break_off(struct child *c, const char *why)
{
    char quoted[512];

    log_event(LOG_ERROR, "child.broken", "child=%s pid=%d why=%s", roles[c->role], c->pid,
              log_quote(quoted, sizeof(quoted), why));
    c->is_broken = true;
    child_kill(c, SIGKILL);
}

static void note_facts(struct child_facts *out, const struct wire_message *m)
{
    memcpy(out->model, m->model, sizeof(out->model));
    memcpy(out->model_sha256, m->model_sha256, sizeof(out->model_sha256));
    memcpy(out->policy_sha256, m->policy_sha256, sizeof(out->policy_sha256));
    memcpy(out->precision, m->precision, sizeof(out->precision));
    memcpy(out->device, m->device, sizeof(out->device));
    out->size = m->size;
}

static void greet(struct child *c, const struct wire_message *m)
{
    char why[128];

    if (m->version != WIRE_VERSION) {
        snprintf(why, sizeof(why), "%s speaks version %d of the wire, not %d", child_program(c),
                 m->version, WIRE_VERSION);
        break_off(c, why);
        c->on->strange(c->on->ctx, why);
        return;
    }
    if (strcmp(m->role, roles[c->role]) != 0 || m->credit < 1) {
        break_off(c, "HELLO of another role or without credit");
        return;
    }
    note_facts(&c->facts, m);
    c->credit = m->credit < WIRE_ITEMS_MAX ? m->credit : WIRE_ITEMS_MAX;
    c->isolates = m->isolates;
    c->state = CHILD_UP;
    c->up_ms = c->progress_ms = clock_mono_us() / 1000;
    log_event(LOG_INFO, "child.up", "child=%s pid=%d credit=%d", roles[c->role], c->pid, c->credit);
    c->on->up(c->on->ctx, c);
}

static int on_line(void *ctx, const char *line, size_t n, struct err *err)
{
    static struct wire_message m; /* 90 kB; only the loop's thread comes here */
    struct child *c = ctx;

    if (wire_parse(&m, line, n, err))
        return -1;
    if (m.kind == WIRE_HELLO && c->state == CHILD_STARTING) {
        greet(c, &m);
        return 0;
    }
    if (c->state == CHILD_STARTING || m.kind == WIRE_HELLO)
        return err_set(err, ERR_BUG, "HELLO must come first and once");
    c->on->message(c->on->ctx, c, &m);
    return 0;
}

static void feed(struct child *c, const char *bytes, size_t n)
{
    struct err err = {0};

    if (!c->is_broken && wire_feed(&c->input, bytes, n, on_line, c, &err))
        break_off(c, err.msg);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    static char chunk[CHUNK]; /* one read at a time, by the loop's thread */

    (void)handle;
    (void)suggested;
    *out = uv_buf_init(chunk, sizeof(chunk));
}

/* The end of the stream is no news: the end of the process is, and comes by SIGCHLD. */
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
    if (n > 0)
        feed(stream->data, chunk->base, (size_t)n);
    else if (n < 0)
        uv_read_stop(stream);
}

static void on_closed(uv_handle_t *handle)
{
    ((struct child *)handle->data)->open_handles--;
}

/* What a dead process wrote lies whole in the socket. Its own children may still hold the other
 * end, so end of file is not waited for. */
static void read_rest(struct child *c)
{
    char chunk[4096];
    uv_os_fd_t fd;
    ssize_t n;

    if (uv_fileno((uv_handle_t *)&c->pipe, &fd))
        return;
    while ((n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            feed(c, chunk, (size_t)n);
}

static void schedule(struct child *c, int64_t now_ms)
{
    int64_t up_ms = c->up_ms ? now_ms - c->up_ms : 0;
    bool has_worked = c->items > c->items_at_start;

    if (up_ms >= (has_worked ? SHORT_GOOD_WORK_MS : GOOD_WORK_MS))
        c->pauses = 0;
    bool is_at_once = !c->pauses && (has_worked || c->in_flight);
    c->start_at_ms = is_at_once ? now_ms : now_ms + pause_after_ms(c->pauses);
    c->pauses++;
}

void child_excuse(struct child *c)
{
    c->pauses = 0;
    schedule(c, clock_mono_us() / 1000);
}

void child_retire(struct child *c, const char *why)
{
    char quoted[512];

    c->is_wanted = false;
    c->is_retired = true;
    log_event(LOG_ERROR, "child.out_of_service", "child=%s why=%s", roles[c->role],
              log_quote(quoted, sizeof(quoted), why));
}

/* A device that fails its process again before anything was done counts like a start in vain. */
static void count_fail(struct child *c, int status, int signal)
{
    bool is_in_vain = c->state == CHILD_STARTING || (!signal && status == STATUS_DEVICE);

    if (!is_in_vain || c->items > c->items_at_fail)
        c->fails = 0;
    c->fails += is_in_vain;
    c->items_at_fail = c->items;
}

static void on_exit_process(uv_process_t *process, int64_t status, int signal)
{
    struct child *c = process->data;
    int pid = c->pid;

    c->pid = 0; /* an answer in the rest makes room for an item: it must not be sent to the dead */
    read_rest(c);
    log_event(c->is_wanted ? LOG_WARN : LOG_INFO, "child.ended",
              "child=%s pid=%d status=%d signal=%d in_flight=%d", roles[c->role], pid, (int)status,
              signal, c->in_flight);
    count_fail(c, (int)status, signal);
    schedule(c, clock_mono_us() / 1000);
    c->state = CHILD_OFF;
    buf_release(&c->input);
    uv_close((uv_handle_t *)&c->process, on_closed);
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    load_forget(&c->load);
    c->on->ended(c->on->ctx, c, signal ? -1 : (int)status, signal);
    c->by_us = c->is_broken = c->is_reserved = false;
    c->in_flight = c->suspects = 0;
    c->memory_kb = 0;
    c->up_ms = 0;
    if (!signal && status == STATUS_CONFIG && c->seat)
        child_retire(c, "its address, token or certificate is of no use");
    else if (!signal && status == STATUS_CONFIG)
        c->on->fatal(c->on->ctx, child_program(c));
}

/* Our environment, with `device` the only one that CUDA shows. The array is the caller's to free, its
 * texts are not; NULL when memory is gone. */
static char **environment_for(const struct device *device, char *setting, size_t size)
{
    size_t n = 0, kept = 0;

    while (environ[n])
        n++;
    char **out = calloc(n + 2, sizeof(*out));
    for (size_t i = 0; out && i < n; i++)
        if (!device->uuid[0] || strncmp(environ[i], VISIBLE, strlen(VISIBLE)) != 0)
            out[kept++] = environ[i];
    if (out && device->uuid[0]) {
        snprintf(setting, size, VISIBLE "%s", device->uuid);
        out[kept] = setting;
    }
    return out;
}

struct arguments {
    char texts[ARGUMENTS_MAX][SETTINGS_PATH_SIZE];
    char *pointers[ARGUMENTS_MAX + 1]; /* NULL behind the last */
    int n;
};

static void add_argument(struct arguments *a, const char *text)
{
    char *copy = a->texts[a->n];

    snprintf(copy, sizeof(a->texts[0]), "%s", text);
    a->pointers[a->n++] = copy;
}

static void add_number(struct arguments *a, const char *flag, int value)
{
    char text[16];

    if (!value)
        return;
    snprintf(text, sizeof(text), "%d", value);
    add_argument(a, flag);
    add_argument(a, text);
}

/* A worker that sees one device alone calls it cuda:0. */
static void list_arguments(struct arguments *a, const struct child *c)
{
    a->n = 0;
    add_argument(a, child_program(c));
    if (c->config[0]) {
        add_argument(a, "--config");
        add_argument(a, c->config);
    }
    if (c->device.name[0]) {
        add_argument(a, "--device");
        add_argument(a, c->device.uuid[0] ? "cuda:0" : c->device.name);
    }
    if (c->seat) {
        add_argument(a, "--listen");
        add_argument(a, c->seat);
    }
    add_number(a, "--jobs", c->jobs);
    add_number(a, "--decoders", c->decoders);
    a->pointers[a->n] = NULL;
}

/* A process starts with the processors of the thread that forks it. */
static int spawn_on_cpus(struct child *c, const uv_process_options_t *options)
{
    cpu_set_t ours;
    bool is_bound = CPU_COUNT(&c->cpus) && !sched_getaffinity(0, sizeof(ours), &ours) &&
                    !sched_setaffinity(0, sizeof(c->cpus), &c->cpus);
    int ret = uv_spawn(c->loop, &c->process, options);

    if (is_bound && sched_setaffinity(0, sizeof(ours), &ours))
        log_event(LOG_ERROR, "child.cpus", "errno=%d", errno);
    return ret;
}

/* Each process has a page of its own: the one before may still write to his. */
static int renew_last_stage(struct child *c, int *fd, struct err *err)
{
    last_stage_free(c->last_stage);
    c->last_stage = NULL;
    return last_stage_new(&c->last_stage, fd, err);
}

/* Descriptor 0 is /dev/null, 1 and 2 our stderr (1 is ours alone: progress), 3 the wire, 4 the page of
 * the last stage. */
static int spawn(struct child *c, struct err *err)
{
    static struct arguments arguments; /* only the loop's thread comes here */
    char path[SETTINGS_PATH_SIZE], visible[sizeof(VISIBLE) + NVML_UUID_SIZE];
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE                    },
        { .flags = UV_INHERIT_FD,              .data.fd = STDERR_FILENO},
        { .flags = UV_INHERIT_FD,              .data.fd = STDERR_FILENO},
        { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&c->pipe},
        { .flags = UV_INHERIT_FD,                         .data.fd = -1},
    };
    uv_process_options_t options = {.exit_cb = on_exit_process,
                                    .file = path,
                                    .args = arguments.pointers,
                                    .stdio = stdio,
                                    .stdio_count = LAST_STAGE_FD + 1};

    if (place_program(path, child_program(c), err))
        return -1;
    if (renew_last_stage(c, &stdio[LAST_STAGE_FD].data.fd, err))
        return -1;
    list_arguments(&arguments, c);
    options.env = environment_for(&c->device, visible, sizeof(visible));
    if (!options.env) {
        close(stdio[LAST_STAGE_FD].data.fd);
        return err_set(err, ERR_AGAIN, "%s: no memory", path);
    }
    uv_pipe_init(c->loop, &c->pipe, 0);
    c->pipe.data = c->process.data = c;
    c->open_handles = 2;
    int ret = spawn_on_cpus(c, &options);
    free((void *)options.env);
    close(stdio[LAST_STAGE_FD].data.fd);
    if (!ret)
        return 0;
    uv_close((uv_handle_t *)&c->pipe, on_closed);
    uv_close((uv_handle_t *)&c->process, on_closed);
    return err_set(err, ret == UV_ENOENT || ret == UV_EACCES ? ERR_CONFIG : ERR_AGAIN, "%s: %s",
                   path, uv_strerror(ret));
}

void child_start(struct child *c, int64_t now_ms)
{
    struct err err = {0};
    char quoted[512];

    c->is_wanted = true;
    if (spawn(c, &err)) {
        if (err.code == ERR_CONFIG) {
            c->on->fatal(c->on->ctx, err.msg);
            return;
        }
        log_event(LOG_ERROR, "child.start", "child=%s why=%s", roles[c->role],
                  log_quote(quoted, sizeof(quoted), err.msg));
        schedule(c, now_ms);
        return;
    }
    c->pid = c->process.pid;
    c->state = CHILD_STARTING;
    c->started_ms = now_ms;
    c->items_at_start = c->items;
    c->starts++;
    uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

struct child_write {
    uv_write_t request;
    struct buf line;
};

static void on_written(uv_write_t *request, int status)
{
    struct child_write *w = request->data;

    (void)status; /* a child that reads no more is about to end; that is handled there */
    buf_release(&w->line);
    free(w);
}

bool child_send(struct child *c, const struct wire_message *m)
{
    struct child_write *w = calloc(1, sizeof(*w));
    struct err err = {0};

    if (!w)
        return false;
    buf_init(&w->line, WIRE_LINE_MAX);
    w->request.data = w;
    if (!wire_format(m, &w->line, &err) && c->pid > 0) {
        uv_buf_t bytes = uv_buf_init(w->line.data, (unsigned)w->line.len);
        if (!uv_write(&w->request, (uv_stream_t *)&c->pipe, &bytes, 1, on_written))
            return true;
    }
    buf_release(&w->line);
    free(w);
    return false;
}

void child_drain(struct child *c)
{
    static const struct wire_message drain = {.kind = WIRE_DRAIN};

    c->is_wanted = false;
    if (c->state == CHILD_UP && child_send(c, &drain))
        c->state = CHILD_DRAINING;
    else if (c->state == CHILD_STARTING)
        child_kill(c, SIGTERM);
}

void child_refuse(struct child *c, const char *why)
{
    static struct wire_message m; /* 90 kB; only the loop's thread comes here */
    char quoted[512];

    log_event(LOG_WARN, "child.refused", "child=%s pid=%d why=%s", roles[c->role], c->pid,
              log_quote(quoted, sizeof(quoted), why));
    wire_begin(&m, WIRE_REFUSED);
    snprintf(m.text, sizeof(m.text), "%s", why);
    if (child_send(c, &m))
        c->state = CHILD_DRAINING;
    else
        child_kill(c, SIGKILL);
}

void child_tick(struct child *c, int64_t now_ms)
{
    if (c->state == CHILD_STARTING && !c->seat && now_ms - c->started_ms > HELLO_MS) {
        log_event(LOG_ERROR, "child.silent", "child=%s pid=%d", roles[c->role], c->pid);
        child_kill(c, SIGKILL);
    }
    if (c->state == CHILD_OFF && c->is_wanted && !c->open_handles && now_ms >= c->start_at_ms)
        child_start(c, now_ms);
}

bool child_is_up(const struct child *c)
{
    return c->state == CHILD_UP && c->pid > 0;
}

bool child_is_gone(const struct child *c)
{
    return c->state == CHILD_OFF && !c->open_handles;
}
