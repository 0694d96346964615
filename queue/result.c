#include "queue/result.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "queue/spool.h"

enum { VERSION = 1 };

static const char *const words[] = {
    [RESULT_NONE] = "none",
    [RESULT_DONE] = "done",
    [RESULT_SET_ASIDE] = "set_aside",
    [RESULT_CANCELLED] = "cancelled",
};

const char *result_status_word(enum result_status s)
{
    return words[s];
}

static int result_path(char path[SPOOL_PATH_SIZE], const char *study_dir, int n, struct err *err)
{
    return path_format(path, SPOOL_PATH_SIZE, err, "%s/results/%d.json", study_dir, n);
}

int result_draft(const char *study_dir, int n, enum result_status status, const json_t *entry,
                 const json_t *model, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *object = json_object();
    int ret = -1;

    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "status", json_string(result_status_word(status)));
    json_put(&object, "entry", json_deep_copy(entry));
    json_put(&object, "model", model ? json_deep_copy(model) : json_null());
    if (!result_path(path, study_dir, n, err))
        ret = json_draft(path, object, err);
    json_decref(object);
    return ret;
}

int result_adopt(const char *study_dir, int n, struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    return result_path(path, study_dir, n, err) || file_adopt_first(path, err) ? -1 : 0;
}

void result_discard(const char *study_dir, int n)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    if (!result_path(path, study_dir, n, &ignored))
        file_discard(path);
}

int result_write(const char *study_dir, int n, enum result_status status, const json_t *entry,
                 const json_t *model, struct err *err)
{
    return result_draft(study_dir, n, status, entry, model, err) || result_adopt(study_dir, n, err)
               ? -1
               : 0;
}

static enum result_status status_of(const char *word)
{
    for (int i = RESULT_DONE; i <= RESULT_CANCELLED; i++)
        if (!strcmp(word, words[i]))
            return (enum result_status)i;
    return RESULT_NONE;
}

/* RESULT_NONE when `object` is no result. */
static enum result_status check(const json_t *object, struct err *err)
{
    const json_t *model = json_object_get(object, "model");
    const char *word;
    int64_t version;

    if (json_get_int(object, "version", VERSION, VERSION, &version, err) ||
        json_get_text(object, "status", &word, err))
        return RESULT_NONE;
    enum result_status status = status_of(word);
    if (status == RESULT_NONE)
        err_set(err, ERR_INPUT, "key \"status\" is \"%.40s\"", word);
    else if (!json_is_object(json_object_get(object, "entry")))
        err_set(err, ERR_INPUT, "key \"entry\" is missing or no object");
    else if (!json_is_object(model) && !json_is_null(model))
        err_set(err, ERR_INPUT, "key \"model\" is missing or no object");
    else
        return status;
    return RESULT_NONE;
}

/* A power cut leaves an empty or half-written file behind a rename that was not synced. */
static void discard(const char *path, const struct err *why)
{
    char quoted[512];

    log_event(LOG_WARN, "result.discarded", "why=%s", log_quote(quoted, sizeof(quoted), why->msg));
    unlink(path);
}

int result_peek(const char *study_dir, int n, enum result_status *status, json_t **out,
                struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    *status = RESULT_NONE;
    if (out)
        *out = NULL;
    if (result_path(path, study_dir, n, err))
        return -1;
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    json_t *object = json_read(path, SPOOL_RESULT_MAX, err);
    if (!object)
        return -1;
    *status = check(object, err);
    if (*status != RESULT_NONE && out)
        *out = object;
    else
        json_decref(object);
    return *status == RESULT_NONE ? err_wrap(err, "%s", path) : 0;
}

int result_read(const char *study_dir, int n, enum result_status *status, json_t **out,
                struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    struct err why = {0};

    if (!result_peek(study_dir, n, status, out, &why))
        return 0;
    if ((why.code != ERR_INPUT && why.code != ERR_LIMIT) || result_path(path, study_dir, n, err))
        return err_set(err, why.code, "%s", why.msg);
    discard(path, &why);
    return 0;
}
