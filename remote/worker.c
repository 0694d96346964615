#include "remote/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/place.h"
#include "common/process.h"
#include "common/status.h"

#define PROGRAM "lentigo-worker"

enum { FIRST_FREE_FD = LAST_STAGE_FD + 1 };

/* What the child needs of us between fork and exec, where nothing may be made. */
struct birth {
    char path[SETTINGS_PATH_SIZE];
    int wire, last_stage; /* above the numbers that they are to get */
    int nothing;          /* /dev/null */
    pid_t parent;
};

static void put_descriptors(const struct birth *b)
{
    dup2(b->nothing, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    dup2(b->wire, WIRE_FD);
    dup2(b->last_stage, LAST_STAGE_FD);
    process_close_others(WIRE_FD, (const int[]){LAST_STAGE_FD}, 1);
}

_Noreturn static void become(const struct birth *b)
{
    char name[] = PROGRAM;
    char *const arguments[] = {name, NULL};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != b->parent)
        _exit(STATUS_AGAIN); /* we were killed before that was said */
    put_descriptors(b);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    execv(b->path, arguments);
    _exit(STATUS_CONFIG);
}

static int fail(struct err *err, const char *what)
{
    return err_set(err, ERR_AGAIN, "worker: %s: %s", what, strerror(errno));
}

/* A copy above the numbers that mean something to the worker. */
static int lift(int *fd, struct err *err)
{
    int above = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

    if (above < 0)
        return fail(err, "descriptors");
    close(*fd);
    *fd = above;
    return 0;
}

static int open_descriptors(struct worker *w, struct birth *b, struct err *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return fail(err, "socket");
    w->wire = pair[0];
    b->wire = pair[1];
    b->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (b->nothing < 0)
        return fail(err, "/dev/null");
    if (last_stage_new(&w->last_stage, &b->last_stage, err))
        return -1;
    return lift(&b->wire, err) || lift(&b->last_stage, err) || lift(&b->nothing, err) ? -1 : 0;
}

static void close_birth(const struct birth *b)
{
    const int fds[] = {b->wire, b->last_stage, b->nothing};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int fork_worker(struct worker *w, const struct birth *b, struct err *err)
{
    w->pid = fork();
    if (!w->pid)
        become(b);
    if (w->pid < 0) {
        w->pid = 0;
        return fail(err, "fork");
    }
    w->pid_fd = pidfd_open(w->pid, 0);
    if (w->pid_fd >= 0)
        return 0;
    fail(err, "pidfd_open");
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, 0);
    w->pid = 0;
    return -1;
}

int worker_start(struct worker *out, struct err *err)
{
    struct birth b = {.wire = -1, .last_stage = -1, .nothing = -1, .parent = getpid()};
    int ret = -1;

    *out = (struct worker){.pid_fd = -1, .wire = -1};
    if (!place_program(b.path, PROGRAM, err) && !open_descriptors(out, &b, err))
        ret = fork_worker(out, &b, err);
    close_birth(&b);
    if (ret)
        worker_release(out);
    return ret;
}

int worker_greet(struct worker *w, struct wire_message *hello, struct err *err)
{
    int got = wire_read(w->wire, &w->pending, hello, err);

    if (got < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_BUG, PROGRAM " ended without a HELLO");
    if (hello->kind == WIRE_HELLO && hello->version != WIRE_VERSION)
        return err_set(err, ERR_CONFIG, PROGRAM " speaks version %d of the wire, not %d",
                       hello->version, WIRE_VERSION);
    if (hello->kind != WIRE_HELLO || strcmp(hello->role, "worker") != 0 || hello->credit < 1)
        return err_set(err, ERR_BUG, PROGRAM " says no HELLO of a worker");
    if (hello->credit > WIRE_ITEMS_MAX)
        hello->credit = WIRE_ITEMS_MAX;
    return 0;
}

void worker_kill(const struct worker *w)
{
    if (w->pid_fd >= 0)
        (void)pidfd_send_signal(w->pid_fd, SIGKILL, NULL, 0);
}

void worker_bury(struct worker *w, struct protocol_end *end)
{
    int status = 0;

    while (w->pid && waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    w->pid = 0;
    *end = (struct protocol_end){
        .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .stage = last_stage_read(w->last_stage),
    };
}

void worker_release(struct worker *w)
{
    if (w->pid_fd >= 0)
        close(w->pid_fd);
    if (w->wire >= 0)
        close(w->wire);
    last_stage_free(w->last_stage);
    buf_release(&w->pending);
    *w = (struct worker){.pid_fd = -1, .wire = -1};
}
