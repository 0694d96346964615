#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

static void iso(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0,               "1970-01-01T00:00:00.000Z"},
        {951782399999,    "2000-02-28T23:59:59.999Z"},
        {951782400007,    "2000-02-29T00:00:00.007Z"}, /* a leap day */
        {1795411947123,   "2026-11-23T05:32:27.123Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {253402300800000, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX,       "9999-12-31T23:59:59.999Z"},
        {-1,              "1970-01-01T00:00:00.000Z"},
        {INT64_MIN,       "1970-01-01T00:00:00.000Z"},
    };
    char out[CLOCK_ISO_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_ptr_equal(clock_iso(out, cases[i].ms), out);
        assert_string_equal(out, cases[i].text);
    }
}

static void reads_what_it_wrote_and_nothing_else(void **state)
{
    static const int64_t good[] = {0, 951782399999, 1795411947123, 253402300799999};
    static const char *const bad[] = {"",
                                      "2026-11-23",
                                      "2026-11-23T05:32:27Z",
                                      "2026-11-23T05:32:27.123",
                                      "2026-11-23T05:32:27.123Zx",
                                      "2026-02-30T05:32:27.123Z",
                                      " 2026-11-23T05:32:27.123Z"};
    char text[CLOCK_ISO_SIZE];
    int64_t ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (!clock_read_iso(bad[i], &ms) || ms != 7)
            fail_msg("\"%s\" was read as %lld", bad[i], (long long)ms);
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        assert_int_equal(clock_read_iso(clock_iso(text, good[i]), &ms), 0);
        assert_int_equal(ms, good[i]);
    }
}

static void does_not_know_time_zones(void **state)
{
    char out[CLOCK_ISO_SIZE];

    (void)state;
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    assert_string_equal(clock_iso(out, 0), "1970-01-01T00:00:00.000Z");
}

static void processor_time_of_a_process(void **state)
{
    (void)state;
    int64_t before = clock_cpu_us_of(getpid());
    assert_true(before >= 0);
    while (clock_cpu_us_of(getpid()) <= before)
        ;
    pid_t child = fork();
    if (!child)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(clock_cpu_us_of(child), -1);
}

static void clocks_run(void **state)
{
    int64_t mono = clock_mono_us(), cpu = clock_cpu_us();

    (void)state;
    usleep(20000);
    int64_t slept = clock_mono_us() - mono;
    assert_true(slept >= 20000);
    assert_true(clock_cpu_us() - cpu < slept); /* sleeping is no work */
    assert_true(clock_wall_ms() > 1700000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso),
        cmocka_unit_test(reads_what_it_wrote_and_nothing_else),
        cmocka_unit_test(does_not_know_time_zones),
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(processor_time_of_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
