/* What each case stands on. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/file.h"
#include "queue/spool.h"
#include "tests/scheduler/rig.h"

struct test_redis redis;
char dir[64]; /* of this case: spool, out, config, log, stdout */
pid_t scheduler;
const char *program; /* which scheduler; of this case */

/* ---- files ---- */

const char *in_dir(const char *name)
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
static void make_study(const char *folder, const char *upload, int number)
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
    snprintf(path, sizeof(path), "%s/studies/s%d/originals", folder, number);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(path, sizeof(path), "%s/studies/s%d/study.json", folder, number);
    write_json(path, study_to_json(&study));
}

/* Accepted as intake accepts: whole, by a rename. It has no list of its contents, as those of an older
 * version. */
void make_upload_of(const char *class, const char *upload, int first_study, int n)
{
    char folder[PATH_SIZE], path[2 * PATH_SIZE];

    snprintf(folder, sizeof(folder), "%s/spool/incoming/making", dir);
    for (int i = first_study; i < first_study + n; i++)
        make_study(folder, upload, i);
    snprintf(path, sizeof(path), "%s/upload.json", folder);
    write_json(path, json_pack("{s:i,s:s,s:s}", "version", 1, "upload", upload, "class", class));
    snprintf(path, sizeof(path), "%s/spool/uploads/%s", dir, upload);
    assert_int_equal(rename(folder, path), 0);
}

void make_upload(const char *upload, int first_study, int n)
{
    make_upload_of("bulk", upload, first_study, n);
}

void make_config(bool is_run, const char *more)
{
    struct buf text;
    struct err err = {0};

    buf_init(&text, 4096);
    if (is_run)
        buf_printf(&text, "output = %s/out\n", dir);
    else
        buf_add_text(&text, "allow-volatile = yes\n");
    buf_printf(&text, "spool = %s/spool\nredis = %s\nnode = test\nlease-ms = 60000\n%s", dir,
               redis.socket, more);
    assert_int_equal(file_write(in_dir("config"), text.data, text.len, &err), 0);
    buf_release(&text);
}

int rig_setup(void **state)
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

int rig_teardown(void **state)
{
    static const char *const names[] = {
        "MS",   "CREDIT", "VERSION", "EXIT",   "SEGV",  "HANG", "HOLD",     "HOLD_TRY", "SIGNAL",
        "KILL", "FIRST",  "ASIDE",   "DEVICE", "UNFIT", "GPUS", "ISOLATES", "LIMIT"};

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

void start_with(int out)
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

void start(void)
{
    int out = open(in_dir("stdout"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    start_with(out);
    close(out);
}

/* For failures without end: pauses are short (impatient.c). */
void be_impatient(void)
{
    program = BINARY_DIR "/tests/fakes/impatient_scheduler";
}

void let_go(void)
{
    struct err err = {0};

    assert_int_equal(file_write(in_dir("log.go"), "", 0, &err), 0);
}

/* Its exit status; 1000 + the signal that ended it. */
int wait_for_end(void)
{
    int64_t end = clock_mono_us() + HANG_S * INT64_C(1000000);
    int status;

    while (clock_mono_us() < end) {
        if (waitpid(scheduler, &status, WNOHANG) == scheduler)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
        usleep(10000);
    }
    kill(scheduler, SIGKILL);
    waitpid(scheduler, NULL, 0);
    fail_msg("the scheduler did not end within %d s: see %s/stderr", HANG_S, dir);
    return -1;
}

int run(void)
{
    start();
    return wait_for_end();
}

/* ---- what became of it ---- */

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

struct count count_spool(void)
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
int lines_with(const char *file, const char *text)
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

void wait_for_lines(const char *file, const char *text, int wanted)
{
    for (int i = 0; i < HANG_S * 100; i++) {
        if (lines_with(file, text) >= wanted)
            return;
        usleep(10000);
    }
    fail_msg("never %d lines with \"%s\" in %s/%s", wanted, text, dir, file);
}

/* All done but the one that intake set aside, each study reported. */
void assert_all_done(void)
{
    struct count c = count_spool();

    assert_int_equal(c.none, 0);
    assert_int_equal(c.done, TOTAL - 1);
    assert_int_equal(c.aside, 1);
    assert_string_equal(c.reason[0][IMAGES - 1], "missing_file");
    assert_int_equal(c.reports, STUDIES);
}
