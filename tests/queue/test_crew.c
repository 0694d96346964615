/* Things done by several threads: each once, and failures as a single thread meets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "queue/crew.h"

enum { MANY = 1000, TWO = 2 };

struct tally {
    atomic_int times[MANY];
    atomic_int all;
    int fails_at[TWO]; /* the second first, when there are several threads */
    atomic_bool second_failed;
    bool waits;
};

static int count_one(void *ctx, int i, struct err *err)
{
    struct tally *t = ctx;

    t->times[i]++;
    t->all++;
    while (t->waits && i == t->fails_at[0] && !t->second_failed)
        sched_yield();
    if (i == t->fails_at[1])
        t->second_failed = true;
    if (i == t->fails_at[0] || i == t->fails_at[1])
        return err_set(err, ERR_INPUT, "thing %d", i);
    return 0;
}

static void each_is_done_once(void **state)
{
    (void)state;
    for (int threads = 0; threads <= CREW_THREADS_MAX + 1; threads++)
        for (int n = 0; n <= MANY; n += n < 10 ? 1 : 330) {
            struct tally t = {
                .fails_at = {-1, -1}
            };
            struct err err = {0};
            assert_int_equal(crew_run(threads, n, count_one, &t, &err), 0);
            assert_int_equal(err.code, ERR_OK);
            for (int i = 0; i < MANY; i++)
                assert_int_equal(t.times[i], i < n);
        }
}

static void after_a_failure_nothing_more_is_begun(void **state)
{
    struct tally t = {
        .fails_at = {2, 7}
    };
    struct err err = {0};

    (void)state;
    assert_int_equal(crew_run(1, MANY, count_one, &t, &err), -1);
    assert_string_equal(err.msg, "thing 2");
    assert_int_equal(t.all, 3);
}

/* Thing 2 ends only when thing 7 has failed. */
static void the_first_of_the_failures_is_told(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct tally t = {
            .fails_at = {2, 7},
              .waits = true
        };
        struct err err = {0};
        assert_int_equal(crew_run(TWO, MANY, count_one, &t, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_string_equal(err.msg, "thing 2");
    }
}

struct meeting {
    pthread_barrier_t both;
    pthread_t caller;
    atomic_int others, open_to_signals;
};

/* Returns only when the other thing has been begun too, so on another thread. */
static int meet(void *ctx, int i, struct err *err)
{
    struct meeting *m = ctx;
    sigset_t blocked;

    (void)i;
    (void)err;
    pthread_barrier_wait(&m->both);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    m->others += !pthread_equal(pthread_self(), m->caller);
    m->open_to_signals += !sigismember(&blocked, SIGTERM) && !sigismember(&blocked, SIGINT);
    return 0;
}

static void signals_are_the_callers(void **state)
{
    struct meeting m = {.caller = pthread_self()};
    struct err err = {0};

    (void)state;
    pthread_barrier_init(&m.both, NULL, TWO);
    assert_int_equal(crew_run(TWO, TWO, meet, &m, &err), 0);
    assert_int_equal(crew_run(TWO, TWO, meet, &m, &err), 0); /* the caller's mask came back */
    pthread_barrier_destroy(&m.both);
    assert_int_equal(m.others, 2);
    assert_int_equal(m.open_to_signals, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_done_once),
        cmocka_unit_test(after_a_failure_nothing_more_is_begun),
        cmocka_unit_test(the_first_of_the_failures_is_told),
        cmocka_unit_test(signals_are_the_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
