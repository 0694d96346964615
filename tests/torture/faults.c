#include "tests/torture/faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static struct {
    enum faults_kind kind;
    long left;  /* calls until one fails; 0: nothing is armed */
    bool fired; /* one did */
    const char *what;
    long live;
} f;

static bool fails(bool is_memory, bool needs_room, const char *what)
{
    bool is_from = f.kind == FAULTS_MEMORY_FROM || f.kind == FAULTS_DISK_FULL;

    if (!f.left || is_memory != (f.kind == FAULTS_MEMORY || f.kind == FAULTS_MEMORY_FROM) ||
        (f.kind == FAULTS_DISK_FULL && !needs_room))
        return false;
    if (f.fired)
        return is_from;
    if (--f.left)
        return false;
    f.left = 1; /* stays armed */
    f.fired = true;
    f.what = what;
    return true;
}

static bool fails_memory(const char *what)
{
    if (!fails(true, false, what))
        return false;
    errno = ENOMEM;
    return true;
}

static bool fails_disk(bool needs_room, const char *what)
{
    if (!fails(false, needs_room, what))
        return false;
    errno = f.kind == FAULTS_DISK_FULL ? ENOSPC : EIO;
    return true;
}

void faults_arm(enum faults_kind kind, long n)
{
    f.kind = kind;
    f.left = n;
    f.fired = false;
    f.what = "nothing";
}

bool faults_disarm(void)
{
    f.left = 0;
    return f.fired;
}

const char *faults_what(void)
{
    return f.what;
}

long faults_memory(void)
{
    return f.live;
}

int faults_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* ---- memory ---- */

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
void __real_free(void *p);
void __wrap_free(void *p);

static void *counted(void *p)
{
    f.live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return fails_memory("malloc") ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_memory("calloc") ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n)
{
    if (fails_memory("realloc"))
        return NULL;
    return p ? __real_realloc(p, n) : counted(__real_realloc(p, n));
}

char *__wrap_strdup(const char *text)
{
    return fails_memory("strdup") ? NULL : counted(__real_strdup(text));
}

void __wrap_free(void *p)
{
    f.live -= p != NULL;
    __real_free(p);
}

/* ---- disk ---- */

/* One call that fails or goes through. */
#define WRAP(type, name, needs_room, parameters, arguments)                        \
    type __real_##name parameters;                                                 \
    type __wrap_##name parameters;                                                 \
    type __wrap_##name parameters                                                  \
    {                                                                              \
        return fails_disk(needs_room, #name) ? (type)-1 : __real_##name arguments; \
    }

WRAP(int, fsync, true, (int fd), (fd))
WRAP(int, fdatasync, true, (int fd), (fd))
WRAP(int, syncfs, true, (int fd), (fd))
WRAP(int, rename, true, (const char *from, const char *to), (from, to))
WRAP(int, mkdir, true, (const char *path, mode_t mode), (path, mode))
WRAP(int, ftruncate, false, (int fd, off_t n), (fd, n))
WRAP(int, fstat, false, (int fd, struct stat *st), (fd, st))
WRAP(ssize_t, read, false, (int fd, void *to, size_t n), (fd, to, n))
WRAP(ssize_t, pread, false, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP(ssize_t, pwrite, true, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return fails_disk(flags & O_CREAT, "open") ? -1 : __real_open(path, flags, mode);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list ap;

    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return fails_disk(flags & O_CREAT, "openat") ? -1 : __real_openat(dir, path, flags, mode);
}

/* A disk that fills up takes a part first. */
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    bool was_fired = f.fired;

    if (!fails_disk(true, "write"))
        return __real_write(fd, from, n);
    return f.kind == FAULTS_DISK_FULL && !was_fired && n > 1 ? __real_write(fd, from, n / 2) : -1;
}

/* Another file system, so that the copy behind it is tried too. */
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    if (!f.left)
        return __real_linkat(from_dir, from, to_dir, to, flags);
    if (!fails_disk(true, "linkat"))
        errno = EXDEV;
    return -1;
}
