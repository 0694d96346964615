/* temp.h -- a folder of its own for each test, and small files in it. For the tests of the queue;
 * a step that fails fails the test. Include after cmocka.h. */
#ifndef TESTS_QUEUE_TEMP_H
#define TESTS_QUEUE_TEMP_H

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/spool.h"

static inline int temp_unlink_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void temp_remove(const char *path)
{
    nftw(path, temp_unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* cmocka setup and teardown: *state is the path of an empty folder. In memory where that can be: a busy
 * disk takes a minute for the syncs of an intake, and what they cost is not tested here. */
static inline int temp_setup(void **state)
{
    char *path = strdup(access("/dev/shm", W_OK) ? "/tmp/lentigo-test-XXXXXX"
                                                 : "/dev/shm/lentigo-test-XXXXXX");

    *state = path && mkdtemp(path) ? path : NULL;
    return *state ? 0 : -1;
}

static inline int temp_teardown(void **state)
{
    temp_remove(*state);
    free(*state);
    return 0;
}

/* `dir`/`name`, valid until the fourth call after this one. */
static inline const char *temp_path(const char *dir, const char *name)
{
    static char ring[4][SPOOL_PATH_SIZE];
    static int next;
    char *out = ring[next++ % 4];

    snprintf(out, sizeof(ring[0]), "%s/%s", dir, name);
    return out;
}

/* Makes the folders above it. */
static inline void temp_write(const char *path, const void *bytes, size_t n)
{
    char above[SPOOL_PATH_SIZE];
    struct err err = {0};

    snprintf(above, sizeof(above), "%s", path);
    *strrchr(above, '/') = 0;
    if (dir_make(above, &err) || file_write(path, bytes, n, &err))
        fail_msg("%s", err.msg);
}

static inline void temp_write_text(const char *path, const char *text)
{
    temp_write(path, text, strlen(text));
}

#endif
