/* Orders: written into the log and read back; what is no order changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "queue/order.h"
#include "tests/queue/temp.h"

struct seen {
    struct order last;
    int n;
};

static int on_event(void *ctx, const json_t *event, struct err *err)
{
    struct seen *seen = ctx;
    struct order order;
    int ret = order_read(&order, event, err);

    if (ret <= 0)
        return ret;
    order_release(&seen->last);
    seen->last = order;
    seen->n++;
    return 0;
}

/* Append the order to a log and read it back. */
static struct seen there_and_back(const char *root, const struct order *o)
{
    struct seen seen = {0};
    struct spool *s;
    struct err err = {0};

    assert_int_equal(spool_open(&s, root, &err), 0);
    int64_t at = spool_log_size(s);
    assert_int_equal(order_append(s, o, &err), 0);
    assert_int_equal(spool_log_each(s, &at, on_event, &seen, &err), 0);
    spool_close(s);
    return seen;
}

static void each_kind_comes_back_as_it_went(void **state)
{
    static const enum order_kind kinds[] = {ORDER_CANCEL, ORDER_BEGIN, ORDER_PAUSE, ORDER_RESUME};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct order o = {.kind = kinds[i], .target = "u1/s2"};
        struct err err = {0};
        assert_int_equal(order_sign(&o, "handed in twice", &err), 0);
        struct seen seen = there_and_back(*state, &o);
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.last.kind, kinds[i]);
        assert_string_equal(seen.last.id, o.id);
        assert_string_equal(seen.last.target, "u1/s2");
        assert_string_equal(seen.last.why, "handed in twice");
        assert_string_equal(seen.last.by, o.by);
        assert_string_equal(seen.last.at, o.at);
        assert_int_not_equal(strlen(o.by), 0);
        order_release(&seen.last);
    }
}

/* It names what it named, however odd: made clean it would be longer than its field. */
static void a_target_of_control_bytes_stays_as_it_is(void **state)
{
    struct order o = {.kind = ORDER_CANCEL};
    struct err err = {0};

    memset(o.target, 0x7f, sizeof(o.target) - 1);
    assert_int_equal(order_sign(&o, "", &err), 0);
    struct seen seen = there_and_back(*state, &o);
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.last.target, o.target);
    order_release(&seen.last);
}

static void a_retry_names_its_images(void **state)
{
    struct order_image images[ORDER_IMAGES_MAX + 1] = {
        {"u1/s2/3", 0},
        {"u1/s2/4", 7}
    };
    struct order o = {.kind = ORDER_RETRY, .n_images = 2, .images = images};
    struct spool *s;
    struct err err = {0};

    assert_int_equal(order_sign(&o, "", &err), 0);
    struct seen seen = there_and_back(*state, &o);
    assert_int_equal(seen.last.n_images, 2);
    assert_string_equal(seen.last.images[1].id, "u1/s2/4");
    assert_int_equal(seen.last.images[1].retries, 7);
    order_release(&seen.last);
    for (int i = 0; i < ORDER_IMAGES_MAX;
         i++) { /* the longest ids fit into a line, so many of them */
        memset(images[i].id, 'x', sizeof(images[i].id) - 1);
        images[i].id[sizeof(images[i].id) - 1] = 0;
    }
    o.n_images = ORDER_IMAGES_MAX;
    seen = there_and_back(*state, &o);
    assert_int_equal(seen.last.n_images, ORDER_IMAGES_MAX);
    order_release(&seen.last);
    o.n_images = ORDER_IMAGES_MAX + 1;
    assert_int_equal(spool_open(&s, *state, &err), 0);
    assert_int_equal(order_append(s, &o, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    spool_close(s);
}

/* A text that is cut in the middle of a character would grow on its way through JSON. */
static void a_long_reason_is_cut_between_characters(void **state)
{
    struct order o = {.kind = ORDER_PAUSE};
    struct err err = {0};
    char why[600] = "";

    for (size_t i = 0; i < 450; i += 3) /* three bytes each: 239 is none of their ends */
        memcpy(why + i, "\xe7\x97\x9b", 3);
    assert_int_equal(order_sign(&o, why, &err), 0);
    assert_int_equal(strlen(o.why), 237);
    struct seen seen = there_and_back(*state, &o);
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.last.why, o.why);
    order_release(&seen.last);
}

static void what_is_no_order_is_passed_over(void **state)
{
    static const char *const lines[] = {
        "{\"event\":\"crash\",\"image\":\"u1/s2/3\"}",
        "{\"what\":\"pause\"}",
        "[]",
        "{\"event\":\"cancel\"}",
        "{\"event\":\"cancel\",\"order\":\"0123456789abcdef0\",\"target\":\"u1\"}",
        "{\"event\":\"retry\"}",
        "{\"event\":\"retry\",\"images\":[]}",
        "{\"event\":\"retry\",\"images\":[[\"u1/s2/3\",-1]]}",
        "{\"event\":\"retry\",\"images\":[3]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct order order;
        struct err err = {0};
        json_t *event = json_parse(lines[i], strlen(lines[i]), "test", &err);
        print_message("case: %s\n", lines[i]);
        assert_non_null(event);
        assert_int_equal(order_read(&order, event, &err), 0);
        assert_null(order.images);
        json_decref(event);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_comes_back_as_it_went, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(a_target_of_control_bytes_stays_as_it_is, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(a_retry_names_its_images, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(a_long_reason_is_cut_between_characters, temp_setup,
                                        temp_teardown),
        cmocka_unit_test(what_is_no_order_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
