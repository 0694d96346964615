#include "preprocess/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "preprocess/child.h"
#include "preprocess/loader.h"
#include "preprocess/wire.h"

enum {
    SPARES = 1,           /* children that wait in their sandbox: hides what a fork takes */
    IDLE_DEATHS_MAX = 16, /* in a row, before the zygote gives up */
    LOOK_MS = 20,         /* how often memory in use is looked at */
    RETRY_MS = 100,       /* after a fork that failed */
    FIRST_FD = 3,
};

#ifdef LENTIGO_SANITIZED
enum { MEMORY_FACTOR = 4 }; /* shadow memory and quarantine */
#else
enum { MEMORY_FACTOR = 1 };
#endif

struct seat {
    pid_t pid; /* 0: empty; negative: killed while it waited, to be reaped */
    int control;
    bool is_busy;
    struct wire_job job;
    int64_t start_us;
    enum wire_end killed; /* WIRE_EXITED: not by us */
};

struct queued {
    struct wire_job job;
    int fd;
};

struct zygote {
    const struct zygote_config *config;
    struct child_config child;
    int signals; /* signalfd: SIGCHLD */
    struct seat *seats;
    int seat_count, busy, idle_deaths;
    struct queued *queue; /* ring */
    int queue_size, queue_first, queue_length;
};

static void give_up(const struct zygote *z, const char *text)
{
    struct wire_outcome o = {.end = WIRE_DIED};

    snprintf(o.text, sizeof(o.text), "%s", text);
    wire_send(z->config->sock, &o, sizeof(o), NULL, 0, 0);
    _exit(1);
}

/* ---- children ---- */

static int seat_fill(struct zygote *z, struct seat *s)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        child_main(pair[1], &z->child);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -1;
    }
    *s = (struct seat){.pid = pid, .control = pair[0]};
    return 0;
}

/* 0, or -1: not now. */
static int seats_fill(struct zygote *z)
{
    for (int i = 0; i < z->seat_count; i++)
        if (!z->seats[i].pid && seat_fill(z, &z->seats[i]))
            return -1;
    return 0;
}

static struct seat *seat_waiting(struct zygote *z)
{
    for (int i = 0; i < z->seat_count; i++)
        if (z->seats[i].pid > 0 && !z->seats[i].is_busy)
            return &z->seats[i];
    return NULL;
}

static void report(const struct zygote *z, const struct wire_outcome *o)
{
    if (wire_send(z->config->sock, o, sizeof(*o), NULL, 0, 0))
        _exit(0); /* nobody is there to hear it */
}

static void dispatch(struct zygote *z)
{
    struct seat *s;

    while (z->queue_length && z->busy < z->config->decoder->children && (s = seat_waiting(z))) {
        struct queued *q = &z->queue[z->queue_first];
        int fds[] = {q->fd, z->config->slot_fds[q->job.slot]};

        if (wire_send(s->control, &q->job, sizeof(q->job), fds, 2, 0)) {
            /* It died while it waited. It is reaped soon; the image goes to another one. */
            kill(s->pid, SIGKILL);
            s->pid = -s->pid;
            continue;
        }
        s->is_busy = true;
        s->job = q->job;
        s->start_us = clock_mono_us();
        close(q->fd);
        z->queue_first = (z->queue_first + 1) % z->queue_size;
        z->queue_length--;
        z->busy++;
    }
}

static void seat_report(struct zygote *z, const struct seat *s, int status,
                        const struct rusage *usage)
{
    struct wire_outcome o = {.number = s->job.number, .slot = s->job.slot, .end = s->killed};

    if (s->killed == WIRE_EXITED && status != 0) {
        o.end = WIRE_DIED;
        o.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        if (o.signal == SIGXCPU)
            o.end = WIRE_TIMEOUT;
    }
    o.wall_us = clock_mono_us() - s->start_us;
    o.cpu_us = (int64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
               usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
    report(z, &o);
}

static void reap(struct zygote *z)
{
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        for (int i = 0; i < z->seat_count; i++) {
            struct seat *s = &z->seats[i];

            if (s->pid != pid && s->pid != -pid)
                continue;
            close(s->control);
            if (s->is_busy) {
                seat_report(z, s, status, &usage);
                z->busy--;
                z->idle_deaths = 0;
            } else if (++z->idle_deaths >= IDLE_DEATHS_MAX) {
                log_event(LOG_ERROR, "decode.spares", "status=%d deaths=%d", status,
                          z->idle_deaths);
                _exit(1);
            }
            *s = (struct seat){0};
        }
    }
}

/* ---- limits ---- */

/* MiB resident, the slot's shared pages among them; 0 when it is gone already. */
static int64_t resident_mb(pid_t pid)
{
    char path[32], text[64];
    long long pages = 0;

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    if (sscanf(text, "%*s %lld", &pages) != 1)
        return 0;
    return (int64_t)pages * sysconf(_SC_PAGESIZE) >> 20;
}

static void watch(struct zygote *z)
{
    const struct decoder_config *c = z->config->decoder;
    int64_t now = clock_mono_us();

    for (int i = 0; i < z->seat_count; i++) {
        struct seat *s = &z->seats[i];

        if (!s->is_busy || s->killed != WIRE_EXITED || now - s->start_us < LOOK_MS * 1000)
            continue;
        if (now - s->start_us > (int64_t)c->seconds * 1000000)
            s->killed = WIRE_TIMEOUT;
        else if (resident_mb(s->pid) > (int64_t)c->memory_mb * MEMORY_FACTOR)
            s->killed = WIRE_MEMORY;
        if (s->killed != WIRE_EXITED)
            kill(s->pid, SIGKILL);
    }
}

/* ---- work from the decoder ---- */

static void queue_add(struct zygote *z, struct wire_job *job, int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        struct wire_outcome o = {.number = job->number, .slot = job->slot, .end = WIRE_NOT_REGULAR};

        if (fd >= 0)
            close(fd);
        report(z, &o);
        return;
    }
    job->bytes = st.st_size;
    z->queue[(z->queue_first + z->queue_length++) % z->queue_size] = (struct queued){*job, fd};
}

static void receive(struct zygote *z)
{
    struct wire_job job;
    int fds[WIRE_FDS_MAX];

    /* The decoder has no more jobs out than slots, so the ring has room. */
    while (z->queue_length < z->queue_size) {
        ssize_t n = wire_receive(z->config->sock, &job, sizeof(job), fds, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            _exit(0);
        queue_add(z, &job, fds[0]);
    }
}

/* ---- start and loop ---- */

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

/* The parent's files, sockets and locks are none of ours. Sorting lets close_range do it. */
static void keep_descriptors(const struct zygote_config *config)
{
    unsigned next = FIRST_FD;

    for (;;) {
        unsigned least = ~0U;

        for (int i = -1; i < config->decoder->slots; i++) {
            unsigned fd = (unsigned)(i < 0 ? config->sock : config->slot_fds[i]);

            least = fd >= next && fd < least ? fd : least;
        }
        if (least > next)
            close_range(next, least == ~0U ? ~0U : least - 1, 0);
        if (least == ~0U)
            return;
        next = least + 1;
    }
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

static void prepare(struct zygote *z)
{
    const struct decoder_config *c = z->config->decoder;
    struct sandbox *sandbox = NULL;
    struct err err = {0};

    z->seat_count = c->children + SPARES;
    z->seats = calloc((size_t)z->seat_count, sizeof(*z->seats));
    z->queue_size = c->slots;
    z->queue = calloc((size_t)z->queue_size, sizeof(*z->queue));
    if (!z->seats || !z->queue)
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
    if (loader_init() || child_warm_up(&z->child))
        give_up(z, "libvips does not start");
    probe_sandbox(z);
}

_Noreturn void zygote_main(const struct zygote_config *config)
{
    struct zygote z = {.config = config};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != config->parent_pid)
        _exit(0);
    prctl(PR_SET_NAME, "lentigo-decode");
    take_null();
    keep_descriptors(config);
    set_signals(&z);
    prepare(&z);
    report(&z, &(struct wire_outcome){.end = WIRE_EXITED});
    for (;;) {
        struct pollfd fds[] = {
            {.fd = config->sock, .events = POLLIN},
            {.fd = z.signals,    .events = POLLIN}
        };
        struct signalfd_siginfo info;

        dispatch(&z);
        bool is_short = seats_fill(&z) != 0;
        dispatch(&z);
        poll(fds, 2, z.busy ? LOOK_MS : is_short ? RETRY_MS : -1);
        receive(&z);
        while (read(z.signals, &info, sizeof(info)) > 0)
            continue;
        reap(&z);
        watch(&z);
    }
}
