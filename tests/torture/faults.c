#include "tests/torture/faults.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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
void *__real_aligned_alloc(size_t boundary, size_t n);
void *__wrap_aligned_alloc(size_t boundary, size_t n);
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

void *__wrap_aligned_alloc(size_t boundary, size_t n)
{
    return fails_memory("aligned_alloc") ? NULL : counted(__real_aligned_alloc(boundary, n));
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
#define WRAP_AS(failed, type, name, needs_room, parameters, arguments)             \
    type __real_##name parameters;                                                 \
    type __wrap_##name parameters;                                                 \
    type __wrap_##name parameters                                                  \
    {                                                                              \
        return fails_disk(needs_room, #name) ? (failed) : __real_##name arguments; \
    }

#define WRAP(type, name, needs_room, parameters, arguments) \
    WRAP_AS(-1, type, name, needs_room, parameters, arguments)
#define WRAP_POINTER(type, name, parameters, arguments) \
    WRAP_AS(NULL, type *, name, false, parameters, arguments)

WRAP(int, fsync, true, (int fd), (fd))
WRAP(int, fdatasync, true, (int fd), (fd))
WRAP(int, syncfs, true, (int fd), (fd))
WRAP(int, rename, true, (const char *from, const char *to), (from, to))
WRAP(int, renameat2, true,
     (int from_dir, const char *from, int to_dir, const char *to, unsigned flags),
     (from_dir, from, to_dir, to, flags))
WRAP(int, mkdir, true, (const char *path, mode_t mode), (path, mode))
WRAP(int, flock, false, (int fd, int how), (fd, how))
WRAP(int, statvfs64, false, (const char *path, struct statvfs64 *st), (path, st))
WRAP(ssize_t, read, false, (int fd, void *to, size_t n), (fd, to, n))

/* What is compiled for large files calls these by another name. */
#define WRAP_BOTH(type, name, needs_room, parameters, arguments) \
    WRAP(type, name, needs_room, parameters, arguments)          \
    WRAP(type, name##64, needs_room, parameters, arguments)

WRAP_BOTH(int, ftruncate, false, (int fd, off_t n), (fd, n))
WRAP_BOTH(ssize_t, pread, false, (int fd, void *to, size_t n, off_t at), (fd, to, n, at))
WRAP_BOTH(ssize_t, pwrite, true, (int fd, const void *from, size_t n, off_t at), (fd, from, n, at))
WRAP_POINTER(DIR, opendir, (const char *path), (path))
WRAP_POINTER(DIR, fdopendir, (int fd), (fd))
WRAP_POINTER(struct dirent, readdir, (DIR * dir), (dir))
WRAP_POINTER(struct dirent64, readdir64, (DIR * dir), (dir))
WRAP(int, fstat, false, (int fd, struct stat *st), (fd, st))
WRAP(int, fstat64, false, (int fd, struct stat64 *st), (fd, st))
WRAP(int, stat, false, (const char *path, struct stat *st), (path, st))
WRAP(int, stat64, false, (const char *path, struct stat64 *st), (path, st))
WRAP(int, lstat64, false, (const char *path, struct stat64 *st), (path, st))
WRAP(int, fstatat64, false, (int dir, const char *path, struct stat64 *st, int flags),
     (dir, path, st, flags))

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
int __real_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);
int __wrap_linkat(int from_dir, const char *from, int to_dir, const char *to, int flags);

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT ? va_arg(ap, mode_t) : 0;
}

#define WRAP_OPEN(name, parameters, ...)                                                          \
    int __real_##name parameters;                                                                 \
    int __wrap_##name parameters;                                                                 \
    int __wrap_##name parameters                                                                  \
    {                                                                                             \
        va_list ap;                                                                               \
                                                                                                  \
        va_start(ap, flags);                                                                      \
        mode_t mode = mode_of(flags, ap);                                                         \
        va_end(ap);                                                                               \
        return fails_disk(flags & O_CREAT, #name) ? -1 : __real_##name(__VA_ARGS__, flags, mode); \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), path)
WRAP_OPEN(open64, (const char *path, int flags, ...), path)
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), dir, path)
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), dir, path)

/* A disk that fills up takes a part first. */
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    bool was_fired = f.fired;

    if (!fails_disk(true, "write"))
        return __real_write(fd, from, n);
    return f.kind == FAULTS_DISK_FULL && !was_fired && n > 1 ? __real_write(fd, from, n / 2) : -1;
}

/* The C library writes a stream past write(), so ours stands beneath it. */
static ssize_t stream_write(void *cookie, const char *bytes, size_t n)
{
    ssize_t done = __wrap_write((int)(intptr_t)cookie, bytes, n);

    return done < 0 ? 0 : done; /* 0 is the error of a stream, errno says which */
}

static int stream_close(void *cookie)
{
    return close((int)(intptr_t)cookie);
}

FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    bool is_made = mode[0] == 'w';

    if (fails_disk(is_made, "fopen64"))
        return NULL;
    if (!is_made)
        return __real_fopen64(path, mode);
    int fd = __real_open64(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return fd < 0
               ? NULL
               : fopencookie((void *)(intptr_t)fd, "w",
                             (cookie_io_functions_t){.write = stream_write, .close = stream_close});
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
