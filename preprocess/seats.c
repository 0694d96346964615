#include "preprocess/seats.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

enum { SPARES = 1, IDLE_DEATHS_MAX = 16 };

#ifdef LENTIGO_SANITIZED
enum { MEMORY_FACTOR = 4 }; /* shadow memory and quarantine */
#else
enum { MEMORY_FACTOR = 1 };
#endif

int seats_init(struct seats *s, const struct child_config *child, int children)
{
    *s = (struct seats){.child = child, .count = children + SPARES};
    s->seat = calloc((size_t)s->count, sizeof(*s->seat));
    return s->seat ? 0 : -1;
}

static int seat_fill(const struct seats *s, struct seat *seat)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        child_main(pair[1], s->child);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -1;
    }
    *seat = (struct seat){.pid = pid, .control = pair[0]};
    return 0;
}

int seats_fill(struct seats *s)
{
    for (int i = 0; i < s->count; i++)
        if (!s->seat[i].pid && seat_fill(s, &s->seat[i]))
            return -1;
    return 0;
}

bool seats_give(struct seats *s, const struct wire_job *job, int image_fd, int slot_fd)
{
    const int fds[] = {image_fd, slot_fd};

    for (int i = 0; i < s->count; i++) {
        struct seat *seat = &s->seat[i];

        if (seat->pid <= 0 || seat->is_busy)
            continue;
        if (wire_send(seat->control, job, sizeof(*job), fds, 2, 0)) {
            /* It died while it waited. It is reaped soon; the image goes to another one. */
            kill(seat->pid, SIGKILL);
            seat->pid = -seat->pid;
            continue;
        }
        seat->is_busy = true;
        seat->job = *job;
        seat->start_us = clock_mono_us();
        s->busy++;
        return true;
    }
    return false;
}

static struct seat *seat_of(const struct seats *s, pid_t pid)
{
    for (int i = 0; i < s->count; i++)
        if (s->seat[i].pid == pid || s->seat[i].pid == -pid)
            return &s->seat[i];
    return NULL;
}

static void seat_end(const struct seat *seat, int status, const struct rusage *usage,
                     struct seat_end *end)
{
    struct wire_outcome *o = &end->outcome;

    *end = (struct seat_end){.job = seat->job};
    o->number = seat->job.number;
    o->slot = seat->job.slot;
    o->end = seat->killed;
    o->wall_us = clock_mono_us() - seat->start_us;
    o->cpu_us = (int64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000 +
                usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
    if (seat->killed != WIRE_EXITED || status == 0)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_NEEDS_VIPS) {
        end->needs_vips = true;
        return;
    }
    o->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    o->end = o->signal == SIGXCPU ? WIRE_TIMEOUT : WIRE_DIED;
}

bool seats_reap(struct seats *s, struct seat_end *end)
{
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        struct seat *seat = seat_of(s, pid);

        if (!seat)
            continue;
        struct seat was = *seat;
        close(was.control);
        *seat = (struct seat){0};
        if (was.is_busy) {
            s->busy--;
            s->idle_deaths = 0;
            seat_end(&was, status, &usage, end);
            return true;
        }
        if (++s->idle_deaths >= IDLE_DEATHS_MAX) {
            log_event(LOG_ERROR, "decode.spares", "status=%d deaths=%d", status, s->idle_deaths);
            _exit(1);
        }
    }
    return false;
}

/* MiB resident, the slot's shared pages among them; 0 when it is gone already. */
static int64_t resident_mb(pid_t pid)
{
    char path[32], text[64];

    snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *second = strchr(text, ' '); /* size resident shared ..., in pages */
    return second ? (int64_t)strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE) >> 20 : 0;
}

void seats_watch(struct seats *s)
{
    const struct child_config *c = s->child;
    int64_t now = s->busy ? clock_mono_us() : 0;

    for (int i = 0; i < s->count; i++) {
        struct seat *seat = &s->seat[i];

        if (!seat->is_busy || seat->killed != WIRE_EXITED ||
            now - seat->start_us < (int64_t)SEATS_LOOK_MS * 1000)
            continue;
        if (now - seat->start_us > (int64_t)c->seconds * 1000000)
            seat->killed = WIRE_TIMEOUT;
        else if (resident_mb(seat->pid) > (int64_t)c->memory_mb * MEMORY_FACTOR)
            seat->killed = WIRE_MEMORY;
        if (seat->killed != WIRE_EXITED)
            kill(seat->pid, SIGKILL);
    }
}
