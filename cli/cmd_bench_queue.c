/* The queue alone, measured from outside: a spool of images that are only names, a real Redis, a real
 * scheduler, and a worker that answers at once (worker/nothing.h). */
#include <ftw.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "cli/run.h"
#include "common/clock.h"
#include "common/file.h"
#include "queue/audit.h"

enum {
    JOBS = 100000,
    JOBS_MAX = 10000000,
    OF_A_STUDY = 4,
    OF_AN_UPLOAD = 40000,
    REDIS_MS = 60000,
};

struct bench {
    struct run run;
    struct run_children children;
    int jobs;
    int64_t started_us, first_us, ended_us; /* scheduler, first answers, end */
    int64_t first_done, done;               /* at those times */
    int64_t memory_before, memory_after;    /* of Redis, bytes */
    double fill_s;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

/* ---- the backlog ---- */

static int write_study(const char *root, const char *upload, int k, int n_images, struct err *err)
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
    if (path_format(path, sizeof(path), err, "%s/uploads/%s/studies/%s", root, upload, study.key) ||
        dir_make(path, err) ||
        path_format(path, sizeof(path), err, "%s/uploads/%s/studies/%s/study.json", root, upload,
                    study.key))
        return -1;
    json_t *object = study_to_json(&study);
    int ret = json_write(path, object, err);
    json_decref(object);
    return ret;
}

static int write_upload(const char *root, int number, int n_images, const char *class,
                        struct err *err)
{
    char name[32], path[SPOOL_PATH_SIZE];
    int n_studies = (n_images + OF_A_STUDY - 1) / OF_A_STUDY;

    snprintf(name, sizeof(name), "u%016d", number);
    for (int k = 0; k < n_studies; k++) {
        int left = n_images - k * OF_A_STUDY;
        if (write_study(root, name, k, left < OF_A_STUDY ? left : OF_A_STUDY, err))
            return -1;
    }
    if (path_format(path, sizeof(path), err, "%s/uploads/%s/upload.json", root, name))
        return -1;
    json_t *object = json_pack("{s:i,s:s,s:s,s:s,s:s,s:i,s:i,s:[]}", "version", 1, "upload", name,
                               "accepted_at", "2026-01-01T00:00:00.000Z", "input", "bench", "class",
                               class, "images", n_images, "studies", n_studies, "others");
    int ret = json_write(path, object, err);
    json_decref(object);
    return ret;
}

static int write_backlog(const struct bench *b, struct err *err)
{
    for (int at = 0, number = 0; at < b->jobs; number++) {
        int n = b->jobs - at < OF_AN_UPLOAD ? b->jobs - at : OF_AN_UPLOAD;
        if (write_upload(b->run.settings.spool, number, n, "bulk", err))
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

static void on_progress(void *ctx, const json_t *line)
{
    struct bench *b = ctx;
    int64_t now = clock_mono_us();

    b->done = (int64_t)json_number_or(line, "done", 0);
    b->ended_us = now;
    if (b->first_us || !b->done)
        return;
    b->first_us = now;
    b->first_done = b->done;
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

static void print(const struct bench *b, bool as_json)
{
    double busy_s = (double)(b->ended_us - b->first_us) / 1e6;
    double jobs = (double)(b->done - b->first_done);

    bench_print(json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o}", "what", "queue", "jobs", b->jobs,
                          "jobs_per_s", json_rounded(busy_s > 0 ? jobs / busy_s : (double)NAN, 0),
                          "start_s", json_rounded((double)(b->first_us - b->started_us) / 1e6, 2),
                          "wall_s", json_rounded((double)(b->ended_us - b->started_us) / 1e6, 2),
                          "fill_s", json_rounded(b->fill_s, 2), "redis_bytes_per_image",
                          json_rounded((double)(b->memory_after - b->memory_before) / b->jobs, 0)),
                as_json);
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
        nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    if (ret)
        return command_fail(&err);
    print(&b, s->json);
    return STATUS_OK;
}
