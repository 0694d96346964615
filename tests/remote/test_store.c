/* What leaves the spool says nothing of the patient; what comes in is durable before it counts, and the first
 * result stays. syncfs is ours: it can fail, and it sees what stood there. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "place.h"
#include "remote/store.h"

static int syncs, visible_at_first;
static bool is_disk_full;

static bool is_there(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/results/%s", study_dir, name);
    return !access(path, F_OK);
}

int syncfs(int fd)
{
    (void)fd;
    if (!syncs++)
        visible_at_first = is_there("0.json");
    errno = ENOSPC;
    return is_disk_full ? -1 : 0;
}

static int setup(void **state)
{
    syncs = visible_at_first = 0;
    is_disk_full = false;
    return place_setup(state);
}

static void a_study_goes_without_the_patient(void **state)
{
    struct err err = {0};
    struct study study;
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    assert_int_equal(store_study(root, "u1/s1", &out, &err), 0);
    assert_null(strstr(out.data, "Hopper"));
    assert_null(strstr(out.data, "1906"));
    json_t *object = json_parse(out.data, out.len, "study", &err);
    assert_int_equal(study_from_json(&study, object, &err), 0);
    assert_int_equal(study.n_images, IMAGES);
    assert_string_equal(study.images[1].file, "1.jpg");
    assert_int_equal(study.images[1].size_bytes, 5);
    json_decref(object);
    study_release(&study);
    buf_release(&out);
}

static void nothing_outside_the_uploads_is_given(void **state)
{
    static const char *const bad[] = {"u1/../0", "../u1/s1/0",  "u1/s1",
                                      "u1/s1/7", "/etc/passwd", ""};
    uint64_t size;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct err err = {0};
        assert_int_equal(store_original(root, bad[i], &fd, &size, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
    }
    struct err err = {0};
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(store_study(root, "u1/s1/0", &out, &err), -1);
    buf_release(&out);
}

static void an_original_is_opened(void **state)
{
    struct err err = {0};
    uint64_t size;
    char bytes[8];
    int fd;

    (void)state;
    assert_int_equal(store_original(root, "u1/s1/1", &fd, &size, &err), 0);
    assert_int_equal(size, 5);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 5);
    close(fd);
}

static void what_a_worker_may_hand_in(void **state)
{
    static const struct {
        const char *json;
        enum result_status is;
    } rows[] = {
        {"{\"status\":\"done\",\"entry\":{},\"model\":{}}",        RESULT_DONE     },
        {"{\"status\":\"done\",\"entry\":{},\"model\":null}",      RESULT_NONE     },
        {"{\"status\":\"set_aside\",\"entry\":{},\"model\":null}", RESULT_SET_ASIDE},
        {"{\"status\":\"cancelled\",\"entry\":{}}",                RESULT_NONE     },
        {"{\"status\":\"done\",\"model\":{}}",                     RESULT_NONE     },
        {"[]",                                                     RESULT_NONE     },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct err err = {0};
        json_t *object = json_parse(rows[i].json, strlen(rows[i].json), "row", &err);
        assert_int_equal(store_status_of(object), rows[i].is);
        json_decref(object);
    }
    assert_int_equal(store_status_of(NULL), RESULT_NONE);
}

static void a_result_counts_after_a_sync_and_the_first_stays(void **state)
{
    json_t *first = a_result("done"), *second = a_result("set_aside");
    struct store_result batch = {"u1/s1/0", first};
    enum result_status status;
    struct err err = {0};

    (void)state;
    assert_int_equal(store_picture(root, "u1/s1/0", PROTOCOL_MASK, "png", 3, &err), 0);
    assert_int_equal(store_commit(root, &batch, 1, &err), 0);
    assert_int_equal(syncs, 2);
    assert_false(visible_at_first);
    assert_true(is_there("0.mask.png"));
    batch.result = second;
    assert_int_equal(store_commit(root, &batch, 1, &err), 0);
    assert_int_equal(result_peek(study_dir, 0, &status, NULL, &err), 0);
    assert_int_equal(status, RESULT_DONE);
    json_decref(first);
    json_decref(second);
}

static void a_full_disk_leaves_no_result_and_no_draft(void **state)
{
    json_t *result = a_result("done");
    const struct store_result batch = {"u1/s1/0", result};
    struct err err = {0};

    (void)state;
    is_disk_full = true;
    assert_int_equal(store_commit(root, &batch, 1, &err), -1);
    assert_int_equal(err.code, ERR_AGAIN);
    char path[256];
    snprintf(path, sizeof(path), "%s/results", study_dir);
    assert_int_equal(rmdir(path), 0); /* nothing is in it */
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_study_goes_without_the_patient, setup, place_teardown),
        cmocka_unit_test_setup_teardown(nothing_outside_the_uploads_is_given, setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(an_original_is_opened, setup, place_teardown),
        cmocka_unit_test_setup_teardown(what_a_worker_may_hand_in, setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_result_counts_after_a_sync_and_the_first_stays, setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_no_result_and_no_draft, setup,
                                        place_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
