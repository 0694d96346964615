#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/item.h"

static void list_keeps_order(void **state)
{
    struct item a = {0}, b = {0};
    struct item_list list = {0};

    (void)state;
    assert_null(item_list_pop(&list));
    item_list_push(&list, &a);
    item_list_push(&list, &b);
    assert_int_equal(list.length, 2);
    assert_ptr_equal(item_list_pop(&list), &a);
    assert_ptr_equal(item_list_pop(&list), &b);
    assert_null(item_list_pop(&list));
    item_list_push(&list, &b); /* usable again after it ran empty */
    assert_ptr_equal(item_list_pop(&list), &b);
}

static void list_takes_one_back(void **state)
{
    struct item a = {0}, b = {0}, c = {0};
    struct item_list list = {0};

    (void)state;
    item_list_push_first(&list, &b);
    item_list_push_first(&list, &a);
    item_list_push(&list, &c);
    assert_int_equal(list.length, 3);
    assert_ptr_equal(item_list_pop(&list), &a);
    assert_ptr_equal(item_list_pop(&list), &b);
    assert_ptr_equal(item_list_pop(&list), &c);
    assert_null(item_list_pop(&list));
}

/* Mixed uploads must not end in batches of one. */
static void like_items_are_taken_from_anywhere(void **state)
{
    struct item wide = {.input_w = 256, .input_h = 192}, tall = {.input_w = 192, .input_h = 256};
    struct item wide_too = wide, fine = wide, last = wide;
    struct item_list list = {0};

    (void)state;
    fine.is_fine = true;
    item_list_push(&list, &tall);
    item_list_push(&list, &fine);
    item_list_push(&list, &wide_too);
    item_list_push(&list, &last);
    assert_ptr_equal(item_list_take_like(&list, &wide), &wide_too); /* the oldest of its kind */
    assert_null(wide_too.next);
    assert_int_equal(list.length, 3);
    assert_ptr_equal(item_list_take_like(&list, &wide), &last); /* the list's tail */
    assert_null(item_list_take_like(&list, &wide));             /* another pass is no company */
    item_list_push(&list, &wide_too);                           /* the tail was kept right */
    assert_ptr_equal(item_list_take_like(&list, &tall), &tall); /* the list's head */
    assert_ptr_equal(item_list_pop(&list), &fine);
    assert_ptr_equal(item_list_pop(&list), &wide_too);
    assert_int_equal(list.length, 0);
    assert_null(item_list_take_like(&list, &wide));
}

static struct wire_message job(void)
{
    struct wire_message m = {.kind = WIRE_JOB, .attempt = 2, .is_alone = true};

    snprintf(m.id, sizeof(m.id), "u1/000001/0");
    snprintf(m.image.file, sizeof(m.image.file), "a b.jpg");
    snprintf(m.image.stem, sizeof(m.image.stem), "a%%20b");
    return m;
}

static void set_aside_has_an_entry(void **state)
{
    struct wire_message m = job();
    struct item *item = item_new(&m, 7);

    (void)state;
    item_set_aside(item, REASON_TRUNCATED, "ends after 10 of 20 rows");
    assert_int_equal(item->outcome, WIRE_DONE);
    assert_int_equal(item->status, RESULT_SET_ASIDE);
    assert_string_equal(item->risk, "retake");
    assert_string_equal(json_text_or(item->entry, "reason", ""), "truncated");
    assert_string_equal(json_text_or(item->entry, "file", ""), "a b.jpg");
    assert_string_equal(json_text_or(item->entry, "status", ""), "set_aside");
    item_free(item);
}

static void given_back_keeps_the_error(void **state)
{
    struct wire_message m = job();
    struct item *item = item_new(&m, 7);
    struct err err = {0};

    (void)state;
    err_set(&err, ERR_AGAIN, "disk full");
    item_give_back(item, STAGE_MEASURE, &err);
    assert_int_equal(item->outcome, WIRE_FAILED);
    assert_int_equal(item->err.code, ERR_AGAIN);
    assert_int_equal(item->stage, STAGE_MEASURE);
    assert_int_equal(item->attempt, 2);
    assert_true(item->is_alone);
    item_free(item);
    item_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_keeps_order),
        cmocka_unit_test(list_takes_one_back),
        cmocka_unit_test(like_items_are_taken_from_anywhere),
        cmocka_unit_test(set_aside_has_an_entry),
        cmocka_unit_test(given_back_keeps_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
