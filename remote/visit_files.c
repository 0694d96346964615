/* Originals and studies from the seat, results to it. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/sha256.h"
#include "remote/visit_priv.h"

enum { PATH_SIZE = WIRE_ID_SIZE + 64, TRIES = 3 /* to get the right bytes */ };

/* ---- from the seat ---- */

/* A file on its way here, beside the place where it is to stand. */
struct arrival {
    char draft[SPOOL_PATH_SIZE];
    int fd;
    int64_t size_bytes; /* so far */
    int64_t announced;  /* as http_answer.size_bytes: then HTTP has seen to it that it is whole */
    char sha256[SHA256_HEX_SIZE];
};

static int arrival_open(struct arrival *a, const char *to, struct err *err)
{
    a->sha256[0] = 0;
    if (path_format(a->draft, sizeof(a->draft), err, "%s.part", to))
        return -1;
    a->fd = open(a->draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return a->fd < 0 ? err_set(err, ERR_AGAIN, "%s: %s", a->draft, strerror(errno)) : 0;
}

/* `ret`: has it come? It stands in its place then, else nothing of it stays. */
static int arrival_close(struct arrival *a, const char *to, int ret, struct err *err)
{
    close(a->fd);
    if (!ret && rename(a->draft, to))
        ret = err_set(err, ERR_AGAIN, "%s: %s", to, strerror(errno));
    if (ret)
        (void)unlink(a->draft);
    return ret;
}

static int take_bytes(void *ctx, const char *bytes, size_t n, struct err *err)
{
    struct arrival *a = ctx;

    while (n) {
        ssize_t done = write(a->fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return err_set(err, ERR_LIMIT, "no room for files in flight: %s", strerror(errno));
        bytes += done;
        n -= (size_t)done;
        a->size_bytes += done;
    }
    return 0;
}

/* What is not to be had now is given back; an image that was taken from us, silently (protocol.h). */
static int refuse(const char *path, const struct http_answer *answer, struct err *err)
{
    enum err_code code = answer->status == 403   ? ERR_CANCELLED
                         : answer->status == 404 ? ERR_INPUT
                                                 : ERR_AGAIN;

    return err_set(err, code, "%.120s: status %d: %.80s", path, answer->status, answer->text);
}

/* From its start at each try. */
static int download(struct visit_thread *t, const char *path, struct arrival *a, struct err *err)
{
    struct http_request request = {.method = "GET", .path = path, .take = take_bytes, .ctx = a};
    struct http_answer answer;
    int tried;

    do {
        a->size_bytes = 0;
        if (ftruncate(a->fd, 0) || lseek(a->fd, 0, SEEK_SET))
            return err_set(err, ERR_AGAIN, "files in flight: %s", strerror(errno));
        tried = visit_try(t, &request, &answer, err);
    } while (tried > 0 && !t->visit->is_settling);
    if (tried)
        return err_set(err, ERR_CANCELLED, "%.120s: the worker or the seat is gone", path);
    if (answer.status != 200)
        return refuse(path, &answer, err);
    a->announced = answer.size_bytes;
    return 0;
}

static int fetch_study(struct visit_thread *t, const struct luggage_item *item,
                       const char *study_dir, struct err *err)
{
    struct luggage *l = t->visit->luggage;
    char path[PATH_SIZE], to[SPOOL_PATH_SIZE];
    int n = (int)(strrchr(item->row.id, '/') - item->row.id), ret = -1;
    struct arrival a;

    if (!luggage_begin_study(l, item))
        return 0;
    snprintf(path, sizeof(path), "/v1/studies/%.*s", n, item->row.id);
    if (!path_format(to, sizeof(to), err, "%s/study.json", study_dir) && !arrival_open(&a, to, err))
        ret = arrival_close(&a, to, download(t, path, &a, err), err);
    luggage_end_study(l, item, !ret);
    return ret;
}

/* What the study says of the image. */
static int look_up(struct visit *v, const char *study_dir, int n, int64_t *size_bytes,
                   char sha256[SHA256_HEX_SIZE], struct err *err)
{
    const struct study_image *image;

    pthread_mutex_lock(&v->knowing);
    int ret = studies_image(&v->studies, study_dir, n, &image, err);
    if (!ret) {
        *size_bytes = image->size_bytes;
        memcpy(sha256, image->sha256, SHA256_HEX_SIZE);
    }
    pthread_mutex_unlock(&v->knowing);
    return ret;
}

/* The worker sets aside as changed what is not as it was handed in. So it gets either that, or what the seat has
 * instead: the same bytes twice, all of them. What else comes was changed or cut on its way. */
static int fetch_original(struct visit_thread *t, const char *path, struct arrival *a,
                          const char *study_dir, int n, struct err *err)
{
    char sha256[SHA256_HEX_SIZE], before[SHA256_HEX_SIZE] = "";
    int64_t size_bytes;

    if (look_up(t->visit, study_dir, n, &size_bytes, sha256, err)) {
        err->code = ERR_AGAIN; /* what came here of the study is no fault of the image */
        return -1;
    }
    for (int i = 0; i < TRIES; i++) {
        if (download(t, path, a, err) || sha256_hex_fd_at_start(a->sha256, a->fd, err))
            return -1;
        if (!strcmp(a->sha256, sha256) || !strcmp(a->sha256, before))
            return 0;
        bool is_whole = a->announced >= 0 || a->size_bytes == size_bytes;
        snprintf(before, sizeof(before), "%s", is_whole ? a->sha256 : "");
    }
    return err_set(err, ERR_AGAIN, "%.120s: not the bytes that were handed in, %d times", path,
                   TRIES);
}

static int fetch_image(struct visit_thread *t, const struct luggage_item *item, struct err *err)
{
    char dir[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE], path[PATH_SIZE];
    struct arrival a;
    int n;

    if (t->visit->is_settling)
        return err_set(err, ERR_CANCELLED, "the worker is gone");
    if (nest_make_study(t->visit->config.nest->root, item->row.id, dir, &n, err) ||
        path_format(to, sizeof(to), err, "%s/originals/%d", dir, n) ||
        fetch_study(t, item, dir, err))
        return -1;
    snprintf(path, sizeof(path), "/v1/originals/%s", item->row.id);
    if (arrival_open(&a, to, err))
        return -1;
    if (!arrival_close(&a, to, fetch_original(t, path, &a, dir, n, err), err))
        return 0;
    if (err->code != ERR_INPUT)
        return -1;
    *err = (struct err){0}; /* gone from the spool: the worker sees it, and says so as at home */
    return 0;
}

/* Whatever keeps us from fetching or sending it is not its fault: ERR_CANCELLED and ERR_AGAIN blame nobody. */
static void give_back(struct visit_thread *t, struct luggage_item *item, struct err *why)
{
    char quoted[512];

    if (why->code != ERR_CANCELLED)
        why->code = ERR_AGAIN;
    log_event(LOG_INFO, "image.back", "image=%s code=%s why=%s", item->row.id, err_name(why->code),
              log_quote(quoted, sizeof(quoted), why->msg));
    luggage_put_failed(t->visit->luggage, item, why);
}

/* It is at work before the worker hears of it: he may answer at once. One that did not reach him can do
 * nothing there. */
static void pass_on(struct visit_thread *t, struct luggage_item *item)
{
    struct visit *v = t->visit;
    struct err gone = {0};

    wire_begin(&t->message, WIRE_JOBS);
    snprintf(t->message.dir, sizeof(t->message.dir), "%s", v->config.nest->root);
    t->message.want_display = item->want_display;
    *wire_add(&t->message, item->row.id) = item->row;
    luggage_pass_on(v->luggage, item);
    pthread_mutex_lock(&v->speaking);
    int ret = wire_write(v->config.worker->wire, &t->message, &gone);
    pthread_mutex_unlock(&v->speaking);
    if (ret)
        give_back(t, item, &gone);
}

void *visit_fetch(void *thread)
{
    struct visit_thread *t = thread;
    struct luggage_item *item;

    while ((item = luggage_next_wanted(t->visit->luggage))) {
        struct err err = {0};
        if (fetch_image(t, item, &err))
            give_back(t, item, &err);
        else
            pass_on(t, item);
        visit_pass_drain(t);
        visit_stir(t->visit);
    }
    return NULL;
}

/* ---- to the seat ---- */

/* 1: there is none, which is right for all but the result itself. */
static int open_result(const char *path, int *fd, int64_t *size_bytes, struct err *err)
{
    struct stat st;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0 && errno == ENOENT)
        return 1;
    if (*fd < 0 || fstat(*fd, &st))
        return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    *size_bytes = st.st_size;
    return S_ISREG(st.st_mode) && st.st_size <= PROTOCOL_FILE_MAX
               ? 0
               : err_set(err, ERR_AGAIN, "%s: no file of at most %d bytes", path,
                         PROTOCOL_FILE_MAX);
}

static int put_file(struct visit_thread *t, const char *path, int fd, int64_t size_bytes,
                    struct err *err)
{
    struct http_request request = {
        .method = "PUT", .path = path, .fd = fd, .size_bytes = size_bytes};
    struct http_answer answer;
    int tried;

    while ((tried = visit_try(t, &request, &answer, err)) > 0)
        ;
    if (tried)
        return err_set(err, ERR_CANCELLED, "%.120s: the seat is gone", path);
    return answer.status == 204 ? 0 : refuse(path, &answer, err);
}

static int send_file(struct visit_thread *t, const char *id, enum protocol_file file,
                     struct err *err)
{
    const char *name = protocol_file_name(file);
    char dir[SPOOL_PATH_SIZE], from[SPOOL_PATH_SIZE], path[PATH_SIZE];
    int64_t size_bytes = 0;
    int n, fd = -1;

    if (spool_image_of_id(t->visit->config.nest->root, id, dir, &n, err) ||
        path_format(from, sizeof(from), err, "%s/results/%d.%s", dir, n, name))
        return -1;
    snprintf(path, sizeof(path), "/v1/results/%s/%s", id, name);
    int ret = open_result(from, &fd, &size_bytes, err);
    if (!ret)
        ret = put_file(t, path, fd, size_bytes, err);
    else if (ret > 0)
        ret =
            file == PROTOCOL_RESULT ? err_set(err, ERR_AGAIN, "%s: the worker made none", from) : 0;
    if (fd >= 0)
        close(fd);
    return ret;
}

void *visit_send(void *thread)
{
    struct visit_thread *t = thread;
    struct luggage_item *item;

    while ((item = luggage_next_made(t->visit->luggage))) {
        struct err err = {0};
        int ret = 0;
        for (int file = 0; file < PROTOCOL_FILES && !ret; file++)
            ret = send_file(t, item->row.id, (enum protocol_file)file, &err);
        if (ret)
            give_back(t, item, &err);
        else
            luggage_put_sent(t->visit->luggage, item);
        visit_stir(t->visit);
    }
    return NULL;
}
