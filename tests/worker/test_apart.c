/* A process apart takes every blow, and each image is settled once, with what it did and where. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/apart.h"

enum { ITEMS_MAX = 9, CPU_MS = 100 };

enum deed { WELL, UNFIT, FAILS, CRASHES, HANGS, FILLS, IS_SHORT, LEAVES, BABBLES };

static struct apart apart;
static struct item *items[ITEMS_MAX];
static int n_moved, moves_max;
static int settled[ITEMS_MAX], n_settled; /* tags, in the order in which they were settled */

/* ---- in the process ---- */

static void fill(struct item *item)
{
    const size_t step = 64 << 20;
    struct err err = {0};

    for (int i = 0; i < 64; i++)
        if (mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
            MAP_FAILED) {
            err_set(&err, ERR_NOMEM, "no memory");
            break;
        }
    item_give_back(item, STAGE_MEASURE, &err);
}

static void babble(void)
{
    for (int fd = 3; fd < 64; fd++)
        if (write(fd, "\1\2\3", 3) < 0)
            continue;
    _exit(0);
}

static void compute(void *ctx, struct item *item)
{
    struct err err = {0};

    assert_ptr_equal(ctx, &apart);
    last_stage_note(apart.stage, STAGE_MEASURE);
    item->outcome = WIRE_DONE;
    item->status = RESULT_DONE;
    item->malignant_probability = 0.25;
    snprintf(item->risk, sizeof(item->risk), "review");
    switch ((enum deed)item->tag) {
    case WELL: item->entry = json_pack("{s:i}", "n", (int)item->tag); break;
    case UNFIT: item_set_aside(item, REASON_CHANGED, "other bytes"); break;
    case FAILS:
        err_set(&err, ERR_AGAIN, "the disk is full");
        item_give_back(item, STAGE_MEASURE, &err);
        break;
    case CRASHES:
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka's, or a sanitizer's */
        (void)raise(SIGSEGV);
        break;
    case HANGS:
        for (;;)
            (void)getpid();
    case FILLS: fill(item); break;
    case IS_SHORT: (void)raise(SIGKILL); break;
    case LEAVES: _exit(3);
    case BABBLES: babble();
    }
}

/* ---- here ---- */

static void on_settled(void *ctx, struct item *item, int64_t cpu_us)
{
    assert_ptr_equal(ctx, &apart);
    assert_true(cpu_us >= 0);
    settled[n_settled++] = (int)item->tag;
}

static bool goes_on(void *ctx, bool has_moved)
{
    assert_ptr_equal(ctx, &apart);
    n_moved += has_moved;
    return n_moved < moves_max;
}

static int setup(void **state)
{
    struct err err = {0};
    int fd;

    (void)state;
    apart = (struct apart){.cpu_ms = CPU_MS,
                           .ctx = &apart,
                           .compute = compute,
                           .settled = on_settled,
                           .goes_on = goes_on};
    if (last_stage_new(&apart.stage, &fd, &err))
        return -1;
    n_settled = n_moved = 0;
    moves_max = INT_MAX;
    return close(fd);
}

static int teardown(void **state)
{
    (void)state;
    last_stage_free(apart.stage);
    for (int i = 0; i < ITEMS_MAX; i++) {
        item_free(items[i]);
        items[i] = NULL;
    }
    return 0;
}

/* The items do `deeds`, in this order, and each was settled once. */
static void run(const enum deed *deeds, int n)
{
    static struct wire_message jobs;
    struct err err = {0};

    wire_begin(&jobs, WIRE_JOBS);
    for (int i = 0; i < n; i++) {
        wire_add(&jobs, "u/s/0");
        items[i] = item_new(&jobs, i, deeds[i], &err);
        assert_non_null(items[i]);
    }
    apart_run(&apart, items, n);
    assert_int_equal(n_settled, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(settled[i], deeds[i]);
}

static void assert_is_well(const struct item *item)
{
    assert_int_equal(item->outcome, WIRE_DONE);
    assert_int_equal(item->status, RESULT_DONE);
    assert_string_equal(item->risk, "review");
    assert_true(item->malignant_probability == 0.25);
    assert_int_equal(json_number_or(item->entry, "n", -1), WELL);
}

static void what_is_worked_out_there_is_known_here(void **state)
{
    const enum deed deeds[] = {WELL, UNFIT, FAILS, WELL};

    (void)state;
    run(deeds, 4);
    assert_is_well(items[0]);
    assert_is_well(items[3]);
    assert_int_equal(items[1]->status, RESULT_SET_ASIDE);
    assert_int_equal(items[1]->reason, REASON_CHANGED);
    assert_non_null(items[1]->entry);
    assert_int_equal(items[2]->outcome, WIRE_FAILED);
    assert_int_equal(items[2]->err.code, ERR_AGAIN);
    assert_string_equal(items[2]->err.msg, "the disk is full");
}

/* Each with two sound neighbours. */
static void a_blow_is_one_images(void **state)
{
    static const struct {
        const char *name;
        enum deed deed;
        int signal;
        enum err_code code;
    } cases[] = {
        {"crash",                         CRASHES,  SIGSEGV, ERR_BUG  },
        {"hang",                          HANGS,    SIGXCPU, ERR_BUG  },
        {"the kernel's killer",           IS_SHORT, SIGKILL, ERR_BUG  },
        {"end without a word",            LEAVES,   0,       ERR_BUG  },
        {"what is no answer",             BABBLES,  0,       ERR_BUG  },
#ifndef LENTIGO_SANITIZED
        {"more memory than one may have", FILLS,    0,       ERR_LIMIT},
#endif
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const enum deed deeds[] = {WELL, cases[i].deed, WELL};
        assert_int_equal(setup(state), 0);
        run(deeds, 3);
        assert_is_well(items[0]);
        assert_is_well(items[2]);
        if (items[1]->outcome != WIRE_FAILED || items[1]->signal != cases[i].signal ||
            items[1]->err.code != cases[i].code || items[1]->stage != STAGE_MEASURE)
            fail_msg("%s: signal %d, %s: %s", cases[i].name, items[1]->signal,
                     err_name(items[1]->err.code), items[1]->err.msg);
        teardown(state);
    }
}

static void every_one_may_be_bad(void **state)
{
    const enum deed deeds[] = {CRASHES, CRASHES, LEAVES, CRASHES};

    (void)state;
    run(deeds, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(items[i]->outcome, WIRE_FAILED);
}

static void one_that_is_not_wanted_any_more_is_ended(void **state)
{
    const enum deed deeds[] = {HANGS};

    (void)state;
    apart.cpu_ms = 600000;
    moves_max = 2;
    run(deeds, 1);
    assert_int_equal(items[0]->signal, SIGKILL);
    assert_int_equal(n_moved, 2);
}

/* Sound ones of each size took what stands beside them, ms, on the machine of docs/figures.md. */
static void patience_follows_what_sound_ones_take(void **state)
{
    static const struct {
        const char *name;
        int64_t longest_us, bytes;
        int width, height, well_ms;
        int64_t patience_ms; /* exactly so; 0: 20 times well_ms at least */
    } cases[] = {
        {"nothing known",                 0,      0,        0,     0,    0,   200 },
        {"one like those before",         25000,  30000,    600,   450,  17,  500 },
        {"a hundred times as large",      17000,  100000,   12000, 9000, 39,  0   },
        {"a large file of few pixels",    17000,  90000000, 600,   450,  270, 0   },
        {"a large one among large ones",  116000, 3679148,  12000, 9000, 116, 0   },
        {"a slow machine, a small image", 400000, 30000,    600,   450,  400, 8000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct item item = {
            .image = {.size_bytes = cases[i].bytes},
            .decoded = { .width = cases[i].width,   .height = cases[i].height},
        };
        int64_t ms = apart_patience_ms(&item, cases[i].longest_us);
        if (ms < 20 * cases[i].well_ms || (cases[i].patience_ms && ms != cases[i].patience_ms))
            fail_msg("%s: %d ms", cases[i].name, (int)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_worked_out_there_is_known_here, setup, teardown),
        cmocka_unit_test(a_blow_is_one_images),
        cmocka_unit_test_setup_teardown(one_that_is_not_wanted_any_more_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(every_one_may_be_bad, setup, teardown),
        cmocka_unit_test(patience_follows_what_sound_ones_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
