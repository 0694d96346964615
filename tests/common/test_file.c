#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"

enum { ROOM = 200 };

static char folder[] = "/tmp/lentigo-test-file-XXXXXX"; /* made by setup, removed by teardown */

static const char *in_folder(char out[ROOM], const char *name)
{
    snprintf(out, ROOM, "%s/%s", folder, name);
    return out;
}

static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = -2; /* . and .. */

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    DIR *d = opendir(folder);
    char path[sizeof(folder) + 256];

    (void)state;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        if (e->d_name[0] != '.' && unlink(path))
            rmdir(path);
    }
    closedir(d);
    return rmdir(folder);
}

static void expect_text(const char *path, const char *text)
{
    struct err err = {0};
    struct buf b;

    buf_init(&b, 1000);
    assert_int_equal(file_read(path, &b, &err), 0);
    assert_string_equal(b.data ? b.data : "", text);
    buf_release(&b);
}

static void expect_refused(const char *path, size_t max, enum err_code code)
{
    struct err err = {0};
    struct buf b;

    buf_init(&b, max);
    assert_int_equal(file_read(path, &b, &err), -1);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.msg, path));
    buf_release(&b);
}

static void read_and_write(void **state)
{
    char path[ROOM];
    struct err err = {0};
    struct stat st;

    (void)state;
    in_folder(path, "a");
    assert_int_equal(file_write(path, "one", 3, &err), 0);
    expect_text(path, "one");
    assert_int_equal(file_write_synced(path, "", 0, &err), 0);
    expect_text(path, "");
    assert_int_equal(file_write(path, "12345678", 8, &err), 0);
    expect_refused(path, 7, ERR_LIMIT);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_sync_fs(path, &err), 0);
    assert_int_equal(entries(folder), 1); /* no draft left */
    unlink(path);
}

static void only_regular_files_are_read(void **state)
{
    char path[ROOM];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd;

    (void)state;
    expect_refused(in_folder(path, "missing"), 10, ERR_INPUT);
    expect_refused(folder, 10, ERR_INPUT);
    assert_int_equal(mkfifo(in_folder(path, "pipe"), 0600), 0);
    expect_refused(path, 10, ERR_INPUT); /* and does not wait for a writer */
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", in_folder(path, "link")), 0);
    expect_refused(path, 10000, ERR_INPUT);
    unlink(path);
    in_folder(path, "socket");
    snprintf(name.sun_path, sizeof(name.sun_path), "%.100s", path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    expect_refused(path, 10, ERR_INPUT);
    close(fd);
    unlink(path);
    expect_refused("/dev/zero", 10, ERR_INPUT);
}

struct rewriter {
    const char *path;
    char letter;
    atomic_bool stop;
};

static void *rewrite(void *arg)
{
    struct rewriter *r = arg;
    char text[5000];

    memset(text, r->letter, sizeof(text));
    while (!r->stop) {
        struct err err = {0};
        if (file_write(r->path, text, sizeof(text), &err))
            return r;
    }
    return NULL;
}

/* Two writers and a reader: whatever is seen is one writer's whole text. */
static void replacing_is_atomic(void **state)
{
    char path[ROOM];
    struct rewriter r[2] = {
        {.path = path, .letter = 'a'},
        {.path = path, .letter = 'b'}
    };
    pthread_t thread[2];
    struct err err = {0};
    void *failed[2];

    (void)state;
    in_folder(path, "shared");
    assert_int_equal(file_write(path, "", 0, &err), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, rewrite, &r[i]), 0);
    for (int i = 0; i < 300; i++) {
        struct buf b;
        buf_init(&b, 10000);
        assert_int_equal(file_read(path, &b, &err), 0);
        assert_true(b.len == 0 || b.len == 5000);
        for (size_t k = 1; k < b.len; k++)
            assert_int_equal(b.data[k], b.data[0]);
        buf_release(&b);
    }
    for (int i = 0; i < 2; i++) {
        r[i].stop = true;
        pthread_join(thread[i], &failed[i]);
        assert_null(failed[i]);
    }
    assert_int_equal(entries(folder), 1);
    unlink(path);
}

static void failed_write_keeps_the_old_file(void **state)
{
    char path[ROOM], inside[ROOM];
    struct err err = {0};

    (void)state;
    in_folder(path, "target");
    assert_int_equal(dir_make(path, &err), 0);
    assert_int_equal(file_write(in_folder(inside, "target/x"), "x", 1, &err), 0);
    assert_int_equal(file_write(path, "new", 3, &err),
                     -1); /* a folder with content is in the way */
    assert_int_equal(entries(folder), 1);
    unlink(inside);
    rmdir(path);
    err = (struct err){0};
    assert_int_equal(file_write(in_folder(path, "no/such/x"), "x", 1, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
}

/* A file system of 64 KiB: ERR_AGAIN, the old text still there, no draft left. */
static void draft_is_not_seen_before_it_is_adopted(void **state)
{
    char path[ROOM];
    struct buf read;
    struct err err = {0};

    (void)state;
    buf_init(&read, 100);
    in_folder(path, "drafted");
    int before = entries(folder);
    assert_int_equal(file_write(path, "old", 3, &err), 0);
    assert_int_equal(file_draft(path, "new!", 4, &err), 0);
    assert_int_equal(file_read(path, &read, &err), 0);
    assert_string_equal(read.data, "old");
    assert_int_equal(file_adopt(path, &err), 0);
    buf_clear(&read);
    assert_int_equal(file_read(path, &read, &err), 0);
    assert_string_equal(read.data, "new!");
    assert_int_equal(entries(folder), before + 1); /* the draft is gone */
    assert_int_equal(file_adopt(path, &err), -1);  /* there is none any more */
    assert_int_equal(err.code, ERR_INPUT);
    buf_release(&read);
}

/* What a killed worker forked is an orphan; where nobody buries orphans it keeps its number for ever. */
static void a_draft_of_a_zombie_is_no_living_ones(void **state)
{
    siginfo_t info;
    char name[32];
    bool is_alive;
    pid_t pid = fork();

    (void)state;
    if (!pid)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    snprintf(name, sizeof(name), "a.%d.tmp", (int)pid);
    assert_true(file_is_draft(name, &is_alive));
    assert_false(is_alive);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void drafts_of_the_dead_are_swept(void **state)
{
    static const struct {
        const char *name;
        bool is_draft, is_alive;
    } cases[] = {
        {"1.json.999999999.tmp", true,  false},
        {"1.json.1.tmp",         true,  true },
        {"1.json",               false, false},
        {"1.json.tmp",           false, false},
        {".tmp",                 false, false},
        {"999999999.tmp",        false, false},
        {"x.12a.tmp",            false, false},
    };
    char path[200], dir[100];
    bool is_alive;

    (void)state;
    snprintf(dir, sizeof(dir), "%s/swept", folder);
    assert_int_equal(mkdir(dir, 0700), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        snprintf(path, sizeof(path), "%s/%s", dir, cases[i].name);
        assert_int_equal(file_write(path, "x", 1, &err), 0);
        assert_int_equal(file_is_draft(cases[i].name, &is_alive), cases[i].is_draft);
        assert_true(!cases[i].is_draft || is_alive == cases[i].is_alive);
    }
    file_sweep_drafts(dir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, cases[i].name);
        assert_int_equal(unlink(path) == 0, !cases[i].is_draft || cases[i].is_alive);
    }
    file_sweep_drafts("/nowhere");
}

static void full_disk_is_tried_again(void **state)
{
    static char big[100000]; /* too much for a stack frame */
    char disk[ROOM], file[ROOM], copy[ROOM], source[ROOM];
    struct err err = {0}, full = {0}, copy_full = {0};
    struct buf b;

    (void)state;
    assert_int_equal(dir_make(in_folder(disk, "disk"), &err), 0);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=64k")) {
        rmdir(disk);
        skip(); /* needs root */
    }
    in_folder(file, "disk/file");
    in_folder(copy, "disk/copy");
    in_folder(source, "source");
    /* No assert before the disk is unmounted. */
    int ret = file_write(source, big, sizeof(big), &err);
    ret |= file_write_synced(file, "old", 3, &err);
    int ret_full = file_write_synced(file, big, sizeof(big), &full);
    int ret_copy = file_link_or_copy(source, copy, &copy_full);
    int left = entries(disk);
    buf_init(&b, 10);
    ret |= file_read(file, &b, &err);
    umount(disk);
    rmdir(disk);
    unlink(source);
    assert_int_equal(ret, 0);
    assert_int_equal(ret_full, -1);
    assert_int_equal(full.code, ERR_AGAIN);
    assert_int_equal(ret_copy, -1);
    assert_int_equal(copy_full.code, ERR_AGAIN);
    assert_int_equal(left, 1);
    assert_string_equal(b.data, "old");
    buf_release(&b);
}

static void folders(void **state)
{
    char path[ROOM], file[ROOM];
    struct err err = {0};
    struct stat st;

    (void)state;
    assert_int_equal(dir_make(in_folder(path, "a/b//c/"), &err), 0);
    assert_int_equal(dir_make(path, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(dir_make("/", &err), 0);
    assert_int_equal(dir_make("", &err), -1);
    err = (struct err){0};
    assert_int_equal(file_write(in_folder(file, "a/file"), "x", 1, &err), 0);
    assert_int_equal(dir_make(file, &err), -1); /* the name is taken by a file */
    assert_int_equal(err.code, ERR_INPUT);
    err = (struct err){0};
    assert_int_equal(dir_make(in_folder(path, "a/file/b"), &err), -1);
    unlink(file);
    rmdir(in_folder(path, "a/b/c"));
    rmdir(in_folder(path, "a/b"));
    rmdir(in_folder(path, "a"));
}

static void second_names(void **state)
{
    char from[ROOM], to[ROOM], link[ROOM], pipe_path[ROOM];
    struct err err = {0};
    struct stat a, b;

    (void)state;
    in_folder(from, "from");
    in_folder(to, "to");
    assert_int_equal(file_write(from, "x", 1, &err), 0);
    assert_int_equal(file_link_or_copy(from, to, &err), 0);
    assert_int_equal(stat(from, &a) | stat(to, &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    unlink(from);
    assert_int_equal(file_write(from, "later", 5, &err), 0);
    assert_int_equal(file_link_or_copy(from, to, &err), 0);
    expect_text(to, "x"); /* the earlier one is kept */
    unlink(to);

    assert_int_equal(symlink(from, in_folder(link, "link")), 0);
    assert_int_equal(file_link_or_copy(link, to, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(mkfifo(in_folder(pipe_path, "pipe"), 0600), 0);
    assert_int_equal(file_link_or_copy(pipe_path, to, &(struct err){0}), -1);
    assert_int_equal(access(to, F_OK), -1);
    assert_int_equal(file_link_or_copy(in_folder(to, "missing"), to, &(struct err){0}), -1);
    unlink(pipe_path);
    unlink(link);
    unlink(from);
}

/* /dev/shm is another file system, so the second name has to be a copy. */
static void copies_across_file_systems(void **state)
{
    char to[] = "/dev/shm/lentigo-test-file", from[ROOM];
    struct err err = {0};
    struct stat a, b;

    (void)state;
    if (stat("/dev/shm", &a) || stat(folder, &b) || a.st_dev == b.st_dev)
        skip();
    unlink(to);
    assert_int_equal(file_write(in_folder(from, "from"), "text", 4, &err), 0);
    int ret = file_link_or_copy(from, to, &err);
    assert_int_equal(ret, 0);
    expect_text(to, "text");
    unlink(to);
    unlink(from);
}

static void paths(void **state)
{
    char out[8];
    struct err err = {0};

    (void)state;
    assert_int_equal(path_format(out, sizeof(out), &err, "%s/%d", "abcd", 12), 0);
    assert_string_equal(out, "abcd/12");
    assert_int_equal(path_format(out, sizeof(out), &err, "%s/%d", "abcd", 123), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(err_code_of_errno(ENOSPC), ERR_AGAIN);
    assert_int_equal(err_code_of_errno(EDQUOT), ERR_AGAIN);
    assert_int_equal(err_code_of_errno(EMFILE), ERR_AGAIN);
    assert_int_equal(err_code_of_errno(EIO), ERR_AGAIN);
    assert_int_equal(err_code_of_errno(ENOMEM), ERR_NOMEM);
    assert_int_equal(err_code_of_errno(EACCES), ERR_INPUT);
}

static void only_the_end_of_a_log_is_read(void **state)
{
    char path[ROOM], end[6];
    struct err err = {0};

    (void)state;
    file_tail(in_folder(path, "no-log"), end, sizeof(end));
    assert_string_equal(end, "");
    assert_int_equal(file_write(in_folder(path, "log"), "abcdefgh", 8, &err), 0);
    file_tail(path, end, sizeof(end));
    assert_string_equal(end, "defgh");
    assert_int_equal(file_write(path, "ab", 2, &err), 0);
    file_tail(path, end, sizeof(end));
    assert_string_equal(end, "ab");
    unlink(path);
}

static void a_folder_goes_with_all_below_it(void **state)
{
    struct err err = {0};
    char path[64], below[128], beside[128];

    (void)state;
    snprintf(path, sizeof(path), "/tmp/lentigo-dir-%d", (int)getpid());
    snprintf(beside, sizeof(beside), "%s.beside", path);
    snprintf(below, sizeof(below), "%s/a/b", path);
    assert_int_equal(dir_make(below, &err), 0);
    assert_int_equal(dir_make(beside, &err), 0);
    snprintf(below, sizeof(below), "%s/a/link", path);
    assert_int_equal(symlink(beside, below), 0);
    dir_remove(path);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(rmdir(beside), 0); /* the link was not followed */
    dir_remove(path);                   /* none is fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_and_write),
        cmocka_unit_test(only_regular_files_are_read),
        cmocka_unit_test(only_the_end_of_a_log_is_read),
        cmocka_unit_test(replacing_is_atomic),
        cmocka_unit_test(failed_write_keeps_the_old_file),
        cmocka_unit_test(draft_is_not_seen_before_it_is_adopted),
        cmocka_unit_test(drafts_of_the_dead_are_swept),
        cmocka_unit_test(a_draft_of_a_zombie_is_no_living_ones),
        cmocka_unit_test(full_disk_is_tried_again),
        cmocka_unit_test(folders),
        cmocka_unit_test(a_folder_goes_with_all_below_it),
        cmocka_unit_test(second_names),
        cmocka_unit_test(copies_across_file_systems),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
