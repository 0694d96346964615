/* run.h -- the parts of `lentigo run`: its folder, its Redis, its scheduler, its progress line. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/json.h"
#include "common/settings.h"

struct run {
    struct settings settings;            /* with model and output as absolute paths */
    char input[SETTINGS_PATH_SIZE];      /* absolute */
    bool has_input;                      /* it is there now */
    char state[SETTINGS_PATH_SIZE];      /* OUT/.lentigo */
    char socket_dir[SETTINGS_PATH_SIZE]; /* 0700, of Redis */
    int lock;                            /* held while the run lives, -1 */
    bool goes_on;                        /* OUT had been started before */
};

/* run_folder.c: make OUT and its state folder, take the lock, compare with what OUT was started
 * with (ERR_CONFIG names what differs), and take the upload in. ERR_AGAIN: another run holds OUT,
 * or the disk is full. */
int run_folder_open(struct run *r, struct err *err);
int run_folder_take_in(struct run *r, struct err *err);
void run_folder_close(struct run *r); /* and the socket's folder */

/* `path`, of something that is there, without links and from the root on. ERR_CONFIG. */
int run_path_make_absolute(char path[SETTINGS_PATH_SIZE], struct err *err);

/* r->state/lock, until r->lock is closed. ERR_AGAIN: somebody has it. */
int run_folder_lock(struct run *r, struct err *err);

/* Write run.json with the socket that `lentigo top` asks. */
int run_folder_note(struct run *r, struct err *err);

/* run_socket.c: the folder of Redis's socket, r->socket_dir and r->settings.redis. From here on SIGINT,
 * SIGTERM and SIGHUP remove it before they end the process. `note` is run.json, whose old socket is
 * removed. ERR_AGAIN: the folder could not be made. */
int run_socket_open(struct run *r, const json_t *note, struct err *err);
void run_socket_close(void); /* nothing to remove is fine */

/* The Redis that such a signal ends first; 0 once it was waited for. */
void run_socket_guard(pid_t redis);

/* In a child that is no run: a signal only ends it. */
void run_socket_forget(void);

/* SIGINT, SIGTERM and SIGHUP, without those that who started us wants ignored (nohup). */
void run_stop_signals(sigset_t *out);

/* run_children.c: Redis and the program that works with it, watched until that has done its work. */
struct run_children;

struct run_main {
    const char *name; /* for the log */
    /* Sets c->main; also when it died and goes on: c->restarts tells. */
    int (*start)(struct run *r, struct run_children *c, struct err *err);
    const char *said[2]; /* to the first and the second Ctrl-C, which both become a SIGTERM */
};

struct run_children {
    const struct run_main *program; /* a run: the scheduler */
    pid_t redis, main;
    int progress_fd; /* the scheduler's standard output; -1: none is read */
    int signal_fd;
    int stops; /* how often the user asked to stop */
    int restarts;
    int exit_status; /* of the program, once it has ended */
    struct buf line;
};

/* Start both; the upload need not be there yet. run_children_end follows, whatever is returned. */
int run_children_start(struct run *r, struct run_children *c, struct err *err);

/* Its two halves, Redis first. */
int run_children_start_redis(struct run *r, struct run_children *c, struct err *err);
int run_children_start_scheduler(struct run *r, struct run_children *c, struct err *err);

/* In the scheduler's place; `program` stays where it is. */
int run_children_start_main(struct run *r, struct run_children *c, const struct run_main *program,
                            struct err *err);

/* 0: the program ended with `exit_status`. ERR_AGAIN: it kept dying. */
int run_children_watch(struct run *r, struct run_children *c,
                       void (*on_progress)(void *ctx, const json_t *line), void *ctx,
                       struct err *err);

/* End what still runs; a scheduler that did not end by itself goes on at the next run. */
void run_children_end(struct run_children *c);

/* Start one of our programs, `stdout_fd` its standard output (-1: ours); its number, or -1. Wait for
 * it: its exit status, or -1. run_program does both. */
pid_t run_program_start(const char *program, const char *const argv[], int stdout_fd,
                        struct err *err);
int run_program_wait(pid_t pid, const char *program, struct err *err);
/* run_program with both outputs into `log_fd`. */
int run_program_logged(const char *program, const char *const argv[], int log_fd, struct err *err);
int run_program(const char *program, const char *const argv[], int stdout_fd, struct err *err);

/* progress.c: one line of progress, redrawn on a terminal, printed now and then elsewhere. */
struct progress {
    bool is_terminal, is_drawn, has_hint;
    long long next_plain_us;
};

void progress_open(struct progress *p);
void progress_show(struct progress *p, const json_t *line);
void progress_close(struct progress *p);

#endif
