#include "queue/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "queue/names.h"

enum {
    EVENT_MAX = 64 << 10,
    LOCK_TRIES = 50, /* one second */
    LOCK_AGAIN_US = 20000,
};

static const char version_text[] = "1\n";

struct spool {
    char root[SPOOL_PATH_SIZE];
    char id[SPOOL_ID_SIZE];
    int lock_fd; /* -1 = not held */
    int log_fd;
};

static int fail_errno(struct err *err, const char *path, const char *verb)
{
    int e = errno;

    return err_set(err, err_code_of_errno(e), "%s: %s: %s", path, verb, strerror(e));
}

static int in_root(const struct spool *s, const char *name, char out[SPOOL_PATH_SIZE],
                   struct err *err)
{
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/%s", s->root, name);
}

static int make_folders(const struct spool *s, struct err *err)
{
    static const char *const names[] = {"incoming", "uploads"};
    char path[SPOOL_PATH_SIZE];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (in_root(s, names[i], path, err) || dir_make(path, err))
            return -1;
    return 0;
}

/* The version is written last of all, so a spool that has one is whole. */
static int check_version(const struct spool *s, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct buf text;

    if (in_root(s, "version", path, err))
        return -1;
    if (access(path, F_OK) && errno == ENOENT)
        return file_write_synced(path, version_text, strlen(version_text), err);
    buf_init(&text, 64);
    int ret = file_read(path, &text, err);
    if (!ret &&
        (text.len != strlen(version_text) || memcmp(text.data, version_text, text.len) != 0))
        ret = err_set(err, ERR_CONFIG, "%s: this lentigo knows version 1 of the spool, not %.20s",
                      path, text.len ? text.data : "an empty one");
    buf_release(&text);
    return ret;
}

/* Whoever makes it first has made it for all. */
static int make_id(const char *path, struct err *err)
{
    char text[SPOOL_ID_SIZE];
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return err_set(err, ERR_AGAIN, "%s: no random bytes", path);
    snprintf(text, sizeof(text), "%016llx", (unsigned long long)random);
    return file_draft(path, text, strlen(text), err) || file_adopt_first(path, err) ||
                   file_sync_fs(path, err)
               ? -1
               : 0;
}

static int read_id(struct spool *s, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct buf text;

    if (in_root(s, "id", path, err) || (access(path, F_OK) && make_id(path, err)))
        return -1;
    buf_init(&text, SPOOL_ID_SIZE);
    int ret = file_read(path, &text, err);
    if (!ret && text.len != SPOOL_ID_SIZE - 1)
        ret = err_set(err, ERR_CONFIG, "%s: no 16 digits; remove it, and a new one is made", path);
    if (!ret)
        memcpy(s->id, text.data, SPOOL_ID_SIZE - 1);
    buf_release(&text);
    return ret;
}

int spool_open(struct spool **out, const char *root, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct spool *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "%s: out of memory", root);
    s->lock_fd = s->log_fd = -1;
    if (path_format(s->root, sizeof(s->root), err, "%s", root) || make_folders(s, err) ||
        check_version(s, err) || read_id(s, err) || in_root(s, "log", path, err))
        goto fail;
    s->log_fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->log_fd < 0) {
        fail_errno(err, path, "open");
        goto fail;
    }
    *out = s;
    return 0;
fail:
    spool_close(s);
    return -1;
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    if (s->log_fd >= 0)
        close(s->log_fd);
    free(s);
}

const char *spool_root(const struct spool *s)
{
    return s->root;
}

const char *spool_id(const struct spool *s)
{
    return s->id;
}

int spool_mark_bench(const struct spool *s, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    return in_root(s, "bench", path, err) || file_write(path, "", 0, err) ? -1 : 0;
}

bool spool_is_bench(const char *root)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    return !path_format(path, sizeof(path), &ignored, "%s/bench", root) && !access(path, F_OK);
}

/* Who holds the lock, as the holder wrote it; "unknown" in the instant before it did. */
static const char *holder_of(int fd, char text[32])
{
    ssize_t n = pread(fd, text, 31, 0);

    text[n > 0 ? n : 0] = 0;
    text[strcspn(text, "\n")] = 0;
    return text[0] ? text : "unknown";
}

static bool is_holder_gone(int fd)
{
    char text[32];
    long pid = strtol(holder_of(fd, text), NULL, 10);

    return pid > 0 && pid <= INT_MAX && kill((pid_t)pid, 0) && errno == ESRCH;
}

/* A holder that was killed leaves the lock with a child that it had just forked, until that is another
 * program. 0, or -1 with errno. */
static int lock_patiently(int fd)
{
    for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
        if (errno != EWOULDBLOCK)
            return -1;
        if (i == LOCK_TRIES || !is_holder_gone(fd)) {
            errno = EWOULDBLOCK;
            return -1;
        }
        usleep(LOCK_AGAIN_US);
    }
    return 0;
}

int spool_lock(struct spool *s, struct err *err)
{
    char path[SPOOL_PATH_SIZE], text[32];

    assert(s->lock_fd < 0);
    if (in_root(s, "lock", path, err))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_errno(err, path, "open");
    if (lock_patiently(fd)) {
        if (errno == EWOULDBLOCK)
            err_set(err, ERR_AGAIN, "%s: in use by process %s", s->root, holder_of(fd, text));
        else
            fail_errno(err, path, "flock");
        close(fd);
        return -1;
    }
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n) {
        fail_errno(err, path, "write");
        close(fd);
        return -1;
    }
    s->lock_fd = fd;
    return 0;
}

/* The kernel's list names each flock with its holder: "1: FLOCK ADVISORY WRITE 123 fe:01:456 0 EOF"
 * (proc_locks(5)). Trying the lock instead could make a scheduler that starts just now fail. */
int spool_lock_holder(const char *path)
{
    char line[256];
    struct stat st;
    unsigned long long inode;
    int pid, holder = 0;

    if (stat(path, &st))
        return 0;
    FILE *list = fopen("/proc/locks", "re");
    while (list && !holder && fgets(line, sizeof(line), list))
        if (sscanf(line, // NOLINT(cert-err34-c): the kernel writes whole numbers
                   "%*d: FLOCK %*s WRITE %d %*x:%*x:%llu", &pid, &inode) == 2 &&
            inode == st.st_ino)
            holder = pid;
    if (list)
        (void)fclose(list); /* opened for reading */
    return holder;
}

int spool_holder(const struct spool *s)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    return in_root(s, "lock", path, &ignored) ? 0 : spool_lock_holder(path);
}

/* Ids come back from Redis and from the command line; none may lead out of the spool. */
static bool is_plain_name(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) <= 255;
}

static int study_dir_in(const char *root, const char *upload, const char *key,
                        char out[SPOOL_PATH_SIZE], struct err *err)
{
    if (!is_plain_name(upload) || !is_plain_name(key))
        return err_set(err, ERR_INPUT, "\"%.80s/%.80s\" names no study", upload, key);
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/uploads/%s/studies/%s", root, upload, key);
}

int spool_study_dir(const struct spool *s, const char *upload, const char *key,
                    char out[SPOOL_PATH_SIZE], struct err *err)
{
    return study_dir_in(s->root, upload, key, out, err);
}

int spool_cut_id(const char *id, char upload[64], char key[32], int *n)
{
    const char *slash = strchr(id, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    size_t rest = slash ? strlen(slash + 1) : 0;
    size_t key_length = second ? (size_t)(second - slash - 1) : rest;
    char *end;

    if (!slash || slash - id >= 64 || key_length >= 32)
        return -1;
    memcpy(upload, id, (size_t)(slash - id));
    upload[slash - id] = 0;
    memcpy(key, slash + 1, key_length);
    key[key_length] = 0;
    *n = -1;
    if (!second)
        return 0;
    errno = 0;
    long number = strtol(second + 1, &end, 10);
    if (errno || end == second + 1 || *end || number < 0 || number > INT_MAX)
        return -1;
    *n = (int)number;
    return 0;
}

int spool_image_of_id(const char *root, const char *id, char study_dir[SPOOL_PATH_SIZE], int *n,
                      struct err *err)
{
    char upload[64], key[32];

    if (spool_cut_id(id, upload, key, n) || *n < 0)
        return err_set(err, ERR_INPUT, "\"%.100s\" names no image", id);
    return study_dir_in(root, upload, key, study_dir, err);
}

int spool_study_read(const char *study_dir, struct study *out, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/study.json", study_dir))
        return -1;
    json_t *object = json_read(path, SPOOL_JSON_MAX, err);
    if (!object)
        return -1;
    int ret = study_from_json(out, object, err);
    json_decref(object);
    return ret ? err_wrap(err, "%s", path) : 0;
}

struct study_walk {
    const struct spool *spool;
    int (*visit)(void *ctx, const char *study_dir, const struct study *study, struct err *err);
    void *ctx;
};

static int visit_study(const struct study_walk *walk, const char *upload, const char *key,
                       struct err *err)
{
    char dir[SPOOL_PATH_SIZE];
    struct study study;

    if (spool_study_dir(walk->spool, upload, key, dir, err) || spool_study_read(dir, &study, err))
        return -1;
    int ret = walk->visit(walk->ctx, dir, &study, err);
    study_release(&study);
    return ret;
}

static int visit_studies(void *ctx, const char *upload, struct err *err)
{
    const struct study_walk *walk = ctx;
    char path[SPOOL_PATH_SIZE];
    struct names keys;
    int ret = 0;

    if (path_format(path, sizeof(path), err, "%s/uploads/%s/studies", walk->spool->root, upload) ||
        names_read(&keys, path, err))
        return -1;
    for (int i = 0; i < keys.n && !ret; i++)
        ret = visit_study(walk, upload, keys.at[i], err);
    names_release(&keys);
    return ret;
}

int spool_each_study(const struct spool *s,
                     int (*visit)(void *ctx, const char *study_dir, const struct study *study,
                                  struct err *err),
                     void *ctx, struct err *err)
{
    struct study_walk walk = {s, visit, ctx};

    return spool_each_upload(s, visit_studies, &walk, err);
}

int spool_each_study_of(const struct spool *s, const char *upload,
                        int (*visit)(void *ctx, const char *study_dir, const struct study *study,
                                     struct err *err),
                        void *ctx, struct err *err)
{
    struct study_walk walk = {s, visit, ctx};

    return visit_studies(&walk, upload, err);
}

int spool_upload_dir(const struct spool *s, const char *upload, char out[SPOOL_PATH_SIZE],
                     struct err *err)
{
    if (!is_plain_name(upload))
        return err_set(err, ERR_INPUT, "\"%.80s\" names no upload", upload);
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/uploads/%s", s->root, upload);
}

int spool_upload_read(const struct spool *s, const char *upload, json_t **out, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    char dir[SPOOL_PATH_SIZE];

    if (spool_upload_dir(s, upload, dir, err) ||
        path_format(path, sizeof(path), err, "%s/upload.json", dir))
        return -1;
    *out = json_read(path, SPOOL_JSON_MAX, err);
    return *out ? 0 : -1;
}

int spool_each_upload(const struct spool *s,
                      int (*visit)(void *ctx, const char *upload, struct err *err), void *ctx,
                      struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct names uploads;
    int ret = 0;

    if (in_root(s, "uploads", path, err) || names_read(&uploads, path, err))
        return -1;
    for (int i = 0; i < uploads.n && !ret; i++)
        ret = visit(ctx, uploads.at[i], err);
    names_release(&uploads);
    return ret;
}

/* A line that a crash cut short is ended first, or it would swallow the new one. 1: there is one. */
static int ends_in_cut_line(int fd, const char *path, struct err *err)
{
    struct stat st;
    char last = '\n';

    if (fstat(fd, &st) || (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) < 0))
        return fail_errno(err, path, "read");
    return last != '\n';
}

int spool_log_append(struct spool *s, const json_t *event, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct buf bytes;
    int ret = -1;

    if (in_root(s, "log", path, err))
        return -1;
    int is_cut = ends_in_cut_line(s->log_fd, path, err);
    if (is_cut < 0)
        return -1;
    char *line = json_line(event);
    if (!line)
        return err_set(err, ERR_NOMEM, "spool log: out of memory");
    buf_init(&bytes, EVENT_MAX);
    buf_add_text(&bytes, is_cut ? "\n" : "");
    buf_add_text(&bytes, line);
    buf_add_text(&bytes, "\n");
    if (buf_check(&bytes, "event for the spool log", err))
        goto done;
    /* One write, so that the lines of two processes do not mix. */
    ssize_t n = write(s->log_fd, bytes.data, bytes.len);
    if (n < 0)
        fail_errno(err, path, "write");
    else if ((size_t)n < bytes.len)
        err_set(err, ERR_AGAIN, "%s: disk full after %zd of %zu bytes", path, n, bytes.len);
    else
        ret = fdatasync(s->log_fd) ? fail_errno(err, path, "fdatasync") : 0;
done:
    buf_release(&bytes);
    free(line);
    return ret;
}

static int visit_line(const char *line, size_t n, int64_t at,
                      int (*visit)(void *ctx, const json_t *event, struct err *err), void *ctx,
                      struct err *err)
{
    struct err why = {0};
    json_t *event = json_parse(line, n, "spool log", &why);

    if (!event && why.code == ERR_NOMEM)
        return err_set(err, why.code, "%s", why.msg);
    if (!event) {
        log_event(LOG_WARN, "spool.log_line_skipped", "at_byte=%lld", (long long)at);
        return 0;
    }
    int ret = visit(ctx, event, err);
    json_decref(event);
    return ret;
}

static int read_log(const struct spool *s, int64_t at, struct buf *out, struct err *err)
{
    char chunk[4096];
    ssize_t n;

    while ((n = pread(s->log_fd, chunk, sizeof(chunk), at)) > 0) {
        buf_add(out, chunk, (size_t)n);
        if (buf_check(out, "spool log", err))
            return -1;
        at += n;
    }
    return n < 0 ? fail_errno(err, s->root, "read the log") : 0;
}

int64_t spool_log_size(const struct spool *s)
{
    struct stat st;

    return fstat(s->log_fd, &st) ? 0 : st.st_size;
}

int spool_log_each(const struct spool *s, int64_t *at,
                   int (*visit)(void *ctx, const json_t *event, struct err *err), void *ctx,
                   struct err *err)
{
    struct stat st;
    struct buf bytes;

    if (fstat(s->log_fd, &st))
        return fail_errno(err, s->root, "look at the log");
    if (st.st_size <= *at) /* asked many times a second, mostly in vain */
        return 0;
    buf_init(&bytes, SPOOL_JSON_MAX);
    int ret = read_log(s, *at, &bytes, err);
    for (size_t from = 0; !ret && from < bytes.len;) {
        const char *line = bytes.data + from, *end = memchr(line, '\n', bytes.len - from);
        if (!end)
            break;
        ret = visit_line(line, (size_t)(end - line), *at, visit, ctx, err);
        from += (size_t)(end - line) + 1;
        *at += ret ? 0 : end - line + 1; /* what failed comes again */
    }
    buf_release(&bytes);
    return ret;
}
