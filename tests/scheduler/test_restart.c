/* The real scheduler that is killed, stopped or started again, and an installation's: its Redis, its
 * spool and its list of contents may have changed meanwhile, and uploads come while it works. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/status.h"
#include "queue/client.h"
#include "queue/contents.h"
#include "queue/order.h"
#include "queue/spool.h"
#include "tests/scheduler/rig.h"

/* The scheduler is killed while its worker is at the item after so many. */
static void be_killed_after(int items)
{
    char nth[16];

    snprintf(nth, sizeof(nth), "%d", items + 1);
    setenv("FAKE_HOLD", nth, 1);
    int before = lines_with("log", "/s");
    start();
    wait_for_lines("log", "/s", before + items + 1);
    kill(scheduler, SIGKILL);
    assert_int_equal(wait_for_end(), 1000 + SIGKILL);
    unsetenv("FAKE_HOLD");
}

static void a_killed_scheduler_started_again_finishes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        be_killed_after(7);
    assert_int_equal(run(), 0);
    assert_all_done();
}

/* The first start makes the list from the studies, the next one reads it. */
static void contents_that_are_damaged_or_stale_are_made_anew(void **state)
{
    struct contents contents = {0};
    struct err err = {0};
    bool is_there;

    (void)state;
    be_killed_after(3);
    assert_int_equal(truncate(in_dir("spool/uploads/u1/contents"), 100), 0);
    be_killed_after(3);
    assert_int_equal(lines_with("stderr", "contents.damaged"), 1);
    assert_int_equal(contents_read(&contents, in_dir("spool/uploads/u1"), &is_there, &err), 0);
    assert_true(is_there);
    assert_int_equal(contents.n, STUDIES);
    assert_int_equal(contents.studies[0].n_set_aside, 1);
    assert_int_equal(contents_add(&contents, "s9", 3, 0, &err), 0);
    assert_int_equal(contents_write(&contents, in_dir("spool/uploads/u1"), &err), 0);
    contents_release(&contents);
    assert_int_equal(run(), 0);
    assert_int_equal(lines_with("stderr", "contents.stale"), 1);
    assert_int_equal(lines_with("stderr", "contents.damaged"), 1);
    assert_all_done();
    assert_int_equal(run(), 0); /* a start on what is finished */
    assert_int_equal(lines_with("stderr", "contents.stale"), 1);
}

/* One patient's file must not hold up the night, nor be passed over in silence. */
static void a_damaged_study_is_given_up_and_all_others_are_done(void **state)
{
    char study[PATH_SIZE], good[PATH_SIZE];

    (void)state;
    snprintf(study, sizeof(study), "%s/spool/uploads/u1/studies/s5/study.json", dir);
    snprintf(good, sizeof(good), "%s/good", dir);
    be_impatient();
    be_killed_after(3);
    assert_int_equal(rename(study, good), 0);
    assert_int_equal(symlink("/etc/passwd", study), 0); /* it is there, and no JSON */
    assert_int_equal(run(), STATUS_UNFINISHED);
    assert_int_equal(lines_with("stderr", "study=u1/s5 why"), 1);
    assert_int_equal(rename(good, study), 0);
    struct count c = count_spool();
    assert_int_equal(c.none, IMAGES);
    assert_int_equal(c.done, TOTAL - 1 - IMAGES);
    assert_int_equal(c.reports, STUDIES - 1);
    assert_int_equal(run(), 0);
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
    assert_int_equal(wait_for_end(), 0);
    assert_all_done();
}

static void ask_redis(const char *words)
{
    char command[PATH_SIZE + 300];

    snprintf(command, sizeof(command), TEST_REDIS_CLI " -s %s %s >/dev/null", redis.socket, words);
    FILE *cli = popen(command, "r"); // NOLINT(cert-env33-c)
    assert_non_null(cli);
    assert_int_equal(pclose(cli), 0);
}

/* Leases never run out here. The scheduler stands still at work until `meddle` is over, and finishes all the
 * same. */
static void finish_after(void (*meddle)(void))
{
    make_config(true, "lease-ms = 3600000\n");
    setenv("FAKE_MS", "20", 1);
    setenv("FAKE_CREDIT", "4", 1);
    start();
    wait_for_lines("log", "/s", 4);
    kill(scheduler, SIGSTOP);
    meddle();
    kill(scheduler, SIGCONT);
    assert_int_equal(wait_for_end(), 0);
    assert_all_done();
}

static void leave_only_the_epoch(void)
{
    ask_redis("eval \"local epoch = redis.call('GET', 'lentigo:{s0}:epoch') "
              "redis.call('FLUSHALL') return redis.call('SET', 'lentigo:{s0}:epoch', epoch)\" 0");
}

/* Redis lost all between the last image that was put in and the word that all of them are: that word is
 * then all that it has. */
static void a_redis_that_has_only_the_epoch_is_filled_again(void **state)
{
    (void)state;
    finish_after(leave_only_the_epoch);
}

static void lease_and_cut(void)
{
    ask_redis("xreadgroup group lentigo test count 3 streams 'lentigo:{s0}:jobs:bulk' '>'");
    ask_redis("client kill type normal");
}

/* Redis leased images, and the answer that says which was lost with the connection: they are leased again
 * at once, not when the lease has run out. */
static void leases_that_nobody_heard_of_are_leased_again(void **state)
{
    (void)state;
    finish_after(lease_and_cut);
    assert_int_equal(lines_with("log", "/s"), TOTAL - 1 + STUDIES); /* nothing was done twice */
}

static void sigterm_drains_and_the_next_start_goes_on(void **state)
{
    (void)state;
    setenv("FAKE_HOLD", "8", 1);
    start();
    wait_for_lines("log", "/s", 8);
    kill(scheduler, SIGTERM);
    wait_for_lines("stderr", "event=signal", 1);
    let_go();
    assert_int_equal(wait_for_end(), 75);
    struct count c = count_spool();
    assert_true(c.none > 0);
    assert_int_equal(lines_with("log", "/s") + 1, c.done + c.aside + c.reports);
    assert_int_equal(run(), 0);
    assert_all_done();
    assert_int_equal(lines_with("log", "/s"), TOTAL - 1 + STUDIES); /* nothing was done twice */
}

static void a_second_sigterm_stops_at_once(void **state)
{
    (void)state;
    setenv("FAKE_HOLD", "1", 1);
    start();
    wait_for_lines("log", "/s", 1);
    kill(scheduler, SIGTERM);
    wait_for_lines("stderr", "event=signal", 1);
    kill(scheduler, SIGTERM);
    assert_int_equal(wait_for_end(), 75);
    assert_int_equal(lines_with("stderr", "event=stopped"), 1); /* and not after a drain */
    let_go();
    assert_int_equal(run(), 0);
    assert_all_done();
}

static void one_scheduler_at_a_time(void **state)
{
    (void)state;
    setenv("FAKE_HOLD", "1", 1);
    start();
    wait_for_lines("log", "/s", 1);
    pid_t first = scheduler;
    assert_int_equal(run(), 75);
    scheduler = first;
    let_go();
    assert_int_equal(wait_for_end(), 0);
    assert_all_done();
}

static void tell(const char *word)
{
    struct queue_client *c;
    struct err err = {0};

    assert_int_equal(queue_client_open(&c, redis.socket, HANG_S * 1000, &err), 0);
    assert_int_equal(queue_client_tell(c, word, &err), 0);
    queue_client_close(c);
}

static void give(struct order order)
{
    struct spool *spool;
    struct err err = {0};

    assert_int_equal(spool_open(&spool, in_dir("spool"), &err), 0);
    assert_int_equal(order_sign(&order, "a test", &err), 0);
    assert_int_equal(order_append(spool, &order, &err), 0);
    spool_close(spool);
}

static void operate(enum order_kind kind)
{
    give((struct order){.kind = kind});
}

/* The result is there and its worker has not said so yet. */
static void a_retry_of_what_is_just_being_answered_is_done(void **state)
{
    struct order_image image = {.id = "u1/s1/2"};
    struct order order = {.kind = ORDER_RETRY, .n_images = 1, .images = &image};

    (void)state;
    setenv("FAKE_ASIDE", "u1/s1/2", 1);
    start();
    for (int i = 0; access(in_dir("spool/uploads/u1/studies/s1/results/2.json"), F_OK); i++) {
        assert_true(i < HANG_S * 100);
        usleep(10000);
    }
    give(order);
    let_go();
    assert_int_equal(wait_for_end(), 0);
    assert_int_equal(lines_with("stderr", "order.carried_out"), 1);
    assert_int_equal(lines_with("log", "u1/s1/2"), 2);
    assert_all_done();
}

/* The scheduler's, of at most a second ago; zeroed before the first. */
static const struct stats *look_at_figures(void)
{
    static struct stats stats;
    struct queue_client *c;
    struct err err = {0};
    int n;

    assert_int_equal(queue_client_open(&c, redis.socket, HANG_S * 1000, &err), 0);
    assert_int_equal(queue_client_stats(c, &stats, 1, &n, &err), 0);
    queue_client_close(c);
    if (!n)
        stats = (struct stats){0};
    return &stats;
}

static bool is_all_bulk_done(int64_t images)
{
    const struct stats *stats = look_at_figures();

    return stats->done == images && stats->classes[1].ready + stats->classes[1].leased == 0;
}

static void an_installation_takes_new_uploads_and_can_be_paused(void **state)
{
    (void)state;
    make_config(false, "");
    start();
    wait_for_lines("log", "/s", TOTAL - 1 + STUDIES);
    operate(ORDER_PAUSE);
    wait_for_lines("stderr", "event=pause", 1);
    make_upload("u2", STUDIES, 2); /* seen without a word */
    wait_for_lines("stderr", "spool.walked studies=2", 1);
    int walks = lines_with("stderr", "spool.walked");
    tell("rescan");
    wait_for_lines("stderr", "spool.walked", walks + 1);
    usleep(500000);
    assert_int_equal(lines_with("log", "u2/"), 0);
    operate(ORDER_RESUME);
    wait_for_lines("log", "u2/", 2 * IMAGES + 2);
    for (int i = 0; !is_all_bulk_done(TOTAL - 1 + 2 * IMAGES); i++) {
        assert_true(i < HANG_S * 100);
        usleep(10000);
    }
    assert_string_equal(look_at_figures()->node, "test");
    kill(scheduler, SIGTERM);
    assert_int_equal(wait_for_end(), 0);
}

static void wait_for_leased(int class, int64_t wanted)
{
    for (int i = 0; i < HANG_S * 100; i++) {
        if (look_at_figures()->classes[class].leased == wanted)
            return;
        usleep(10000);
    }
    fail_msg("never %d leased of class %d but %d", (int)wanted, class,
             (int)look_at_figures()->classes[class].leased);
}

/* The worker has all the bulk that it can take and answers nothing: there is room for what is urgent, of
 * which it gets its share and no more. */
static void interactive_images_find_room_behind_a_full_worker(void **state)
{
    enum { CREDIT = 32, URGENT = CREDIT / 16, BULK = CREDIT - URGENT };

    (void)state;
    assert_true(TOTAL - 1 >= BULK);
    make_config(false, "lease-ms = 3600000\n");
    setenv("FAKE_CREDIT", "32", 1);
    setenv("FAKE_HANG", "*", 1);
    start();
    wait_for_leased(1, BULK);
    make_upload_of("interactive", "u2", STUDIES, 1);
    wait_for_leased(0, URGENT);
    assert_int_equal(look_at_figures()->classes[1].leased, BULK);
    kill(scheduler, SIGKILL);
    assert_int_equal(wait_for_end(), 1000 + SIGKILL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_killed_scheduler_started_again_finishes),
        CASE(contents_that_are_damaged_or_stale_are_made_anew),
        CASE(a_damaged_study_is_given_up_and_all_others_are_done),
        CASE(a_redis_that_restarts_empty_is_filled_again),
        CASE(a_redis_that_has_only_the_epoch_is_filled_again),
        CASE(leases_that_nobody_heard_of_are_leased_again),
        CASE(sigterm_drains_and_the_next_start_goes_on),
        CASE(a_second_sigterm_stops_at_once),
        CASE(one_scheduler_at_a_time),
        CASE(a_retry_of_what_is_just_being_answered_is_done),
        CASE(an_installation_takes_new_uploads_and_can_be_paused),
        CASE(interactive_images_find_room_behind_a_full_worker),
    };

    test_redis_skip_if_missing();
    setenv("LENTIGO_LIBEXEC", BINARY_DIR "/tests/fakes", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
