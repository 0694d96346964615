/* The real scheduler with a real Redis, a real spool and children that misbehave (fake_child.c):
 * whatever happens, each image ends in exactly one terminal state and each study in one report. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "queue/spool.h"
#include "tests/scheduler/rig.h"

#define SHORT_LEASES "lease-ms = 1000\n" /* for what hangs, which is ended when its lease is over */

static void a_run_finishes_and_its_counts_add_up(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(run(), 0);
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
    assert_int_equal(wait_for_end(), 0);
    assert_all_done();
}

static void a_finished_run_started_again_does_nothing(void **state)
{
    (void)state;
    assert_int_equal(run(), 0);
    int taken = lines_with("log", "/s");
    assert_int_equal(run(), 0);
    assert_int_equal(lines_with("log", "/s"), taken);
    assert_all_done();
}

static void a_poisonous_image_is_set_aside_after_three_and_no_other(void **state)
{
    (void)state;
    setenv("FAKE_SEGV", "/s2/3", 1);
    assert_int_equal(run(), 0);
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
    assert_int_equal(run(), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 1 + STUDIES);
    for (int i = 0; i < STUDIES; i++)
        assert_string_equal(c.reason[i][3], "crash");
    assert_int_equal(lines_with("stderr", "event=child.up child=worker"), 2);
    /* Whoever dies of the only one that it holds need not be asked which it was: a try, but none apart. */
    assert_int_equal(lines_with("spool/log", "\"stage\":\"network\"") +
                         lines_with("stderr", "in_flight=1\n"),
                     3 * STUDIES);
    assert_int_equal(lines_with("log", " 1\n") + lines_with("stderr", "in_flight=1\n"),
                     3 * STUDIES);
    assert_true(lines_with("log", " 2\n") > TOTAL / 2);
}

/* It filled its memory, and its process lived to tell: the next such one might meet a worker itself. */
static void what_fills_memory_calls_for_care_as_well(void **state)
{
    (void)state;
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_LIMIT", "/s2/3", 1);
    assert_int_equal(run(), 0);
    assert_string_equal(count_spool().reason[2][3], "crash");
    assert_true(lines_with("log", " 2\n") > 0);
}

/* One of those that it computed itself is to blame, not the suspect that it held as well. */
static void a_suspect_is_not_blamed_for_what_died_beside_it(void **state)
{
    (void)state;
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_CREDIT", "64", 1);
    setenv("FAKE_MS", "10", 1);
    setenv("FAKE_SIGNAL", "/s1/1", 1);
    setenv("FAKE_SEGV", "/s2/3", 1);
    assert_int_equal(run(), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 3);
    assert_string_equal(c.reason[1][1], "decode_crash");
    assert_string_equal(c.reason[2][3], "crash");
    assert_int_equal(lines_with("stderr", "event=image.lone"), 0);
}

static void a_worker_that_isolates_and_is_killed_blames_nobody(void **state)
{
    (void)state;
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_KILL", "9", 1);
    assert_int_equal(run(), 0);
    assert_all_done();
    assert_int_equal(lines_with("spool/log", "\"crash\""), 0);
}

/* The fault is not where a process apart takes it: a worker for each shows which it is. */
static void an_image_that_kills_even_a_worker_that_isolates_is_found(void **state)
{
    (void)state;
    make_config(true, SHORT_LEASES);
    setenv("FAKE_ISOLATES", "1", 1);
    setenv("FAKE_HANG", "/s4/0", 1);
    assert_int_equal(run(), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 2);
    assert_string_equal(c.reason[4][0], "crash");
    assert_true(lines_with("stderr", "event=image.lone") > 0);
}

static void a_decoder_that_dies_thrice_alone_is_counted(void **state)
{
    (void)state;
    setenv("FAKE_SIGNAL", "/s1/1", 1);
    assert_int_equal(run(), 0);
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
    setenv("FAKE_HOLD_TRY", "4", 1); /* the third alone */
    start();
    wait_for_lines("spool/log", "\"crash\"", 2);
    kill(scheduler, SIGKILL);
    assert_int_equal(wait_for_end(), 1000 + SIGKILL);
    unsetenv("FAKE_HOLD_TRY");
    assert_int_equal(run(), 0);
    struct count c = count_spool();
    assert_string_equal(c.reason[2][3], "crash");
    assert_int_equal(lines_with("spool/log", "\"crash\""), 3);
}

static void workers_that_are_killed_blame_nobody(void **state)
{
    (void)state;
    setenv("FAKE_KILL", "9", 1);
    make_config(true, "workers = 2\nreporters = 2\n");
    assert_int_equal(run(), 0);
    assert_all_done();
    assert_int_equal(lines_with("spool/log", "\"crash\""), 0);
}

static void a_device_that_fails_blames_nobody(void **state)
{
    (void)state;
    be_impatient();
    setenv("FAKE_DEVICE", "9", 1);
    assert_int_equal(run(), 0);
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
    assert_int_equal(run(), 1);
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
    setenv("FAKE_HOLD", "1", 1); /* or two do everything before the third is there */
    start();
    wait_for_lines("stderr", "event=child.out_of_service", 1);
    let_go();
    assert_int_equal(wait_for_end(), 0);
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
    assert_int_equal(run(), 1);
    assert_int_equal(count_spool().aside, 1);
    assert_int_equal(lines_with("stderr", "event=child.none_in_service"), 1);
}

static void a_gpu_that_is_not_there_is_refused(void **state)
{
    (void)state;
    use_fake_gpus("2");
    make_config(true, "device = cuda:2\n");
    assert_int_equal(run(), 78);
    assert_int_equal(lines_with("stderr", "there are 2, cuda:0 to cuda:1"), 1);
}

static void an_image_that_hangs_is_ended_and_set_aside(void **state)
{
    (void)state;
    make_config(true, SHORT_LEASES);
    setenv("FAKE_HANG", "/s4/0", 1);
    assert_int_equal(run(), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, 0);
    assert_int_equal(c.aside, 2);
    assert_string_equal(c.reason[4][0], "crash");
    assert_int_equal(c.reports, STUDIES);
}

static void what_comes_back_is_tried_again(void **state)
{
    (void)state;
    be_impatient();
    setenv("FAKE_FIRST", "AGAIN", 1);
    assert_int_equal(run(), 0);
    assert_all_done();
    unsetenv("FAKE_FIRST");
}

static void what_is_given_back_is_leased_again(void **state)
{
    (void)state;
    setenv("FAKE_FIRST", "CANCELLED", 1);
    assert_int_equal(run(), 0);
    assert_all_done();
    assert_int_equal(lines_with("log", " 2 0"), TOTAL - 1); /* the attempt rose */
}

static void children_of_another_version_or_configuration_stop_it(void **state)
{
    (void)state;
    setenv("FAKE_VERSION", "1", 1);
    assert_int_equal(run(), 78);
    unsetenv("FAKE_VERSION");
    setenv("FAKE_EXIT", "78", 1);
    assert_int_equal(run(), 78);
}

static void without_reports_no_reporter_is_started(void **state)
{
    (void)state;
    make_config(true, "reports = none\n");
    assert_int_equal(run(), 0);
    struct count c = count_spool();
    assert_int_equal(c.done, TOTAL - 1);
    assert_int_equal(c.reports, 0);
    assert_int_equal(lines_with("stderr", "child=reporter"), 0);
}

static void a_study_that_cannot_be_reported_ends_with_status_1(void **state)
{
    (void)state;
    setenv("FAKE_SEGV", "u1/s3", 1);
    assert_int_equal(run(), 1);
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
    assert_int_equal(run(), 1);
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
    assert_int_equal(wait_for_end(), 75);
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
    assert_int_equal(wait_for_end(), 0);
    assert_all_done();
    assert_int_equal(umount(in_dir("spool")), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_run_finishes_and_its_counts_add_up),
        CASE(a_run_waits_for_its_upload_with_its_children_up),
        CASE(a_finished_run_started_again_does_nothing),
        CASE(a_poisonous_image_is_set_aside_after_three_and_no_other),
        CASE(a_worker_that_isolates_dies_once),
        CASE(what_fills_memory_calls_for_care_as_well),
        CASE(a_suspect_is_not_blamed_for_what_died_beside_it),
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
        CASE(what_comes_back_is_tried_again),
        CASE(what_is_given_back_is_leased_again),
        CASE(children_of_another_version_or_configuration_stop_it),
        CASE(without_reports_no_reporter_is_started),
        CASE(a_study_that_cannot_be_reported_ends_with_status_1),
        CASE(a_worker_that_dies_on_everything_blames_few),
        CASE(a_run_without_a_reader_stops),
        CASE(a_full_disk_holds_work_up_and_sets_nothing_aside),
    };

    test_redis_skip_if_missing();
    setenv("LENTIGO_LIBEXEC", BINARY_DIR "/tests/fakes", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
