#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum { PATH_SIZE = 512, RING = 4 };

static char dir[128];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void remove_dir(void)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    const char *base = getenv("TMPDIR");

    if (dir[0])
        return dir;
    if (!base)
        base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
    snprintf(dir, sizeof(dir), "%s/lentigo-fuzz-XXXXXX", base);
    if (!mkdtemp(dir)) {
        perror(dir);
        abort();
    }
    atexit(remove_dir);
    return dir;
}

const char *fuzz_file(const char *name, const void *bytes, size_t size)
{
    static char ring[RING][PATH_SIZE];
    static int next;
    char *path = ring[next++ % RING], above[PATH_SIZE];
    struct err err = {0};

    snprintf(path, PATH_SIZE, "%s/%s", fuzz_dir(), name);
    snprintf(above, sizeof(above), "%s", path);
    *strrchr(above, '/') = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 && !dir_make(above, &err))
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, bytes, size, 0) != (ssize_t)size || ftruncate(fd, (off_t)size)) {
        perror(path);
        abort();
    }
    close(fd);
    return path;
}

void fuzz_expect(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static int accepted;

void fuzz_accepted(void)
{
    accepted += accepted < INT_MAX;
}

int fuzz_count_accepted(void)
{
    return accepted;
}

void fuzz_expect_same(json_t *a, json_t *b, const char *what)
{
    char *x = json_line(a), *y = json_line(b);

    if (!x || !y || strcmp(x, y) != 0) {
        fprintf(stderr, "first:  %.2000s\nsecond: %.2000s\n", x ? x : "none", y ? y : "none");
        fuzz_expect(0, what);
    }
    free(x);
    free(y);
    json_decref(a);
    json_decref(b);
}
