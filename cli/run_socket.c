/* The folder of Redis's socket, which cannot stand in OUT: a socket's path is at most 107 bytes.
 *
 * A signal that ends us removes it first, at whatever we are; a kill -9 leaves it to the next call
 * with the same OUT, which finds its name in run.json. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"
#include "common/file.h"

enum { BASE_MAX = 60, PATH_SIZE = 108 };

/* What on_end removes. Written only while no signal can come; a process has one run. */
static struct {
    char dir[PATH_SIZE], path[PATH_SIZE];
    pid_t redis; /* it would make its socket again; 0 = none */
} guarded;

/* Only what signal-safety(7) allows. Comes back with the signal's default action set. */
static void on_end(int number)
{
    static const char text[] = "\nlentigo: stopped; the same command goes on from here\n";

    if (guarded.redis > 0) {
        kill(guarded.redis, SIGKILL);
        while (waitpid(guarded.redis, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    unlink(guarded.path);
    rmdir(guarded.dir);
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        guarded.redis = 0; /* nobody reads */
    raise(number);         /* ends us when this function returns */
}

void run_stop_signals(sigset_t *out)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction was;

    sigemptyset(out);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        if (!sigaction(numbers[i], NULL, &was) && was.sa_handler != SIG_IGN)
            sigaddset(out, numbers[i]);
}

static void set_action(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND};

    run_stop_signals(&action.sa_mask);
    for (int i = 1; i < NSIG; i++)
        if (sigismember(&action.sa_mask, i) == 1)
            (void)sigaction(i, &action, NULL);
}

void run_socket_forget(void)
{
    set_action(SIG_DFL);
}

void run_socket_guard(pid_t redis)
{
    guarded.redis = redis;
}

/* A run that was killed leaves its socket. Its lock is ours now, so nobody listens there; nothing is
 * removed but a socket of our naming and the folder that it leaves empty. */
static void remove_old(const json_t *note)
{
    static const char tail[] = "/redis";
    char path[SETTINGS_PATH_SIZE];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s", json_text_or(note, "redis", ""));
    char *slash = n < (int)sizeof(path) ? strrchr(path, '/') : NULL;

    if (!slash || strcmp(slash, tail) != 0 || !strstr(path, "/lentigo-"))
        return;
    if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
        unlink(path);
    *slash = 0;
    rmdir(path);
}

static int make(struct err *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR");

    if (!base || strlen(base) > BASE_MAX || access(base, W_OK))
        base = "/tmp";
    snprintf(guarded.dir, sizeof(guarded.dir), "%s/lentigo-XXXXXX", base);
    if (!mkdtemp(guarded.dir)) {
        err_set(err, ERR_AGAIN, "%s: %s", guarded.dir, strerror(errno));
        guarded.dir[0] = 0;
        return -1;
    }
    snprintf(guarded.path, sizeof(guarded.path), "%.90s/redis", guarded.dir);
    return 0;
}

int run_socket_open(struct run *r, const json_t *note, struct err *err)
{
    sigset_t stops, was;

    remove_old(note);
    run_stop_signals(&stops);
    sigprocmask(SIG_BLOCK, &stops, &was);
    int ret = make(err);
    if (!ret)
        set_action(on_end);
    sigprocmask(SIG_SETMASK, &was, NULL);
    return ret || path_format(r->socket_dir, sizeof(r->socket_dir), err, "%s", guarded.dir) ||
                   path_format(r->settings.redis, sizeof(r->settings.redis), err, "%s",
                               guarded.path)
               ? -1
               : 0;
}

void run_socket_close(void)
{
    unlink(guarded.path);
    rmdir(guarded.dir);
}
