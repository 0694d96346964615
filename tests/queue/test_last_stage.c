#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue/last_stage.h"

/* A child that dies of SIGKILL, as what the kernel's out-of-memory killer ends, can tell nothing. */
static void what_a_killed_child_noted_is_read(void **state)
{
    struct last_stage *page = NULL;
    struct err err = {0};
    int fd;

    (void)state;
    assert_int_equal(last_stage_new(&page, &fd, &err), 0);
    assert_int_equal(last_stage_read(page), STAGE_COUNT);
    pid_t pid = fork();
    if (!pid) {
        (void)dup2(fd, LAST_STAGE_FD);
        last_stage_note(last_stage_open(), STAGE_DECODE);
        struct last_stage *mine = NULL; /* the number is free again: nothing is there */
        mine = last_stage_open();
        last_stage_note(mine, STAGE_REPORT);
        (void)raise(SIGKILL);
    }
    waitpid(pid, NULL, 0);
    assert_int_equal(last_stage_read(page), STAGE_DECODE);
    last_stage_note(page, STAGE_MEASURE);
    assert_int_equal(last_stage_read(page), STAGE_MEASURE);
    close(fd);
    last_stage_free(page);
}

/* The page cannot be shrunk under the reader, and an odd number is no stage. */
static void a_child_is_not_trusted(void **state)
{
    struct last_stage *page = NULL;
    struct err err = {0};
    int fd;

    (void)state;
    assert_int_equal(last_stage_new(&page, &fd, &err), 0);
    assert_int_equal(ftruncate(fd, 0), -1);
    unsigned *number = mmap(NULL, sizeof(*number), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(number != MAP_FAILED);
    *number = STAGE_COUNT + 1;
    assert_int_equal(last_stage_read(page), STAGE_COUNT);
    *number = 4000000000U;
    assert_int_equal(last_stage_read(page), STAGE_COUNT);
    munmap(number, sizeof(*number));
    close(fd);
    last_stage_free(page);
}

static void without_a_page_nothing_happens(void **state)
{
    (void)state;
    close(LAST_STAGE_FD);
    assert_null(last_stage_open());
    last_stage_note(NULL, STAGE_DECODE);
    assert_int_equal(last_stage_read(NULL), STAGE_COUNT);
    last_stage_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_killed_child_noted_is_read),
        cmocka_unit_test(a_child_is_not_trusted),
        cmocka_unit_test(without_a_page_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
