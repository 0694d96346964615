/* A worker is started, greeted and buried; what it says and how it ends is told. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "remote/worker.h"

#define HELLO(version, role)                                                                       \
    "echo '{\"kind\":\"hello\",\"version\":" version ",\"pid\":1,\"credit\":9999,\"role\":\"" role \
    "\",\"model\":\"m\",\"model_sha256\":\"\",\"policy_sha256\":\"\",\"precision\":\"f32\","       \
    "\"backend\":\"ref\",\"device\":\"cpu\",\"size\":512,\"isolates\":true}' >&3\n"

static char folder[64];

static void put_script(const char *body)
{
    char path[128], text[1024];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/lentigo-worker", folder);
    snprintf(text, sizeof(text), "#!/bin/sh\n%s", body);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/lentigo-worker-XXXXXX");
    return mkdtemp(folder) ? setenv("LENTIGO_LIBEXEC", folder, 1) : -1;
}

static int remove_folder(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/lentigo-worker", folder);
    unlink(path);
    return rmdir(folder);
}

static struct wire_message hello; /* large; one test at a time */

static void it_is_greeted_and_its_end_told(void **state)
{
    struct protocol_end end;
    struct worker w;
    struct err err = {0};

    (void)state;
    put_script(
        HELLO("2", "worker") "printf '\\003' 1<>/dev/fd/4 >&4\nread line <&3\nkill -SEGV $$\n");
    assert_int_equal(worker_start(&w, &err), 0);
    assert_int_equal(worker_greet(&w, &hello, &err), 0);
    assert_string_equal(hello.device, "cpu");
    assert_int_equal(hello.credit, WIRE_ITEMS_MAX);
    assert_int_equal(write(w.wire, "go\n", 3), 3);
    worker_bury(&w, &end);
    assert_int_equal(end.signal, SIGSEGV);
    assert_int_equal(end.status, 0);
    assert_int_equal(end.stage, STAGE_NETWORK);
    worker_kill(&w); /* nobody is there any more */
    worker_release(&w);
}

static void its_descriptors_are_few(void **state)
{
    char said[64] = "";
    struct protocol_end end;
    struct worker w;
    struct err err = {0};

    (void)state;
    put_script(HELLO("2", "worker") "for i in 0 1 2 3 4 5 6 7 8 9 11 12 13 14 15; do\n"
                                    "[ -e /proc/$$/fd/$i ] && printf \"$i \" >&3; done\n"
                                    "readlink /proc/$$/fd/0 >&3\nexit 7\n"); /* 10 is the shell's */
    int other = fcntl(STDERR_FILENO, F_DUPFD, 8);
    assert_int_equal(worker_start(&w, &err), 0);
    assert_int_equal(worker_greet(&w, &hello, &err), 0);
    worker_bury(&w, &end);
    assert_int_equal(end.status, 7);
    size_t n = w.pending.len;
    memcpy(said, w.pending.data ? w.pending.data : "", n);
    assert_true(read(w.wire, said + n, sizeof(said) - 1 - n) >= 0);
    assert_string_equal(said, "0 1 2 3 4 /dev/null\n");
    worker_release(&w);
    close(other);
}

static void check_refused(const char *script, enum err_code code, int status)
{
    struct protocol_end end;
    struct worker w;
    struct err err = {0};

    put_script(script);
    assert_int_equal(worker_start(&w, &err), 0);
    assert_int_equal(worker_greet(&w, &hello, &err), -1);
    assert_int_equal(err.code, code);
    worker_bury(&w, &end);
    assert_int_equal(end.status, status);
    assert_int_equal(end.stage, STAGE_COUNT);
    worker_release(&w);
}

static void what_is_no_worker_is_refused(void **state)
{
    (void)state;
    check_refused("exit 78\n", ERR_BUG, 78);
    check_refused("echo nonsense >&3\n", ERR_BUG, 0);
    check_refused("echo '{\"kind\":\"drain\"}' >&3\n", ERR_BUG, 0);
    check_refused(HELLO("2", "reporter"), ERR_BUG, 0);
    check_refused(HELLO("1", "worker"), ERR_CONFIG, 0);
}

static void one_that_hangs_is_killed(void **state)
{
    struct protocol_end end;
    struct worker w;
    struct err err = {0};

    (void)state;
    put_script("exec sleep 1000\n");
    assert_int_equal(worker_start(&w, &err), 0);
    worker_kill(&w);
    worker_bury(&w, &end);
    assert_int_equal(end.signal, SIGKILL);
    worker_release(&w);
}

static void one_that_is_not_installed_is_told(void **state)
{
    struct worker w;
    struct err err = {0};

    (void)state;
    setenv("LENTIGO_LIBEXEC", "/nowhere", 1);
    assert_int_equal(worker_start(&w, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(w.pid, 0);
    worker_release(&w);
    setenv("LENTIGO_LIBEXEC", folder, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_greeted_and_its_end_told),
        cmocka_unit_test(its_descriptors_are_few),
        cmocka_unit_test(what_is_no_worker_is_refused),
        cmocka_unit_test(one_that_hangs_is_killed),
        cmocka_unit_test(one_that_is_not_installed_is_told),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
