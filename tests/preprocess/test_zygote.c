/* The zygote's own life: its death, many images through few children, nothing left behind. */
#include "tests/preprocess/support.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void hook(uint64_t tag)
{
    if (tag == 99)
        sleep(1000);
    while (tag == 98)
        (void)getpid();
}

/* Children of `pid`, at most `max`. */
static int children_of(int pid, int *children, int max)
{
    char path[64];
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *f = fopen(path, "r");
    while (f && n < max && fscanf(f, "%d", &children[n]) == 1)
        n++;
    if (f)
        assert_int_equal(fclose(f), 0);
    return n;
}

enum { HANG_MS = 100000 }; /* a limit of hangs, not of machines */

/* Of the zygote, once it has `wanted` of them. */
static void wait_for_children(struct decoder *d, int wanted, int *children, int max)
{
    int n = 0;

    for (int i = 0; i < HANG_MS / 10; i++) {
        n = children_of(decoder_pid(d), children, max);
        if (n == wanted)
            return;
        usleep(10000);
    }
    fail_msg("%d children, not %d", n, wanted);
}

static bool is_gone(int pid)
{
    for (int i = 0; i < HANG_MS / 10; i++) {
        if (kill(pid, 0) && errno == ESRCH)
            return true;
        usleep(10000);
    }
    return false;
}

static void killed_zygote_is_reported_and_takes_its_children_along(void **state)
{
    struct decoder *d = support_decoder(hook, 20);
    int fd = support_original(200, 150, ".jpg");
    struct decode_request request = {.slot = 0, .fd = fd, .size = 256, .tag = 99};
    struct pollfd p = {.fd = decoder_fd(d), .events = POLLIN};
    struct decoded out;
    struct err err = {0};
    int children[8];

    (void)state;
    assert_int_equal(decoder_submit(d, &request, &err), 0);
    wait_for_children(d, 3, children, 8); /* two at work at most, one in waiting */
    assert_int_equal(decoder_next(d, &out, &err), 0);
    assert_int_equal(kill(decoder_pid(d), SIGKILL), 0);
    assert_int_equal(poll(&p, 1, HANG_MS), 1);
    assert_int_equal(decoder_next(d, &out, &err), -1);
    assert_int_equal(err.code, ERR_DEVICE);
    err = (struct err){0};
    request.slot = 1;
    assert_int_equal(decoder_submit(d, &request, &err), -1);
    assert_int_equal(err.code, ERR_DEVICE);
    for (int i = 0; i < 3; i++)
        assert_true(is_gone(children[i]));
    decoder_close(d);
    close(fd);
}

static void closing_ends_zygote_and_children(void **state)
{
    struct decoder *d = support_decoder(NULL, 20);
    int pid = decoder_pid(d), children[8];

    (void)state;
    wait_for_children(d, 3, children, 8);
    decoder_close(d);
    assert_true(is_gone(pid));
    for (int i = 0; i < 3; i++)
        assert_true(is_gone(children[i]));
    decoder_close(NULL);
}

/* A terminal and systemd signal the whole group; only the parent decides when to stop. */
static void interrupts_do_not_end_it(void **state)
{
    struct decoder *d = support_decoder(NULL, 20);
    int fd = support_original(200, 150, ".jpg");

    (void)state;
    kill(decoder_pid(d), SIGINT);
    kill(decoder_pid(d), SIGTERM);
    assert_int_equal(support_decode_fd(d, fd, 256, 1).reason, REASON_NONE);
    decoder_close(d);
    close(fd);
}

static void a_child_killed_in_waiting_is_replaced(void **state)
{
    struct decoder *d = support_decoder(NULL, 20);
    int fd = support_original(200, 150, ".jpg");
    int children[8];

    (void)state;
    for (int round = 0; round < 5; round++) {
        int reported = 0;

        wait_for_children(d, 3, children, 8);
        for (int i = 0; i < 3; i++)
            kill(children[i], SIGKILL);
        /* One that dies between its job and its reaping is reported. */
        while (support_decode_fd(d, fd, 256, 1).reason != REASON_NONE)
            assert_true(++reported <= 3);
    }
    decoder_close(d);
    close(fd);
}

static bool is_any_behind(int zygote)
{
    int children[8], n = children_of(zygote, children, 8);

    for (int i = 0; i < n; i++)
        if (sched_getscheduler(children[i]) == SCHED_IDLE)
            return true;
    return false;
}

static bool has_any_a_share(int zygote)
{
    int children[8], n = children_of(zygote, children, 8);

    for (int i = 0; i < n; i++)
        if (sched_getscheduler(children[i]) == SCHED_OTHER &&
            getpriority(PRIO_PROCESS, (id_t)children[i]) > getpriority(PRIO_PROCESS, 0))
            return true;
    return false;
}

/* More that hang than there are places: they are tried again when nobody waits, and soon behind everybody.
 * Of the first two one may be put off alone: the third then takes its place, and nobody waits. */
static void what_hangs_stands_back(void **state)
{
    struct decoder *d = support_decoder(hook, 3600);
    int fd = support_original(200, 150, ".jpg");
    struct decoded out;
    struct err err = {0};

    (void)state;
    assert_int_equal(support_decode_fd(d, fd, 256, 1).reason, REASON_NONE);
    assert_false(is_any_behind(decoder_pid(d)));
    assert_int_equal(decoder_postponed(d), 0);
    for (int slot = 1; slot < 4; slot++) {
        struct decode_request hangs = {.slot = slot, .fd = fd, .size = 256, .tag = 98};
        assert_int_equal(decoder_submit(d, &hangs, &err), 0);
    }
    while (decoder_postponed(d) < 1 ||
           !is_any_behind(decoder_pid(d))) { /* in vain: the time limit */
        assert_int_equal(decoder_next(d, &out, &err), 0);
        usleep(10000);
    }
    assert_int_equal(support_decode_fd(d, fd, 256, 1).reason, REASON_NONE);
    assert_true(decoder_postponed(d) >= 2);
    decoder_close(d);
    close(fd);
}

/* Nobody lets it come to its end for as long as it stands back, so it does not for ever. Takes 20 s. */
static void what_stands_back_for_long_gets_a_share(void **state)
{
    struct decoder *d = support_decoder(hook, 3600);
    int fd = support_original(200, 150, ".jpg");
    const struct decode_request hangs = {.slot = 1, .fd = fd, .size = 256, .tag = 98};
    struct decoded out;
    struct err err = {0};

    (void)state;
    assert_int_equal(support_decode_fd(d, fd, 256, 1).reason, REASON_NONE);
    assert_int_equal(decoder_submit(d, &hangs, &err), 0);
    while (!has_any_a_share(decoder_pid(d))) { /* in vain: the time limit */
        assert_int_equal(decoder_next(d, &out, &err), 0);
        usleep(10000);
    }
    assert_int_equal(decoder_postponed(d), 1);
    assert_int_equal(support_decode_fd(d, fd, 256, 1).reason, REASON_NONE);
    decoder_close(d);
    close(fd);
}

/* `total` images through all slots, several in flight; results must match their requests. */
static void run_many(struct decoder *d, const int *originals, int kinds, int total)
{
    int submitted = 0, done = 0, in_slot[4] = {-1, -1, -1, -1};
    bool *is_done = calloc((size_t)total, sizeof(*is_done));
    struct decoded out;
    struct err err = {0};

    while (done < total) {
        for (int s = 0; s < 4 && submitted < total; s++) {
            if (in_slot[s] >= 0)
                continue;
            struct decode_request request = {.slot = s,
                                             .fd = originals[submitted % kinds],
                                             .size = 256,
                                             .want_display = submitted % 2,
                                             .tag = (uint64_t)submitted};
            assert_int_equal(decoder_submit(d, &request, &err), 0);
            assert_int_equal(decoder_submit(d, &request, &err), -1); /* busy */
            assert_int_equal(err.code, ERR_BUG);
            err = (struct err){0};
            in_slot[s] = submitted++;
        }
        struct pollfd p = {.fd = decoder_fd(d), .events = POLLIN};
        assert_int_equal(poll(&p, 1, HANG_MS), 1);
        while (decoder_next(d, &out, &err) == 1) {
            assert_int_equal(in_slot[out.slot], out.tag);
            assert_int_equal(out.reason, REASON_NONE);
            assert_int_equal(out.display.rgb != NULL, out.tag % 2);
            assert_false(is_done[out.tag]);
            is_done[out.tag] = true;
            in_slot[out.slot] = -1;
            done++;
        }
    }
    free(is_done);
}

static void many_images_all_come_back(void **state)
{
    struct decoder *d = support_decoder(NULL, 20);
    const int originals[] = {
        support_original(600, 450, ".jpg"), support_original(200, 150, ".jpg"),
        support_original(512, 512, ".png"), support_original(1300, 900, ".jpg[interlace]"),
        support_original(300, 400, ".tif"), support_original(450, 600, ".webp"),
    };

    (void)state;
    run_many(d, originals, 6, 200);
    decoder_close(d);
    for (int i = 0; i < 6; i++)
        close(originals[i]);
}

static int descriptors_of(int pid)
{
    char path[64];
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* Memory of its own and its share of the slots. Files are left out: a library's pages weigh more as
 * soon as an unrelated program that maps it ends. */
static long pss_kb(int pid)
{
    char path[64], line[256];
    long anon = -1, shmem = -1;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "r");
    while (f && shmem < 0 && fgets(line, sizeof(line), f)) {
        (void)!sscanf(line, "Pss_Anon: %ld", &anon);
        (void)!sscanf(line, "Pss_Shmem: %ld", &shmem);
    }
    if (f)
        assert_int_equal(fclose(f), 0);
    return anon < 0 || shmem < 0 ? -1 : anon + shmem;
}

static void nothing_leaks_over_500_images(void **state)
{
    struct decoder *d = support_decoder(NULL, 20);
    const int originals[] = {support_original(600, 450, ".jpg"),
                             support_original(3000, 2000, ".jpg")};
    int children[8];

    (void)state;
    run_many(d, originals, 2, 20);
    wait_for_children(d, 3, children, 8);
    int fds = descriptors_of(getpid()), zygote_fds = descriptors_of(decoder_pid(d));
    long pss = pss_kb(getpid()), zygote_pss = pss_kb(decoder_pid(d));
    assert_true(pss > 0 && zygote_pss > 0);
    run_many(d, originals, 1, 480);
    run_many(d, originals, 2, 20);
    wait_for_children(d, 3, children, 8);
    print_message("pss: test %ld -> %ld kB, zygote %ld -> %ld kB\n", pss, pss_kb(getpid()),
                  zygote_pss, pss_kb(decoder_pid(d)));
    assert_int_equal(descriptors_of(getpid()), fds);
    assert_true(abs(descriptors_of(decoder_pid(d)) - zygote_fds) <=
                1); /* a seat just being filled */
    assert_true(pss_kb(getpid()) < pss + 4096);
#ifndef LENTIGO_SANITIZED
    assert_true(pss_kb(decoder_pid(d)) < zygote_pss + 4096);
#endif
    decoder_close(d);
    for (int i = 0; i < 2; i++)
        close(originals[i]);
}

/* The zygote has room for a few of the originals that it is sent at once. */
static void too_few_descriptors_blame_no_image(void **state)
{
    enum { SLOTS = 24 };
    const struct decoder_config config = {.slots = SLOTS,
                                          .children = 1,
                                          .size_max = 64,
                                          .seconds = 20,
                                          .memory_mb = 512,
                                          .megapixels_max = 60};
    struct decode_request request = {.fd = support_original(64, 64, ".jpg"), .size = 64};
    struct rlimit old, few;
    struct decoder *d = NULL;
    struct decoded out;
    struct err err = {0};
    int answers = 0, decoded = 0, put_off = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = (struct rlimit){.rlim_cur = (rlim_t)request.fd + SLOTS + 10, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(decoder_open(&d, &config, &err), 0);
    assert_int_equal(kill(decoder_pid(d), SIGSTOP),
                     0); /* or it is done with some before all are there */
    for (; request.slot < SLOTS; request.slot++)
        assert_int_equal(decoder_submit(d, &request, &err), 0);
    assert_int_equal(kill(decoder_pid(d), SIGCONT), 0);
    while (answers < SLOTS) {
        struct pollfd p = {.fd = decoder_fd(d), .events = POLLIN};
        assert_int_equal(poll(&p, 1, HANG_MS), 1);
        for (; decoder_next(d, &out, &err) == 1; answers++) {
            decoded += out.reason == REASON_NONE;
            put_off += out.reason != REASON_NONE && out.err.code == ERR_AGAIN;
        }
    }
    assert_true(decoded > 0 && put_off > 0);
    assert_int_equal(decoded + put_off, SLOTS);
    decoder_close(d);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(request.fd);
}

static void bad_configuration_is_refused(void **state)
{
    struct decoder_config config = {.slots = 4,
                                    .children = 0,
                                    .size_max = 512,
                                    .seconds = 5,
                                    .memory_mb = 512,
                                    .megapixels_max = 60};
    struct decoder *d = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(decoder_open(&d, &config, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "children"));
    assert_null(d);
}

/* With an argument: what takes long. */
int main(int argc, char **argv)
{
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test(what_stands_back_for_long_gets_a_share),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_configuration_is_refused),
        cmocka_unit_test(killed_zygote_is_reported_and_takes_its_children_along),
        cmocka_unit_test(closing_ends_zygote_and_children),
        cmocka_unit_test(interrupts_do_not_end_it),
        cmocka_unit_test(a_child_killed_in_waiting_is_replaced),
        cmocka_unit_test(too_few_descriptors_blame_no_image),
        cmocka_unit_test(what_hangs_stands_back),
        cmocka_unit_test(many_images_all_come_back),
        cmocka_unit_test(nothing_leaks_over_500_images),
    };
    (void)argv;
    return argc > 1 ? cmocka_run_group_tests(long_tests, NULL, NULL)
                    : cmocka_run_group_tests(tests, NULL, NULL);
}
