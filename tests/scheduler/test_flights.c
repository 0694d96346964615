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

/* The images that are held, in their order, as one word of digits and commas. */
static const char *held(const struct flights *f, const struct index *x)
{
    static char out[256];
    size_t len = 0;

    out[0] = 0;
    for (uint32_t i = INDEX_NONE; (i = flights_next_held(f, x, i)) != INDEX_NONE;)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%u,", i);
    return out;
}

/* Through all that moves rows: the line names images. */
static void those_held_are_in_line_in_the_order_they_came(void **state)
{
    static const int numbers[] = {0, 1, 2, 3, 4};
    struct child *worker = (struct child *)&numbers; /* only its address is kept */
    const struct broker_lease lease = {.class = 1, .attempt = 1, .entry = "1-0"};
    struct index x = {0};
    struct flights f = {0};
    struct err err = {0};
    uint32_t study;

    (void)state;
    assert_int_equal(index_add_study(&x, "u", "k", numbers, 5, &study, &err), 0);
    assert_string_equal(held(&f, &x), "");
    for (uint32_t i = 0; i < 5; i++)
        assert_non_null(flights_add(&f, &x, i, &lease, 7));
    assert_string_equal(held(&f, &x), "0,1,2,3,4,");
    flights_send(&f, &x, flights_of(&f, &x, 2), worker);
    flights_send(&f, &x, flights_of(&f, &x, 0), worker);
    assert_string_equal(held(&f, &x), "1,3,4,");
    assert_ptr_equal(flights_of(&f, &x, 2)->worker, worker);
    flights_hold(&f, &x, flights_of(&f, &x, 2));
    flights_hold(&f, &x, flights_of(&f, &x, 3)); /* held already: it stays where it is */
    assert_string_equal(held(&f, &x), "1,3,4,2,");
    assert_null(flights_of(&f, &x, 2)->worker);
    flights_remove(&f, &x, flights_of(&f, &x, 1)); /* another row moves into its place */
    flights_remove(&f, &x, flights_of(&f, &x, 0));
    assert_string_equal(held(&f, &x), "3,4,2,");
    flights_remove(&f, &x, flights_of(&f, &x, 2));
    assert_int_equal(f.n_held, 2);
    assert_string_equal(held(&f, &x), "3,4,");
    flights_remove(&f, &x, flights_of(&f, &x, 3));
    flights_send(&f, &x, flights_of(&f, &x, 4), worker);
    assert_string_equal(held(&f, &x), "");
    assert_int_equal(f.n, 1);
    flights_release(&f);
    index_release(&x);
}

static void urgent_ones_are_counted(void **state)
{
    static const int numbers[] = {0, 1, 2};
    const struct broker_lease lease = {.attempt = 1, .entry = "1-0"};
    struct index x = {0};
    struct flights f = {0};
    struct err err = {0};
    uint32_t bulk, urgent;

    (void)state;
    assert_int_equal(index_add_study(&x, "u", "bulk", numbers, 3, &bulk, &err), 0);
    assert_int_equal(index_add_study(&x, "u", "urgent", numbers, 3, &urgent, &err), 0);
    x.studies[bulk].class = 1;
    for (uint32_t i = 0; i < 6; i++)
        assert_non_null(flights_add(&f, &x, i, &lease, 7));
    assert_int_equal(f.n_urgent, 3);
    flights_remove(&f, &x, flights_of(&f, &x, 0));
    flights_remove(&f, &x, flights_of(&f, &x, 4));
    assert_int_equal(f.n_urgent, 2);
    flights_release(&f);
    index_release(&x);
}

enum step { ASK, TURN, LEASE, END };

/* What Redis says of a loss is about the lease that it was asked about. */
static void a_loss_leaves_a_newer_lease(void **state)
{
    static const struct {
        enum step steps[5];
        bool stays;
    } cases[] = {
        {{ASK, END},                   false},
        {{ASK, TURN, END},             false}, /* an answer with leases of others */
        {{ASK, TURN, LEASE, END},      true }, /* it was on its way */
        {{TURN, LEASE, ASK, END},      false},
        {{ASK, TURN, LEASE, ASK, END}, false}, /* this word is about the newer one */
        {{TURN, LEASE, TURN, END},     true }, /* nobody asked: about an earlier flight of the image */
    };
    static const struct broker_lease lease = {.attempt = 1, .entry = "1-0"};
    static const int number = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct index x = {0};
        struct flights f = {0};
        struct err err = {0};
        uint32_t study;
        assert_int_equal(index_add_study(&x, "u", "k", &number, 1, &study, &err), 0);
        flights_begin_turn(&f);
        struct flight *flight = flights_add(&f, &x, 0, &lease, 7);
        assert_non_null(flight);
        for (const enum step *step = cases[i].steps; *step != END; step++)
            switch (*step) {
            case ASK: flights_ask(&f, flight); break;
            case TURN: flights_begin_turn(&f); break;
            case LEASE: flights_lease(&f, flight, &lease); break;
            case END: break;
            }
        flights_lose(flight);
        if ((flight->lease.entry[0] != 0) != cases[i].stays)
            fail_msg("case %zu", i);
        flights_release(&f);
        index_release(&x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removal_keeps_the_others),
        cmocka_unit_test(those_held_are_in_line_in_the_order_they_came),
        cmocka_unit_test(urgent_ones_are_counted),
        cmocka_unit_test(a_loss_leaves_a_newer_lease),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
