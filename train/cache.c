#include "train/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/place.h"
#include "common/sha256.h"
#include "train/pictures.h"

enum { LABELS_SIZE_MAX = 256 << 20, KEY_SIZE_MAX = 1 << 30, LOG_EVERY_US = 10000000, VERSION = 1 };

struct head {
    char magic[8];
    uint32_t version, n;
    uint64_t size; /* bytes, of the whole file */
    char digest[SHA256_HEX_SIZE], index_digest[SHA256_HEX_SIZE];
};
static const char magic[8] = {'l', 'e', 'n', 't', 's', 'e', 't', 's'};

struct entry {
    uint64_t offset; /* of rgb h,w,3; label h,w follows */
    uint16_t w, h;
    uint32_t class;
};

struct cache {
    struct labels labels;
    char digest[SHA256_HEX_SIZE];
    char path[SETTINGS_PATH_SIZE];
    const uint8_t *bytes; /* the mapped file */
    size_t size;
    const struct entry *index;
};

static int add_file(struct buf *key, const char *path, struct err *err)
{
    struct stat st;

    if (stat(path, &st))
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    buf_printf(key, "%lld %lld.%09ld\n", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
               st.st_mtim.tv_nsec);
    return 0;
}

/* What the pixels depend on. */
static int add_key(struct buf *key, const struct cache *c, const struct cache_config *config,
                   struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct buf text;

    buf_init(&text, LABELS_SIZE_MAX);
    int ret = path_format(path, sizeof(path), err, "%s/labels.csv", config->data) ||
              file_read(path, &text, err);
    if (!ret) {
        buf_printf(key, "set %d, longest side %d\n", VERSION, config->bound);
        buf_add(key, text.data, text.len);
    }
    buf_release(&text);
    for (int i = 0; i < c->labels.n && !ret; i++) {
        const char *id = c->labels.rows[i].id;
        ret = labels_image_path(path, sizeof(path), config->data, id, err) ||
              add_file(key, path, err) ||
              path_format(path, sizeof(path), err, "%s/masks/%s.png", config->data, id) ||
              add_file(key, path, err);
    }
    return ret || buf_check(key, config->data, err) ? -1 : 0;
}

static int name_file(struct cache *c, const struct cache_config *config, struct err *err)
{
    char dir[SETTINGS_PATH_SIZE];
    struct buf key;

    buf_init(&key, KEY_SIZE_MAX);
    int ret = add_key(&key, c, config, err);
    if (!ret)
        sha256_hex(c->digest, key.data, key.len);
    buf_release(&key);
    if (!ret)
        ret = config->dir && *config->dir ? path_format(dir, sizeof(dir), err, "%s", config->dir)
                                          : place_cache(dir, "sets", err);
    return ret || dir_make(dir, err) ||
                   path_format(c->path, sizeof(c->path), err, "%s/%.32s.pixels", dir, c->digest)
               ? -1
               : 0;
}

static size_t picture_bytes(const struct entry *e)
{
    return 4 * (size_t)e->w * (size_t)e->h;
}

/* What is wrong with the file, or NULL. */
static const char *defect_of(const struct cache *c)
{
    const struct head *head = (const struct head *)(const void *)c->bytes;
    const struct entry *index = (const struct entry *)(const void *)(c->bytes + sizeof(*head));
    char digest[SHA256_HEX_SIZE];
    size_t n = (size_t)c->labels.n, at = sizeof(*head) + n * sizeof(*index);

    if (c->size < at || memcmp(head->magic, magic, sizeof(magic)) != 0)
        return "no file of ours";
    if (head->version != VERSION || head->n != n ||
        memcmp(head->digest, c->digest, sizeof(c->digest)) != 0)
        return "of another set";
    sha256_hex(digest, index, n * sizeof(*index));
    if (memcmp(head->index_digest, digest, sizeof(digest)) != 0)
        return "index damaged";
    for (size_t i = 0; i < n; at += picture_bytes(&index[i]), i++)
        if (index[i].offset != at || !index[i].w || !index[i].h || index[i].class > 7)
            return "index damaged";
    return head->size != c->size || at != c->size ? "cut" : NULL;
}

/* 1: it is open. 0: there is none that fits. */
static int try_open(struct cache *c, struct err *err)
{
    struct stat st;
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return errno == ENOENT ? 0 : err_set(err, ERR_CONFIG, "%s: %s", c->path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof(struct head)) {
        close(fd);
        return 0;
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return err_set(err, ERR_NOMEM, "%s: %s", c->path, strerror(errno));
    c->bytes = bytes;
    c->size = (size_t)st.st_size;
    const char *defect = defect_of(c);
    if (!defect) {
        c->index = (const struct entry *)(const void *)(c->bytes + sizeof(struct head));
        return 1;
    }
    log_event(LOG_WARN, "cache.refused", "file=%.32s why=\"%s\"", c->digest, defect);
    (void)munmap(bytes, (size_t)st.st_size);
    c->bytes = NULL;
    return 0;
}

struct build {
    const struct cache *c;
    const char *path; /* of the file in the making */
    int fd;
    struct entry *index;
    uint64_t end; /* bytes */
    int64_t logged_us;
};

static int put(const struct build *b, const void *bytes, size_t n, uint64_t at, struct err *err)
{
    const uint8_t *from = bytes;

    for (size_t done = 0; done < n;) {
        ssize_t put_now = pwrite(b->fd, from + done, n - done, (off_t)(at + done));
        if (put_now < 0 && errno == EINTR)
            continue;
        if (put_now <= 0)
            return err_set(err, err_code_of_errno(put_now ? errno : ENOSPC),
                           "%s: %s after %llu MB; make room or name another folder", b->path,
                           strerror(put_now ? errno : ENOSPC), (unsigned long long)(b->end >> 20));
        done += (size_t)put_now;
    }
    return 0;
}

static int take(void *context, int row, const struct cache_picture *p, struct err *err)
{
    struct build *b = context;
    struct entry *e = &b->index[row];
    int64_t now = clock_mono_us();

    *e = (struct entry){b->end, (uint16_t)p->w, (uint16_t)p->h, (uint32_t)p->class};
    if (put(b, p->rgb, picture_bytes(e), b->end, err))
        return -1;
    b->end += picture_bytes(e);
    if (now - b->logged_us >= LOG_EVERY_US) {
        b->logged_us = now;
        log_event(LOG_INFO, "cache.build", "pictures=%d of=%d mb=%llu", row + 1, b->c->labels.n,
                  (unsigned long long)(b->end >> 20));
    }
    return 0;
}

static int write_pictures(struct build *b, const struct cache_config *config, struct err *err)
{
    size_t n = (size_t)b->c->labels.n, index_bytes = n * sizeof(*b->index);
    struct head head = {.version = VERSION, .n = (uint32_t)n};
    const struct pictures_request request = {
        .data = config->data,
        .rows = b->c->labels.rows,
        .n = (int)n,
        .bound = config->bound,
        .settings = config->settings,
        .take = take,
        .context = b,
    };

    b->end = sizeof(head) + index_bytes;
    if (pictures_decode(&request, err))
        return -1;
    memcpy(head.magic, magic, sizeof(magic));
    memcpy(head.digest, b->c->digest, sizeof(head.digest));
    sha256_hex(head.index_digest, b->index, index_bytes);
    head.size = b->end;
    if (put(b, b->index, index_bytes, sizeof(head), err) || put(b, &head, sizeof(head), 0, err))
        return -1;
    if (fsync(b->fd))
        return err_set(err, err_code_of_errno(errno), "%s: %s", b->path, strerror(errno));
    return 0;
}

static int build(struct build *b, const struct cache_config *config, struct err *err)
{
    int64_t start = clock_mono_us();
    int ret = -1;

    b->logged_us = start;
    b->index = calloc((size_t)b->c->labels.n, sizeof(*b->index));
    if (!b->index)
        err_set(err, ERR_NOMEM, "no memory for the index of %d pictures", b->c->labels.n);
    else if (ftruncate(b->fd, 0))
        err_set(err, err_code_of_errno(errno), "%s: %s", b->path, strerror(errno));
    else
        ret = write_pictures(b, config, err);
    free(b->index);
    if (!ret && rename(b->path, b->c->path))
        ret = err_set(err, err_code_of_errno(errno), "%s: %s", b->c->path, strerror(errno));
    if (ret)
        (void)unlink(b->path);
    else
        log_event(LOG_INFO, "cache.built", "pictures=%d mb=%llu seconds=%.1f", b->c->labels.n,
                  (unsigned long long)(b->end >> 20), (double)(clock_mono_us() - start) / 1e6);
    return ret;
}

/* Opens the file in the making and waits until no other process makes it. 0: it is still the one that
 * `path` names; 1: meanwhile it is not. */
static int lock_part(int *fd, const char *path, struct err *err)
{
    struct stat ours, there;

    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return err_set(err, err_code_of_errno(errno), "%s: %s", path, strerror(errno));
    while (flock(*fd, LOCK_EX))
        if (errno != EINTR)
            return err_set(err, err_code_of_errno(errno), "%s: %s", path, strerror(errno));
    return fstat(*fd, &ours) || stat(path, &there) || ours.st_ino != there.st_ino;
}

/* With the file in the making to ourselves: somebody else may have finished it while we waited. */
static int make_locked(struct cache *c, struct build *b, const struct cache_config *config,
                       struct err *err)
{
    int is_open = try_open(c, err);

    if (is_open == 1)
        (void)unlink(b->path);
    return is_open < 0 ? -1 : is_open ? 0 : build(b, config, err);
}

static int make(struct cache *c, const struct cache_config *config, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    int ret = 1;

    if (path_format(path, sizeof(path), err, "%s.part", c->path))
        return -1;
    while (ret == 1) {
        struct build b = {.c = c, .path = path, .fd = -1};
        ret = lock_part(&b.fd, path, err);
        if (ret == 0)
            ret = make_locked(c, &b, config, err);
        if (b.fd >= 0)
            close(b.fd);
    }
    return ret;
}

int cache_open(struct cache **out, const struct cache_config *config, struct err *err)
{
    struct cache *c = calloc(1, sizeof(*c));
    int ret = -1;

    if (!c)
        return err_set(err, ERR_NOMEM, "no memory for a cache");
    if (config->bound < PICTURES_BOUND_MIN || config->bound > PICTURES_BOUND_MAX)
        err_set(err, ERR_CONFIG, "pictures of up to %d px: %d to %d is possible", config->bound,
                PICTURES_BOUND_MIN, PICTURES_BOUND_MAX);
    else if (!labels_read(&c->labels, config->data, "all", 0, err) && c->labels.n == 0)
        err_set(err, ERR_CONFIG, "%s/labels.csv: no pictures", config->data);
    else if (c->labels.n && !name_file(c, config, err))
        ret = try_open(c, err);
    if (ret == 0)
        ret = make(c, config, err);
    if (ret == 0 && !c->bytes && try_open(c, err) != 1)
        ret = err_set(err, ERR_AGAIN, "%s: gone or changed since it was made", c->path);
    if (ret < 0) {
        cache_close(c);
        return -1;
    }
    *out = c;
    return 0;
}

void cache_close(struct cache *c)
{
    if (!c)
        return;
    if (c->bytes)
        (void)munmap((void *)(uintptr_t)c->bytes, c->size);
    labels_release(&c->labels);
    free(c);
}

int cache_count(const struct cache *c)
{
    return c->labels.n;
}

const struct label *cache_label(const struct cache *c, int row)
{
    return &c->labels.rows[row];
}

struct cache_picture cache_picture(const struct cache *c, int row)
{
    const struct entry *e = &c->index[row];
    const uint8_t *rgb = c->bytes + e->offset;

    return (struct cache_picture){
        .rgb = rgb,
        .label = rgb + 3 * (size_t)e->w * (size_t)e->h,
        .w = e->w,
        .h = e->h,
        .class = (int)e->class,
    };
}

int cache_rows(const struct cache *c, const char *split, int *rows)
{
    int n = 0;

    for (int i = 0; i < c->labels.n; i++)
        if (!strcmp(split, "all") || !strcmp(split, c->labels.rows[i].split))
            rows[n++] = i;
    return n;
}

const char *cache_path(const struct cache *c)
{
    return c->path;
}

const char *cache_digest(const struct cache *c)
{
    return c->digest;
}
