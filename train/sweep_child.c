#include "train/sweep_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/place.h"

/* NICE: beside work that fills the cores a trial gets a sixteenth, which is the share of its class. */
enum { NICE = 12, LINE_MAX_BYTES = 1 << 16, TAIL_SIZE = 4096, EXIT_NO_PROGRAM = 127 };

struct command {
    char program[SETTINGS_PATH_SIZE], output[SETTINGS_PATH_SIZE], stop[24];
    json_t *settings; /* owned */
    const char *argv[5];
};

static int make_command(struct command *c, const struct sweep *w, const struct sweep_child *child,
                        struct err *err)
{
    char run[SETTINGS_PATH_SIZE];
    int n = 0;

    c->settings = sweep_settings(w, child->trial);
    if (!c->settings)
        return err_set(err, ERR_NOMEM, "out of memory for settings");
    snprintf(c->stop, sizeof(c->stop), "%lld", (long long)sweep_end(w, child->trial, child->rung));
    c->argv[n++] = "lentigo-train";
    c->argv[n++] = "train";
    c->argv[n++] = c->output;
    if (child->goes_on)
        c->argv[n++] = "--resume";
    return place_program(c->program, "lentigo-train", err) ||
                   sweep_path(run, w, "trials", child->trial, "", err) ||
                   path_format(c->output, sizeof(c->output), err, "--output=%s", run)
               ? -1
               : 0;
}

/* Settings go by the environment, since some have no flag. */
static void set_environment(const struct command *c)
{
    char name[SETTINGS_WORD_SIZE];

    for (void *at = json_object_iter(c->settings); at;
         at = json_object_iter_next(c->settings, at)) {
        settings_environment_name(json_object_iter_key(at), name);
        (void)setenv(name, json_string_value(json_object_iter_value(at)), 1);
    }
    (void)setenv("LENTIGO_STOP_AT", c->stop, 1);
}

static void become(const struct command *c, pid_t parent, int out, int log)
{
    union {
        const char *const *in;
        char *const *out;
    } words = {c->argv}; /* execv changes none of them, its prototype is older than const */

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NO_PROGRAM);
    setpgid(0, 0);
    (void)nice(NICE);
    set_environment(c);
    dup2(out, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(c->program, words.out);
    _exit(EXIT_NO_PROGRAM);
}

static int spawn(struct sweep_child *c, const struct command *command, const char *log_path,
                 struct err *err)
{
    pid_t parent = getpid();
    int ends[2], log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (log < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", log_path, strerror(errno));
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        close(log);
        return err_set(err, ERR_AGAIN, "pipe: %s", strerror(errno));
    }
    c->pid = fork();
    if (c->pid == 0) {
        (void)fcntl(ends[1], F_SETFL, 0); /* the trainer's own writes wait */
        become(command, parent, ends[1], log);
    }
    close(log);
    close(ends[1]);
    c->fd = ends[0];
    if (c->pid > 0)
        return 0;
    err_set(err, ERR_AGAIN, "fork: %s", strerror(errno));
    close(c->fd);
    *c = (struct sweep_child){.fd = -1};
    return -1;
}

int sweep_child_start(struct sweep_child *c, const struct sweep *w, int trial, int rung,
                      struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct command *command = calloc(1, sizeof(*command)); /* paths of 4 kB */
    int ret = -1;

    *c = (struct sweep_child){.fd = -1, .trial = trial, .rung = rung, .iteration = -1};
    if (!command)
        return err_set(err, ERR_NOMEM, "out of memory for a command");
    c->begun_us = c->heard_us = clock_mono_us();
    if (!sweep_path(path, w, "trials", trial, "/config.json", err)) {
        c->goes_on = !access(path, F_OK);
        if (!make_command(command, w, c, err) && !sweep_path(path, w, "logs", trial, ".log", err))
            ret = spawn(c, command, path, err);
    }
    buf_init(&c->line, LINE_MAX_BYTES);
    json_decref(command->settings);
    free(command);
    return ret;
}

static void take_line(struct sweep_child *c, const char *text, size_t n)
{
    struct err ignored = {0}; /* what is no JSON is for people */
    json_t *line = json_parse(text, n, "progress", &ignored);
    double iteration = json_number_or(line, "iter", -1);

    json_decref(line);
    if (iteration < 0)
        return;
    if (c->iteration < 0)
        c->from = (int64_t)iteration;
    c->iteration = (int64_t)iteration;
}

void sweep_child_read(struct sweep_child *c)
{
    char chunk[4096], *end;
    ssize_t n;

    while (c->fd >= 0 && (n = read(c->fd, chunk, sizeof(chunk))) != -1) {
        if (n == 0) {
            close(c->fd);
            c->fd = -1;
            break;
        }
        c->heard_us = clock_mono_us();
        buf_add(&c->line, chunk, (size_t)n);
        while (c->line.data && (end = memchr(c->line.data, '\n', c->line.len))) {
            size_t used = (size_t)(end - c->line.data) + 1;
            take_line(c, c->line.data, used - 1);
            memmove(c->line.data, c->line.data + used, c->line.len - used);
            c->line.len -= used;
        }
        if (c->line.failed)
            buf_clear(&c->line);
    }
}

void sweep_child_stop(struct sweep_child *c)
{
    if (c->pid <= 0 || c->stopped_us)
        return;
    c->stopped_us = clock_mono_us();
    kill(c->pid, SIGTERM);
}

void sweep_child_kill(struct sweep_child *c)
{
    if (c->pid > 0)
        kill(c->pid, SIGKILL);
}

bool sweep_child_ended(struct sweep_child *c, int *status)
{
    if (c->pid <= 0 || waitpid(c->pid, status, WNOHANG) != c->pid)
        return false;
    sweep_child_read(c);
    if (c->fd >= 0)
        close(c->fd);
    buf_release(&c->line);
    c->pid = 0;
    c->fd = -1;
    return true;
}

void sweep_last_words(char out[200], const struct sweep *w, int trial)
{
    static const char name[] = "lentigo: ";
    char path[SETTINGS_PATH_SIZE], tail[TAIL_SIZE];
    struct err ignored = {0};

    out[0] = 0;
    if (sweep_path(path, w, "logs", trial, ".log", &ignored))
        return;
    file_tail(path, tail, sizeof(tail));
    char *rest = tail;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            snprintf(out, 200, "%s",
                     !strncmp(line, name, sizeof(name) - 1) ? line + sizeof(name) - 1 : line);
}
