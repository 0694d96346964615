/* A worker or reporter that does nothing but speak the wire, and misbehaves as its environment
 * tells; its role is its own name.
 *
 *   FAKE_LOG=FILE      a line for each item taken: "<pid> <id> <attempt> <alone>", of what is to be
 *                      done carefully with 2 for <alone>; and at the start of a worker that was given
 *                      a device "device <name> <CUDA_VISIBLE_DEVICES>"
 *   FAKE_MS=N          milliseconds of work an item (1)
 *   FAKE_CREDIT=N      (4)
 *   FAKE_VERSION=N     of the wire
 *   FAKE_EXIT=N        end with this status instead of saying HELLO
 *   FAKE_SEGV=S        die of SIGSEGV at work on an id that ends in S; * = on any
 *   FAKE_DEVICE=N      end with status 71 at every N-th item
 *   FAKE_UNFIT=UUID    end with status 69 at the first item when CUDA shows this device
 *   FAKE_GPUS=N        "lentigo-worker devices" can use GPUs; also read by fake_nvml.c
 *   FAKE_ISOLATES=1    what runs alone or carefully and should die is answered FAILED with signal 11 in
 *                      stage network instead
 *   FAKE_LIMIT=S       answer FAILED with LIMIT in stage network for such an id
 *   FAKE_SIGNAL=S      answer FAILED with signal 11 in stage decode for such an id
 *   FAKE_HANG=S        stand still at such an id
 *   FAKE_HOLD=N        stand still at its N-th item until there is a file FAKE_LOG.go
 *   FAKE_HOLD_TRY=N    the same at an item's N-th attempt
 *   FAKE_KILL=N        kill -9 itself at every N-th item
 *   FAKE_ASIDE=S       the first result of such an id is "damaged", and its DONE comes when FAKE_LOG.go is there
 *   FAKE_FIRST=CODE    answer FAILED with this code the first time an id comes: AGAIN, CANCELLED
 *
 * An image whose study.json cannot be read is answered FAILED with AGAIN. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/status.h"
#include "queue/spool.h"
#include "queue/studies.h"
#include "queue/wire.h"

enum { HELD_MAX = 512 };

/* An image or a study at work. */
struct task {
    enum wire_kind kind; /* WIRE_JOBS or WIRE_STUDY */
    char id[WIRE_ID_SIZE], study_dir[SPOOL_PATH_SIZE];
    int n, attempt;
    bool is_alone, is_careful;
};

static struct task held[HELD_MAX];
static struct wire_message in, out; /* too large for the stack */
static int n_held, n_worked;
static bool is_draining;

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static int number(const char *name, int otherwise)
{
    return setting(name)[0] ? (int)strtol(setting(name), NULL, 10) : otherwise;
}

static bool ends_in(const char *id, const char *tail)
{
    size_t n = strlen(id), m = strlen(tail);

    return m && (!strcmp(tail, "*") || (n >= m && !strcmp(id + n - m, tail)));
}

static void tell(void)
{
    struct err err = {0};

    if (wire_write(WIRE_FD, &out, &err))
        exit(9);
}

static void note_line(const char *line)
{
    int fd = open(setting("FAKE_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    ssize_t n = (ssize_t)strlen(line);

    if (fd >= 0 && write(fd, line, (size_t)n) != n)
        exit(9);
    if (fd >= 0)
        close(fd);
}

static void note(const struct task *m)
{
    char line[256];

    snprintf(line, sizeof(line), "%d %s %d %d\n", (int)getpid(), m->id, m->attempt,
             m->is_alone     ? 1
             : m->is_careful ? 2
                             : 0);
    note_line(line);
}

static void note_device(int argc, char **argv)
{
    char line[256];

    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], "--device")) {
            snprintf(line, sizeof(line), "device %s %s\n", argv[i + 1],
                     setting("CUDA_VISIBLE_DEVICES"));
            note_line(line);
        }
}

/* Is this the first time that the id comes, also over several lives of this process? */
static bool is_first(const struct task *m)
{
    char path[SPOOL_PATH_SIZE + 32];

    snprintf(path, sizeof(path), "%s/first.%d", m->study_dir, m->n);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void say_alive(void)
{
    static int64_t last_us;

    if (!n_held || clock_mono_us() - last_us < 100000)
        return;
    last_us = clock_mono_us();
    wire_begin(&out, WIRE_ALIVE);
    for (int i = 0; i < n_held; i++)
        wire_add(&out, held[i].id);
    tell();
}

/* As one that is at work, until the test lets everybody go on. */
static void hold_still(void)
{
    char go[SPOOL_PATH_SIZE];
    struct pollfd fd = {WIRE_FD, 0, 0};

    snprintf(go, sizeof(go), "%s.go", setting("FAKE_LOG"));
    while (access(go, F_OK)) {
        say_alive();
        if (poll(&fd, 1, 10) > 0)
            exit(0); /* hung up: the scheduler is gone */
    }
}

static bool is_apart(const struct task *m)
{
    return number("FAKE_ISOLATES", 0) && (m->is_alone || m->is_careful);
}

static void misbehave(const struct task *m)
{
    int every = number("FAKE_KILL", 0), lost = number("FAKE_DEVICE", 0);
    const char *unfit = setting("FAKE_UNFIT");

    n_worked++;
    if (unfit[0] && !strcmp(unfit, setting("CUDA_VISIBLE_DEVICES")))
        exit(STATUS_UNFIT);
    if (lost && n_worked % lost == 0)
        exit(STATUS_DEVICE);
    if (n_worked == number("FAKE_HOLD", 0) || m->attempt == number("FAKE_HOLD_TRY", 0))
        hold_still();

    if (ends_in(m->id, setting("FAKE_SEGV")) && !is_apart(m)) {
        signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
        raise(SIGSEGV);
    }
    while (ends_in(m->id, setting("FAKE_HANG"))) {
        struct pollfd fd = {WIRE_FD, 0, 0};
        if (poll(&fd, 1, -1) > 0 && (fd.revents & POLLHUP))
            exit(0);
    }
    if (every && n_worked % every == 0)
        raise(SIGKILL);
}

static bool fails(const struct task *m)
{
    const char *first = setting("FAKE_FIRST");
    bool died_apart = is_apart(m) && ends_in(m->id, setting("FAKE_SEGV"));
    bool by_signal = died_apart || ends_in(m->id, setting("FAKE_SIGNAL"));
    bool by_limit = ends_in(m->id, setting("FAKE_LIMIT"));

    if (!by_signal && !by_limit && !(first[0] && is_first(m)))
        return false;
    wire_begin(&out, WIRE_FAILED);
    out.attempt = m->attempt;
    out.signal = by_signal ? SIGSEGV : 0;
    out.stage = died_apart || by_limit ? STAGE_NETWORK : STAGE_DECODE;
    out.code = by_signal                 ? ERR_INPUT
               : by_limit                ? ERR_LIMIT
               : !strcmp(first, "AGAIN") ? ERR_AGAIN
                                         : ERR_CANCELLED;
    memcpy(out.id, m->id, sizeof(out.id));
    tell();
    return true;
}

static void make_result(const struct task *m)
{
    struct err err = {0};
    char path[SPOOL_PATH_SIZE + 32];
    static struct studies studies;
    const struct study_image *image;
    bool is_bad = ends_in(m->id, setting("FAKE_ASIDE")) && is_first(m);
    enum result_status status = is_bad ? RESULT_SET_ASIDE : RESULT_DONE;

    if (studies_image(&studies, m->study_dir, m->n, &image, &err)) {
        wire_begin(&out, WIRE_FAILED);
        out.attempt = m->attempt;
        out.code = ERR_AGAIN;
        memcpy(out.id, m->id, sizeof(out.id));
        return;
    }
    json_t *entry =
        json_pack("{s:s,s:s?,s:s,s:f}", "file", image->file, "reason", is_bad ? "damaged" : NULL,
                  "risk", m->n ? "routine" : "urgent", "malignant_probability", 0.5);

    json_t *model = json_pack("{s:s}", "name", "fake");

    snprintf(path, sizeof(path), "%s/results", m->study_dir);
    if (dir_make(path, &err) || result_write(m->study_dir, m->n, status, entry, model, &err))
        exit(9);
    json_decref(entry);
    json_decref(model);
    if (is_bad)
        hold_still();
    wire_begin(&out, WIRE_DONE);
    struct wire_item *done = wire_add(&out, m->id);
    done->attempt = m->attempt;
    done->status = status;
    done->reason = is_bad ? REASON_DAMAGED : REASON_NONE;
    done->malignant_probability = 0.5;
    snprintf(done->risk, sizeof(done->risk), "%s", m->n ? "routine" : "urgent");
}

/* What doctor compares: each image's status and entry. */
static json_t *report_of(const char *study_dir)
{
    struct study study;
    struct err err = {0};
    json_t *images = json_array();

    if (spool_study_read(study_dir, &study, &err))
        exit(9);
    for (int i = 0; i < study.n_images; i++) {
        enum result_status status;
        json_t *result = NULL;
        if (result_peek(study_dir, i, &status, &result, &err))
            exit(9);
        json_t *entry = json_deep_copy(json_object_get(result, "entry"));
        json_object_set_new(entry, "status", json_string(result_status_word(status)));
        json_array_append_new(images, entry);
        json_decref(result);
    }
    study_release(&study);
    return json_pack("{s:o}", "images", images);
}

static void make_report(const struct task *m)
{
    struct err err = {0};
    char path[SPOOL_PATH_SIZE + 32];
    json_t *report = report_of(m->study_dir);

    snprintf(path, sizeof(path), "%s/report.json", m->study_dir);
    if (json_write(path, report, &err))
        exit(9);
    json_decref(report);
    snprintf(path, sizeof(path), "%s/results", m->study_dir);
    file_sweep_drafts(path);
    wire_begin(&out, WIRE_REPORTED);
    out.attempt = m->attempt;
    memcpy(out.id, m->id, sizeof(out.id));
}

static void work(void)
{
    const struct task *m = &held[0];

    note(m);
    misbehave(m);
    usleep((useconds_t)number("FAKE_MS", 1) * 1000);
    if (m->kind == WIRE_STUDY || !fails(m)) {
        if (m->kind == WIRE_JOBS)
            make_result(m);
        else
            make_report(m);
        tell();
    }
    n_held--;
    memmove(&held[0], &held[1], (size_t)n_held * sizeof(held[0]));
}

static void hold(const char *id, int attempt)
{
    struct task *t = &held[n_held++];

    *t = (struct task){.kind = in.kind, .attempt = attempt};
    memcpy(t->id, id, sizeof(t->id));
}

static void hold_all(void)
{
    struct err err = {0};

    if (in.kind == WIRE_STUDY) {
        hold(in.id, in.attempt);
        memcpy(held[n_held - 1].study_dir, in.dir, sizeof(in.dir));
    }
    for (int i = 0; i < in.n_items; i++) {
        hold(in.items[i].id, in.items[i].attempt);
        struct task *t = &held[n_held - 1];
        t->is_alone = in.items[i].is_alone;
        t->is_careful = in.items[i].is_careful;
        if (spool_image_of_id(in.dir, t->id, t->study_dir, &t->n, &err))
            exit(9);
    }
}

static void take(void)
{
    static struct buf pending;
    struct err err = {0};
    struct pollfd fd = {WIRE_FD, POLLIN, 0};

    /* wire_read may hold whole lines already: ask it without waiting only when it does. */
    bool has_line = pending.len && memchr(pending.data, '\n', pending.len);
    if (!has_line && poll(&fd, 1, n_held ? 0 : -1) <= 0)
        return;
    int got = wire_read(WIRE_FD, &pending, &in, &err);
    if (got < 0)
        exit(9);
    if (got == 0)
        exit(0);
    if (in.kind == WIRE_DRAIN)
        is_draining = true;
    else
        hold_all();
}

int main(int argc, char **argv)
{
    bool is_worker = argc > 0 && ends_in(argv[0], "lentigo-worker");

    if (argc == 2 && !strcmp(argv[1], "devices")) {
        printf("{\"name\":\"cpu\",\"kind\":\"cpu\"}\n%s",
               number("FAKE_GPUS", 0) ? "{\"name\":\"cuda:0\",\"kind\":\"cuda\"}\n" : "");
        return 0;
    }
    if (is_worker)
        note_device(argc, argv);
    if (setting("FAKE_EXIT")[0])
        return number("FAKE_EXIT", 0);
    out = (struct wire_message){.kind = WIRE_HELLO,
                                .version = number("FAKE_VERSION", WIRE_VERSION),
                                .pid = (int)getpid(),
                                .credit = number("FAKE_CREDIT", 4),
                                .isolates = is_worker && number("FAKE_ISOLATES", 0)};
    snprintf(out.role, sizeof(out.role), "%s", is_worker ? "worker" : "reporter");
    snprintf(out.model_sha256, sizeof(out.model_sha256), "%s", is_worker ? "00ff" : "");
    tell();
    while (!is_draining || n_held) {
        take();
        say_alive();
        if (n_held)
            work();
    }
    return 0;
}
