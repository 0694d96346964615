#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "common/file.h"
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

static void urgent_ones_stand_first(void **state)
{
    struct item plain = {0}, plain_too = {0};
    struct item urgent = {.is_urgent = true}, urgent_too = {.is_urgent = true};
    struct item_list list = {0};

    (void)state;
    item_list_push(&list, &urgent);
    item_list_push(&list, &plain);
    item_list_push(&list, &urgent_too);
    item_list_push(&list, &plain_too); /* the tail was kept right */
    assert_ptr_equal(item_list_pop(&list), &urgent);
    assert_ptr_equal(item_list_pop(&list), &urgent_too);
    assert_ptr_equal(item_list_pop(&list), &plain);
    assert_ptr_equal(item_list_pop(&list), &plain_too);
    item_list_push(&list, &urgent);
    item_list_push(&list, &urgent_too); /* behind the last one there is */
    item_list_push(&list, &plain);
    assert_ptr_equal(item_list_pop(&list), &urgent);
    assert_ptr_equal(item_list_pop(&list), &urgent_too);
    assert_ptr_equal(item_list_pop(&list), &plain);
}

static struct item *item_of(const char *root, const char *id)
{
    static struct wire_message jobs;
    struct err err = {0};

    wire_begin(&jobs, WIRE_JOBS);
    snprintf(jobs.dir, sizeof(jobs.dir), "%s", root);
    jobs.want_display = true;
    wire_add(&jobs, "u1/000001/8");
    struct wire_item *job = wire_add(&jobs, id);
    job->attempt = 2;
    job->is_alone = true;
    struct item *item = item_new(&jobs, 1, 7, &err);
    assert_int_equal(err.code, item ? ERR_OK : ERR_INPUT);
    return item;
}

static void job_names_folder_and_number(void **state)
{
    struct item *item = item_of("/spool", "u1/000001/7");

    (void)state;
    assert_non_null(item);
    assert_string_equal(item->study_dir, "/spool/uploads/u1/studies/000001");
    assert_int_equal(item->image.n, 7);
    assert_int_equal(item->attempt, 2);
    assert_true(item->is_alone && item->want_display && !item->is_urgent);
    item_free(item);
    assert_null(item_of("/spool", "u1/000001"));
    assert_null(item_of("/spool", "../k/1"));
    assert_null(item_of("/spool", "u1/000001/-1"));
}

static void image_is_looked_up_in_its_study(void **state)
{
    char root[] = "/tmp/lentigo-item-XXXXXX", path[4200];
    struct study_image images[2] = {
        {.n = 3, .mm_per_px = 0.5},
        {.n = 7, .mm_per_px = 0.5}
    };
    struct study study = {.n_images = 2, .images = images};
    static struct studies studies;
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(root));
    struct item *item = item_of(root, "u1/000001/7"), *other = item_of(root, "u1/000001/5");
    assert_int_equal(item_look_up(item, &studies, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN); /* nothing that the image is to blame for */
    assert_false(item->is_known);
    err = (struct err){0};
    snprintf(images[1].file, sizeof(images[1].file), "seven.jpg");
    assert_int_equal(dir_make(item->study_dir, &err), 0);
    snprintf(path, sizeof(path), "%s/study.json", item->study_dir);
    json_t *object = study_to_json(&study);
    assert_int_equal(json_write(path, object, &err), 0);
    json_decref(object);
    assert_int_equal(item_look_up(item, &studies, &err), 0);
    assert_true(item->is_known);
    assert_string_equal(item->image.file, "seven.jpg");
    assert_int_equal(remove(path), 0); /* from now on it is remembered */
    assert_int_equal(item_look_up(other, &studies, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    assert_int_equal(item_look_up(item, &studies, &err), 0);
    item_free(item);
    item_free(other);
    studies_release(&studies);
    const char *const left[] = {"uploads/u1/studies/000001", "uploads/u1/studies", "uploads/u1",
                                "uploads", ""};
    for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
        snprintf(path, sizeof(path), "%s/%s", root, left[i]);
        assert_int_equal(remove(path), 0);
    }
}

static void set_aside_has_an_entry(void **state)
{
    struct item *item = item_of("/spool", "u1/000001/0");

    (void)state;
    snprintf(item->image.file, sizeof(item->image.file), "a b.jpg");
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
    struct item *item = item_of("/spool", "u1/000001/0");
    struct err err = {0};

    (void)state;
    err_set(&err, ERR_AGAIN, "disk full");
    item_give_back(item, STAGE_MEASURE, &err);
    assert_int_equal(item->outcome, WIRE_FAILED);
    assert_int_equal(item->err.code, ERR_AGAIN);
    assert_int_equal(item->stage, STAGE_MEASURE);
    item_free(item);
    item_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_keeps_order),
        cmocka_unit_test(list_takes_one_back),
        cmocka_unit_test(like_items_are_taken_from_anywhere),
        cmocka_unit_test(urgent_ones_stand_first),
        cmocka_unit_test(job_names_folder_and_number),
        cmocka_unit_test(image_is_looked_up_in_its_study),
        cmocka_unit_test(set_aside_has_an_entry),
        cmocka_unit_test(given_back_keeps_the_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
