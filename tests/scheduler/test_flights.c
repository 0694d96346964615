/* The table of leases: found by image and by entry, also after others left it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/flights.h"

enum { IMAGES = 100 };

static void removal_keeps_the_others(void **state)
{
    struct index x = {0};
    struct flights f = {0};
    struct err err = {0};
    int numbers[IMAGES];
    uint32_t study;

    (void)state;
    for (int i = 0; i < IMAGES; i++)
        numbers[i] = i;
    assert_int_equal(index_add_study(&x, "u", "k", numbers, IMAGES, &study, &err), 0);
    for (uint32_t i = 0; i < IMAGES; i++) {
        struct broker_lease lease = {.class = 1, .attempt = 1};
        snprintf(lease.entry, sizeof(lease.entry), "%u-0", i);
        assert_non_null(flights_add(&f, &x, i, &lease, 7));
    }
    for (uint32_t i = 0; i < IMAGES; i += 3)
        flights_remove(&f, &x, flights_of(&f, &x, i));
    for (uint32_t i = 0; i < IMAGES; i++) {
        struct broker_lease lease = {.class = 1};
        snprintf(lease.entry, sizeof(lease.entry), "%u-0", i);
        const struct flight *flight = flights_of(&f, &x, i);
        if (i % 3 == 0) {
            assert_null(flight);
            assert_null(flights_of_entry(&f, &lease));
            continue;
        }
        assert_non_null(flight);
        assert_int_equal(flight->image, i);
        assert_ptr_equal(flights_of_entry(&f, &lease), flight);
        lease.class = 0; /* the same id in another stream is another lease */
        assert_null(flights_of_entry(&f, &lease));
    }
    flights_release(&f);
    index_release(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removal_keeps_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
