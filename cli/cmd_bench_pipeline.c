/* The whole main job, measured from outside: each round is a `lentigo run` of its own. */
#include <unistd.h>

#include "cli/bench_line.h"
#include "cli/commands.h"
#include "cli/commands_bench.h"
#include "cli/run.h"
#include "common/clock.h"
#include "common/file.h"

enum { ROUNDS_MAX = 100, SUMMARY_SIZE_MAX = 1 << 20, STATS_SIZE_MAX = 4 << 20 };

/* The scheduler's word on which stage held the run up. */
static int put_what_binds(json_t **summary, const char *out, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/.lentigo/stats.json", out))
        return -1;
    json_t *stats = json_read(path, STATS_SIZE_MAX, err);
    if (!stats)
        return -1;
    json_put(summary, "binds", json_incref(json_object_get(stats, "binds")));
    json_put(summary, "binds_share", json_incref(json_object_get(stats, "binds_share")));
    json_decref(stats);
    return *summary ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", path);
}

/* One run into `out`; its wall time in seconds and what summary.json says, with what binds. */
static int run_once(const struct settings *s, const char *input, const char *out, double *seconds,
                    json_t **summary, struct err *err)
{
    char size[32], jobs[32], batch[32], decoders[32], slots[32], path[SETTINGS_PATH_SIZE];
    const char *const words[] = {
        "lentigo",   "run",        input,         "-o",         out,        "--reports", s->reports,
        "--size",    size,         "--precision", s->precision, "--jobs",   jobs,        "--batch",
        batch,       "--decoders", decoders,      "--slots",    slots,      "--model",   s->model,
        "--backend", s->backend,   "--device",    s->device,    "--decode", s->decode,   NULL};

    snprintf(size, sizeof(size), "%ld", s->size);
    if (s->size == SETTINGS_AUTO)
        snprintf(size, sizeof(size), "auto");
    snprintf(jobs, sizeof(jobs), "%ld", s->jobs);
    snprintf(batch, sizeof(batch), "%ld", s->batch);
    snprintf(decoders, sizeof(decoders), "%ld", s->decoders);
    snprintf(slots, sizeof(slots), "%ld", s->slots);
    int64_t start = clock_mono_us();
    int status = run_program("lentigo", words, STDERR_FILENO, err); /* stdout is for figures */
    *seconds = (double)(clock_mono_us() - start) / 1e6;
    if (status)
        return status < 0 ? -1 : err_set(err, ERR_BUG, "lentigo run ended with status %d", status);
    if (path_format(path, sizeof(path), err, "%s/summary.json", out))
        return -1;
    *summary = json_read(path, SUMMARY_SIZE_MAX, err);
    return *summary ? put_what_binds(summary, out, err) : -1;
}

static int print_rounds(const json_t *summary, double *seconds, int n, bool as_json,
                        struct err *err)
{
    double images = json_number_or(summary, "received", 0);
    double median = bench_median(seconds, n);

    if (!(images > 0))
        return err_set(err, ERR_CONFIG, "no image in the folder");
    bench_print(json_pack("{s:s, s:O*, s:O*, s:O*, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:O*, s:O*}",
                          "what", "pipeline", "model", json_object_get(summary, "model"),
                          "precision", json_object_get(summary, "precision"), "device",
                          json_object_get(summary, "device"), "rounds", n, "images", (int)images,
                          "images_per_s", json_rounded(images / median, 2), "ms_per_image",
                          json_rounded(1000 * median / images, 3), "best",
                          json_rounded(images / seconds[0], 2), "worst",
                          json_rounded(images / seconds[n - 1], 2), "wall_s",
                          json_rounded(median, 3), "binds", json_object_get(summary, "binds"),
                          "binds_share", json_object_get(summary, "binds_share")),
                as_json);
    return 0;
}

static int measure(const struct settings *s, const char *input, const char *dir, struct err *err)
{
    double seconds[ROUNDS_MAX];
    int n = s->rounds < ROUNDS_MAX ? (int)s->rounds : ROUNDS_MAX;
    char out[SETTINGS_PATH_SIZE];
    json_t *summary = NULL;
    int ret = 0;

    for (int i = 0; i < n && !ret; i++) {
        json_decref(summary);
        summary = NULL;
        ret = path_format(out, sizeof(out), err, "%s/%d", dir, i);
        if (!ret)
            ret = run_once(s, input, out, &seconds[i], &summary, err);
        dir_remove(out);
    }
    if (!ret)
        ret = print_rounds(summary, seconds, n, s->json, err);
    json_decref(summary);
    return ret;
}

int cmd_bench_pipeline(const struct settings *s, int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    char dir[SETTINGS_PATH_SIZE];
    struct err err = {0};
    int ret = -1;

    if (argc != 1)
        err_set(&err, ERR_INPUT, "bench pipeline INPUT: a folder of images");
    else if (!path_format(dir, sizeof(dir), &err, "%s/lentigo-bench-XXXXXX", tmp ? tmp : "/tmp")) {
        if (mkdtemp(dir))
            ret = measure(s, argv[0], dir, &err);
        else
            err_set(&err, ERR_AGAIN, "%s could not be made", dir);
        rmdir(dir);
    }
    return ret ? command_fail(&err) : STATUS_OK;
}
