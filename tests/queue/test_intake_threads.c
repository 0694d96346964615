/* Whatever the number of threads: the same bytes, the same error, the same nothing after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "common/sha256.h"
#include "queue/names.h"
#include "queue/tree.h"
#include "tests/queue/inputs.h"

/* Every file and folder of the spool with the digest of its bytes; the caller frees it. */
static char *digest_spool(const char *root)
{
    struct tree_request request = {.root = root};
    struct err err = {0};
    struct tree tree;
    struct buf out;

    buf_init(&out, 8 << 20);
    if (tree_read(&tree, &request, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < tree.n; i++) {
        char hex[SHA256_HEX_SIZE] = "";
        int fd = tree.items[i].kind == TREE_FILE ? tree_fd(&tree, tree.items[i].path) : -1;
        if (fd >= 0 && sha256_hex_fd(hex, fd, NULL, &err))
            fail_msg("%s", err.msg);
        if (fd >= 0)
            close(fd);
        buf_printf(&out, "%s %d %s\n", tree.items[i].path, (int)tree.items[i].kind, hex);
    }
    tree_release(&tree);
    return buf_take(&out);
}

/* The spool that `threads` make of the same input. */
static char *take_in_with(void **state, int threads, const char *manifest)
{
    struct intake_request request = request_for(path_in(state, manifest));
    struct intake_result result;
    struct err err = {0};

    temp_remove(temp_path(*state, "spool"));
    request.threads = threads;
    struct spool *s = open_spool(state);
    if (intake_accept(s, &request, &result, &err))
        fail_msg("%s", err.msg);
    assert_true(result.studies > 50 && result.set_aside > 0 && result.others > 0);
    spool_close(s);
    return digest_spool(temp_path(*state, "spool/uploads"));
}

static void threads_change_no_byte(void **state)
{
    static const char *const manifests[] = {"", "list.csv"};
    struct buf rows;

    make_many(state, 60, 3);
    temp_write_text(path_in(state, "p0003/empty.jpg"), "");
    temp_write_text(path_in(state, "p0031/note.txt"), "x");
    temp_write_text(path_in(state, "p0044/again.jpg"), "PIC 7 1"); /* p0007's */
    buf_init(&rows, 1 << 20);
    buf_add_text(&rows, HEADER "q,,missing.jpg\n");
    for (int i = 59; i >= 0; i--)
        buf_printf(&rows, "q%d,%d,p%04d/1.jpg\nq%d,,p%04d/0.jpg\n", i / 2, i, i, i / 2, i);
    temp_write(path_in(state, "list.csv"), rows.data, rows.len);
    buf_release(&rows);

    for (size_t i = 0; i < sizeof(manifests) / sizeof(*manifests); i++) {
        char *one = take_in_with(state, 1, manifests[i]);
        for (int threads = 2; threads <= 8; threads += 3) {
            char *several = take_in_with(state, threads, manifests[i]);
            assert_string_equal(several, one);
            free(several);
        }
        free(one);
    }
}

static const char *const changed_ones[] = {"p0005/1.jpg", "p0005/0.jpg", "p0017/0.jpg",
                                           "p0006/0.jpg"};
static void **changed_state;
static pthread_once_t changed_once;

static void change_some(void)
{
    for (size_t i = 0; i < sizeof(changed_ones) / sizeof(*changed_ones); i++) {
        int fd = open(path_in(changed_state, changed_ones[i]), O_WRONLY | O_APPEND);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
}

/* Before anything is linked several files change. */
static bool looks_and_changes_some(const uint8_t *head, size_t n)
{
    pthread_once(&changed_once, change_some);
    return looks_like_picture(head, n);
}

static void the_first_failure_is_told_and_nothing_stays(void **state)
{
    static const int threads[] = {1, 2, 8};

    make_many(state, 20, 2);
    changed_state = state;
    for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
        struct intake_request request = request_for(path_in(state, ""));
        struct intake_result result;
        struct err err = {0};
        struct names left;
        changed_once = (pthread_once_t)PTHREAD_ONCE_INIT;
        request.threads = threads[i];
        request.is_picture = looks_and_changes_some;
        struct spool *s = open_spool(state);
        assert_int_equal(intake_accept(s, &request, &result, &err), -1);
        assert_int_equal(err.code, ERR_AGAIN);
        assert_string_equal(err.msg, "p0005/0.jpg: changed while it was taken in");
        err = (struct err){0};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(
                names_read(&left, temp_path(*state, k ? "spool/uploads" : "spool/incoming"), &err),
                0);
            assert_int_equal(left.n, 0);
            names_release(&left);
        }
        spool_close(s);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(threads_change_no_byte),
        TEST(the_first_failure_is_told_and_nothing_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
