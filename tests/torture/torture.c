#include "tests/torture/torture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum { MADE_MAX = 1 << 26, TRIES_MAX = 100000 };

static const char *const kind_words[FAULTS_KINDS] = {"memory", "memory from", "disk", "disk full"};

static struct {
    const struct torture *t;
    enum faults_kind kind;
    long n;
    struct err err;
} now;

void torture_expect(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s, %s %ld (%s): %s; error %s \"%s\"\n", now.t->name, kind_words[now.kind],
            now.n, faults_what(), what, err_name(now.err.code), now.err.msg);
    abort();
}

void torture_write(const char *dir, const char *name, const void *bytes, size_t n)
{
    char path[512];
    struct err err = {0};

    torture_expect(!path_format(path, sizeof(path), &err, "%s/%s", dir, name) &&
                       !file_write(path, bytes, n, &err),
                   "a file of the test can be written");
}

void torture_read(const char *dir, const char *name, struct buf *made)
{
    char path[512];
    struct err err = {0};

    torture_expect(!path_format(path, sizeof(path), &err, "%s/%s", dir, name) &&
                       !file_read(path, made, &err),
                   "a file that was made can be read");
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_dir(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void check_error(const char *dir)
{
    bool is_memory = now.kind == FAULTS_MEMORY || now.kind == FAULTS_MEMORY_FROM;
    enum err_code code = now.err.code;

    torture_expect(code == (is_memory ? ERR_NOMEM : ERR_AGAIN) ||
                       (is_memory && code == ERR_AGAIN) ||
                       (!is_memory && now.t->is_configuration && code == ERR_CONFIG),
                   "the error is of another kind");
    torture_expect(now.err.msg[0], "the error has no text");
    if (!is_memory && !now.t->is_nameless)
        torture_expect(strstr(now.err.msg, dir) != NULL || strchr(now.err.msg, '/') != NULL,
                       "the error names no file");
}

/* One try. True when a call failed in it. */
static bool try_once(const char *dir, const struct buf *baseline, struct buf *made)
{
    const struct torture *t = now.t;

    remove_dir(dir);
    torture_expect(!mkdir(dir, 0700), "a folder for the test");
    if (t->setup)
        t->setup(dir);
    buf_clear(made);
    now.err = (struct err){0};
    long memory = faults_memory();
    int descriptors = faults_descriptors();
    size_t room = made->cap;
    faults_arm(now.kind, now.n);
    int ret = t->run(dir, made, &now.err);
    bool fired = faults_disarm();
    torture_expect(faults_memory() - (made->cap && !room) == memory, "memory is left behind");
    torture_expect(faults_descriptors() == descriptors, "a descriptor is left open");
    torture_expect(fired || !ret, "it fails undisturbed");
    if (ret)
        check_error(dir);
    else if (baseline)
        torture_expect(made->len == baseline->len &&
                           !memcmp(made->data ? made->data : "",
                                   baseline->data ? baseline->data : "", made->len),
                       "it went well, and made something else");
    if (t->check)
        t->check(dir, ret != 0);
    return fired;
}

void torture_run(const struct torture *t)
{
    struct buf baseline, made;
    char dir[128];
    const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

    snprintf(dir, sizeof(dir), "%s/lentigo-torture-%d", base, (int)getpid());
    buf_init(&baseline, MADE_MAX);
    buf_init(&made, MADE_MAX);
    now.t = t;
    now.n = TRIES_MAX;
    try_once(dir, NULL, &baseline);
    for (int kind = 0; kind < FAULTS_KINDS; kind++) {
        if (t->kinds >> kind & 1)
            continue;
        now.kind = (enum faults_kind)kind;
        for (now.n = 1; try_once(dir, &baseline, &made); now.n += t->step ? t->step : 1)
            torture_expect(now.n < TRIES_MAX, "no end of calls");
        printf("%s, %s: %ld calls failed in turn\n", t->name, kind_words[kind], now.n - 1);
        fflush(stdout);
    }
    remove_dir(dir);
    buf_release(&baseline);
    buf_release(&made);
}
