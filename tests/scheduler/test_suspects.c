/* Deaths are counted in the spool's log and read back; three or ten are enough. */
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "queue/order.h"
#include "scheduler/suspects.h"

struct fixture {
    char dir[64];
    struct spool *spool;
    struct index index;
    struct suspects suspects;
};

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static int setup(void **state)
{
    static struct fixture f;
    struct err err = {0};
    uint32_t study;

    memset(&f, 0, sizeof(f));
    snprintf(f.dir, sizeof(f.dir), "/tmp/lentigo-suspects-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    assert_int_equal(spool_open(&f.spool, f.dir, &err), 0);
    assert_int_equal(index_add_study(&f.index, "u", "k", (int[]){0, 1, 2}, 3, &study, &err), 0);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    spool_close(f->spool);
    index_release(&f->index);
    suspects_release(&f->suspects);
    return nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void die(struct fixture *f, uint32_t image, enum verdict verdict, int signal,
                enum wire_stage stage)
{
    struct suspect death = {.image = image, .signal = signal, .stage = stage};
    struct err err = {0};

    assert_int_equal(suspects_count(&f->suspects, &f->index, f->spool, verdict, &death, &err), 0);
}

static void three_crashes_are_enough_and_tell_their_stage(void **state)
{
    struct fixture *f = *state;
    char detail[240];

    for (int i = 0; i < 2; i++)
        die(f, 1, VERDICT_CRASH, SIGSEGV, STAGE_NETWORK);
    assert_int_equal(suspects_judge(&f->suspects, 1, detail), REASON_NONE);
    assert_true(f->index.images[1].is_suspect);
    assert_false(f->index.images[0].is_suspect);
    die(f, 1, VERDICT_CRASH, SIGSEGV, STAGE_NETWORK);
    assert_int_equal(suspects_judge(&f->suspects, 1, detail), REASON_CRASH);
    assert_non_null(strstr(detail, "signal 11"));
    assert_int_equal(suspects_judge(&f->suspects, 0, detail), REASON_NONE);
    assert_string_equal(detail, "");
    for (int i = 0; i < 3; i++)
        die(f, 2, VERDICT_CRASH, SIGABRT, STAGE_DECODE);
    assert_int_equal(suspects_judge(&f->suspects, 2, detail), REASON_DECODE_CRASH);
}

static void ten_unexplained_deaths_are_enough(void **state)
{
    struct fixture *f = *state;
    char detail[240];

    for (int i = 0; i < VERDICT_DEATHS_MAX - 1; i++)
        die(f, 0, VERDICT_UNEXPLAINED, SIGKILL, STAGE_COUNT);
    assert_int_equal(suspects_judge(&f->suspects, 0, detail), REASON_NONE);
    die(f, 0, VERDICT_UNEXPLAINED, SIGKILL, STAGE_COUNT);
    assert_int_equal(suspects_judge(&f->suspects, 0, detail), REASON_UNEXPLAINED);
}

static void counts_are_read_back(void **state)
{
    struct fixture *f = *state;
    struct suspects again = {0};
    struct err err = {0};
    char detail[240];

    for (int i = 0; i < 3; i++)
        die(f, 2, VERDICT_CRASH, SIGBUS, STAGE_DECODE);
    die(f, 0, VERDICT_UNEXPLAINED, SIGKILL, STAGE_COUNT);
    json_t *odd = json_pack("{s:s,s:s}", "event", "crash", "image", "u/gone/0");
    assert_int_equal(spool_log_append(f->spool, odd, &err), 0);
    json_decref(odd);
    f->index.images[2].is_suspect = false;
    assert_int_equal(suspects_load(&again, &f->index, f->spool, &err), 0);
    assert_int_equal(again.n, 2);
    assert_true(f->index.images[2].is_suspect);
    assert_int_equal(suspects_judge(&again, 2, detail), REASON_DECODE_CRASH);
    assert_non_null(strstr(detail, "signal 7"));
    suspects_release(&again);
}

static void retry(struct fixture *f, const char *id, int retries)
{
    struct order_image image = {.retries = retries};
    struct order order = {.kind = ORDER_RETRY, .n_images = 1, .images = &image};
    struct err err = {0};

    snprintf(image.id, sizeof(image.id), "%s", id);
    assert_int_equal(order_append(f->spool, &order, &err), 0);
    suspects_retry(&f->suspects, index_image_of_id(&f->index, id), retries);
}

/* The same retry may stand in the log twice: only the first one clears what was counted. */
static void a_retry_clears_the_counts_once(void **state)
{
    struct fixture *f = *state;
    struct suspects again = {0};
    struct err err = {0};
    char detail[240];

    for (int i = 0; i < 3; i++)
        die(f, 2, VERDICT_CRASH, SIGBUS, STAGE_DECODE);
    retry(f, "u/k/2", 0);
    assert_int_equal(suspects_judge(&f->suspects, 2, detail), REASON_NONE);
    assert_true(f->index.images[2].is_suspect); /* it still runs alone */
    for (int i = 0; i < 2; i++)
        die(f, 2, VERDICT_CRASH, SIGBUS, STAGE_DECODE);
    retry(f, "u/k/2", 0);
    retry(f, "u/k/1", 0); /* nothing ever died on this one */
    die(f, 2, VERDICT_CRASH, SIGBUS, STAGE_DECODE);
    assert_int_equal(suspects_judge(&f->suspects, 2, detail), REASON_DECODE_CRASH);
    assert_int_equal(suspects_load(&again, &f->index, f->spool, &err), 0);
    assert_int_equal(suspects_judge(&again, 2, detail), REASON_DECODE_CRASH);
    suspects_release(&again);
    retry(f, "u/k/2", 1);
    assert_int_equal(suspects_load(&again, &f->index, f->spool, &err), 0);
    assert_int_equal(suspects_judge(&again, 2, detail), REASON_NONE);
    suspects_release(&again);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(three_crashes_are_enough_and_tell_their_stage),
        CASE(ten_unexplained_deaths_are_enough),
        CASE(counts_are_read_back),
        CASE(a_retry_clears_the_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
