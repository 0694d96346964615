/* What an upload that has taken its child over can do: lose itself, and nothing else.
 *
 * The deed is chosen by the request's tag. A deed that a wall refuses with an error returns, and
 * the picture then decodes; a deed that succeeds aborts, which no case here expects. */
#include "tests/preprocess/support.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preprocess/slot.h"

enum { SECONDS = 2 };

static struct decoder *decoder;
static pid_t test_pid;
static uint64_t jobs; /* submitted so far: what deed_lie has to know */

static void must_fail(bool is_done)
{
    if (is_done)
        abort();
}

static void deed_nothing(uint64_t arg)
{
    (void)arg;
}

static void deed_open(uint64_t arg)
{
    (void)arg;
    must_fail(open("/etc/passwd", O_RDONLY) >= 0);
    must_fail(open("/tmp/escaped", O_CREAT | O_WRONLY, 0600) >= 0);
    must_fail(access("/etc/passwd", F_OK) == 0);
}

static void deed_socket(uint64_t arg)
{
    (void)arg;
    must_fail(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    abort();
}

static void deed_fork(uint64_t arg)
{
    (void)arg;
    must_fail(fork() >= 0);
    abort();
}

static void deed_exec(uint64_t arg)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};

    (void)arg;
    execv("/bin/true", argv);
    abort();
}

static void deed_kill(uint64_t arg)
{
    (void)arg;
    kill(test_pid, SIGTERM);
    abort();
}

static void deed_tgkill(uint64_t arg)
{
    (void)arg;
    syscall(SYS_tgkill, test_pid, test_pid, SIGTERM);
    abort();
}

static void deed_write(uint64_t arg)
{
    (void)arg;
    for (int fd = 0; fd < 64; fd++)
#ifdef LENTIGO_SANITIZED
        if (fd != STDERR_FILENO)
#endif
            must_fail(write(fd, "x", 1) == 1);
}

/* Of all descriptors there may be one whose memory can be written: the slot of this image. */
static void deed_other_slots(uint64_t arg)
{
    int writable = 0;

    (void)arg;
    for (int fd = 0; fd < 1024; fd++) {
        void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        writable += p != MAP_FAILED;
    }
    must_fail(writable > 2); /* the original in these tests is a memfd opened for writing, too */
}

static void deed_truncate(uint64_t arg)
{
    (void)arg;
    for (int fd = 0; fd < 16; fd++)
        must_fail(ftruncate(fd, 0) == 0);
    abort();
}

static void deed_code(uint64_t arg)
{
    (void)arg;
    must_fail(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0) != MAP_FAILED);
}

static void deed_loop(uint64_t arg)
{
    volatile bool forever = true;

    (void)arg;
    while (forever)
        continue;
}

static void deed_sleep(uint64_t arg)
{
    (void)arg;
    sleep(1000);
}

/* 10 GB in pieces, each touched. */
static void deed_memory(uint64_t arg)
{
    (void)arg;
    for (int i = 0; i < 10240; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
            break;
        memset(p, 1, 1 << 20);
    }
    abort();
}

static void deed_glib_memory(uint64_t arg)
{
    (void)arg;
    memset(g_malloc((gsize)10 << 30), 1, 1);
    abort();
}

static void deed_abort(uint64_t arg)
{
    (void)arg;
    abort();
}

static void deed_fault(uint64_t arg)
{
    (void)arg;
    raise(SIGSEGV);
}

static void deed_leave(uint64_t arg)
{
    (void)arg;
    _exit(0);
}

/* Says "decoded", with a picture far larger than the slot. `arg` is the job's number. */
static void deed_lie(uint64_t arg)
{
    for (int fd = 4; fd < 16; fd++) {
        struct slot_head *h = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (h == MAP_FAILED)
            continue;
        *h = (struct slot_head){
            .job = arg,
            .kind = 1,
            .orientation = 1,
            .original = {100,    100   },
            .network = {32,     32    },
            .content = {32,     32    },
            .field = {100000, 100000},
            .display = {100,    100   }
        };
    }
    _exit(0);
}

static void *run_thread(void *arg)
{
    return arg;
}

static void deed_thread(uint64_t arg)
{
    pthread_t t;

    (void)arg;
    must_fail(pthread_create(&t, NULL, run_thread, NULL) != 0);
    must_fail(pthread_join(t, NULL) != 0);
}

static const struct {
    const char *name;
    void (*deed)(uint64_t arg);
    enum reason reason;
    int signal;
    bool is_release_only; /* no memory limit under a sanitizer */
} deeds[] = {
    {"nothing",        deed_nothing,     REASON_NONE,           0,       false},
    {"open",           deed_open,        REASON_NONE,           0,       false},
    {"socket",         deed_socket,      REASON_DECODE_CRASH,   SIGSYS,  false},
    {"fork",           deed_fork,        REASON_DECODE_CRASH,   SIGSYS,  false},
    {"exec",           deed_exec,        REASON_DECODE_CRASH,   SIGSYS,  false},
    {"kill",           deed_kill,        REASON_DECODE_CRASH,   SIGSYS,  false},
    {"tgkill",         deed_tgkill,      REASON_DECODE_CRASH,   SIGSYS,  false},
    {"write",          deed_write,       REASON_NONE,           0,       false},
    {"other slots",    deed_other_slots, REASON_NONE,           0,       false},
    {"truncate",       deed_truncate,    REASON_DECODE_CRASH,   SIGSYS,  false},
    {"machine code",   deed_code,        REASON_NONE,           0,       false},
    {"endless loop",   deed_loop,        REASON_DECODE_TIMEOUT, 0,       false},
    {"sleep",          deed_sleep,       REASON_DECODE_TIMEOUT, 0,       false},
    {"memory",         deed_memory,      REASON_DECODE_MEMORY,  0,       true },
    {"memory of GLib", deed_glib_memory, REASON_DECODE_MEMORY,  0,       true },
    {"abort",          deed_abort,       REASON_DECODE_CRASH,   SIGABRT, false},
    {"fault",          deed_fault,       REASON_DECODE_CRASH,   SIGSEGV, true },
    {"leave",          deed_leave,       REASON_DECODE_CRASH,   0,       false},
    {"lie",            deed_lie,         REASON_DECODE_CRASH,   0,       false},
    {"thread",         deed_thread,      REASON_NONE,           0,       false},
};

enum { DEEDS = sizeof(deeds) / sizeof(*deeds) };

static void hook(uint64_t tag)
{
    deeds[tag & 0xff].deed(tag >> 8);
}

static int setup(void **state)
{
    (void)state;
    test_pid = getpid();
    decoder = support_decoder(hook, SECONDS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    decoder_close(decoder);
    return 0;
}

static void run_deeds(const char *how)
{
    VipsImage *image = support_picture(200, 150);
    struct file f = support_save(image, how);
    bool has_glib = strcmp(how, ".jpg") != 0;

    for (size_t i = 0; i < DEEDS; i++) {
#ifdef LENTIGO_SANITIZED
        if (deeds[i].is_release_only)
            continue;
#endif
        if (deeds[i].deed == deed_glib_memory && !has_glib)
            continue;
        struct decoded out = support_decode(decoder, f.bytes, f.n, 256, i | ++jobs << 8);

        print_message("%s %s: %s, signal %d, %.0f ms: %s\n", how, deeds[i].name,
                      reason_word(out.reason), out.signal, (double)out.wall_us / 1000, out.err.msg);
        assert_int_equal(out.reason, deeds[i].reason);
        if (out.reason == REASON_DECODE_CRASH)
            assert_int_equal(out.signal, deeds[i].signal);
        if (out.reason == REASON_DECODE_TIMEOUT)
            assert_true(out.wall_us >= SECONDS * 1000000 && out.cpu_us < SECONDS * 2000000);
        out = support_decode(decoder, f.bytes, f.n, 256, 0 | ++jobs << 8);
        assert_int_equal(out.reason, REASON_NONE);
        assert_int_equal(out.field.w, 200);
    }
    assert_int_equal(access("/tmp/escaped", F_OK), -1);
    g_free(f.bytes);
    g_object_unref(image);
}

static void each_deed_costs_its_own_image(void **state)
{
    (void)state;
    run_deeds(".jpg");
}

static void each_deed_beside_libvips_too(void **state)
{
    (void)state;
    run_deeds(".png");
}

/* A hanging image does not hold up its neighbours: they are done long before its time is over. */
static void neighbours_of_a_hanging_image_are_done(void **state)
{
    struct decoder *patient = support_decoder(hook, 3600);
    VipsImage *image = support_picture(200, 150);
    struct file f = support_save(image, ".jpg");
    int fd = support_fd(f.bytes, f.n);
    struct err err = {0};
    struct decoded out;

    (void)state;
    assert_string_equal(deeds[12].name, "sleep");
    assert_int_equal(
        decoder_submit(patient,
                       &(struct decode_request){.slot = 3, .fd = fd, .size = 256, .tag = 12}, &err),
        0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(
            decoder_wait(patient, &(struct decode_request){.slot = i % 3, .fd = fd, .size = 256},
                         &out, &err),
            0);
        assert_int_equal(out.tag, 0);
        assert_int_equal(out.reason, REASON_NONE);
    }
    assert_int_equal(decoder_next(patient, &out, &err), 0);
    decoder_close(patient);
    close(fd);
    g_free(f.bytes);
    g_object_unref(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_deed_costs_its_own_image),
        cmocka_unit_test(each_deed_beside_libvips_too),
        cmocka_unit_test(neighbours_of_a_hanging_image_are_done),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
