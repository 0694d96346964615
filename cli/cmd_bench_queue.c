/* The queue alone, measured from outside: a spool of images that are only names, a real Redis, a real
 * scheduler, and a worker that answers at once (worker/nothing.h). */
#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "cli/run.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "queue/audit.h"
#include "queue/contents.h"

enum {
    JOBS = 100000,
    JOBS_MAX = 10000000,
    OF_A_STUDY = 4,
    OF_AN_UPLOAD = 40000,
    REDIS_MS = 60000,
    PIDS_MAX = 4096,
    URGENT_US = 10000000, /* longer: something is wrong */
    LOOK_US = 200,
};

/* One interactive image, handed in behind the backlog. */
struct urgent {
    bool is_measured;
    int64_t behind;  /* images that were left when it was handed in */
    int64_t took_us; /* until it was finished */
    int64_t answers; /* others that were finished meanwhile */
};

enum program { SCHEDULER, REDIS, WORKER, PROGRAMS };

/* How far it was when a line of progress came. */
struct moment {
    int64_t at_us, done;
    int64_t cpu_us[PROGRAMS];
};

struct bench {
    struct run run;
    struct run_children children;
    int jobs;
    int64_t started_us, first_us;        /* the scheduler; first answers */
    struct moment first, last;           /* with answers; `last` while all three programs ran */
    int64_t ended_us, done;              /* of the last line */
    int64_t moved_us, still_us;          /* when there were new answers last; the longest without */
    int64_t memory_before, memory_after; /* of Redis, bytes */
    double fill_s;
    struct urgent urgent;
};

/* ---- the backlog ---- */

static int write_study(const char *dir, const char *upload, int k, int n_images,
                       struct contents *contents, struct err *err)
{
    struct study_image images[OF_A_STUDY] = {0};
    struct study study = {.n_images = n_images, .images = images};
    char path[SPOOL_PATH_SIZE];

    snprintf(study.upload, sizeof(study.upload), "%s", upload);
    snprintf(study.key, sizeof(study.key), "s%06d", k);
    snprintf(study.accepted_at, sizeof(study.accepted_at), "2026-01-01T00:00:00.000Z");
    snprintf(study.patient_id, sizeof(study.patient_id), "p%d", k);
    snprintf(study.publish, sizeof(study.publish), "patients/p%d", k);
    for (int i = 0; i < n_images; i++) {
        images[i].n = i;
        images[i].size_bytes = 1;
        images[i].mm_per_px = (double)NAN;
        snprintf(images[i].file, sizeof(images[i].file), "p%d/%d.jpg", k, i);
        snprintf(images[i].stem, sizeof(images[i].stem), "%d", i);
        snprintf(images[i].sha256, sizeof(images[i].sha256), "%064d", k * OF_A_STUDY + i);
    }
    if (path_format(path, sizeof(path), err, "%s/studies/%s/results", dir, study.key) ||
        dir_make(path, err) ||
        path_format(path, sizeof(path), err, "%s/studies/%s/study.json", dir, study.key) ||
        contents_add(contents, study.key, n_images, 0, err))
        return -1;
    json_t *object = study_to_json(&study);
    int ret = json_write(path, object, err);
    json_decref(object);
    return ret;
}

static int write_studies(const char *dir, const char *upload, int n_images, struct err *err)
{
    struct contents contents = {0};
    int ret = 0;

    for (int k = 0; k * OF_A_STUDY < n_images && !ret; k++) {
        int left = n_images - k * OF_A_STUDY;
        ret = write_study(dir, upload, k, left < OF_A_STUDY ? left : OF_A_STUDY, &contents, err);
    }
    ret = ret || contents_write(&contents, dir, err);
    contents_release(&contents);
    return ret ? -1 : 0;
}

static int write_upload(const char *dir, const char *name, int n_images, const char *class,
                        struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/upload.json", dir) || dir_make(dir, err) ||
        write_studies(dir, name, n_images, err))
        return -1;
    json_t *object =
        json_pack("{s:i,s:s,s:s,s:s,s:s,s:i,s:i,s:[]}", "version", 1, "upload", name, "accepted_at",
                  "2026-01-01T00:00:00.000Z", "input", "bench", "class", class, "images", n_images,
                  "studies", (n_images + OF_A_STUDY - 1) / OF_A_STUDY, "others");
    int ret = json_write(path, object, err);
    json_decref(object);
    return ret;
}

static int write_backlog(const struct bench *b, struct err *err)
{
    char name[32], dir[SPOOL_PATH_SIZE];

    for (int at = 0, number = 0; at < b->jobs; number++) {
        int n = b->jobs - at < OF_AN_UPLOAD ? b->jobs - at : OF_AN_UPLOAD;
        snprintf(name, sizeof(name), "u%016d", number);
        if (path_format(dir, sizeof(dir), err, "%s/uploads/%s", b->run.settings.spool, name) ||
            write_upload(dir, name, n, "bulk", err))
            return -1;
        at += n;
    }
    return 0;
}

/* ---- measuring ---- */

/* What the backlog takes in Redis, filled as a scheduler fills it. */
static int measure_memory(struct bench *b, struct err *err)
{
    struct spool *spool = NULL;
    struct queue_client *client = NULL;
    int64_t jobs = 0;
    int ret = spool_open(&spool, b->run.settings.spool, err) ||
              queue_client_open(&client, b->run.settings.redis, REDIS_MS, err) ||
              queue_client_memory(client, &b->memory_before, err);
    int64_t start = clock_mono_us();

    ret = ret || queue_refill(client, spool, &jobs, err);
    b->fill_s = (double)(clock_mono_us() - start) / 1e6;
    ret = ret || queue_client_memory(client, &b->memory_after, err);
    queue_client_close(client);
    spool_close(spool);
    return ret ? -1 : 0;
}

/* The scheduler's only child; 0 = it has none now. */
static pid_t worker_of(pid_t scheduler)
{
    char path[64];
    struct buf text;
    struct err ignored = {0};

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)scheduler, (int)scheduler);
    buf_init(&text, PIDS_MAX);
    pid_t pid =
        file_read(path, &text, &ignored) || !text.data ? 0 : (pid_t)strtol(text.data, NULL, 10);
    buf_release(&text);
    return pid;
}

/* False: one of the programs is gone. */
static bool take_moment(struct moment *out, const struct bench *b, int64_t done)
{
    const pid_t pids[PROGRAMS] = {b->children.main, b->children.redis, worker_of(b->children.main)};
    struct moment m = {.at_us = clock_mono_us(), .done = done};

    for (int i = 0; i < PROGRAMS; i++) {
        m.cpu_us[i] = pids[i] > 0 ? clock_cpu_us_of(pids[i]) : -1;
        if (m.cpu_us[i] < 0)
            return false;
    }
    *out = m;
    return true;
}

/* Accepted as intake accepts: by one rename. */
static int hand_in_urgent(const struct bench *b, const char *name, struct err *err)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE];

    if (path_format(from, sizeof(from), err, "%s/incoming/%s", b->run.settings.spool, name) ||
        path_format(to, sizeof(to), err, "%s/uploads/%s", b->run.settings.spool, name) ||
        write_upload(from, name, 1, "interactive", err))
        return -1;
    return rename(from, to) ? err_set(err, ERR_AGAIN, "%s: %s", to, strerror(errno)) : 0;
}

/* Until it has been in the queue and is there no more. */
static int wait_for_urgent(struct queue_client *client, const char *image, int64_t *done,
                           struct err *err)
{
    int64_t end = clock_mono_us() + URGENT_US;
    bool was_queued = false, is_queued = false;

    while (clock_mono_us() < end) {
        if (queue_client_look_at(client, image, &is_queued, done, err))
            return -1;
        if (was_queued && !is_queued)
            return 0;
        was_queued = is_queued;
        usleep(LOOK_US);
    }
    return err_set(err, ERR_BUG, "the interactive image was not seen to be finished");
}

static int measure_urgent(struct bench *b, struct err *err)
{
    static const char name[] = "uinteractive";
    struct queue_client *client = NULL;
    int64_t before = 0, after = 0;
    bool unused;
    int ret = queue_client_open(&client, b->run.settings.redis, REDIS_MS, err) ||
              queue_client_look_at(client, "", &unused, &before, err);
    int64_t start = clock_mono_us();

    ret = ret || hand_in_urgent(b, name, err) ||
          wait_for_urgent(client, "uinteractive/s000000/0", &after, err);
    b->urgent = (struct urgent){.is_measured = !ret,
                                .behind = b->jobs - before,
                                .took_us = clock_mono_us() - start,
                                .answers = after - before - 1};
    queue_client_close(client);
    return ret ? -1 : 0;
}

static void on_progress(void *ctx, const json_t *line)
{
    struct bench *b = ctx;
    int64_t now = clock_mono_us(), done = (int64_t)json_number_or(line, "done", 0);
    struct err err = {0};
    char quoted[512];

    if (b->done && now - b->moved_us > b->still_us)
        b->still_us = now - b->moved_us;
    if (done > b->done)
        b->moved_us = now;
    b->done = done;
    b->ended_us = now;
    if (done && !b->first_us)
        b->first_us = now;
    if (!done || !take_moment(&b->last, b, done) || b->first.done)
        return;
    b->first = b->last;
    if (b->jobs - done < b->jobs / 2) /* it could come when the scheduler is about to end */
        return;
    if (measure_urgent(b, &err))
        log_event(LOG_WARN, "bench.interactive", "why=%s",
                  log_quote(quoted, sizeof(quoted), err.msg));
    b->moved_us = clock_mono_us(); /* the wait was ours */
}

/* A scheduler of a run, on a Redis that is full already: it ends when all is answered. */
static int measure_jobs(struct bench *b, struct err *err)
{
    b->started_us = clock_mono_us();
    if (run_children_start_scheduler(&b->run, &b->children, err) ||
        run_children_watch(&b->run, &b->children, on_progress, b, err))
        return -1;
    if (b->children.exit_status)
        return err_set(err, ERR_BUG, "the scheduler ended with status %d", b->children.exit_status);
    return 0;
}

static int open_bench(struct bench *b, const struct settings *s, const char *dir, struct err *err)
{
    struct run *r = &b->run;
    char config[SETTINGS_PATH_SIZE];

    r->settings = *s;
    r->lock = -1;
    snprintf(r->settings.reports, sizeof(r->settings.reports), "none");
    snprintf(r->settings.work, sizeof(r->settings.work), "nothing");
    b->jobs = s->limit ? (int)(s->limit < JOBS_MAX ? s->limit : JOBS_MAX) : JOBS;
    json_t *none = json_object();
    int ret =
        path_format(r->settings.output, sizeof(r->settings.output), err, "%s", dir) ||
        path_format(r->state, sizeof(r->state), err, "%s/.lentigo", dir) ||
        path_format(r->settings.spool, sizeof(r->settings.spool), err, "%s/.lentigo/spool", dir) ||
        path_format(config, sizeof(config), err, "%s/.lentigo/lentigo.conf", dir) ||
        dir_make(r->settings.spool, err) || run_socket_open(r, none, err) ||
        settings_export(&r->settings, err) || settings_write(&r->settings, config, err);
    json_decref(none);
    return ret ? -1 : 0;
}

/* Processor time of a program, us a job, between the first and the last moment. */
static json_t *cpu_us(const struct bench *b, enum program p)
{
    double jobs = (double)(b->last.done - b->first.done);

    return json_rounded(
        jobs > 0 ? (double)(b->last.cpu_us[p] - b->first.cpu_us[p]) / jobs : (double)NAN, 1);
}

static void put_urgent(json_t **line, const struct urgent *u)
{
    if (!u->is_measured)
        return;
    json_put(line, "interactive_behind", json_integer(u->behind));
    json_put(line, "interactive_ms", json_rounded((double)u->took_us / 1e3, 1));
    json_put(line, "interactive_answers", json_integer(u->answers));
}

static void print(const struct bench *b, bool as_json)
{
    double busy_s = (double)(b->ended_us - b->first.at_us) / 1e6;
    double jobs = (double)(b->done - b->first.done);
    json_t *line = json_pack(
        "{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "what", "queue", "jobs", b->jobs, "jobs_per_s",
        json_rounded(b->first.done && busy_s > 0 ? jobs / busy_s : (double)NAN, 0), "start_s",
        json_rounded((double)(b->first_us - b->started_us) / 1e6, 2), "wall_s",
        json_rounded((double)(b->ended_us - b->started_us) / 1e6, 2), "still_s",
        json_rounded((double)b->still_us / 1e6, 2), "fill_s", json_rounded(b->fill_s, 2),
        "redis_bytes_per_image",
        json_rounded((double)(b->memory_after - b->memory_before) / b->jobs, 0));

    put_urgent(&line, &b->urgent);
    json_put(&line, "scheduler_us", cpu_us(b, SCHEDULER));
    json_put(&line, "redis_us", cpu_us(b, REDIS));
    json_put(&line, "worker_us", cpu_us(b, WORKER));
    bench_print(line, as_json);
}

static int bench(struct bench *b, const struct settings *s, const char *dir, struct err *err)
{
    struct spool *spool = NULL;

    if (open_bench(b, s, dir, err) || spool_open(&spool, b->run.settings.spool, err))
        return -1;
    int ret = spool_mark_bench(spool, err);
    spool_close(spool);
    if (ret || write_backlog(b, err))
        return -1;
    ret = run_children_start_redis(&b->run, &b->children, err) || measure_memory(b, err) ||
          measure_jobs(b, err);
    run_children_end(&b->children);
    run_socket_close();
    return ret ? -1 : 0;
}

int cmd_bench_queue(const struct settings *s, int argc, char **argv)
{
    static struct bench b; /* several paths of 4 kB; one a process */
    const char *tmp = getenv("TMPDIR");
    char dir[SETTINGS_PATH_SIZE];
    struct err err = {0};
    int ret = -1;

    (void)argv;
    if (argc)
        err_set(&err, ERR_INPUT, "bench queue takes no operand; --limit N is the number of jobs");
    else if (!path_format(dir, sizeof(dir), &err, "%s/lentigo-bench-XXXXXX", tmp ? tmp : "/tmp")) {
        if (mkdtemp(dir))
            ret = bench(&b, s, dir, &err);
        else
            err_set(&err, ERR_AGAIN, "%s could not be made", dir);
        dir_remove(dir);
    }
    if (ret)
        return command_fail(&err);
    print(&b, s->json);
    return STATUS_OK;
}
