#include "queue/order.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

enum { REPORTS_MAX = 100 }; /* a study reported more often is an error */

static const char *const words[] = {
    [ORDER_CANCEL] = "cancel", [ORDER_RETRY] = "retry",   [ORDER_BEGIN] = "begin",
    [ORDER_PAUSE] = "pause",   [ORDER_RESUME] = "resume", [ORDER_CARRIED_OUT] = "carried_out",
};
enum { KINDS = sizeof(words) / sizeof(*words) };

const char *order_word(enum order_kind kind)
{
    return words[kind];
}

void order_release(struct order *o)
{
    free(o->images);
    *o = (struct order){0};
}

/* sudo's user is the person; without it, or when nobody is known by the number, the number. */
void order_by(char out[ORDER_BY_SIZE])
{
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    const struct passwd *user = getpwuid(getuid());

    if (sudo && sudo[0])
        snprintf(out, ORDER_BY_SIZE, "%s", sudo);
    else if (user)
        snprintf(out, ORDER_BY_SIZE, "%s", user->pw_name);
    else
        snprintf(out, ORDER_BY_SIZE, "%u", (unsigned)getuid());
}

int order_sign(struct order *o, const char *why, struct err *err)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return err_set(err, ERR_AGAIN, "no random bytes for the order's id");
    snprintf(o->id, sizeof(o->id), "%016llx", (unsigned long long)random);
    text_copy_cut(o->why, sizeof(o->why), why);
    order_by(o->by);
    clock_iso(o->at, clock_wall_ms());
    return 0;
}

static json_t *images_to_json(const struct order *o)
{
    json_t *list = json_array();

    for (int i = 0; i < o->n_images; i++)
        json_add(&list, json_pack("[s,i]", o->images[i].id, o->images[i].retries));
    return list;
}

int order_append(struct spool *s, const struct order *o, struct err *err)
{
    if (o->n_images > ORDER_IMAGES_MAX && o->kind == ORDER_RETRY)
        return err_set(err, ERR_LIMIT, "an order for %d images, %d are the most", o->n_images,
                       ORDER_IMAGES_MAX);
    json_t *event =
        json_pack("{s:s,s:s,s:s}", "event", words[o->kind], "order", o->id, "at", o->at);
    if (o->kind == ORDER_CARRIED_OUT) {
        json_put(&event, "images", json_integer(o->n_images));
    } else {
        json_put(&event, "by", json_text(o->by));
        json_put(&event, "why", json_text(o->why));
        if (o->kind == ORDER_RETRY)
            json_put(&event, "images", images_to_json(o));
        else
            json_put(&event, "target", json_string(o->target)); /* as it is: see read_name */
    }
    int ret = event ? spool_log_append(s, event, err) : err_set(err, ERR_NOMEM, "order");
    json_decref(event);
    return ret;
}

static int read_image(struct order_image *out, const json_t *row, struct err *err)
{
    const char *id = json_string_value(json_array_get(row, 0));
    json_int_t retries = json_integer_value(json_array_get(row, 1));

    if (!id || strlen(id) >= sizeof(out->id) || retries < 0 || retries >= INT_MAX)
        return err_set(err, ERR_INPUT, "an image of the retry is no id and a number");
    snprintf(out->id, sizeof(out->id), "%s", id);
    out->retries = (int)retries;
    return 0;
}

static int read_images(struct order *out, const json_t *list, struct err *err)
{
    size_t n = json_array_size(list);

    if (!n || n > ORDER_IMAGES_MAX)
        return err_set(err, ERR_INPUT, "a retry of %zu images", n);
    out->images = calloc(n, sizeof(*out->images));
    if (!out->images)
        return err_set(err, ERR_NOMEM, "order");
    for (size_t i = 0; i < n; i++)
        if (read_image(&out->images[i], json_array_get(list, i), err))
            return -1;
    out->n_images = (int)n;
    return 0;
}

/* A name that is cut would name something else. */
static int read_name(char *out, size_t size, const json_t *event, const char *key, struct err *err)
{
    const char *text = json_text_or(event, key, "");

    if (strlen(text) >= size)
        return err_set(err, ERR_INPUT, "key \"%s\" is too long", key);
    snprintf(out, size, "%s", text);
    return 0;
}

static int read_fields(struct order *out, const json_t *event, struct err *err)
{
    if (read_name(out->id, sizeof(out->id), event, "order", err) ||
        read_name(out->target, sizeof(out->target), event, "target", err))
        return -1;
    text_copy_cut(out->by, sizeof(out->by), json_text_or(event, "by", ""));
    text_copy_cut(out->why, sizeof(out->why), json_text_or(event, "why", ""));
    text_copy_cut(out->at, sizeof(out->at), json_text_or(event, "at", ""));
    if ((out->kind == ORDER_CANCEL || out->kind == ORDER_BEGIN) && !out->target[0])
        return err_set(err, ERR_INPUT, "a %s without a target", words[out->kind]);
    return out->kind == ORDER_RETRY ? read_images(out, json_object_get(event, "images"), err) : 0;
}

int order_read(struct order *out, const json_t *event, struct err *err)
{
    const char *word = json_text_or(event, "event", "");
    struct err why = {0};
    char quoted[512];
    int kind = 0;

    *out = (struct order){0};
    while (kind < KINDS && strcmp(words[kind], word) != 0)
        kind++;
    if (kind == KINDS)
        return 0;
    out->kind = (enum order_kind)kind;
    if (!read_fields(out, event, &why))
        return 1;
    order_release(out);
    if (why.code == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "%s", why.msg);
    log_event(LOG_ERROR, "order.unreadable", "word=%s why=%s", words[kind],
              log_quote(quoted, sizeof(quoted), why.msg));
    return 0;
}

int order_history_path(char out[SPOOL_PATH_SIZE], const char *study_dir, const char *name,
                       int retries, struct err *err)
{
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/history/%s.%d.json", study_dir, name,
                       retries);
}

int order_retire_report(const char *study_dir, struct err *err)
{
    char from[SPOOL_PATH_SIZE], to[SPOOL_PATH_SIZE];
    int k = 0;

    if (path_format(from, sizeof(from), err, "%s/history", study_dir) || dir_make(from, err) ||
        path_format(from, sizeof(from), err, "%s/report.json", study_dir))
        return -1;
    if (access(from, F_OK))
        return 0;
    do
        if (order_history_path(to, study_dir, "report", k, err))
            return -1;
    while (!access(to, F_OK) && ++k < REPORTS_MAX);
    return rename(from, to) && errno != ENOENT
               ? err_set(err, err_code_of_errno(errno), "%s: rename: %s", from, strerror(errno))
               : 0;
}
