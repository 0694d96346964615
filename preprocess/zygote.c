#include "preprocess/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/process.h"
#include "preprocess/child.h"
#include "preprocess/nvjpeg_link.h"
#include "preprocess/seats.h"
#include "preprocess/vips_module.h"
#include "preprocess/wire.h"

enum {
    RETRY_MS = 100,
    FIRST_PATIENCE_MS = 1000,
    PATIENCE_MS = 5000, /* behind others, before one begins */
    NVJPEG_LOOK_MS = 1000,
};

/* Who is to decode it. */
enum route { ROUTE_CHILD, ROUTE_VIPS, ROUTE_NVJPEG };

struct work {
    struct wire_job job;
    enum route route;
    int fd;         /* of the original, kept until the end: two may need it in turn */
    int64_t cpu_us; /* spent by the first one */
};

/* A ring of slots that wait. */
struct ring {
    int *slots;
    int first, length;
};

struct zygote {
    const struct zygote_config *config;
    struct child_config child;
    struct seats seats;
    int signals; /* signalfd: SIGCHLD */
    int vips;    /* socket to the zygote with libvips; -1 until one is needed */
    struct nvjpeg_link nvjpeg;
    struct work *work; /* by slot: a slot has one job at a time */
    struct ring queue; /* each has room for all slots */
    struct ring slow;  /* killed once for taking long; to be decoded patiently */
    int64_t slow_ms;   /* when the first of them was put there, or one of them began last */
    int running;       /* images with a child, here or behind `vips` */
    bool has_been_patient;
    int patient; /* the same of those that were slow; they take no place from the others */
};

static void ring_push(const struct zygote *z, struct ring *ring, int slot)
{
    ring->slots[(ring->first + ring->length++) % z->config->decoder->slots] = slot;
}

static int ring_pop(const struct zygote *z, struct ring *ring)
{
    int slot = ring->slots[ring->first];

    ring->first = (ring->first + 1) % z->config->decoder->slots;
    ring->length--;
    return slot;
}

static void report(const struct zygote *z, const struct wire_outcome *o)
{
    if (wire_send(z->config->sock, o, sizeof(*o), NULL, 0, 0))
        _exit(0); /* nobody is there to hear it */
}

static void give_up(const struct zygote *z, const char *text)
{
    struct wire_outcome o = {.end = WIRE_DIED};

    snprintf(o.text, sizeof(o.text), "%s", text);
    report(z, &o);
    _exit(1);
}

/* ---- images ---- */

static void postpone(struct zygote *z, int slot)
{
    struct wire_job *job = &z->work[slot].job;

    job->patience += job->patience < PATIENCE_A_SHARE;
    if (!z->slow.length)
        z->slow_ms = clock_mono_us() / 1000;
    ring_push(z, &z->slow, slot);
}

/* Among whom it counts while a child, here or behind `vips`, has it. */
static int *crowd_of(struct zygote *z, const struct work *w)
{
    return w->job.patience && !z->config->has_vips ? &z->patient : &z->running;
}

static void finish(struct zygote *z, const struct wire_outcome *o)
{
    struct work *w = &z->work[o->slot];
    struct wire_outcome out = *o;

    if (!o->is_by_nvjpeg)
        --*crowd_of(z, w);
    if (o->end == WIRE_SLOW && !z->config->has_vips) {
        postpone(z, o->slot);
        report(z, o);
        return;
    }
    out.cpu_us += w->cpu_us;
    close(w->fd);
    *w = (struct work){.fd = -1};
    report(z, &out);
}

/* It starts from this one, which is small and has neither threads nor libvips. */
static void vips_start(struct zygote *z)
{
    int pair[2];
    pid_t self = getpid();

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        _exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        struct zygote_config config = *z->config;

        config.sock = pair[1];
        config.parent_pid = self;
        config.has_vips = true;
        zygote_main(&config);
    }
    close(pair[1]);
    if (pid < 0)
        _exit(1);
    z->vips = pair[0];
}

static void vips_forward(struct zygote *z, const struct work *w)
{
    if (z->vips < 0)
        vips_start(z);
    if (wire_send(z->vips, &w->job, sizeof(w->job), &w->fd, 1, 0))
        _exit(1); /* it is gone, and images with it: the decoder's owner starts all anew */
}

static void vips_receive(struct zygote *z)
{
    struct wire_outcome o;
    ssize_t n;

    while ((n = wire_receive(z->vips, &o, sizeof(o), NULL, MSG_DONTWAIT)) > 0) {
        if (o.end == WIRE_MOVES) {
            report(z, &o);
        } else if (o.number) {
            finish(z, &o);
        } else if (o.end != WIRE_EXITED) {
            log_event(LOG_ERROR, "decode.libvips", "error=\"%.200s\"", o.text);
            _exit(1);
        }
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        _exit(1);
}

/* ---- nvJPEG ---- */

static void on_decoded(void *ctx, const struct wire_outcome *o)
{
    finish(ctx, o);
}

static void on_given_back(void *ctx, int slot, int64_t cpu_us)
{
    struct zygote *z = ctx;

    z->work[slot].route = ROUTE_CHILD;
    z->work[slot].cpu_us = cpu_us;
    ring_push(z, &z->queue, slot);
}

/* ---- who gets what ---- */

static enum route route_of(const struct zygote *z, int fd)
{
    uint8_t first[3];

    if (z->config->has_vips)
        return ROUTE_CHILD;
    if (pread(fd, first, sizeof(first), 0) == sizeof(first) &&
        memcmp(first, "\xff\xd8\xff", sizeof(first)) != 0)
        return ROUTE_VIPS;
    return z->config->decoder->wants_nvjpeg ? ROUTE_NVJPEG : ROUTE_CHILD;
}

/* False: there is no room now. `has_room`: for what has a child, here or behind `vips`. */
static bool give(struct zygote *z, int slot, bool has_room)
{
    struct work *w = &z->work[slot];

    if (w->route == ROUTE_NVJPEG && !nvjpeg_link_is_there(&z->nvjpeg))
        w->route = ROUTE_CHILD;
    if (w->route == ROUTE_NVJPEG)
        return nvjpeg_link_give(&z->nvjpeg, &w->job, w->fd);
    if (!has_room)
        return false;
    if (w->route == ROUTE_VIPS)
        vips_forward(z, w);
    else if (!seats_give(&z->seats, &w->job, w->fd, z->config->slot_fds[slot]))
        return false;
    ++*crowd_of(z, w);
    return true;
}

/* The first of the ring goes to who is to decode it. */
static bool give_first(struct zygote *z, struct ring *ring, bool has_room)
{
    if (!give(z, ring->slots[ring->first], has_room))
        return false;
    (void)ring_pop(z, ring);
    return true;
}

/* How many that were slow may be at work now: all when nobody else waits, else one after a while; the
 * very first soon, for it may just be large, and what it takes is then known. */
static int patient_max(const struct zygote *z, int64_t now_ms)
{
    if (!z->queue.length)
        return z->config->decoder->children;
    return now_ms - z->slow_ms >= (z->has_been_patient ? PATIENCE_MS : FIRST_PATIENCE_MS);
}

static void dispatch(struct zygote *z)
{
    int children = z->config->decoder->children; /* behind `vips` they are told which are patient */

    while (z->queue.length &&
           give_first(z, &z->queue, z->running < children || z->config->has_vips))
        continue;
    if (!z->slow.length)
        return;
    int64_t now_ms = clock_mono_us() / 1000;
    while (z->slow.length && z->patient < patient_max(z, now_ms) && give_first(z, &z->slow, true)) {
        z->has_been_patient = true;
        z->slow_ms = now_ms;
    }
}

static void queue_add(struct zygote *z, struct wire_job *job, int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        struct wire_outcome o = {.number = job->number,
                                 .slot = job->slot,
                                 .end = fd < 0 ? WIRE_NO_ROOM : WIRE_NOT_REGULAR};

        if (fd >= 0)
            close(fd);
        report(z, &o);
        return;
    }
    job->bytes = st.st_size;
    z->work[job->slot] = (struct work){.job = *job, .route = route_of(z, fd), .fd = fd};
    ring_push(z, &z->queue, job->slot);
}

static void receive(struct zygote *z)
{
    struct wire_job job;
    int fds[WIRE_FDS_MAX];
    ssize_t n;

    /* The decoder has no more jobs out than slots, so the ring has room. */
    while ((n = wire_receive(z->config->sock, &job, sizeof(job), fds, MSG_DONTWAIT)) > 0)
        queue_add(z, &job, fds[0]);
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        _exit(0);
}

static void reap(struct zygote *z)
{
    struct signalfd_siginfo info;
    struct seat_end end;

    while (read(z->signals, &info, sizeof(info)) > 0)
        continue;
    while (seats_reap(&z->seats, &end)) {
        struct work *w = &z->work[end.job.slot];

        if (!end.needs_vips) {
            finish(z, &end.outcome);
            continue;
        }
        w->cpu_us = end.outcome.cpu_us;
        vips_forward(z, w);
    }
}

/* ---- start ---- */

/* The parent's handlers are none of ours: they write to its pipes and know its threads. */
static void set_signals(struct zygote *z)
{
    static const int ignored[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                                  SIGUSR2, SIGPIPE, SIGALRM, SIGWINCH};
    sigset_t child;

    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL); /* KILL, STOP and libc's own cannot be set */
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    z->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (z->signals < 0)
        give_up(z, "no signalfd");
}

static void take_null(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(1);
    if (fd > STDERR_FILENO)
        close(fd);
}

static void probe_sandbox(struct zygote *z)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        child_probe(&z->child);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        give_up(z, "the sandbox cannot be entered here (seccomp filters are needed)");
}

static void prepare_vips(struct zygote *z)
{
    char why[200], path[VIPS_MODULE_PATH_SIZE];

    if (!z->config->has_vips) {
        if (vips_module_find(path)) {
            snprintf(why, sizeof(why), "cannot read %.150s", path);
            give_up(z, why);
        }
        return;
    }
    z->child.vips = vips_module_load(why, sizeof(why));
    if (!z->child.vips)
        give_up(z, why);
}

static void prepare(struct zygote *z)
{
    const struct decoder_config *c = z->config->decoder;
    const struct nvjpeg_link_owner nvjpeg = {.decoder = c,
                                             .layout = z->config->layout,
                                             .slot_fds = z->config->slot_fds,
                                             .ctx = z,
                                             .decoded = on_decoded,
                                             .given_back = on_given_back};
    struct sandbox *sandbox = NULL;
    struct err err = {0};

    z->work = calloc((size_t)c->slots, sizeof(*z->work));
    z->queue.slots = calloc((size_t)c->slots, sizeof(int));
    z->slow.slots = calloc((size_t)c->slots, sizeof(int));
    if (!z->work || !z->queue.slots || !z->slow.slots ||
        seats_init(&z->seats, &z->child, c->children) || nvjpeg_link_init(&z->nvjpeg, &nvjpeg))
        give_up(z, "no memory");
    if (sandbox_new(&sandbox, &err))
        give_up(z, err.msg);
    z->child = (struct child_config){.sandbox = sandbox,
                                     .layout = z->config->layout,
                                     .zygote_pid = getpid(),
                                     .seconds = c->seconds,
                                     .memory_mb = c->memory_mb,
                                     .megapixels_max = c->megapixels_max,
                                     .hook = c->child_hook};
    prepare_vips(z);
    if (child_warm_up(&z->child))
        give_up(z, "the decoders do not work here");
    probe_sandbox(z);
}

static int wait_ms(const struct zygote *z, bool is_short)
{
    return z->seats.busy   ? SEATS_LOOK_MS
           : is_short      ? RETRY_MS
           : z->nvjpeg.out ? NVJPEG_LOOK_MS
                           : -1;
}

_Noreturn void zygote_main(const struct zygote_config *config)
{
    struct zygote z = {.config = config, .vips = -1};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != config->parent_pid)
        _exit(0);
    prctl(PR_SET_NAME, config->has_vips ? "lentigo-vips" : "lentigo-decode");
    take_null();
    process_close_others(config->sock, config->slot_fds, config->decoder->slots);
    set_signals(&z);
    prepare(&z);
    report(&z, &(struct wire_outcome){.end = WIRE_EXITED});
    for (;;) {
        struct pollfd fds[] = {
            {.fd = config->sock,  .events = POLLIN},
            {.fd = z.signals,     .events = POLLIN},
            {.fd = z.vips,        .events = POLLIN},
            {.fd = z.nvjpeg.sock, .events = POLLIN},
        };

        dispatch(&z);
        bool is_short = seats_fill(&z.seats) != 0;
        dispatch(&z);
        fds[2].fd = z.vips;
        fds[3].fd = z.nvjpeg.sock;
        poll(fds, 4, wait_ms(&z, is_short));
        receive(&z);
        reap(&z);
        if (z.vips >= 0)
            vips_receive(&z);
        if (z.nvjpeg.sock >= 0)
            nvjpeg_link_receive(&z.nvjpeg);
        nvjpeg_link_watch(&z.nvjpeg);
        if (seats_watch(&z.seats,
                        z.queue.length || config->has_vips)) /* whether is not known there */
            report(&z, &(struct wire_outcome){.end = WIRE_MOVES});
    }
}
