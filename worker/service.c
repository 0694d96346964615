/* The event loop thread owns the items that wait or are being decoded, and the slots. It never
 * computes and never waits: decoding happens in sandboxed children, all else in lanes. */
#include "worker/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/status.h"
#include "queue/last_stage.h"
#include "worker/lanes.h"
#include "worker/record.h"
#include "worker/subject.h"

enum {
    TICK_MS = 500,
    TICKS_PER_STATS = 2,
    PREPARE_TICKS = 240, /* two minutes, in which a GPU may choose and build its plans */
    STALLS_MAX = 2,      /* of one image, that are not held against it */
    STALL_SHARE = 4,  /* a decoding that had less than a quarter of a processor was kept from it */
    DECODER_LINE = 2, /* images before each decoding child: one at work, one that is next */
    COMMIT_CREDIT = 64, /* items beyond those in slots and in line: two batches being committed */
};

struct service {
    uv_loop_t loop;
    uv_pipe_t pipe;
    uv_poll_t decoder_poll;
    uv_async_t finished_async, broken_async;
    uv_timer_t tick;
    struct buf input;
    const struct settings *settings;
    struct worker_shape shape;
    struct subject subject;
    struct decoder *decoder;
    struct lanes *lanes;
    struct last_stage *last_stage; /* NULL when who started us has none */
    json_t *model;
    struct studies studies;
    struct item_list waiting;
    struct item **in_slot; /* slots: the item that owns each slot, or NULL */
    int decoding;          /* submitted to the decoder and not back */
    struct item **items;   /* held: all that are not yet answered, in no order */
    _Atomic int held;      /* also read by the committer */
    _Atomic int sound;     /* of those: no suspects; also read by the lanes */
    int credit;            /* the most that may be held */
    uint64_t next_tag;
    int64_t moved, moved_told; /* steps taken by any item; as of the last ALIVE */
    int64_t decoded, decode_busy_us;
    int ticks, exit_status;
    _Atomic int broken_status; /* of the lane that broke first, else 0 */
    bool is_draining, is_stopping;
};

static void stop(struct service *v, int exit_status)
{
    if (v->is_stopping)
        return;
    v->is_stopping = true;
    v->exit_status = exit_status;
    uv_stop(&v->loop);
}

/* ---- to the scheduler ---- */

/* Who drains ends when he holds nothing; who broke, when all that was computed, or failed, is told: the
 * scheduler must hear over which images. Answers may still wait for a scheduler that reads slowly, and
 * would be lost with the pipe. */
static void stop_if_done(struct service *v)
{
    bool is_done = v->broken_status ? lanes_are_settled(v->lanes) : v->is_draining && !v->held;

    if (is_done && !uv_stream_get_write_queue_size((uv_stream_t *)&v->pipe))
        stop(v, v->broken_status);
}

static void on_written(uv_write_t *request, int status)
{
    struct service *v = request->handle->data;

    free(request->data);
    free(request);
    if (status < 0)
        stop(v, STATUS_UNFINISHED);
    else
        stop_if_done(v);
}

static void tell(struct service *v, const struct wire_message *m)
{
    uv_write_t *request = calloc(1, sizeof(*request));
    struct err err = {0};
    struct buf line;

    buf_init(&line, WIRE_LINE_MAX);
    if (!request || wire_format(m, &line, &err)) {
        log_event(LOG_ERROR, "wire.format", "code=%s", err_name(err.code));
        free(request);
        buf_release(&line);
        stop(v, STATUS_BROKEN);
        return;
    }
    uv_buf_t bytes = uv_buf_init(line.data, (unsigned)line.len);
    request->data = line.data; /* freed once written */
    if (uv_write(request, (uv_stream_t *)&v->pipe, &bytes, 1, on_written)) {
        free(request);
        buf_release(&line);
        stop(v, STATUS_UNFINISHED);
    }
}

/* A GPU's context does not survive a fork. */
static bool isolates(const struct service *v)
{
    return !strcmp(engine_facts(v->subject.engine)->device, "cpu");
}

static void say_hello(struct service *v)
{
    const struct engine_facts *facts = engine_facts(v->subject.engine);
    const struct model_card *card = model_card(v->subject.model);
    struct wire_message m = {
        .kind = WIRE_HELLO,
        .version = WIRE_VERSION,
        .pid = (int)getpid(),
        .credit = v->credit,
        .size = v->subject.plan ? v->subject.plan->fine : v->subject.size,
        .isolates = isolates(v),
    };

    snprintf(m.role, sizeof(m.role), "worker");
    snprintf(m.model, sizeof(m.model), "%s", card->name);
    snprintf(m.model_sha256, sizeof(m.model_sha256), "%s", card->sha256);
    snprintf(m.policy_sha256, sizeof(m.policy_sha256), "%s", policy_sha256(v->subject.policy));
    snprintf(m.precision, sizeof(m.precision), "%s", facts->precision);
    snprintf(m.backend, sizeof(m.backend), "%s", facts->backend);
    snprintf(m.device, sizeof(m.device), "%s", facts->device);
    tell(v, &m);
}

static void let_go(struct service *v, struct item *item)
{
    struct item *last = v->items[--v->held];

    v->items[item->place] = last;
    last->place = item->place;
    v->sound -= !item->is_alone;
    v->moved++;
    item_free(item);
}

static void tell_failed(struct service *v, const struct item *item)
{
    struct wire_message m;

    wire_begin(&m, WIRE_FAILED);
    m.attempt = item->attempt;
    m.code = item->err.code;
    m.stage = item->stage;
    m.signal = item->signal;
    memcpy(m.id, item->id, sizeof(m.id));
    memcpy(m.text, item->err.msg, sizeof(m.text));
    tell(v, &m);
}

static void add_done(struct wire_message *m, const struct item *item)
{
    struct wire_item *row = wire_add(m, item->id);

    row->attempt = item->attempt;
    row->status = item->status;
    row->reason = item->reason;
    row->malignant_probability = item->malignant_probability;
    memcpy(row->risk, item->risk, sizeof(row->risk));
}

/* What was committed together is told together; no more than WIRE_ITEMS_MAX are held. */
static void answer_finished(struct service *v)
{
    static struct wire_message done; /* 90 kB; only the event loop's thread comes here */
    struct item *item;

    wire_begin(&done, WIRE_DONE);
    while ((item = lanes_finished(v->lanes))) {
        if (item->outcome == WIRE_DONE)
            add_done(&done, item);
        else
            tell_failed(v, item);
        let_go(v, item);
    }
    if (done.n_items)
        tell(v, &done);
    stop_if_done(v);
}

/* ---- decoding ---- */

static int open_original(struct service *v, struct item *item, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct stat st;

    if ((!item->is_known && item_look_up(item, &v->studies, err)) ||
        path_format(path, sizeof(path), err, "%s/originals/%d", item->study_dir, item->image.n))
        return -1;
    item->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (item->fd < 0 || fstat(item->fd, &st))
        return err_set(err, err_code_of_errno(errno), "originals/%d: %s", item->image.n,
                       strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_size != item->image.size_bytes)
        return err_set(err, ERR_INPUT, "%lld bytes, %lld when it was handed in",
                       (long long)st.st_size, (long long)item->image.size_bytes);
    return 0;
}

/* What cannot be opened is set aside when the item is to blame, else given back. */
static void settle_unopened(struct service *v, struct item *item, const struct err *err)
{
    if (err->code == ERR_INPUT)
        item_set_aside(item, item->fd < 0 ? REASON_UNREADABLE : REASON_CHANGED, err->msg);
    else
        item_give_back(item, STAGE_DECODE, err);
    lanes_commit(v->lanes, item);
}

static int free_slot(const struct service *v)
{
    for (int i = 0; i < v->shape.slots; i++)
        if (!v->in_slot[i])
            return i;
    return -1;
}

/* An urgent item goes to the decoder as soon as there is a slot. The others leave one free for it, and no
 * longer line before the decoder than keeps it at work: it takes them in the order in which it got them. */
static bool may_decode(const struct service *v, const struct item *item)
{
    int free = 0, in_line = v->decoding - decoder_postponed(v->decoder);

    for (int i = 0; i < v->shape.slots; i++)
        free += !v->in_slot[i];
    return item->is_urgent
               ? free > 0
               : free > v->shape.urgent_slots && in_line < DECODER_LINE * v->shape.decoders;
}

static int submit(struct service *v, struct item *item, int slot, struct err *err)
{
    struct decode_request request = {
        .slot = slot,
        .fd = item->fd,
        .size = v->subject.size,
        .want_measure = v->subject.plan != NULL, /* what a fine pass is made of */
        .want_display = item->want_display,
        .tag = item->tag,
    };

    if (decoder_submit(v->decoder, &request, err))
        return -1;
    item->state = ITEM_DECODING;
    last_stage_note(v->last_stage, STAGE_DECODE);
    v->in_slot[slot] = item;
    v->decoding++;
    return 0;
}

/* Called whenever a slot or an item came free, and at each tick for a decoder that was behind. */
static void fill_slots(struct service *v)
{
    while (v->waiting.head && may_decode(v, v->waiting.head)) {
        struct item *item = item_list_pop(&v->waiting);
        struct err err = {0};
        if (item->fd < 0 && open_original(v, item, &err)) {
            settle_unopened(v, item, &err);
            continue;
        }
        if (!submit(v, item, free_slot(v), &err))
            continue;
        item_list_push_first(&v->waiting, item);
        if (err.code == ERR_AGAIN)
            return;
        log_event(LOG_ERROR, "decoder.lost", "code=%s", err_name(err.code));
        stop(v, STATUS_BROKEN);
        return;
    }
}

/* A picture that cannot be decoded is set aside; a child that was killed by a signal is the
 * scheduler's to judge; trouble of this machine gives the item back. */
static void settle_undecoded(struct service *v, struct item *item)
{
    const struct decoded *d = &item->decoded;

    if (d->signal) {
        item_give_back(item, STAGE_DECODE, &d->err);
        item->signal = d->signal;
    } else if (d->err.code == ERR_INPUT || d->err.code == ERR_LIMIT) {
        item_set_aside(item, d->reason, d->err.msg);
    } else {
        item_give_back(item, STAGE_DECODE, &d->err);
    }
    lanes_commit(v->lanes, item);
}

/* Stopped, starved, or on a machine that slept: the time ran out, but not by the picture's doing. One
 * that waits for ever by itself looks the same, so this is believed only so often. */
static bool try_again(struct service *v, struct item *item)
{
    const struct decoded *d = &item->decoded;

    if (d->reason != REASON_DECODE_TIMEOUT || item->stalls == STALLS_MAX ||
        d->cpu_us > v->settings->decode_seconds * 1000000 / STALL_SHARE)
        return false;
    item->stalls++;
    log_event(LOG_WARN, "decode.stalled", "image=%s times=%d cpu_ms=%lld", item->id, item->stalls,
              (long long)(d->cpu_us / 1000));
    item_list_push(&v->waiting, item);
    return true;
}

static void on_decoded(uv_poll_t *handle, int status, int events)
{
    struct service *v = handle->data;
    struct decoded d;
    struct err err = {0};
    int got;

    (void)events;
    if (status < 0) {
        stop(v, STATUS_BROKEN);
        return;
    }
    while ((got = decoder_next(v->decoder, &d, &err)) == 1) {
        struct item *item = v->in_slot[d.slot];
        item->decoded = d;
        v->decoding--;
        v->moved++;
        v->decoded++;
        v->decode_busy_us += d.wall_us;
        if (d.reason == REASON_NONE) {
            lanes_submit(v->lanes, item); /* the slot stays its own until it is finished */
        } else {
            v->in_slot[d.slot] = NULL;
            if (!try_again(v, item))
                settle_undecoded(v, item);
        }
    }
    if (got < 0) {
        log_event(LOG_ERROR, "decoder.lost", "code=%s", err_name(err.code));
        stop(v, STATUS_BROKEN);
        return;
    }
    fill_slots(v);
}

static void on_finished(uv_async_t *handle)
{
    struct service *v = handle->data;
    int slot;

    while ((slot = lanes_freed_slot(v->lanes)) >= 0)
        v->in_slot[slot] = NULL;
    fill_slots(v);
    answer_finished(v);
}

static void on_broken(uv_async_t *handle)
{
    stop_if_done(handle->data);
}

static void wake_finished(void *ctx)
{
    uv_async_send(&((struct service *)ctx)->finished_async);
}

static void wake_broken(void *ctx, int exit_status)
{
    struct service *v = ctx;
    int none = 0;

    atomic_compare_exchange_strong(&v->broken_status, &none, exit_status);
    uv_async_send(&v->broken_async);
}

/* ---- from the scheduler ---- */

static int take_jobs(struct service *v, const struct wire_message *m, struct err *err)
{
    if (m->n_items > v->credit - v->held)
        return err_set(err, ERR_BUG, "more than %d jobs", v->credit);
    for (int i = 0; i < m->n_items; i++) {
        struct item *item = item_new(m, i, v->next_tag++, err);
        if (!item)
            return -1;
        item->place = v->held;
        v->items[v->held++] = item;
        v->sound += !item->is_alone;
        item_list_push(&v->waiting, item);
    }
    return 0;
}

static int on_message(void *ctx, const char *line, size_t n, struct err *err)
{
    struct service *v = ctx;
    static struct wire_message m; /* 90 kB; only the event loop's thread comes here */

    if (wire_parse(&m, line, n, err))
        return -1;
    switch (m.kind) {
    case WIRE_JOBS: return take_jobs(v, &m, err);
    case WIRE_DRAIN:
        v->is_draining = true;
        stop_if_done(v);
        return 0;
    default: return err_set(err, ERR_BUG, "message of kind %d is not for a worker", (int)m.kind);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    static char chunk[65536]; /* one read at a time, by the event loop's thread */

    (void)handle;
    (void)suggested;
    *out = uv_buf_init(chunk, sizeof(chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
    struct service *v = stream->data;
    struct err err = {0};

    if (n < 0) {
        stop(v, v->is_draining && v->held == 0 ? 0 : STATUS_UNFINISHED);
        return;
    }
    if (wire_feed(&v->input, chunk->base, (size_t)n, on_message, v, &err)) {
        char text[300];
        log_event(LOG_ERROR, "wire.broken", "text=%s", log_quote(text, sizeof(text), err.msg));
        stop(v, STATUS_BROKEN);
        return;
    }
    fill_slots(v);
}

/* ---- now and then ---- */

/* Leases are renewed for all that is held as long as anything moves; when nothing does, they run
 * out and the scheduler takes the items back. */
static void say_alive(struct service *v)
{
    static struct wire_message m; /* 90 kB; only the event loop's thread comes here */

    if (v->moved == v->moved_told || !v->held)
        return;
    v->moved_told = v->moved;
    wire_begin(&m, WIRE_ALIVE);
    for (int i = 0; i < v->held; i++)
        wire_add(&m, v->items[i]->id);
    tell(v, &m);
}

static void say_stats(struct service *v)
{
    static struct wire_message m; /* 90 kB; only the event loop's thread comes here */

    wire_begin(&m, WIRE_STATS);
    lanes_stats(v->lanes, m.stages);
    m.stages[STAGE_DECODE] = (struct wire_stage_stats){
        .items = v->decoded,
        .busy_us = v->decode_busy_us,
        .lanes = v->shape.decoders,
        .waiting = v->waiting.length,
    };
    m.memory_kb = memory_tree_kb((int)getpid());
    tell(v, &m);
}

static void on_tick(uv_timer_t *handle)
{
    struct service *v = handle->data;

    fill_slots(v);
    if (v->ticks < PREPARE_TICKS && !lanes_are_fit(v->lanes))
        v->moved++; /* making the device ready is progress: no image is stuck */
    v->moved += lanes_have_moved(v->lanes);
    v->moved += decoder_has_moved(v->decoder);
    if (lanes_are_stuck(v->lanes, TICK_MS)) {
        log_event(LOG_ERROR, "lane.stuck", "held=%d", (int)v->held);
        _exit(STATUS_BROKEN); /* its thread would be waited for */
    }
    say_alive(v);
    if (++v->ticks % TICKS_PER_STATS == 0)
        say_stats(v);
}

/* ---- life ---- */

/* A slot takes two descriptors, its memory and its original; the usual limit of 1024 is for programs
 * that select(2), which nothing here does. The zygote inherits it. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* else as many as there may be */
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int open_lanes(struct service *v, struct err *err)
{
    v->model = record_model(&v->subject);
    v->credit = least(3 * v->shape.slots + COMMIT_CREDIT, WIRE_ITEMS_MAX);
    v->in_slot = calloc((size_t)v->shape.slots, sizeof(struct item *));
    v->items = calloc((size_t)v->credit, sizeof(struct item *));
    if (!v->model || !v->in_slot || !v->items)
        return err_set(err, ERR_NOMEM, "worker");
    struct lanes_config config = {
        .subject = &v->subject,
        .check_seconds = (int)v->settings->check_seconds,
        .model = v->model,
        .last_stage = v->last_stage,
        .lanes = v->shape.lanes,
        .batch = v->shape.batch,
        .isolates = isolates(v),
        .held = &v->held,
        .sound = &v->sound,
        .on_finished = wake_finished,
        .on_broken = wake_broken,
        .ctx = v,
    };
    return lanes_open(&v->lanes, &config, err);
}

static int open_loop(struct service *v, struct err *err)
{
    if (uv_loop_init(&v->loop) || uv_pipe_init(&v->loop, &v->pipe, 0) ||
        uv_pipe_open(&v->pipe, WIRE_FD))
        return err_set(err, ERR_CONFIG, "descriptor %d is no pipe: start the scheduler instead",
                       WIRE_FD);
    v->pipe.data = v;
    uv_async_init(&v->loop, &v->finished_async, on_finished);
    v->finished_async.data = v;
    uv_async_init(&v->loop, &v->broken_async, on_broken);
    v->broken_async.data = v;
    uv_timer_init(&v->loop, &v->tick);
    v->tick.data = v;
    return 0;
}

/* A GPU then takes the pixels where the decoders left them. Where that cannot be had it takes a copy. */
static void pin_slots(struct service *v)
{
    struct err err = {0};
    char text[300];

    for (int i = 0; i < v->shape.slots && !err.code; i++) {
        struct slot_inputs in = decoder_keep_inputs(v->decoder, i, v->subject.size);
        (void)engine_pin(v->subject.engine, in.at, in.bytes, &err);
    }
    if (err.code)
        log_event(LOG_INFO, "worker.unpinned", "text=%s", log_quote(text, sizeof(text), err.msg));
}

/* In this order: the decoder forks before libuv has a thread or a descriptor, and a lane may call the
 * loop at once. */
static int open_parts(struct service *v, struct err *err)
{
    v->last_stage = last_stage_open(); /* before something else takes its number */
    v->shape.has_probe = true;
    if (subject_open(&v->subject, &v->decoder, &v->shape, v->settings, err))
        return -1;
    if (!isolates(v))
        pin_slots(v);
    return open_loop(v, err) || open_lanes(v, err) ? -1 : 0;
}

static void start_loop(struct service *v)
{
    uv_poll_init(&v->loop, &v->decoder_poll, decoder_fd(v->decoder));
    v->decoder_poll.data = v;
    uv_poll_start(&v->decoder_poll, UV_READABLE, on_decoded);
    uv_read_start((uv_stream_t *)&v->pipe, on_alloc, on_read);
    uv_timer_start(&v->tick, on_tick, TICK_MS, TICK_MS);
    say_hello(v);
    uv_run(&v->loop, UV_RUN_DEFAULT);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* What was held when the loop stopped was not answered: the scheduler still counts it as ours and
 * takes it back when this process ends. */
static void close_parts(struct service *v)
{
    struct item *item;

    for (int i = 0; v->in_slot && i < v->shape.slots; i++)
        if (v->in_slot[i] && v->in_slot[i]->state == ITEM_DECODING)
            item_free(v->in_slot[i]);
    lanes_close(v->lanes);
    while ((item = item_list_pop(&v->waiting)))
        item_free(item);
    studies_release(&v->studies);
    free(v->in_slot);
    free(v->items);
    json_decref(v->model);
    uv_walk(&v->loop, close_handle, NULL);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    uv_loop_close(&v->loop);
    subject_close(&v->subject, v->decoder); /* after its descriptor has left the loop */
    buf_release(&v->input);
    last_stage_free(v->last_stage);
}

int service_run(const struct settings *s)
{
    static struct service service; /* too large for the stack; one a process */
    struct service *v = &service;
    struct err err = {0};
    char text[300];

    v->settings = s;
    worker_shape_of(&v->shape, s);
    buf_init(&v->input, WIRE_LINE_MAX);
    raise_descriptor_limit();
    if (open_parts(v, &err)) {
        log_event(LOG_ERROR, "worker.start", "code=%s text=%s", err_name(err.code),
                  log_quote(text, sizeof(text), err.msg));
        return status_of_broken(&err);
    }
    log_event(LOG_INFO, "worker.start", "lanes=%d decoders=%d slots=%d batch=%d precision=%s",
              v->shape.lanes, v->shape.decoders, v->shape.slots, v->shape.batch,
              engine_facts(v->subject.engine)->precision);
    start_loop(v);
    log_event(LOG_INFO, "worker.end", "status=%d unanswered=%d", v->exit_status, (int)v->held);
    close_parts(v);
    return v->exit_status;
}
