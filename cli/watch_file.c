#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/watch.h"
#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"
#include "queue/names.h"

enum { VERSION = 1, TELL_EVERY_MS = 10000, FILE_MAX = 16 << 20, UPLOADS_TOLD_MAX = 1000 };

static const char *const words[] = {
    [WATCH_HELD] = "held back",
    [WATCH_REFUSED] = "refused",
    [WATCH_STAYS] = "accepted",
};

/* ---- rows ---- */

struct watch_row *watch_row_of(struct watch *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (!strcmp(w->rows[i].name, name))
            return &w->rows[i];
    if (w->n == w->cap) {
        int cap = w->cap ? 2 * w->cap : 16;
        struct watch_row *grown = realloc(w->rows, (size_t)cap * sizeof(*grown));
        if (!grown)
            return NULL;
        w->rows = grown;
        w->cap = cap;
    }
    struct watch_row *row = &w->rows[w->n++];
    *row = (struct watch_row){.inotify = -1};
    snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

void watch_drop(struct watch *w, int i)
{
    memmove(&w->rows[i], &w->rows[i + 1], (size_t)(w->n - i - 1) * sizeof(*w->rows));
    w->n--;
}

void watch_note_taken(struct watch *w, const struct watch_taken *taken)
{
    memmove(&w->taken[1], &w->taken[0], (WATCH_TAKEN_MAX - 1) * sizeof(*taken));
    w->taken[0] = *taken;
    w->n_taken++;
}

/* ---- the file ---- */

static int open_lock(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int watch_open(struct watch *w, const struct spool *s, const char *folder, const char *site,
               struct err *err)
{
    char hex[SHA256_HEX_SIZE], dir[SPOOL_PATH_SIZE], lock[SPOOL_PATH_SIZE];

    *w = (struct watch){.lock_fd = -1};
    if (!realpath(folder, w->folder))
        return err_set(err, ERR_CONFIG, "%s: %s", folder, strerror(errno));
    snprintf(w->site, sizeof(w->site), "%s", site);
    sha256_hex(hex, w->folder, strlen(w->folder));
    if (path_format(dir, sizeof(dir), err, "%s/watch", spool_root(s)) || dir_make(dir, err) ||
        path_format(w->file, sizeof(w->file), err, "%s/%.16s.json", dir, hex) ||
        path_format(lock, sizeof(lock), err, "%s/%.16s.lock", dir, hex))
        return -1;
    w->lock_fd = open_lock(lock);
    if (w->lock_fd < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", lock, strerror(errno));
    if (!flock(w->lock_fd, LOCK_EX | LOCK_NB))
        return 0;
    close(w->lock_fd);
    return err_set(err, ERR_AGAIN, "%s is watched by another process", w->folder);
}

static json_t *row_to_json(const struct watch_row *row)
{
    bool arrives = row->state == WATCH_ARRIVES;
    char at[CLOCK_ISO_SIZE];
    json_t *object = json_object();

    json_put(&object, "name", json_text(row->name));
    json_put(&object, "state",
             json_string(arrives ? arrival_word(row->arrival.state) : words[row->state]));
    json_put(&object, "why", json_text(arrives ? row->arrival.why : row->why));
    json_put(&object, "files", json_integer(row->arrival.files));
    json_put(&object, "bytes", json_integer(row->arrival.bytes));
    if (row->state == WATCH_HELD)
        json_put(&object, "retry_at", json_string(clock_iso(at, row->retry_at_ms)));
    return object;
}

static json_t *taken_to_json(const struct watch_taken *t)
{
    json_t *object = json_object();

    json_put(&object, "name", json_text(t->name));
    json_put(&object, "upload", json_string(t->upload));
    json_put(&object, "at", json_string(t->at));
    json_put(&object, "images", json_integer(t->images));
    json_put(&object, "was_there", json_boolean(t->was_there));
    return object;
}

static json_t *to_json(const struct watch *w)
{
    json_t *object = json_object(), *rows = json_array(), *taken = json_array();

    for (int i = 0; i < w->n && i < UPLOADS_TOLD_MAX; i++)
        json_add(&rows, row_to_json(&w->rows[i]));
    for (int i = 0; i < w->n_taken && i < WATCH_TAKEN_MAX; i++)
        json_add(&taken, taken_to_json(&w->taken[i]));
    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "watch", json_text(w->folder));
    json_put(&object, "site", json_text(w->site));
    json_put(&object, "pid", json_integer((int)getpid()));
    json_put(&object, "trouble", json_text(w->trouble));
    json_put(&object, "loose_files", json_integer(w->loose));
    json_put(&object, "waiting", json_integer(w->n));
    json_put(&object, "uploads", rows);
    json_put(&object, "taken", json_integer(w->n_taken));
    json_put(&object, "taken_last", taken);
    return object;
}

void watch_tell(struct watch *w, int64_t now_ms)
{
    char at[CLOCK_ISO_SIZE], quoted[512];
    struct err err = {0};
    json_t *object = to_json(w);
    char *text = object ? json_line(object) : NULL;

    if (text && w->told && !strcmp(text, w->told) && now_ms < w->told_ms + TELL_EVERY_MS) {
        free(text);
        json_decref(object);
        return;
    }
    json_put(&object, "looked_at", json_string(clock_iso(at, clock_wall_ms())));
    if (!text || json_write(w->file, object, &err)) {
        log_event(LOG_WARN, "watch.untold", "why=%s",
                  log_quote(quoted, sizeof(quoted), text ? err.msg : "no memory"));
        free(text);
    } else {
        free(w->told);
        w->told = text;
        w->told_ms = now_ms;
    }
    json_decref(object);
}

static int visit_file(const char *dir, const char *name,
                      int (*visit)(void *ctx, json_t *told, int pid), void *ctx, struct err *err)
{
    char path[SPOOL_PATH_SIZE], lock[SPOOL_PATH_SIZE];
    size_t n = strlen(name);
    struct err why = {0};

    if (n < 6 || strcmp(name + n - 5, ".json") != 0)
        return 0;
    if (path_format(path, sizeof(path), err, "%s/%s", dir, name) ||
        path_format(lock, sizeof(lock), err, "%s/%.*s.lock", dir, (int)n - 5, name))
        return -1;
    json_t *told = json_read(path, FILE_MAX, &why);
    if (!told)
        return err_set(err, ERR_AGAIN, "%s", why.msg);
    int ret = visit(ctx, told, spool_lock_holder(lock));
    json_decref(told);
    return ret;
}

int watch_each(const char *spool_root, int (*visit)(void *ctx, json_t *told, int pid), void *ctx,
               struct err *err)
{
    char dir[SPOOL_PATH_SIZE];
    struct names names;
    int ret = 0;

    if (path_format(dir, sizeof(dir), err, "%s/watch", spool_root) || names_read(&names, dir, err))
        return -1;
    for (int i = 0; i < names.n && !ret; i++)
        ret = visit_file(dir, names.at[i], visit, ctx, err);
    names_release(&names);
    return ret;
}
