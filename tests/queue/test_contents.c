/* The list of an upload's studies: as intake writes it, as study.json has it, and damaged anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/reason.h"
#include "queue/contents.h"
#include "tests/queue/temp.h"

static void add(struct contents *c, const char *key, int n_images, int n_set_aside)
{
    struct err err = {0};

    assert_int_equal(contents_add(c, key, n_images, n_set_aside, &err), 0);
}

static void write_bytes(const char *dir, const char *bytes, size_t n)
{
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/contents", dir);
    assert_int_equal(file_write(path, bytes, n, &err), 0);
}

static bool is_readable(const char *dir)
{
    struct contents c = {0};
    struct err err = {0};
    bool is_there = true;

    assert_int_equal(contents_read(&c, dir, &is_there, &err), 0);
    assert_true(is_there || !c.studies);
    contents_release(&c);
    return is_there;
}

static void what_was_written_is_read(void **state)
{
    struct contents c = {0}, back = {0};
    struct err err = {0};
    bool is_there;

    for (int k = 0; k < 200; k++) {
        char key[32];
        snprintf(key, sizeof(key), "s%06d", k);
        add(&c, key, k % 7, k % 3);
    }
    assert_false(is_readable(*state)); /* there is none yet */
    assert_int_equal(contents_write(&c, *state, &err), 0);
    assert_int_equal(contents_read(&back, *state, &is_there, &err), 0);
    assert_true(is_there);
    assert_true(contents_equal(&c, &back));
    back.studies[199].n_set_aside++;
    assert_false(contents_equal(&c, &back));
    contents_release(&back);
    contents_release(&c);
    assert_int_equal(contents_write(&c, *state, &err), 0); /* an upload without studies */
    assert_true(is_readable(*state));
}

/* Cut at any byte, or any byte another: it counts as none. */
static void what_is_not_whole_counts_as_none(void **state)
{
    char path[SPOOL_PATH_SIZE];
    struct contents c = {0};
    struct err err = {0};
    struct buf text;

    add(&c, "s000000", 4, 0);
    add(&c, "s000001", 1, 1);
    assert_int_equal(contents_write(&c, *state, &err), 0);
    contents_release(&c);
    buf_init(&text, 4096);
    snprintf(path, sizeof(path), "%s/contents", (char *)*state);
    assert_int_equal(file_read(path, &text, &err), 0);
    for (size_t n = 0; n < text.len; n++) {
        write_bytes(*state, text.data, n);
        assert_false(is_readable(*state));
    }
    for (size_t i = 0; i < text.len - 1; i++) {
        text.data[i] ^= 1;
        write_bytes(*state, text.data, text.len);
        assert_false(is_readable(*state));
        text.data[i] ^= 1;
    }
    write_bytes(*state, text.data, text.len);
    assert_true(is_readable(*state));
    buf_release(&text);
}

static void write_study(const struct spool *s, const char *key, int first, int n)
{
    struct study_image images[4] = {0};
    struct study study = {.n_images = n, .images = images};
    char path[SPOOL_PATH_SIZE];
    struct err err = {0};

    snprintf(study.upload, sizeof(study.upload), "u1");
    snprintf(study.key, sizeof(study.key), "%s", key);
    for (int i = 0; i < n; i++)
        images[i] =
            (struct study_image){.n = first + i, .set_aside = i ? REASON_NONE : REASON_EMPTY};
    snprintf(path, sizeof(path), "%s/uploads/u1/studies/%s", spool_root(s), key);
    assert_int_equal(dir_make(path, &err), 0);
    snprintf(path, sizeof(path), "%s/uploads/u1/studies/%s/study.json", spool_root(s), key);
    json_t *object = study_to_json(&study);
    assert_int_equal(json_write(path, object, &err), 0);
    json_decref(object);
}

static void it_can_be_gathered_from_the_studies(void **state)
{
    struct contents c = {0}, wanted = {0};
    struct err err = {0};
    struct spool *s;

    assert_int_equal(spool_open(&s, *state, &err), 0);
    write_study(s, "s000001", 0, 1);
    write_study(s, "s000000", 0, 4);
    assert_int_equal(contents_gather(&c, s, "u1", &err), 0);
    add(&wanted, "s000000", 4, 1);
    add(&wanted, "s000001", 1, 1);
    assert_true(contents_equal(&c, &wanted));
    contents_release(&c);
    contents_release(&wanted);
    write_study(s, "s000002", 1, 2); /* not from 0 on: the list could not say so */
    assert_int_equal(contents_gather(&c, s, "u1", &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_null(c.studies);
    spool_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_read, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_whole_counts_as_none, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(it_can_be_gathered_from_the_studies, temp_setup,
                                        temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
