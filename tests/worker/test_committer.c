/* The order of things on the disk is what this is for, so syncfs is ours here: it looks at the study
 * folder at the moment of each call. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "queue/result.h"
#include "worker/committer.h"

enum { ITEMS = 5, DIR_SIZE = 64 };

static char dir[DIR_SIZE]; /* of one study */
/* Written by the committer's thread in syncfs, read when it is at rest. */
static int seen_at_last_sync, seen_at_first_sync, syncs;
static bool is_disk_full;

static int visible(void)
{
    char path[2 * DIR_SIZE];
    int n = 0;

    for (int i = 0; i < ITEMS; i++) {
        snprintf(path, sizeof(path), "%s/results/%d.json", dir, i);
        n += !access(path, F_OK);
    }
    return n;
}

int syncfs(int fd)
{
    (void)fd;
    seen_at_last_sync = visible();
    if (!syncs++)
        seen_at_first_sync = seen_at_last_sync;
    errno = ENOSPC;
    return is_disk_full ? -1 : 0;
}

static void on_finished(void *ctx)
{
    (void)ctx;
}

static int setup(void **state)
{
    char path[2 * DIR_SIZE];
    struct err err = {0};

    (void)state;
    syncs = seen_at_last_sync = seen_at_first_sync = 0;
    is_disk_full = false;
    snprintf(dir, sizeof(dir), "/tmp/lentigo-test-committer-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/results", dir);
    return dir_make(path, &err);
}

static int teardown(void **state)
{
    char path[2 * DIR_SIZE];

    (void)state;
    for (int i = 0; i < ITEMS; i++) {
        snprintf(path, sizeof(path), "%s/results/%d.json", dir, i);
        (void)unlink(path);
    }
    snprintf(path, sizeof(path), "%s/results", dir);
    (void)rmdir(path);
    return rmdir(dir);
}

static struct item *new_item(int n)
{
    struct item *item = calloc(1, sizeof(*item));

    assert_non_null(item);
    item->fd = -1;
    item->image.n = n;
    snprintf(item->study_dir, sizeof(item->study_dir), "%s", dir);
    item->outcome = WIRE_DONE;
    item->status = RESULT_DONE;
    item->entry = json_pack("{s:i}", "n", n);
    return item;
}

static struct committer *open_one(const _Atomic int *held)
{
    struct committer *c = NULL;
    struct committer_config config = {.held = held, .on_finished = on_finished};
    struct err err = {0};

    assert_int_equal(committer_open(&c, &config, &err), 0);
    return c;
}

static struct item *wait_finished(struct committer *c)
{
    const struct timespec nap = {0, 1000000};
    struct item *item;

    while (!(item = committer_finished(c))) /* ctest's time limit ends it */
        nanosleep(&nap, NULL);
    return item;
}

static void records_are_seen_after_one_sync_and_told_after_the_next(void **state)
{
    _Atomic int held = ITEMS;
    struct committer *c = open_one(&held);

    (void)state;
    for (int i = 0; i < ITEMS; i++)
        committer_push(c, new_item(i));
    for (int i = 0; i < ITEMS; i++) {
        struct item *item = wait_finished(c);
        assert_int_equal(item->outcome, WIRE_DONE);
        assert_int_equal(item->image.n, i);
        item_free(item);
    }
    assert_int_equal(seen_at_first_sync, 0);
    assert_int_equal(seen_at_last_sync, ITEMS);
    assert_true(syncs >= 2 && syncs <= ITEMS + 1);
    committer_close(c);
}

static void what_was_pushed_is_durable_when_closed(void **state)
{
    _Atomic int held = 100; /* it would wait for more */
    struct committer *c = open_one(&held);

    (void)state;
    for (int i = 0; i < ITEMS; i++)
        committer_push(c, new_item(i));
    committer_close(c);
    assert_int_equal(visible(), ITEMS);
    assert_int_equal(seen_at_last_sync, ITEMS);
}

static void what_failed_before_gets_no_record_and_waits_for_no_sync(void **state)
{
    _Atomic int held = 100; /* one that is done would wait for more */
    struct committer *c = open_one(&held);
    struct item *item = new_item(0);
    const struct err why = {.code = ERR_AGAIN};

    (void)state;
    item_give_back(item, STAGE_DECODE, &why);
    committer_push(c, item);
    item = wait_finished(c);
    assert_int_equal(item->outcome, WIRE_FAILED);
    assert_int_equal(item->stage, STAGE_DECODE);
    assert_int_equal(syncs, 0);
    item_free(item);
    committer_close(c);
    assert_int_equal(visible(), 0);
}

static void full_disk_gives_back(void **state)
{
    _Atomic int held = 1;
    struct committer *c = open_one(&held);

    (void)state;
    is_disk_full = true;
    committer_push(c, new_item(0));
    struct item *item = wait_finished(c);
    assert_int_equal(item->outcome, WIRE_FAILED);
    assert_int_equal(item->err.code, ERR_AGAIN);
    assert_int_equal(visible(), 0);
    item_free(item);
    char path[2 * DIR_SIZE]; /* no draft is left: the next try may be another process's */
    snprintf(path, sizeof(path), "%s/results", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);

    is_disk_full = false; /* and the next try goes through */
    committer_push(c, new_item(0));
    item = wait_finished(c);
    assert_int_equal(item->outcome, WIRE_DONE);
    assert_int_equal(visible(), 1);
    item_free(item);
    committer_close(c);
}

static void missing_folder_gives_back(void **state)
{
    _Atomic int held = 1;
    struct committer *c = open_one(&held);
    struct item *item = new_item(0);

    (void)state;
    snprintf(item->study_dir, sizeof(item->study_dir), "%s/none", dir);
    committer_push(c, item);
    item = wait_finished(c);
    assert_int_equal(item->outcome, WIRE_FAILED);
    item_free(item);
    committer_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_seen_after_one_sync_and_told_after_the_next),
        TEST(what_was_pushed_is_durable_when_closed),
        TEST(what_failed_before_gets_no_record_and_waits_for_no_sync),
        TEST(full_disk_gives_back),
        TEST(missing_folder_gives_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
