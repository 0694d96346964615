/* A process apart takes every blow, and each image is settled once, with what it did and where. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/apart.h"

enum { ITEMS_MAX = 9, CPU_MS = 100 };

enum deed { WELL, UNFIT, FAILS, CRASHES, HANGS, FILLS, IS_SHORT, LEAVES, BABBLES, LOOKS };

static struct apart apart;
static struct item *items[ITEMS_MAX];
static int64_t cpu_ms;
static int n_moved, moves_max;

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

static _Noreturn void babble(void)
{
    for (int fd = 3; fd < 64; fd++)
        if (write(fd, "\1\2\3", 3) < 0)
            continue;
    _exit(0);
}

/* "n" is the process, "open" the descriptors that it has beyond the first three, "first" the original's first
 * byte, -1 when it has none. */
static json_t *look_around(const struct item *item)
{
    uint8_t first = 0;
    int open = 0;

    for (int fd = 3; fd < 1024; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    bool is_read = pread(item->fd, &first, 1, 0) == 1;
    return json_pack("{s:i,s:i,s:i}", "n", (int)getpid(), "open", open, "first",
                     is_read ? first : -1);
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
    case LOOKS: item->entry = look_around(item); break;
    }
}

/* ---- here ---- */

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
    apart = (struct apart){.ctx = &apart, .compute = compute, .goes_on = goes_on};
    cpu_ms = CPU_MS;
    if (last_stage_new(&apart.stage, &fd, &err))
        return -1;
    n_moved = 0;
    moves_max = INT_MAX;
    return close(fd);
}

static int teardown(void **state)
{
    (void)state;
    apart_end(&apart);
    last_stage_free(apart.stage);
    for (int i = 0; i < ITEMS_MAX; i++) {
        item_free(items[i]);
        items[i] = NULL;
    }
    return 0;
}

static void make_items(const enum deed *deeds, int n)
{
    static struct wire_message jobs;
    struct err err = {0};

    wire_begin(&jobs, WIRE_JOBS);
    for (int i = 0; i < n; i++) {
        wire_add(&jobs, "u/s/0");
        items[i] = item_new(&jobs, i, deeds[i], &err);
        assert_non_null(items[i]);
    }
}

/* The items do `deeds`, in this order. */
static void run(const enum deed *deeds, int n)
{
    make_items(deeds, n);
    for (int i = 0; i < n; i++) {
        int64_t cpu_us = apart_run(&apart, items[i], cpu_ms);
        assert_true(items[i]->outcome == WIRE_DONE ? cpu_us > 0 : cpu_us == 0);
    }
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

/* Where an image is worked on; `original`: its first byte, -1: it has none. */
static int process_of(struct item *item, int original)
{
    item->fd = original < 0 ? -1 : open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    (void)apart_run(&apart, item, cpu_ms);
    assert_int_equal(item->outcome, WIRE_DONE);
    assert_int_equal(json_number_or(item->entry, "first", 0), original);
    assert_int_equal(json_number_or(item->entry, "open", 0), 2 + (original >= 0));
    return (int)json_number_or(item->entry, "n", 0);
}

/* A process stays, and has of each image the original that was opened long after it began, and no longer. */
static void sound_ones_share_a_process(void **state)
{
    const enum deed deeds[] = {LOOKS, LOOKS, LOOKS, LOOKS, CRASHES, LOOKS};

    (void)state;
    make_items(deeds, 6);
    int first = process_of(items[0], 0x7f);
    assert_true(first > 0 && first != getpid());
    assert_int_equal(process_of(items[1], -1), first);
    assert_int_equal(process_of(items[2], 0x7f), first);
    apart_end(&apart);
    int second = process_of(items[3], -1);
    assert_int_not_equal(second, first);
    (void)apart_run(&apart, items[4], cpu_ms);
    assert_int_equal(items[4]->signal, SIGSEGV);
    assert_int_not_equal(process_of(items[5], 0x7f), second);
}

/* The kernel's killer takes it while it has nothing to do: nobody is to blame. */
static void one_that_dies_idle_is_replaced(void **state)
{
    const enum deed deeds[] = {LOOKS, LOOKS};
    siginfo_t info;

    (void)state;
    make_items(deeds, 2);
    int first = process_of(items[0], -1);
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
    assert_int_not_equal(process_of(items[1], -1), first);
}

static void one_that_is_not_wanted_any_more_is_ended(void **state)
{
    const enum deed deeds[] = {HANGS};

    (void)state;
    cpu_ms = 600000;
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
        cmocka_unit_test_setup_teardown(sound_ones_share_a_process, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_dies_idle_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(every_one_may_be_bad, setup, teardown),
        cmocka_unit_test(patience_follows_what_sound_ones_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
