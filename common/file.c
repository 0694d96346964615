#include "common/file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/process.h"

enum { PATH_SIZE = 4096, CHUNK = 1 << 16, OPEN_FOLDERS = 16 };

enum err_code err_code_of_errno(int e)
{
    switch (e) {
    case ENOMEM: return ERR_NOMEM;
    case ENOENT:
    case EACCES:
    case EPERM:
    case EISDIR:
    case ENOTDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
    case ENXIO: return ERR_INPUT;
    default: return ERR_AGAIN; /* ENOSPC, EDQUOT, EIO, EMFILE, EINTR, ESTALE ... */
    }
}

static int fail_errno(struct err *err, const char *path, const char *verb)
{
    int e = errno;

    return err_set(err, err_code_of_errno(e), "%s: %s: %s", path, verb, strerror(e));
}

void file_hold_standard(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY); // NOLINT(android-cloexec-open): programs we start need it
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int path_format(char *out, size_t size, struct err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(out, size, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= size)
        return err_set(err, ERR_LIMIT, "path longer than %zu bytes: %.80s...", size - 1, out);
    return 0;
}

static int read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    char chunk[CHUNK];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, path, "read");
        if (n == 0)
            return buf_check(out, path, err);
        buf_add(out, chunk, (size_t)n);
        if (out->failed)
            return buf_check(out, path, err);
    }
}

/* A descriptor of a regular file, or -1. Never blocks and follows no link. */
static int open_regular(const char *path, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    if (fd < 0)
        return fail_errno(err, path, "open");
    if (fstat(fd, &st))
        fail_errno(err, path, "stat");
    else if (S_ISREG(st.st_mode))
        return fd;
    else
        err_set(err, ERR_INPUT, "%s: not a regular file", path);
    close(fd);
    return -1;
}

int file_read(const char *path, struct buf *out, struct err *err)
{
    int fd = open_regular(path, err);

    if (fd < 0)
        return -1;
    int ret = read_all(fd, path, out, err);
    close(fd);
    return ret;
}

void file_tail(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t n = -1;

    if (fd >= 0) {
        off_t length = lseek(fd, 0, SEEK_END), most = (off_t)size - 1;
        n = pread(fd, out, (size_t)most, length > most ? length - most : 0);
        close(fd);
    }
    out[n < 0 ? 0 : n] = 0;
}

static int write_all(int fd, const char *path, const void *bytes, size_t n, struct err *err)
{
    const char *at = bytes;

    while (n) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return fail_errno(err, path, "write");
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

static int sync_parent(const char *path, struct err *err)
{
    char dir[PATH_SIZE];
    const char *slash = strrchr(path, '/');

    if (path_format(dir, sizeof(dir), err, "%.*s", slash ? (int)(slash - path) : 1,
                    slash ? path : "."))
        return -1;
    int fd = open(dir[0] ? dir : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) {
        fail_errno(err, dir, "fsync");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

/* The thread id keeps two writers of one path apart: each renames its own whole draft. */
static int draft_path(char draft[PATH_SIZE], const char *path, struct err *err)
{
    return path_format(draft, PATH_SIZE, err, "%s.%d.tmp", path, (int)gettid());
}

static int write_draft(const char *path, const void *bytes, size_t n, bool synced, struct err *err)
{
    char draft[PATH_SIZE];
    int ret = -1;

    if (draft_path(draft, path, err))
        return -1;
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(err, draft, "create");
    if (!write_all(fd, draft, bytes, n, err))
        ret = synced && fsync(fd) ? fail_errno(err, draft, "fsync") : 0;
    close(fd);
    if (ret)
        unlink(draft);
    return ret;
}

bool file_is_draft(const char *name, bool *is_alive)
{
    size_t n = strlen(name);
    const char *end = n > 4 ? name + n - 4 : name, *at = end;

    *is_alive = false;
    if (strcmp(end, ".tmp") != 0)
        return false;
    while (at > name && isdigit((unsigned char)at[-1]))
        at--;
    long writer = strtol(at, NULL, 10);
    /* A zombie has its number still, and writes no more. */
    *is_alive = writer > 0 && (!kill((pid_t)writer, 0) || errno != ESRCH) &&
                process_state((pid_t)writer) != 'Z';
    return at < end && at > name && at[-1] == '.';
}

/* `name`: of the file that the draft was to become; NULL: of any. */
static void sweep(const char *dir, const char *name)
{
    DIR *folder = opendir(dir);
    const struct dirent *entry;
    size_t n = name ? strlen(name) : 0;
    bool is_alive;

    if (!folder)
        return;
    while ((entry = readdir(folder))) {
        const char *is = entry->d_name;
        /* behind the name comes ".<digits>.tmp" and nothing else */
        if (name && (strncmp(is, name, n) != 0 || is[n] != '.' ||
                     strspn(is + n + 1, "0123456789") + n + 1 + strlen(".tmp") != strlen(is)))
            continue;
        if (file_is_draft(is, &is_alive) && !is_alive)
            (void)unlinkat(dirfd(folder), is, 0);
    }
    closedir(folder);
}

void file_sweep_drafts(const char *dir)
{
    sweep(dir, NULL);
}

void file_sweep_drafts_of(const char *dir, const char *name)
{
    sweep(dir, name);
}

int file_draft(const char *path, const void *bytes, size_t n, struct err *err)
{
    return write_draft(path, bytes, n, false, err);
}

int file_adopt(const char *path, struct err *err)
{
    char draft[PATH_SIZE];

    if (draft_path(draft, path, err))
        return -1;
    if (!rename(draft, path))
        return 0;
    fail_errno(err, path, "rename");
    unlink(draft);
    return -1;
}

void file_discard(const char *path)
{
    char draft[PATH_SIZE];
    struct err ignored = {0};

    if (!draft_path(draft, path, &ignored))
        (void)unlink(draft); /* one that stays is swept when its writer is gone */
}

/* NFS has no such rename: a second name that is refused when the first is taken does the same. */
static int rename_to_new(const char *from, const char *to)
{
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) || unlink(from) ? -1 : 0;
}

int file_adopt_first(const char *path, struct err *err)
{
    char draft[PATH_SIZE];

    if (draft_path(draft, path, err))
        return -1;
    if (!rename_to_new(draft, path))
        return 0;
    int e = errno;
    unlink(draft);
    if (e == EEXIST)
        return 0;
    errno = e;
    return fail_errno(err, path, "rename");
}

int file_write(const char *path, const void *bytes, size_t n, struct err *err)
{
    return write_draft(path, bytes, n, false, err) || file_adopt(path, err) ? -1 : 0;
}

int file_write_synced(const char *path, const void *bytes, size_t n, struct err *err)
{
    return write_draft(path, bytes, n, true, err) || file_adopt(path, err) || sync_parent(path, err)
               ? -1
               : 0;
}

int file_sync_fs(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int ret = 0;

    if (fd < 0)
        return fail_errno(err, path, "open");
    if (syncfs(fd))
        ret = fail_errno(err, path, "syncfs");
    close(fd);
    return ret;
}

int dir_make(const char *path, struct err *err)
{
    char part[PATH_SIZE];
    struct stat st;
    bool is_last = false;

    if (path_format(part, sizeof(part), err, "%s", path))
        return -1;
    /* Most often only the last folder is missing: one call instead of one for each part. */
    if (!mkdir(part, 0700))
        return 0;
    for (char *slash = part[0] ? part + 1 : part; !is_last; slash++) {
        char was = *slash;
        if (was != '/' && was != 0)
            continue;
        *slash = 0;
        if (mkdir(part, 0700) && errno != EEXIST)
            return fail_errno(err, part, "mkdir");
        *slash = was;
        is_last = !was;
    }
    if (stat(part, &st))
        return fail_errno(err, path, "stat");
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INPUT, "%s: is there and no folder", path);
    return 0;
}

static int copy_fd(int in, int out, const char *path, struct err *err)
{
    char chunk[CHUNK];

    if (!ioctl(out, FICLONE, in))
        return 0;
    for (;;) {
        ssize_t n = read(in, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(err, path, "read");
        if (n == 0)
            return 0;
        if (write_all(out, path, chunk, (size_t)n, err))
            return -1;
    }
}

int file_copy_fd(int from, const char *to, struct err *err)
{
    char draft[PATH_SIZE];
    int ret = -1;

    if (path_format(draft, sizeof(draft), err, "%s.%d.tmp", to, (int)gettid()))
        return -1;
    int out = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0)
        return fail_errno(err, draft, "create");
    if (lseek(from, 0, SEEK_SET) < 0)
        fail_errno(err, to, "seek");
    else if (!copy_fd(from, out, to, err))
        ret = rename(draft, to) ? fail_errno(err, to, "rename") : 0;
    close(out);
    if (ret)
        unlink(draft);
    return ret;
}

int file_link_or_copy_fd(int from, const char *to, struct err *err)
{
    char opened[64];

    /* Through the descriptor, so that what was looked at is what gets the second name. */
    snprintf(opened, sizeof(opened), "/proc/self/fd/%d", from);
    if (!linkat(AT_FDCWD, opened, AT_FDCWD, to, AT_SYMLINK_FOLLOW) || errno == EEXIST)
        return 0;
    return file_copy_fd(from, to, err);
}

int file_link_or_copy(const char *from, const char *to, struct err *err)
{
    int fd = open_regular(from, err);

    if (fd < 0)
        return -1;
    int ret = file_link_or_copy_fd(fd, to, err);
    close(fd);
    return ret;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

void dir_remove(const char *path)
{
    (void)nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}
