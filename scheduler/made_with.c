#include "scheduler/made_with.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"

enum { VERSION = 1, FILE_MAX = 1 << 20 };

/* Keys that have to stay as they were, and what a person calls them. `decode` stands there only where it
 * is not the processor's. */
static const struct {
    const char *key, *name;
} fixed_keys[] = {
    {"model_sha256",  "model (weights)"},
    {"policy_sha256", "policy"         },
    {"precision",     "precision"      },
    {"size",          "size"           },
    {"decode",        "decode"         },
};

static json_t *describe(const struct child_facts *f, const char *decode)
{
    bool is_other = !strcmp(decode, "nvjpeg") && strcmp(f->device, "cpu") != 0;

    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:s*}", "version", VERSION, "model", f->model,
                     "model_sha256", f->model_sha256, "policy_sha256", f->policy_sha256,
                     "precision", f->precision, "size", f->size, "decode",
                     is_other ? decode : NULL);
}

static int compare(const char *path, const json_t *was, const json_t *now, struct err *err)
{
    for (size_t i = 0; i < sizeof(fixed_keys) / sizeof(*fixed_keys); i++) {
        const json_t *a = json_object_get(was, fixed_keys[i].key);
        const json_t *b = json_object_get(now, fixed_keys[i].key);
        if (json_equal(a, b) || (!a && !b))
            continue;
        char *old = json_line(a), *new = json_line(b);
        err_set(
            err, ERR_CONFIG,
            "%s: results here were made with another %s: %.60s, not %.60s; start with that, use "
            "a new spool, or say --allow-mixed",
            path, fixed_keys[i].name, old ? old : "none", new ? new : "none");
        free(old);
        free(new);
        return -1;
    }
    return 0;
}

static int write_down(const struct spool *s, const char *path, const json_t *now, struct err *err)
{
    if (!json_write(path, now, err) && !file_sync_fs(spool_root(s), err))
        return 0;
    err->code = ERR_AGAIN;
    return -1;
}

/* What was said before stands in front of what is said now, oldest first. */
static int replace(const struct spool *s, const char *path, json_t *was, json_t *now,
                   struct err *err)
{
    json_t *earlier = json_array();

    json_array_extend(earlier, json_object_get(was, "earlier"));
    json_object_del(was, "earlier");
    json_add(&earlier, json_incref(was));
    if (json_object_set_new(now, "earlier", earlier))
        return err_set(err, ERR_AGAIN, "%s: no memory", path);
    return write_down(s, path, now, err);
}

int made_with_check(const struct spool *s, const struct child_facts *facts, const char *decode,
                    bool may_differ, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *now = NULL, *was = NULL;
    int ret = -1;

    if (path_format(path, sizeof(path), err, "%s/made_with.json", spool_root(s)))
        return -1;
    now = describe(facts, decode);
    if (!now) {
        err_set(err, ERR_AGAIN, "%s: no memory", path);
        goto done;
    }
    if (access(path, F_OK) && errno == ENOENT) {
        ret = write_down(s, path, now, err);
        goto done;
    }
    was = json_read(path, FILE_MAX, err);
    if (!was) {
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : ERR_AGAIN;
        goto done;
    }
    ret = compare(path, was, now, err);
    if (ret && may_differ) {
        *err = (struct err){0};
        ret = replace(s, path, was, now, err);
    }
done:
    json_decref(now);
    json_decref(was);
    return ret;
}
