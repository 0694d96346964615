/* The real scheduler with a real Redis, a real spool and children that misbehave (fake_child.c):
 * whatever happens, each image ends in exactly one terminal state and each study in one report. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/settings.h"
#include "queue/client.h"
#include "queue/order.h"
#include "queue/spool.h"
#include "tests/queue/redis.h"

enum { STUDIES = 6, IMAGES = 7, TOTAL = STUDIES * IMAGES, PATH_SIZE = 512 };

static struct test_redis redis;
static char dir[64]; /* of this case: spool, out, config, log, stdout */
static pid_t scheduler;
static const char *program; /* which scheduler; of this case */

/* ---- files ---- */

static const char *in_dir(const char *name)
{
    static char ring[4][PATH_SIZE];
    static int next;
    char *out = ring[next++ % 4];

    snprintf(out, PATH_SIZE, "%s/%s", dir, name);
    return out;
}

static void write_json(const char *path, json_t *value)
{
    struct err err = {0};

    if (json_write(path, value, &err))
        fail_msg("%s", err.msg);
    json_decref(value);
}

/* Image IMAGES - 1 of study 0 was set aside at intake; all others wait for the worker. */
static void make_study(const char *upload, int number)
{
    static struct study_image images[IMAGES];
    struct study study = {.n_images = IMAGES, .images = images};
    char path[PATH_SIZE];
    struct err err = {0};

    memset(images, 0, sizeof(images));
    snprintf(study.upload, sizeof(study.upload), "%s", upload);
    snprintf(study.key, sizeof(study.key), "s%d", number);
    snprintf(study.patient_id, sizeof(study.patient_id), "Patient %d", number);
    snprintf(study.patient_name, sizeof(study.patient_name), "Secret Name");
    snprintf(study.accepted_at, sizeof(study.accepted_at), "2026-01-01T00:00:00.000Z");
    snprintf(study.publish, sizeof(study.publish), "patients/%d", number);
    for (int i = 0; i < IMAGES; i++) {
        images[i].n = i;
        images[i].mm_per_px = 0.1;
        snprintf(images[i].file, sizeof(images[i].file), "%d/%d.jpg", number, i);
        snprintf(images[i].stem, sizeof(images[i].stem), "%d", i);
        memset(images[i].sha256, 'a', 64);
        images[i].size_bytes = 3;
    }
    if (number == 0) {
        images[IMAGES - 1].set_aside = REASON_MISSING_FILE;
        images[IMAGES - 1].sha256[0] = 0;
    }
    snprintf(path, sizeof(path), "%s/spool/uploads/%s/studies/s%d/originals", dir, upload, number);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(path, sizeof(path), "%s/spool/uploads/%s/studies/s%d/study.json", dir, upload, number);
    write_json(path, study_to_json(&study));
}

static void make_upload(const char *upload, int first_study, int n)
{
    char path[PATH_SIZE];

    for (int i = first_study; i < first_study + n; i++)
        make_study(upload, i);
    snprintf(path, sizeof(path), "%s/spool/uploads/%s/upload.json", dir, upload);
    write_json(path, json_pack("{s:i,s:s}", "version", 1, "upload", upload));
}

static void make_config(bool is_run, const char *more)
{
    struct buf text;
    struct err err = {0};

    buf_init(&text, 4096);
    if (is_run)
        buf_printf(&text, "output = %s/out\n", dir);
    else
        buf_add_text(&text, "allow-volatile = yes\n");
    buf_printf(&text, "spool = %s/spool\nredis = %s\nnode = test\nlease-ms = 1000\n%s", dir,
               redis.socket, more);
    assert_int_equal(file_write(in_dir("config"), text.data, text.len, &err), 0);
    buf_release(&text);
}

static int setup(void **state)
{
    char name[] = "/tmp/lentigo-scheduler-XXXXXX";
    struct spool *spool;
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(name));
    snprintf(dir, sizeof(dir), "%s", name);
    assert_int_equal(spool_open(&spool, in_dir("spool"), &err), 0);
    spool_close(spool);
    make_upload("u1", 0, STUDIES);
    test_redis_open(&redis);
    make_config(true, "");
    setenv("FAKE_LOG", in_dir("log"), 1);
    program = BINARY_DIR "/bin/lentigo-scheduler";
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    static const char *const names[] = {"MS",    "CREDIT", "VERSION", "EXIT",  "SEGV",
                                        "HANG",  "SIGNAL", "KILL",    "FIRST", "DEVICE",
                                        "UNFIT", "GPUS",   "ISOLATES"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char name[32];
        snprintf(name, sizeof(name), "FAKE_%s", names[i]);
        unsetenv(name);
    }
    unsetenv("LD_LIBRARY_PATH");
    test_redis_close(&redis);
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- the scheduler ---- */

static void start_with(int out)
{
    scheduler = fork();
    if (scheduler)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(in_dir("stderr"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl(program, "lentigo-scheduler", "--config", in_dir("config"), (char *)NULL);
    _exit(127);
}

static void start(void)
{
    int out = open(in_dir("stdout"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    start_with(out);
    close(out);
}

/* For failures without end: pauses are short (impatient.c). */
static void be_impatient(void)
{
    program = BINARY_DIR "/tests/fakes/impatient_scheduler";
}

/* Its exit status; 1000 + the signal that ended it. */
static int wait_for_end(int seconds)
{
    int64_t end = clock_mono_us() + seconds * INT64_C(1000000);
    int status;

    while (clock_mono_us() < end) {
        if (waitpid(scheduler, &status, WNOHANG) == scheduler)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        usleep(10000);
    }
    kill(scheduler, SIGKILL);
    waitpid(scheduler, NULL, 0);
    fail_msg("the scheduler did not end within %d s: see %s/stderr", seconds, dir);
    return -1;
}

static int run(int seconds)
{
    start();
    return wait_for_end(seconds);
}

/* ---- what became of it ---- */

struct count {
    int done, aside, none, reports;
    enum result_status of[STUDIES * 2][IMAGES];
    char reason[STUDIES * 2][IMAGES][32];
};

static int count_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct count *c = ctx;
    long number = strtol(study->key + 1, NULL, 10);
    char path[SPOOL_PATH_SIZE + 16];

    for (int i = 0; i < study->n_images; i++) {
        enum result_status status;
        json_t *result = NULL;
        if (result_read(study_dir, i, &status, &result, err))
            return -1;
        c->of[number][i] = status;
        c->done += status == RESULT_DONE;
        c->aside += status == RESULT_SET_ASIDE;
        c->none += status == RESULT_NONE;
        snprintf(c->reason[number][i], 32, "%s",
                 json_text_or(json_object_get(result, "entry"), "reason", ""));
        json_decref(result);
    }
    snprintf(path, sizeof(path), "%s/report.json", study_dir);
    c->reports += !access(path, F_OK);
    return 0;
}

static struct count count_spool(void)
{
    static struct count c;
    struct spool *spool;
    struct err err = {0};

    memset(&c, 0, sizeof(c));
    assert_int_equal(spool_open(&spool, in_dir("spool"), &err), 0);
    if (spool_each_study(spool, count_study, &c, &err))
        fail_msg("%s", err.msg);
    spool_close(spool);
    return c;
}

/* Lines of a file of this case that contain `text`. */
static int lines_with(const char *file, const char *text)
{
    FILE *in = fopen(in_dir(file), "r");
    char line[4096];
    int n = 0;

    while (in && fgets(line, sizeof(line), in))
        n += strstr(line, text) != NULL;
    if (in)
        fclose(in);
    return n;
}

static void wait_for_lines(const char *file, const char *text, int wanted)
{
    for (int i = 0; i < 1000; i++) {
        if (lines_with(file, text) >= wanted)
            return;
        usleep(10000);
    }
    fail_msg("never %d lines with \"%s\" in %s/%s", wanted, text, dir, file);
}

/* All done but the one that intake set aside, each study reported. */
static void assert_all_done(void)
{
    struct count c = count_spool();

    assert_int_equal(c.none, 0);
    assert_int_equal(c.done, TOTAL - 1);
    assert_int_equal(c.aside, 1);
    assert_string_equal(c.reason[0][IMAGES - 1], "missing_file");
    assert_int_equal(c.reports, STUDIES);
}

/* ---- cases ---- */

static void a_run_finishes_and_its_counts_add_up(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(run(30), 0);
    assert_all_done();
    assert_int_equal(lines_with("log", "/s"), TOTAL - 1 + STUDIES); /* each taken exactly once */
    json_t *stats = json_read(in_dir("out/.lentigo/stats.json"), 1 << 20, &err);
    assert_non_null(stats);
    assert_int_equal(json_number_or(stats, "received", 0), TOTAL);
    assert_int_equal(json_number_or(stats, "done", 0), TOTAL - 1);
    assert_int_equal(json_number_or(stats, "set_aside", 0), 1);
    assert_int_equal(json_number_or(stats, "reports", 0), STUDIES);
    assert_int_equal(json_number_or(stats, "urgent", 0), STUDIES);
    assert_string_equal(json_text_or(stats, "state", ""), "done");
    assert_int_equal(json_array_size(json_object_get(stats, "flagged")), STUDIES);
    json_decref(stats);
    assert_true(lines_with("stdout", "\"state\":\"done\"") > 0);
    assert_int_equal(lines_with("stderr", "Secret"), 0);
}

/* `lentigo run` starts us while it takes the upload in. */
static void a_run_waits_for_its_upload_with_its_children_up(void **state)
{
    (void)state;
    assert_int_equal(rename(in_dir("spool/uploads/u1"), in_dir("taking-in")), 0);
    start();
    wait_for_lines("stderr", "event=child.up", 2);
    assert_int_equal(waitpid(scheduler, NULL, WNOHANG), 0);
    assert_int_equal(rename(in_dir("taking-in"), in_dir("spool/uploads/u1")), 0);
    assert_int_equal(wait_for_end(30), 0);
    assert_all_done();
}

static void a_finished_run_started_again_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(run(30), 0);
    int taken = lines_with("log", "/s");
    assert_int_equal(run(30), 0);
    assert_int_equal(lines_with("log", "/s"), taken);
    assert_all_done();
}

static void a_poisonous_image_is_set_aside_after_three_and_no_other(void **state)
{
    (void)state;
    setenv("FAKE_SEGV", "/s2/3", 1);
    assert_int_equal(run(60), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 2);
    assert_string_equal(c.reason[2][3], "crash");
    assert_int_equal(c.reports, STUDIES);
    assert_int_equal(lines_with("spool/log", "\"crash\""), 3);
    assert_int_equal(lines_with("spool/log", "u1/s2/3"), 3);
    assert_int_equal(lines_with("log", "u1/s2/3 "), 4); /* once in company, then thrice alone */
    wait_for_lines("log", "u1/s2/3 4 1", 1);
}

/* A worker that isolates dies once; then what is bad costs itself, and nobody has a worker for himself. */
static void a_worker_that_isolates_dies_once(void **state)
{
    (void)state;
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_SEGV", "/3", 1);
    assert_int_equal(run(60), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 1 + STUDIES);
    for (int i = 0; i < STUDIES; i++)
        assert_string_equal(c.reason[i][3], "crash");
    assert_int_equal(lines_with("spool/log", "\"stage\":\"network\""), 3 * STUDIES);
    assert_int_equal(lines_with("stderr", "event=child.up child=worker"), 2);
    assert_int_equal(lines_with("log", " 1\n"), 3 * STUDIES);
    assert_true(lines_with("log", " 2\n") > TOTAL / 2);
}

static void a_worker_that_isolates_and_is_killed_blames_nobody(void **state)
{
    (void)state;
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_KILL", "9", 1);
    assert_int_equal(run(60), 0);
    assert_all_done();
    assert_int_equal(lines_with("spool/log", "\"crash\""), 0);
}

/* The fault is not where a process apart takes it: a worker for each shows which it is. */
static void an_image_that_kills_even_a_worker_that_isolates_is_found(void **state)
{
    (void)state;
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_HANG", "/s4/0", 1);
    assert_int_equal(run(60), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 2);
    assert_string_equal(c.reason[4][0], "crash");
}

static void a_decoder_that_dies_thrice_alone_is_counted(void **state)
{
    (void)state;
    setenv("FAKE_SIGNAL", "/s1/1", 1);
    assert_int_equal(run(60), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 2);
    assert_string_equal(c.reason[1][1], "decode_crash");
    assert_int_equal(lines_with("spool/log", "\"crash\""), 3);
    assert_int_equal(lines_with("spool/log", "\"stage\":\"decode\""), 3);
}

static void crash_counts_outlive_the_scheduler(void **state)
{
    (void)state;
    setenv("FAKE_SEGV", "/s2/3", 1);
    start();
    wait_for_lines("spool/log", "\"crash\"", 2);
    kill(scheduler, SIGKILL);
    assert_int_equal(wait_for_end(10), 1000 + SIGKILL);
    assert_int_equal(run(60), 0);
    struct count c = count_spool();
    assert_string_equal(c.reason[2][3], "crash");
    assert_int_equal(lines_with("spool/log", "\"crash\""), 3);
}

static void workers_that_are_killed_blame_nobody(void **state)
{
    (void)state;
    setenv("FAKE_KILL", "9", 1);
    make_config(true, "workers = 2\nreporters = 2\n");
    assert_int_equal(run(60), 0);
    assert_all_done();
    assert_int_equal(lines_with("spool/log", "\"crash\""), 0);
}

static void a_device_that_fails_blames_nobody(void **state)
{
    (void)state;
    be_impatient();
    setenv("FAKE_DEVICE", "9", 1);
    assert_int_equal(run(60), 0);
    assert_all_done();
    assert_true(lines_with("stderr", "status=71") >= 3);
    assert_int_equal(lines_with("stderr", "event=image.death"), 0);
    assert_int_equal(lines_with("log", " 1\n"), 0); /* nothing had to run alone */
}

/* Each start is in vain: the run gives up and has set nothing aside for it. */
static void a_device_that_never_does_anything_ends_the_run(void **state)
{
    (void)state;
    be_impatient();
    setenv("FAKE_DEVICE", "1", 1);
    assert_int_equal(run(60), 1);
    struct count c = count_spool();
    assert_int_equal(c.aside, 1);
    assert_int_equal(c.done, 0);
    assert_int_equal(lines_with("stderr", "event=child.out_of_service"), 1);
}

static void use_fake_gpus(const char *n)
{
    setenv("LD_LIBRARY_PATH", BINARY_DIR "/tests/fakes", 1);
    setenv("FAKE_GPUS", n, 1);
}

static void each_gpu_gets_a_worker_and_an_unfit_one_none(void **state)
{
    struct err err = {0};

    (void)state;
    use_fake_gpus("3");
    setenv("FAKE_UNFIT", "GPU-1-bbbb", 1);
    setenv("FAKE_MS", "5", 1);
    assert_int_equal(run(30), 0);
    assert_all_done();
    assert_int_equal(lines_with("log", "device cuda:0 GPU-0-bbbb"), 1);
    assert_int_equal(lines_with("log", "device cuda:0 GPU-1-bbbb"), 1); /* and never again */
    assert_int_equal(lines_with("log", "device cuda:0 GPU-2-bbbb"), 1);
    json_t *stats = json_read(in_dir("out/.lentigo/stats.json"), 1 << 20, &err);
    json_t *workers = json_object_get(stats, "workers");
    assert_string_equal(json_text_or(json_array_get(workers, 1), "device", ""), "cuda:1");
    assert_string_equal(json_text_or(json_array_get(workers, 1), "state", ""), "out of service");
    assert_int_equal(json_array_size(json_object_get(stats, "gpus")), 3);
    json_decref(stats);
}

static void without_a_fit_gpu_a_run_ends(void **state)
{
    (void)state;
    use_fake_gpus("1");
    setenv("FAKE_UNFIT", "GPU-0-bbbb", 1);
    assert_int_equal(run(30), 1);
    assert_int_equal(count_spool().aside, 1);
    assert_int_equal(lines_with("stderr", "event=child.none_in_service"), 1);
}

static void a_gpu_that_is_not_there_is_refused(void **state)
{
    (void)state;
    use_fake_gpus("2");
    make_config(true, "device = cuda:2\n");
    assert_int_equal(run(20), 78);
    assert_int_equal(lines_with("stderr", "there are 2, cuda:0 to cuda:1"), 1);
}

static void an_image_that_hangs_is_ended_and_set_aside(void **state)
{
    (void)state;
    setenv("FAKE_HANG", "/s4/0", 1);
    assert_int_equal(run(60), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 2);
    assert_string_equal(c.reason[4][0], "crash");
    assert_int_equal(c.reports, STUDIES);
}

static void a_killed_scheduler_started_again_finishes(void **state)
{
    (void)state;
    setenv("FAKE_MS", "10", 1);
    for (int i = 1; i <= 3; i++) {
        start();
        wait_for_lines("log", "/s", i * 8);
        kill(scheduler, SIGKILL);
        assert_int_equal(wait_for_end(10), 1000 + SIGKILL);
    }
    assert_int_equal(run(60), 0);
    assert_all_done();
}

static void a_redis_that_restarts_empty_is_filled_again(void **state)
{
    (void)state;
    setenv("FAKE_MS", "10", 1);
    start();
    for (int i = 1; i <= 2; i++) {
        wait_for_lines("log", "/s", i * 10);
        test_redis_kill(&redis);
        usleep(300000);
        test_redis_start(&redis);
    }
    assert_int_equal(wait_for_end(60), 0);
    assert_all_done();
}

static void sigterm_drains_and_the_next_start_goes_on(void **state)
{
    (void)state;
    setenv("FAKE_MS", "20", 1);
    start();
    wait_for_lines("log", "/s", 8);
    kill(scheduler, SIGTERM);
    assert_int_equal(wait_for_end(10), 75);
    struct count c = count_spool();
    assert_true(c.none > 0);
    assert_int_equal(lines_with("log", "/s") + 1, c.done + c.aside + c.reports);
    assert_int_equal(run(60), 0);
    assert_all_done();
    assert_int_equal(lines_with("log", "/s"), TOTAL - 1 + STUDIES); /* nothing was done twice */
}

static void a_second_sigterm_stops_at_once(void **state)
{
    int64_t begin;

    (void)state;
    setenv("FAKE_MS", "20000", 1);
    start();
    wait_for_lines("log", "/s", 1);
    kill(scheduler, SIGTERM);
    usleep(300000);
    begin = clock_mono_us();
    kill(scheduler, SIGTERM);
    assert_int_equal(wait_for_end(10), 75);
    assert_true(clock_mono_us() - begin < 3000000);
    setenv("FAKE_MS", "1", 1);
    assert_int_equal(run(60), 0);
    assert_all_done();
}

static void what_comes_back_is_tried_again(void **state)
{
    (void)state;
    be_impatient();
    setenv("FAKE_FIRST", "AGAIN", 1);
    assert_int_equal(run(60), 0);
    assert_all_done();
    unsetenv("FAKE_FIRST");
}

static void what_is_given_back_is_leased_again(void **state)
{
    (void)state;
    setenv("FAKE_FIRST", "CANCELLED", 1);
    assert_int_equal(run(60), 0);
    assert_all_done();
    assert_int_equal(lines_with("log", " 2 0"), TOTAL - 1); /* the attempt rose */
}

static void children_of_another_version_or_configuration_stop_it(void **state)
{
    (void)state;
    setenv("FAKE_VERSION", "1", 1);
    assert_int_equal(run(20), 78);
    unsetenv("FAKE_VERSION");
    setenv("FAKE_EXIT", "78", 1);
    assert_int_equal(run(20), 78);
}

static void without_reports_no_reporter_is_started(void **state)
{
    (void)state;
    make_config(true, "reports = none\n");
    assert_int_equal(run(30), 0);
    struct count c = count_spool();
    assert_int_equal(c.done, TOTAL - 1);
    assert_int_equal(c.reports, 0);
    assert_int_equal(lines_with("stderr", "child=reporter"), 0);
}

static void a_study_that_cannot_be_reported_ends_with_status_1(void **state)
{
    (void)state;
    setenv("FAKE_SEGV", "u1/s3", 1);
    assert_int_equal(run(60), 1);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.reports, STUDIES - 1);
    assert_int_equal(lines_with("stderr", "study.given_up"), 1);
}

static void a_worker_that_dies_on_everything_blames_few(void **state)
{
    (void)state;
    be_impatient();
    setenv("FAKE_SEGV", "*", 1);
    assert_int_equal(run(30), 1);
    struct count c = count_spool();
    assert_int_equal(c.aside, 1 + 5);
    assert_int_equal(lines_with("stderr", "worker.dies"), 1);
}

/* The parent is gone: nobody reads our progress. */
static void a_run_without_a_reader_stops(void **state)
{
    int ends[2];

    (void)state;
    setenv("FAKE_MS", "200", 1);
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    start_with(ends[1]);
    close(ends[1]);
    assert_int_equal(wait_for_end(20), 75);
}

static void one_scheduler_at_a_time(void **state)
{
    (void)state;
    setenv("FAKE_MS", "50", 1);
    start();
    wait_for_lines("log", "/s", 1);
    pid_t first = scheduler;
    assert_int_equal(run(20), 75);
    scheduler = first;
    assert_int_equal(wait_for_end(60), 0);
    assert_all_done();
}

/* Needs the right to mount: skipped without it. */
static void a_full_disk_holds_work_up_and_sets_nothing_aside(void **state)
{
    static char filler[6 << 20];
    struct spool *spool;
    struct err err = {0};

    (void)state;
    if (mount("none", in_dir("spool"), "tmpfs", 0, "size=8m"))
        skip();
    assert_int_equal(spool_open(&spool, in_dir("spool"), &err), 0);
    spool_close(spool);
    make_upload("u1", 0, STUDIES);
    assert_int_equal(file_write(in_dir("spool/filler"), filler, sizeof(filler), &err), 0);
    start();
    wait_for_lines("stderr", "disk.full", 1);
    wait_for_lines("stdout", "\"state\":\"no space\"", 2);
    assert_int_equal(lines_with("log", "/s"), 0);
    unlink(in_dir("spool/filler"));
    assert_int_equal(wait_for_end(30), 0);
    assert_all_done();
    assert_int_equal(umount(in_dir("spool")), 0);
}

static void tell(const char *word)
{
    struct queue_client *c;
    struct err err = {0};

    assert_int_equal(queue_client_open(&c, redis.socket, 1000, &err), 0);
    assert_int_equal(queue_client_tell(c, word, &err), 0);
    queue_client_close(c);
}

static void operate(enum order_kind kind)
{
    struct order order = {.kind = kind};
    struct spool *spool;
    struct err err = {0};

    assert_int_equal(spool_open(&spool, in_dir("spool"), &err), 0);
    assert_int_equal(order_sign(&order, "a test", &err), 0);
    assert_int_equal(order_append(spool, &order, &err), 0);
    spool_close(spool);
}

static void an_installation_takes_new_uploads_and_can_be_paused(void **state)
{
    (void)state;
    make_config(false, "");
    start();
    wait_for_lines("log", "/s", TOTAL - 1 + STUDIES);
    operate(ORDER_PAUSE);
    wait_for_lines("stderr", "event=pause", 1);
    make_upload("u2", STUDIES, 2);
    tell("rescan");
    wait_for_lines("stderr", "spool.walked", 2);
    usleep(500000);
    assert_int_equal(lines_with("log", "u2/"), 0);
    operate(ORDER_RESUME);
    wait_for_lines("log", "u2/", 2 * IMAGES + 2);
    static struct stats stats;
    struct queue_client *c;
    struct err err = {0};
    int n;
    usleep(700000);
    assert_int_equal(queue_client_open(&c, redis.socket, 1000, &err), 0);
    assert_int_equal(queue_client_stats(c, &stats, 1, &n, &err), 0);
    queue_client_close(c);
    assert_int_equal(n, 1);
    assert_string_equal(stats.node, "test");
    assert_int_equal(stats.done, TOTAL - 1 + 2 * IMAGES);
    assert_int_equal(stats.classes[1].ready + stats.classes[1].leased, 0);
    kill(scheduler, SIGTERM);
    assert_int_equal(wait_for_end(10), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_run_finishes_and_its_counts_add_up),
        CASE(a_run_waits_for_its_upload_with_its_children_up),
        CASE(a_finished_run_started_again_does_nothing),
        CASE(a_poisonous_image_is_set_aside_after_three_and_no_other),
        CASE(a_worker_that_isolates_dies_once),
        CASE(a_worker_that_isolates_and_is_killed_blames_nobody),
        CASE(an_image_that_kills_even_a_worker_that_isolates_is_found),
        CASE(a_decoder_that_dies_thrice_alone_is_counted),
        CASE(crash_counts_outlive_the_scheduler),
        CASE(workers_that_are_killed_blame_nobody),
        CASE(a_device_that_fails_blames_nobody),
        CASE(a_device_that_never_does_anything_ends_the_run),
        CASE(each_gpu_gets_a_worker_and_an_unfit_one_none),
        CASE(without_a_fit_gpu_a_run_ends),
        CASE(a_gpu_that_is_not_there_is_refused),
        CASE(an_image_that_hangs_is_ended_and_set_aside),
        CASE(a_killed_scheduler_started_again_finishes),
        CASE(a_redis_that_restarts_empty_is_filled_again),
        CASE(sigterm_drains_and_the_next_start_goes_on),
        CASE(a_second_sigterm_stops_at_once),
        CASE(what_comes_back_is_tried_again),
        CASE(what_is_given_back_is_leased_again),
        CASE(children_of_another_version_or_configuration_stop_it),
        CASE(without_reports_no_reporter_is_started),
        CASE(a_study_that_cannot_be_reported_ends_with_status_1),
        CASE(a_worker_that_dies_on_everything_blames_few),
        CASE(a_run_without_a_reader_stops),
        CASE(one_scheduler_at_a_time),
        CASE(a_full_disk_holds_work_up_and_sets_nothing_aside),
        CASE(an_installation_takes_new_uploads_and_can_be_paused),
    };

    test_redis_skip_if_missing();
    setenv("LENTIGO_LIBEXEC", BINARY_DIR "/tests/fakes", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
