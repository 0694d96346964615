/* `lentigo train sweep`: a taker of lentigo-train, and without --redis a Redis of its own, which others
 * on this machine may join. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/run.h"
#include "common/file.h"
#include "common/place.h"

enum { NOTE_MAX = 1 << 16, WORDS = 6 };

static const char program[] = "lentigo-train";

/* All settings are in the environment (settings_export). */
static void make_words(const char *argv[WORDS], const struct run *r, bool goes_on)
{
    int n = 0;

    argv[n++] = program;
    argv[n++] = "train";
    argv[n++] = "sweep";
    if (goes_on)
        argv[n++] = "--resume";
    if (r->has_input)
        argv[n++] = r->input;
    argv[n] = NULL;
}

static int start_taker(struct run *r, struct run_children *c, struct err *err)
{
    const char *argv[WORDS];

    make_words(argv, r, c->restarts > 0);
    c->main = run_program_start(program, argv, -1, err);
    return c->main < 0 ? -1 : 0;
}

static const struct run_main taker = {
    .name = program,
    .start = start_taker,
    .said = {"\n", "\nlentigo: stopping; --resume goes on from what was saved last\n"},
};

/* With a Redis that was named this process becomes the taker. */
static int become_taker(const struct run *r, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    const char *argv[WORDS];
    union {
        const char *const *in;
        char *const *out;
    } words = {argv}; /* execv changes none of them, its prototype is older than const */

    make_words(argv, r, false);
    if (settings_export(&r->settings, err) || place_program(path, program, err))
        return -1;
    execv(path, words.out);
    return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
}

static json_t *read_note(const char *path)
{
    struct err none = {0};
    json_t *note = json_read(path, NOTE_MAX, &none);

    return note ? note : json_object();
}

/* DIR/.lentigo with a lock, and run.json that says where our Redis listens. */
static int open_state(struct run *r, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(r->state, sizeof(r->state), err, "%s/.lentigo", r->settings.output) ||
        dir_make(r->state, err) || run_path_make_absolute(r->state, err) ||
        path_format(path, sizeof(path), err, "%s/run.json", r->state))
        return -1;
    json_t *note = read_note(path);
    int ret = run_folder_lock(r, err);
    if (ret)
        fprintf(stderr, "lentigo: to work on it too: --resume --redis %s\n",
                json_text_or(note, "redis", "ADDR"));
    else
        ret = run_socket_open(r, note, err);
    if (!ret) {
        json_put(&note, "redis", json_text(r->settings.redis));
        json_put(&note, "pid", json_integer(getpid()));
        ret = json_write(path, note, err);
    }
    json_decref(note);
    return ret ? -1 : 0;
}

/* A search that could not be begun leaves no folder behind; of what holds anything nothing goes. */
static void leave_nothing(const struct run *r)
{
    static const char *const names[] = {"/sweep.json",        "/.lentigo/redis.log",
                                        "/.lentigo/run.json", "/.lentigo/lock",
                                        "/.lentigo",          ""};
    char path[SETTINGS_PATH_SIZE];
    struct err ignored = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (path_format(path, sizeof(path), &ignored, "%s%s", r->settings.output, names[i]) ||
            (i == 0 && !access(path, F_OK)) || (i > 0 && remove(path) && errno != ENOENT))
            return;
}

static int work(struct run *r, struct err *err)
{
    struct run_children c;

    if (open_state(r, err) || settings_export(&r->settings, err))
        return -1;
    int ret = run_children_start_redis(r, &c, err) || run_children_start_main(r, &c, &taker, err) ||
              run_children_watch(r, &c, NULL, NULL, err);
    run_children_end(&c);
    leave_nothing(r);
    return ret ? -1 : c.exit_status;
}

/* A name mistyped leaves no folder behind. */
static int check_operands(struct run *r, int argc, char **argv, struct err *err)
{
    if (argc > 1 || !r->settings.output[0])
        return err_set(err, ERR_INPUT,
                       "train sweep: lentigo train sweep SPEC.json -o DIR (see "
                       "lentigo train sweep --help)");
    r->has_input = argc == 1;
    if (r->has_input && path_format(r->input, sizeof(r->input), err, "%s", argv[0]))
        return -1;
    if (access(r->has_input ? r->input : r->settings.output, R_OK))
        return err_set(err, ERR_INPUT, "%s: %s", r->has_input ? r->input : r->settings.output,
                       strerror(errno));
    return 0;
}

int cmd_sweep(const struct settings *s, int argc, char **argv)
{
    static struct run r; /* several paths of 4 kB; one a process */
    struct err err = {0};
    int status = -1;

    (void)signal(SIGPIPE, SIG_IGN);
    r.settings = *s;
    r.lock = -1;
    if (!check_operands(&r, argc, argv, &err))
        status = settings_is_given(s, "redis") ? become_taker(&r, &err) : work(&r, &err);
    run_folder_close(&r);
    return status < 0 ? command_fail(&err) : status;
}
