/* Redis and the scheduler as children of `lentigo run` (or another program in its place: run_main).
 *
 * Both are started again when they die (the spool is the truth, so nothing is lost), both end with
 * us: the kernel kills them when this process is gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/place.h"
#include "common/status.h"

enum {
    RESTARTS_MAX = 20,
    REDIS_START_MS = 10000,
    PROGRESS_LINE_MAX = 1 << 20,
    EXIT_NO_PROGRAM = 127, /* as a shell has it */
};

/* In the child: die with the parent, have ordinary signals, keep out of the terminal's Ctrl-C
 * (the parent decides how to stop). */
static void become_child(pid_t parent)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NO_PROGRAM);
    setpgid(0, 0);
    run_socket_forget();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* `stdout_fd` and `stderr_fd` of the child; -1 = ours. */
static pid_t start(const char *program, const char *const argv[], int stdout_fd, int stderr_fd,
                   struct err *err)
{
    union {
        const char *const *in;
        char *const *out;
    } words = {argv}; /* execvp changes none of them, its prototype is older than const */
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        return err_set(err, ERR_AGAIN, "fork: %s", strerror(errno));
    if (pid)
        return pid;
    become_child(parent);
    if (stdout_fd >= 0)
        dup2(stdout_fd, STDOUT_FILENO);
    if (stderr_fd >= 0)
        dup2(stderr_fd, STDERR_FILENO);
    execvp(program, words.out);
    _exit(EXIT_NO_PROGRAM);
}

pid_t run_program_start(const char *program, const char *const argv[], int stdout_fd,
                        struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    return place_program(path, program, err) ? -1 : start(path, argv, stdout_fd, -1, err);
}

int run_program_wait(pid_t pid, const char *program, struct err *err)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(err, ERR_BUG, "%s: waitpid: %s", program, strerror(errno));
    if (!WIFEXITED(status))
        return err_set(err, ERR_AGAIN, "%s ended by signal %d", program, WTERMSIG(status));
    return WEXITSTATUS(status);
}

int run_program(const char *program, const char *const argv[], int stdout_fd, struct err *err)
{
    pid_t pid = run_program_start(program, argv, stdout_fd, err);

    return pid < 0 ? -1 : run_program_wait(pid, program, err);
}

int run_program_logged(const char *program, const char *const argv[], int log_fd, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (place_program(path, program, err))
        return -1;
    pid_t pid = start(path, argv, log_fd, log_fd, err);
    return pid < 0 ? -1 : run_program_wait(pid, program, err);
}

static bool accepts(const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    bool ok = !connect(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return ok;
}

static int fail_redis(int status, const char *log, struct err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM)
        return err_set(err, ERR_CONFIG,
                       "redis-server is not installed, or not in PATH "
                       "(Debian: apt-get install redis-server)");
    return err_set(err, ERR_CONFIG, "redis-server did not start; see %s", log);
}

/* No signal comes between its start and the note of its number. */
static int fork_redis(struct run_children *c, const char *const argv[], struct err *err)
{
    sigset_t stops, was;

    run_stop_signals(&stops);
    sigprocmask(SIG_BLOCK, &stops, &was);
    c->redis = start("redis-server", argv, -1, -1, err);
    run_socket_guard(c->redis);
    sigprocmask(SIG_SETMASK, &was, NULL);
    return c->redis < 0 ? -1 : 0;
}

/* The private Redis keeps nothing on disk: every start of a scheduler rebuilds it. */
static int start_redis(struct run *r, struct run_children *c, struct err *err)
{
    char log[SETTINGS_PATH_SIZE];
    int status;
    const char *argv[] = {"redis-server",
                          "--port",
                          "0",
                          "--unixsocket",
                          r->settings.redis,
                          "--unixsocketperm",
                          "700",
                          "--save",
                          "",
                          "--appendonly",
                          "no",
                          "--dir",
                          r->socket_dir,
                          "--maxmemory-policy",
                          "noeviction",
                          "--stream-node-max-entries", /* who deletes one walks through its node */
                          "16",
                          "--logfile",
                          log,
                          "--daemonize",
                          "no",
                          NULL};

    if (path_format(log, sizeof(log), err, "%s/redis.log", r->state))
        return -1;
    unlink(r->settings.redis);
    if (fork_redis(c, argv, err))
        return -1;
    for (int waited = 0; waited < REDIS_START_MS; waited += 5) {
        if (accepts(r->settings.redis))
            return 0;
        if (waitpid(c->redis, &status, WNOHANG) == c->redis) {
            c->redis = 0;
            run_socket_guard(0);
            return fail_redis(status, log, err);
        }
        usleep(5000);
    }
    return err_set(err, ERR_AGAIN, "redis-server does not answer; see %s", log);
}

static int start_scheduler(struct run *r, struct run_children *c, struct err *err)
{
    char path[SETTINGS_PATH_SIZE], config[SETTINGS_PATH_SIZE], log[SETTINGS_PATH_SIZE];
    const char *argv[] = {"lentigo-scheduler", "--config", config, NULL};
    int ends[2];

    if (place_program(path, "lentigo-scheduler", err) ||
        path_format(config, sizeof(config), err, "%s/lentigo.conf", r->state) ||
        path_format(log, sizeof(log), err, "%s/lentigo.log", r->state))
        return -1;
    int log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", log, strerror(errno));
    if (pipe2(ends, O_CLOEXEC)) {
        close(log_fd);
        return err_set(err, ERR_AGAIN, "pipe: %s", strerror(errno));
    }
    c->main = start(path, argv, ends[1], log_fd, err);
    close(log_fd);
    close(ends[1]);
    if (c->main < 0) {
        close(ends[0]);
        return -1;
    }
    if (c->progress_fd >= 0)
        close(c->progress_fd);
    c->progress_fd = ends[0];
    buf_clear(&c->line);
    return 0;
}

static void read_progress(struct run_children *c, void (*on_progress)(void *, const json_t *),
                          void *ctx)
{
    char chunk[4096];
    ssize_t n = read(c->progress_fd, chunk, sizeof(chunk));
    char *end;

    if (n <= 0) {
        close(c->progress_fd);
        c->progress_fd = -1;
        return;
    }
    buf_add(&c->line, chunk, (size_t)n);
    while (c->line.data && (end = memchr(c->line.data, '\n', c->line.len))) {
        size_t used = (size_t)(end - c->line.data) + 1;
        struct err ignored = {0}; /* a line that does not parse is not shown */
        json_t *line = json_parse(c->line.data, used - 1, "progress", &ignored);
        if (line)
            on_progress(ctx, line);
        json_decref(line);
        memmove(c->line.data, c->line.data + used, c->line.len - used);
        c->line.len -= used;
    }
}

static void pass_on_stop(struct run_children *c)
{
    const char *said = c->stops < 2 ? c->program->said[c->stops] : "";

    if (write(STDERR_FILENO, said, strlen(said)) < 0)
        c->stops = 1; /* nobody reads: no more words, but stop */
    c->stops++;
    if (c->main > 0)
        kill(c->main, SIGTERM);
}

/* A child that ended: the program with a status ends the watch (returns 1); anything that died is
 * started again, unless we are stopping. */
static int settle_child(struct run *r, struct run_children *c, pid_t pid, int status,
                        struct err *err)
{
    bool is_redis = pid == c->redis;

    if (!is_redis && pid != c->main)
        return 0;
    *(is_redis ? &c->redis : &c->main) = 0; /* the number may be another's from now on */
    if (!is_redis && WIFEXITED(status)) {
        c->exit_status = WEXITSTATUS(status);
        return 1;
    }
    const char *name = is_redis ? "redis" : c->program->name;
    log_event(LOG_WARN, "run.child_died", "program=%s signal=%d", name,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    if (c->stops) {
        c->exit_status = STATUS_AGAIN;
        return !is_redis;
    }
    if (++c->restarts > RESTARTS_MAX)
        return err_set(err, ERR_AGAIN, "%s died %d times; see %s", name, c->restarts, r->state);
    return is_redis ? start_redis(r, c, err) : c->program->start(r, c, err);
}

/* 1 when the scheduler has ended. */
static int reap(struct run *r, struct run_children *c, struct err *err)
{
    int status, ended = 0;
    pid_t pid;

    while (!ended && (pid = waitpid(-1, &status, WNOHANG)) > 0)
        ended = settle_child(r, c, pid, status, err);
    return ended;
}

static int on_signal(struct run *r, struct run_children *c, struct err *err)
{
    struct signalfd_siginfo info;

    if (read(c->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    if (info.ssi_signo != SIGCHLD) {
        pass_on_stop(c);
        return 0;
    }
    return reap(r, c, err);
}

static int watch(struct run *r, struct run_children *c, void (*on_progress)(void *, const json_t *),
                 void *ctx, struct err *err)
{
    int ended = 0;

    while (!ended) {
        struct pollfd fds[] = {
            {.fd = c->signal_fd,   .events = POLLIN},
            {.fd = c->progress_fd, .events = POLLIN}
        };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return err_set(err, ERR_BUG, "poll: %s", strerror(errno));
        if (fds[1].revents)
            read_progress(c, on_progress, ctx);
        if (fds[0].revents)
            ended = on_signal(r, c, err);
    }
    return ended < 0 ? -1 : 0;
}

static void end_child(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

int run_children_start_redis(struct run *r, struct run_children *c, struct err *err)
{
    *c = (struct run_children){.progress_fd = -1, .signal_fd = -1};
    buf_init(&c->line, PROGRESS_LINE_MAX);
    return start_redis(r, c, err);
}

int run_children_start_main(struct run *r, struct run_children *c, const struct run_main *program,
                            struct err *err)
{
    c->program = program;
    return program->start(r, c, err);
}

int run_children_start_scheduler(struct run *r, struct run_children *c, struct err *err)
{
    static const struct run_main scheduler = {
        .name = "scheduler",
        .start = start_scheduler,
        .said = {"\nlentigo: finishing the images in work; Ctrl-C again stops at once\n",
                 "\nlentigo: stopping; the same command goes on from here\n"},
    };

    return run_children_start_main(r, c, &scheduler, err);
}

int run_children_start(struct run *r, struct run_children *c, struct err *err)
{
    return run_children_start_redis(r, c, err) || run_children_start_scheduler(r, c, err) ? -1 : 0;
}

int run_children_watch(struct run *r, struct run_children *c,
                       void (*on_progress)(void *ctx, const json_t *line), void *ctx,
                       struct err *err)
{
    sigset_t watched;

    run_stop_signals(&watched);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    c->signal_fd = signalfd(-1, &watched, SFD_CLOEXEC);
    if (c->signal_fd < 0)
        return err_set(err, ERR_AGAIN, "signalfd: %s", strerror(errno));
    int ended = reap(r, c, err); /* who ended before the signals were watched */
    return ended ? (ended < 0 ? -1 : 0) : watch(r, c, on_progress, ctx, err);
}

void run_children_end(struct run_children *c)
{
    sigset_t stops;

    run_stop_signals(&stops);
    sigprocmask(SIG_BLOCK, &stops, NULL);
    end_child(c->main);
    end_child(c->redis);
    run_socket_guard(0);
    sigprocmask(SIG_UNBLOCK, &stops, NULL); /* the watch is over: they end us again */
    if (c->progress_fd >= 0)
        close(c->progress_fd);
    if (c->signal_fd >= 0)
        close(c->signal_fd);
    buf_release(&c->line);
}
