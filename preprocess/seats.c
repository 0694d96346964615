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
#include "common/process.h"

enum {
    SPARES = 1,
    IDLE_DEATHS_MAX = 16,
    /* Slow is what takes so many times the longest before, and so much. */
    SLOW_TIMES = 8,
    SLOW_MS = 30,
    FIRST_SLOW_MS = 2000, /* while none is known */
    BACK_US = 10000000,   /* the longest that one stands back */
    SHARE_NICE = 5,       /* of what gets its share: beside one that wants all, a quarter */
    TELL_US = 1000000,
};

#ifdef LENTIGO_SANITIZED
enum { MEMORY_FACTOR = 4 }; /* shadow memory and quarantine */
#else
enum { MEMORY_FACTOR = 1 };
#endif

int seats_init(struct seats *s, const struct child_config *child, int children)
{
    *s = (struct seats){.child = child, .count = 2 * children + SPARES, .children = children};
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
    int wanted = s->children - s->busy + SPARES, waiting = 0;

    for (int i = 0; i < s->count; i++)
        waiting += s->seat[i].pid > 0 && !s->seat[i].is_busy;
    wanted = wanted > SPARES ? wanted : SPARES;
    for (int i = 0; i < s->count && waiting < wanted; i++) {
        if (s->seat[i].pid)
            continue;
        if (seat_fill(s, &s->seat[i]))
            return -1;
        waiting++;
    }
    return 0;
}

static void stand_back(struct seat *seat, int64_t now_us)
{
    process_stand_back(seat->pid);
    seat->back_us = now_us;
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
        if (job->patience == PATIENCE_BEHIND)
            stand_back(seat, seat->start_us);
        else if (job->patience == PATIENCE_A_SHARE)
            (void)setpriority(PRIO_PROCESS, (id_t)seat->pid, SHARE_NICE);
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
            if (end->outcome.end == WIRE_EXITED && end->outcome.cpu_us > s->longest_us)
                s->longest_us = end->outcome.cpu_us;
            return true;
        }
        if (++s->idle_deaths >= IDLE_DEATHS_MAX) {
            log_event(LOG_ERROR, "decode.spares", "status=%d deaths=%d", status, s->idle_deaths);
            _exit(1);
        }
    }
    return false;
}

/* Processor time from which an image is slow. */
static int64_t slow_us(const struct seats *s)
{
    int64_t most_us = s->longest_us * SLOW_TIMES;
    int64_t least_us = (s->longest_us ? SLOW_MS : FIRST_SLOW_MS) * INT64_C(1000);

    return most_us > least_us ? most_us : least_us;
}

/* The second number of a line below /proc/<pid>; 0 when the kernel has no such file or the process is gone. */
static int64_t second_number(pid_t pid, const char *file)
{
    char path[40], text[96];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *second = strchr(text, ' ');
    return second ? (int64_t)strtoll(second, NULL, 10) : 0;
}

/* May it have been without a processor for long? */
static bool is_to_wait(const struct seat *seat)
{
    return seat->back_us || seat->job.patience;
}

/* Time in which it could have worked and had no processor, but for a wait that still lasts. */
static int64_t kept_waiting_us(pid_t pid)
{
    return second_number(pid, "schedstat") / 1000; /* ran, waited, turns; ns */
}

static bool is_over_time(const struct seats *s, const struct seat *seat, int64_t now_us)
{
    int64_t taken_us = now_us - seat->start_us, most_us = (int64_t)s->child->seconds * 1000000;

    if (taken_us > most_us && is_to_wait(seat))
        taken_us =
            process_state(seat->pid) == 'R' ? seat->cpu_us : taken_us - kept_waiting_us(seat->pid);
    return taken_us > most_us;
}

/* MiB resident, the slot's shared pages among them. */
static int64_t resident_mb(pid_t pid)
{
    return second_number(pid, "statm") * sysconf(_SC_PAGESIZE) >>
           20; /* size resident ..., in pages */
}

static void judge_pace(const struct seats *s, struct seat *seat, bool others_wait, int64_t now_us)
{
    bool is_first = seat->job.patience == PATIENCE_NONE;
    bool is_slow = seat->cpu_us > slow_us(s);
    bool is_forgotten = seat->back_us && now_us - seat->back_us > BACK_US;

    if (is_forgotten || (is_slow && is_first && others_wait))
        seat->killed = WIRE_SLOW;
    else if (is_slow && is_first && !seat->back_us)
        stand_back(seat, now_us);
}

bool seats_watch(struct seats *s, bool others_wait)
{
    const struct child_config *c = s->child;
    int64_t now = s->busy ? clock_mono_us() : 0;
    bool has_moved = false;

    for (int i = 0; i < s->count; i++) {
        struct seat *seat = &s->seat[i];

        if (!seat->is_busy || seat->killed != WIRE_EXITED ||
            now - seat->start_us < (int64_t)SEATS_LOOK_MS * 1000)
            continue;
        int64_t before_us = seat->cpu_us;
        seat->cpu_us = clock_cpu_us_of(seat->pid);
        has_moved = has_moved || (is_to_wait(seat) &&
                                  (seat->cpu_us > before_us || process_state(seat->pid) == 'R'));
        if (is_over_time(s, seat, now))
            seat->killed = WIRE_TIMEOUT;
        else if (resident_mb(seat->pid) > (int64_t)c->memory_mb * MEMORY_FACTOR)
            seat->killed = WIRE_MEMORY;
        else
            judge_pace(s, seat, others_wait, now);
        if (seat->killed != WIRE_EXITED)
            kill(seat->pid, SIGKILL);
    }
    if (!has_moved || now - s->told_us < TELL_US)
        return false;
    s->told_us = now;
    return true;
}
