/* The scheduler's life: open, tick, signals, drain, end. */
#include "scheduler/scheduler.h"

#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/process.h"
#include "queue/client.h"
#include "scheduler/made_with.h"
#include "scheduler/scheduler_priv.h"

enum {
    TICK_MS = 50,
    PUBLISH_EVERY_MS = 500,
    DISK_EVERY_MS = 1000,
    MADE_WITH_EVERY_MS = 500,
    DISK_FREE_MIN = 4 << 20, /* bytes: a few images' results, and the log */
    DRAIN_MS = 60000,        /* longer than a worker needs for what it holds */
    FAILS_MAX = 10, /* starts in a row that came to nothing before a run gives a child up */
    REDIS_WAIT_MS = 5000,
    SHARE_MAX = 256, /* decoders of a worker, at most (settings_table.c) */
    CORES_OF_REPORTER = 4,
    REPORTERS_AUTO_MAX = 16,
};

int64_t scheduler_now_ms(void)
{
    return clock_mono_us() / 1000;
}

bool scheduler_takes_work(const struct scheduler *s)
{
    bool is_known = s->is_made_with || !s->facts.model_sha256[0];

    return s->state == SCHEDULER_RUNNING && is_known && !s->is_disk_full;
}

struct broker_job scheduler_job(const struct scheduler *s, uint32_t image)
{
    uint32_t study = index_study_of_image(&s->index, image);

    return (struct broker_job){index_upload_of(&s->index, study), s->index.studies[study].key,
                               s->index.images[image].n};
}

/* ---- ends ---- */

static bool is_finished(const struct scheduler *s)
{
    return s->has_walked && !s->is_walking && !s->wants_walk && !s->orders.n &&
           !index_studies_left(&s->index);
}

static void kill_children(struct scheduler *s)
{
    for (int i = 0; i < s->n_children; i++) {
        s->children[i].is_wanted = false;
        child_kill(&s->children[i], SIGKILL);
    }
}

void scheduler_stop(struct scheduler *s, int status, const char *event, const char *why)
{
    char quoted[512];

    if (s->state == SCHEDULER_STOPPED)
        return;
    log_event(LOG_ERROR, event, "exit=%d why=%s", status, log_quote(quoted, sizeof(quoted), why));
    s->state = SCHEDULER_STOPPED;
    s->exit_status = status;
    atomic_store(&s->walk.is_cancelled, true);
    atomic_store(&s->stating.is_cancelled, true);
    dispatch_give_back_all(s);
    kill_children(s);
}

static void drain(struct scheduler *s, int status)
{
    s->state = SCHEDULER_DRAINING;
    s->exit_status = status;
    s->drain_until_ms = scheduler_now_ms() + DRAIN_MS;
    atomic_store(&s->walk.is_cancelled, true);
    atomic_store(&s->stating.is_cancelled, true);
    dispatch_give_back_all(s);
    for (int i = 0; i < s->n_children; i++)
        child_drain(&s->children[i]);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct scheduler *s = handle->data;

    log_event(LOG_INFO, "signal", "signal=%d", number);
    if (number == SIGHUP && !s->is_run)
        return; /* a terminal that goes away is none of an installation's business */
    if (s->state == SCHEDULER_RUNNING && number != SIGHUP)
        drain(s, s->is_run ? STATUS_AGAIN : 0);
    else
        scheduler_stop(s, STATUS_AGAIN, "stopped", "asked to stop at once");
}

/* ---- children ---- */

static bool are_alike(const struct child_facts *a, const struct child_facts *b)
{
    return !strcmp(a->model_sha256, b->model_sha256) &&
           !strcmp(a->policy_sha256, b->policy_sha256) && !strcmp(a->precision, b->precision) &&
           a->size == b->size;
}

static void refuse(const struct scheduler *s, struct child *child)
{
    char why[240];

    snprintf(why, sizeof(why),
             "here work model %.12s, policy %.12s, precision %s, size %d; yours are %.12s, %.12s, "
             "%s, %d",
             s->facts.model_sha256, s->facts.policy_sha256, s->facts.precision, s->facts.size,
             child->facts.model_sha256, child->facts.policy_sha256, child->facts.precision,
             child->facts.size);
    child_refuse(child, why);
}

/* Never two models in one spool's results: all workers must say the same. One of another machine that does
 * not is sent away. */
static void check_facts(struct scheduler *s, struct child *child)
{
    const struct child_facts *facts = &child->facts;
    struct stats *st = &s->figures.stats;

    if (!s->facts.model_sha256[0]) {
        s->facts = *facts;
        snprintf(st->model, sizeof(st->model), "%s", facts->model);
        snprintf(st->precision, sizeof(st->precision), "%s", facts->precision);
        snprintf(st->device, sizeof(st->device), "%s", facts->device);
        st->size = facts->size;
    } else if (!are_alike(&s->facts, facts) && child->seat) {
        refuse(s, child);
    } else if (!are_alike(&s->facts, facts)) {
        scheduler_stop(s, STATUS_CONFIG, "worker.differs",
                       "two workers differ in model, policy, precision or size");
    }
}

/* Nor from one scheduler to the next; a disk that fails is asked again. */
static void look_at_made_with(struct scheduler *s, int64_t now)
{
    struct err err = {0};
    char quoted[512];

    if (s->is_made_with || !s->facts.model_sha256[0] || s->state != SCHEDULER_RUNNING ||
        now < s->made_with_at_ms)
        return;
    s->is_made_with =
        !made_with_check(s->spool, &s->facts, s->settings->decode, s->settings->allow_mixed, &err);
    s->made_with_at_ms = now + MADE_WITH_EVERY_MS;
    if (err.code == ERR_CONFIG)
        scheduler_stop(s, STATUS_CONFIG, "spool.differs", err.msg);
    else if (!s->is_made_with)
        log_event(LOG_WARN, "spool.unsure", "why=%s", log_quote(quoted, sizeof(quoted), err.msg));
}

static void on_up(void *ctx, struct child *child)
{
    struct scheduler *s = ctx;

    if (s->state != SCHEDULER_RUNNING) {
        child_drain(child);
    } else if (child->role == CHILD_REPORTER) {
        reporting_pump(s);
    } else {
        check_facts(s, child);
        look_at_made_with(s, scheduler_now_ms());
        s->lease_at_ms = 0;
        dispatch_pump(s);
    }
}

static void on_message(void *ctx, struct child *child, const struct wire_message *m)
{
    struct scheduler *s = ctx;

    if (m->kind == WIRE_STATS) {
        load_add(&child->load, clock_mono_us(), m->stages);
        child->memory_kb = m->memory_kb;
    } else if (child->role == CHILD_WORKER) {
        dispatch_message(s, child, m);
    } else {
        reporting_message(s, child, m);
    }
}

/* A seat that nobody has taken is of no help. */
static bool is_in_service(const struct child *c)
{
    return !c->is_retired && (!c->seat || child_is_up(c));
}

static bool is_one_in_service(const struct scheduler *s, enum child_role role)
{
    for (int i = 0; i < s->n_children; i++)
        if (s->children[i].role == role && is_in_service(&s->children[i]))
            return true;
    return false;
}

/* A device that computes wrongly is not used again; a run also gives up what never gets anywhere,
 * while an installation goes on trying. */
static void retire_unfit(struct scheduler *s, struct child *child, int status)
{
    const char *why = status == STATUS_UNFIT     ? "its device computes wrongly"
                      : child->fails < FAILS_MAX ? NULL
                      : status == STATUS_DEVICE  ? "its device fails again and again"
                                                 : "it never comes up";

    if (!why || child->seat || (status != STATUS_UNFIT && !s->is_run))
        return;
    child_retire(child, why);
    if (s->is_run && !is_one_in_service(s, child->role))
        scheduler_stop(s, STATUS_UNFINISHED, "child.none_in_service", why);
}

static void on_ended(void *ctx, struct child *child, int status, int signal)
{
    struct scheduler *s = ctx;

    if (child->role == CHILD_WORKER)
        casualty_worker_ended(s, child, status, signal);
    else
        reporting_ended(s, child, status, signal);
    scheduler_wake(s, 0); /* it may have been the last one waited for */
    if (s->state == SCHEDULER_RUNNING)
        retire_unfit(s, child, status);
}

static void on_fatal(void *ctx, const char *why)
{
    scheduler_stop(ctx, STATUS_CONFIG, "child.config", why);
}

/* A new version was installed under us: what began under this one is finished by this one, and whoever
 * started us starts the new one. At a first start it is a matter for a person. */
static void on_strange(void *ctx, const char *why)
{
    struct scheduler *s = ctx;
    char quoted[256];

    if (s->state != SCHEDULER_RUNNING)
        return;
    if (!s->facts.model_sha256[0]) {
        on_fatal(ctx, why);
        return;
    }
    log_event(LOG_WARN, "hand_over", "why=%s", log_quote(quoted, sizeof(quoted), why));
    drain(s, STATUS_AGAIN);
}

/* A run starts what it has work for, or will have when its upload is there; an installation starts
 * everything. Who joins from elsewhere must do as our own workers do, so that they come first. */
static bool is_to_start(const struct scheduler *s, const struct child *c)
{
    uint32_t work =
        c->role == CHILD_WORKER ? index_images_left(&s->index) : index_studies_left(&s->index);
    bool has_work = s->has_walked ? work || !s->is_run : s->awaits_upload;

    return !c->starts && !c->is_wanted && !c->is_retired && s->state == SCHEDULER_RUNNING &&
           has_work && (!c->seat || s->is_made_with);
}

static void tick_children(struct scheduler *s, int64_t now)
{
    for (int i = 0; i < s->n_children; i++) {
        struct child *c = &s->children[i];
        if (is_to_start(s, c))
            child_start(c, now);
        child_tick(c, now);
    }
}

/* ---- now and then ---- */

static void look_at_disk(struct scheduler *s, int64_t now)
{
    struct statvfs fs;

    if (now < s->disk_at_ms)
        return;
    s->disk_at_ms = now + DISK_EVERY_MS;
    if (statvfs(spool_root(s->spool), &fs))
        return;
    bool is_full = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize < DISK_FREE_MIN;
    if (is_full != s->is_disk_full)
        log_event(is_full ? LOG_ERROR : LOG_INFO, is_full ? "disk.full" : "disk.free",
                  "free_mb=%lld", (long long)fs.f_bavail * (long long)fs.f_frsize >> 20);
    s->is_disk_full = is_full;
}

static const char *state_word(const struct scheduler *s)
{
    if (s->is_run && is_finished(s))
        return "done";
    if (s->state != SCHEDULER_RUNNING)
        return "draining";
    if (s->is_disk_full)
        return "no space";
    return scheduler_takes_work(s) && !orders_pause_all(&s->orders) ? "running" : "paused";
}

void scheduler_publish(struct scheduler *s)
{
    int64_t now = scheduler_now_ms();

    figures_gather(s, now, state_word(s));
    if (figures_publish(s))
        scheduler_stop(s, STATUS_AGAIN, "parent.gone", "nobody reads our progress");
}

/* Redis is asked how long its queues are, and its answer publishes; without Redis at once. */
static void tick_figures(struct scheduler *s, int64_t now)
{
    if (now < s->publish_at_ms)
        return;
    s->publish_at_ms = now + PUBLISH_EVERY_MS;
    if (broker_is_ready(s->broker))
        broker_look(s->broker);
    else
        scheduler_publish(s);
}

static bool are_children_gone(const struct scheduler *s)
{
    for (int i = 0; i < s->n_children; i++)
        if (!child_is_gone(&s->children[i]))
            return false;
    return true;
}

static void on_tick(uv_timer_t *handle)
{
    struct scheduler *s = handle->data;
    int64_t now = scheduler_now_ms();

    intake_tick(s, now);
    orders_tick(s, now);
    schedule_tick(s, clock_wall_ms());
    link_tick(s, now);
    look_at_disk(s, now);
    look_at_made_with(s, now);
    tick_children(s, now);
    dispatch_tick(s, now);
    reporting_tick(s, now);
    stating_tick(s, now);
    tick_figures(s, now);
    if (s->state == SCHEDULER_RUNNING && s->is_run && is_finished(s))
        drain(s, s->index.failed ? STATUS_UNFINISHED : 0);
    if (s->state == SCHEDULER_DRAINING && now > s->drain_until_ms)
        kill_children(s);
    if (s->state != SCHEDULER_RUNNING && are_children_gone(s) && !s->is_walking &&
        !s->stating.is_at_work)
        uv_stop(&s->loop);
}

void scheduler_wake(struct scheduler *s, int in_ms)
{
    uv_timer_start(&s->tick, on_tick, (uint64_t)in_ms, TICK_MS);
}

/* ---- open and close ---- */

static void name_node(struct scheduler *s)
{
    if (s->settings->node[0] || gethostname(s->node, sizeof(s->node) - 1))
        snprintf(s->node, sizeof(s->node), "%s", s->settings->node[0] ? s->settings->node : "node");
}

/* A Redis that may forget is refused in an installation; a run has its own and rebuilds it. */
static int check_redis(const struct scheduler *s, struct err *err)
{
    struct queue_client *client;
    char quoted[512];

    if (s->is_run)
        return 0;
    if (queue_client_open(&client, s->settings->redis, REDIS_WAIT_MS, err))
        return -1;
    if (queue_client_check_owner(client, spool_id(s->spool), err)) {
        queue_client_close(client);
        return -1;
    }
    int ret = queue_client_check(client, err);
    queue_client_close(client);
    if (!ret || err->code != ERR_CONFIG || !s->settings->allow_volatile)
        return ret;
    log_event(LOG_WARN, "redis.volatile", "why=%s", log_quote(quoted, sizeof(quoted), err->msg));
    *err = (struct err){0};
    return 0;
}

static int within(int n, int most)
{
    return n < 1 ? 1 : n < most ? n : most;
}

/* Workers of several devices share the cores, which each would else take for its own. */
static void give_device(const struct scheduler *s, struct child *worker, int n_ours,
                        const struct device *device)
{
    int share = within(process_cores() / n_ours, SHARE_MAX);

    worker->device = *device;
    if (n_ours == 1)
        return;
    worker->jobs = s->settings->jobs ? 0 : share;
    worker->decoders = s->settings->decoders ? 0 : share;
}

/* A worker that computes on processors keeps to one NUMA node where there are several. */
static void give_cpus(struct scheduler *s, int n_ours, const struct numa *numa)
{
    for (int i = 0; i < n_ours; i++) {
        const cpu_set_t *cpus = numa_of_worker(numa, i, n_ours);

        if (cpus)
            s->workers[i].cpus = *cpus;
    }
}

/* A reporter waits for the disk most of its time: one alone held up 16 cores and a GPU (docs/figures.md,
 * H200). */
static int wanted_reporters(const struct settings *s)
{
    return s->reporters ? (int)s->reporters
                        : within(process_cores() / CORES_OF_REPORTER, REPORTERS_AUTO_MAX);
}

static int make_children(struct scheduler *s, int n_ours, struct err *err)
{
    s->n_workers = n_ours + s->seats.n;
    s->n_reporters = s->want_reports ? wanted_reporters(s->settings) : 0;
    s->n_children = s->n_workers + s->n_reporters;
    s->children = calloc((size_t)s->n_children, sizeof(*s->children));
    s->outgoing = calloc((size_t)s->n_workers, sizeof(*s->outgoing));
    if (!s->children || !s->outgoing)
        return err_set(err, ERR_NOMEM, "children");
    s->workers = s->children;
    s->reporters = s->children + s->n_workers;
    for (int i = 0; i < s->n_workers; i++) {
        wire_begin(&s->outgoing[i], WIRE_JOBS);
        s->outgoing[i].want_display = s->want_display;
        snprintf(s->outgoing[i].dir, sizeof(s->outgoing[i].dir), "%s", spool_root(s->spool));
    }
    s->child_events = (struct child_events){s, on_up, on_message, on_ended, on_fatal, on_strange};
    for (int i = 0; i < s->n_children; i++)
        child_init(&s->children[i], i < s->n_workers ? CHILD_WORKER : CHILD_REPORTER, &s->loop,
                   s->settings->config, &s->child_events);
    for (int i = 0; i < s->seats.n; i++)
        s->workers[n_ours + i].seat = s->seats.at[i];
    return 0;
}

static int open_children(struct scheduler *s, struct err *err)
{
    struct device devices[DEVICES_MAX];
    const struct machine *machine = &s->figures.machine;
    struct numa numa;
    int n;

    numa_read(&numa, NUMA_SYSFS);
    if (seats_read(&s->seats, s->settings, err) ||
        devices_choose(s->settings->device, machine->devices, machine->n_devices,
                       devices_worker_can_gpu, devices, &n, err))
        return -1;
    int each = s->settings->workers ? (int)s->settings->workers : n ? 1 : numa.n;
    int n_ours = each * (n ? n : 1);
    if (n_ours > CHILDREN_MAX - s->seats.n)
        return err_set(err, ERR_CONFIG,
                       "%d workers for each of %d devices and %d seats: %d at most", each, n,
                       s->seats.n, CHILDREN_MAX);
    if (make_children(s, n_ours, err))
        return -1;
    for (int i = 0; n && i < n_ours; i++)
        give_device(s, &s->workers[i], n_ours, &devices[i % n]);
    if (!n)
        give_cpus(s, n_ours, &numa);
    return 0;
}

static int open_parts(struct scheduler *s, struct err *err)
{
    if (spool_open(&s->spool, s->settings->spool, err) || spool_lock(s->spool, err))
        return -1;
    return check_redis(s, err) || open_children(s, err) || link_open(s, err) ? -1 : 0;
}

static void open_loop(struct scheduler *s)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    uv_timer_init(&s->loop, &s->tick);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, 0, TICK_MS);
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&s->loop, &s->signals[i]);
        s->signals[i].data = s;
        uv_signal_start(&s->signals[i], on_signal, numbers[i]);
    }
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_parts(struct scheduler *s)
{
    if (s->broker)
        link_close(s);
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    for (int i = 0; i < s->n_children; i++)
        last_stage_free(s->children[i].last_stage);
    free(s->children);
    free(s->outgoing);
    reporting_release(&s->reporting);
    figures_close(&s->figures);
    studies_release(&s->studies);
    suspects_release(&s->suspects);
    orders_release(&s->orders);
    schedule_release(&s->schedule);
    flights_release(&s->flights);
    index_release(&s->index);
    spool_close(s->spool);
}

/* The last figures, where `status` and the dashboard find them when the run is over. */
static void write_figures(struct scheduler *s)
{
    char path[SPOOL_PATH_SIZE], quoted[512];
    struct err err = {0};
    int64_t now = scheduler_now_ms();

    figures_gather(s, now, state_word(s));
    figures_publish(s);
    if (!s->is_run)
        return;
    if (path_format(path, sizeof(path), &err, "%s/.lentigo", s->settings->output) ||
        dir_make(path, &err) ||
        path_format(path, sizeof(path), &err, "%s/.lentigo/stats.json", s->settings->output) ||
        figures_write(s, path, &err))
        log_event(LOG_ERROR, "stats.write", "why=%s", log_quote(quoted, sizeof(quoted), err.msg));
}

static int status_of(const struct err *err)
{
    switch (err->code) {
    case ERR_CONFIG: return STATUS_CONFIG;
    case ERR_AGAIN:
    case ERR_NOMEM: return STATUS_AGAIN;
    default: return STATUS_UNFINISHED;
    }
}

int scheduler_run(const struct settings *settings)
{
    static struct scheduler scheduler; /* too large for the stack; one a process */
    struct scheduler *s = &scheduler;
    struct err err = {0};
    char quoted[512];

    s->settings = settings;
    s->is_run = settings->output[0] != 0;
    s->want_reports = strcmp(settings->reports, "none") != 0;
    s->want_display = strstr(settings->reports, "html") || strstr(settings->reports, "pdf");
    name_node(s);
    figures_open(&s->figures, s->node);
    if (uv_loop_init(&s->loop))
        return STATUS_AGAIN;
    if (open_parts(s, &err)) {
        log_event(LOG_ERROR, "scheduler.start", "code=%s why=%s", err_name(err.code),
                  log_quote(quoted, sizeof(quoted), err.msg));
        s->exit_status = status_of(&err);
    } else {
        log_event(LOG_INFO, "scheduler.start", "node=%s workers=%d reporters=%d run=%d", s->node,
                  s->n_workers, s->n_reporters, s->is_run);
        intake_start(s);
        open_loop(s);
        intake_watch(s);
        uv_run(&s->loop, UV_RUN_DEFAULT);
        write_figures(s);
        log_event(LOG_INFO, "scheduler.end", "exit=%d left=%u", s->exit_status,
                  index_images_left(&s->index));
    }
    close_parts(s);
    return s->exit_status;
}
