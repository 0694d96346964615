/* Preloaded into every process of a round (chaos.py): lets their wall clock jump, and lets the disk
 * fail at a write that the round chose. What is asked for stands in the file CHAOS_CONTROL, shared by
 * all; only files below CHAOS_DISK, and only of lentigo's own programs, ever fail. The real calls are
 * system calls: an allocator may open a file before any constructor of ours could look them up. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { DISK_FINE, DISK_FULL, DISK_READ_ONLY };

struct control {
    _Atomic int64_t clock_ms; /* added to the wall clock */
    _Atomic int32_t disk;
    _Atomic int32_t countdown; /* calls that still go well before the disk fails */
    _Atomic int32_t is_cut;    /* the one short write was done */
};

static struct control none, *control = &none;
static const char *prefix = "/nowhere/";
static bool is_ours;
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_CONTROL"), *disk = getenv("CHAOS_DISK");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return;
    control = map;
    prefix = disk ? disk : prefix;
    is_ours = !strncmp(program_invocation_short_name, "lentigo", 7);
}

/* ---- the clock ---- */

static bool is_wall(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int ret = (int)syscall(SYS_clock_gettime, clock, t);

    if (!ret && is_wall(clock))
        t->tv_sec += control->clock_ms / 1000;
    return ret;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    *t = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}

/* ---- the disk ---- */

/* The error of this call, or 0: it goes well. */
static int fault_of(const char *path)
{
    if (!is_ours || control->disk == DISK_FINE || strncmp(path, prefix, strlen(prefix)) != 0)
        return 0;
    if (control->countdown > 0 && atomic_fetch_sub(&control->countdown, 1) > 0)
        return 0;
    return control->disk == DISK_FULL ? ENOSPC : EROFS;
}

static int fault_of_fd(int fd)
{
    char link[32], path[4096];
    char digits[12];
    int n = 0, at = 0;

    if (!is_ours || control->disk != DISK_FULL || fd < 0) /* read-only: who has it open may write */
        return 0;
    memcpy(link, "/proc/self/fd/", 14);
    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10));
    for (at = 14; n; at++)
        link[at] = digits[--n];
    link[at] = 0;
    ssize_t length = readlink(link, path, sizeof(path) - 1);
    path[length < 0 ? 0 : length] = 0;
    return fault_of(path);
}

static bool is_for_writing(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
}

static bool fails(int fault)
{
    if (fault)
        errno = fault;
    return fault != 0;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return is_for_writing(flags) && fails(fault_of(path))
               ? -1
               : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    mode_t mode = mode_of(flags, rest);
    va_end(rest);
    return is_for_writing(flags) && fails(fault_of(path))
               ? -1
               : (int)syscall(SYS_openat, dir, path, flags, mode);
}

int rename(const char *from, const char *to)
{
    return fails(fault_of(to)) ? -1 : (int)syscall(SYS_rename, from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return fails(fault_of(to)) ? -1
                               : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return fails(fault_of(path)) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int link(const char *from, const char *to)
{
    return fails(fault_of(to)) ? -1 : (int)syscall(SYS_link, from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    return fails(fault_of(to)) ? -1 : (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

/* A disk that fills up takes a part of the first write. */
ssize_t write(int fd, const void *bytes, size_t n)
{
    int fault = fault_of_fd(fd);

    if (fault && n > 1 && !atomic_exchange(&control->is_cut, 1))
        return syscall(SYS_write, fd, bytes, n / 2);
    return fails(fault) ? -1 : syscall(SYS_write, fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return fails(fault_of_fd(fd)) ? -1 : syscall(SYS_pwrite64, fd, bytes, n, at);
}

/* ---- streams: the C library writes them past write(), so ours stands beneath them ---- */

static ssize_t stream_write(void *cookie, const char *bytes, size_t n)
{
    ssize_t done = write((int)(intptr_t)cookie, bytes, n);

    return done < 0 ? 0 : done; /* 0 is the error of a stream, errno says which */
}

static int stream_close(void *cookie)
{
    return (int)syscall(SYS_close, (int)(intptr_t)cookie);
}

static int flags_of(const char *mode)
{
    bool is_both = strchr(mode, '+') != NULL;
    int flags = *mode == 'r'   ? (is_both ? O_RDWR : O_RDONLY)
                : *mode == 'w' ? (is_both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC
                               : (is_both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;

    return flags | (strchr(mode, 'e') ? O_CLOEXEC : 0) | (strchr(mode, 'x') ? O_EXCL : 0);
}

FILE *fopen(const char *restrict path, const char *restrict mode)
{
    int flags = flags_of(mode), fd = open(path, flags, 0666);

    if (fd < 0)
        return NULL;
    if (is_ours && (flags & O_ACCMODE) == O_WRONLY && !strncmp(path, prefix, strlen(prefix)))
        return fopencookie((void *)(intptr_t)fd, "w",
                           (cookie_io_functions_t){.write = stream_write, .close = stream_close});
    return fdopen(fd, mode);
}

/* ---- the same for sources that are compiled for large files ---- */

int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int dir, const char *path, int flags, ...) __attribute__((alias("openat")));
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) __attribute__((alias("pwrite")));
FILE *fopen64(const char *restrict path, const char *restrict mode) __attribute__((alias("fopen")));
