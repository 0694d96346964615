#include "engine/cudnn/plan_cache.h"

#include <ctype.h>
#include <string.h>

#include "common/file.h"
#include "common/json.h"
#include "common/place.h"
#include "common/settings.h"

enum { FILE_MAX = 64 << 20, TARGET_MAX = 4096, FORMAT = 2 };

struct plan_cache {
    char dir[SETTINGS_PATH_SIZE], path[SETTINGS_PATH_SIZE];
    json_t *identity; /* what the plans are for */
    json_t *plans;    /* key: {"plan", "us"} */
    bool is_changed;
};

/* What of cuDNN's description of a GPU decides about its plans. */
static const char *const identifying[] = {"deviceName", "deviceVer", "multiProcessorCount",
                                          "driverVer"};
enum { IDENTIFYING = sizeof(identifying) / sizeof(*identifying) };

static int read_identity(struct plan_cache *c, const struct graph_target *target, struct err *err)
{
    struct buf text;
    json_t *all = NULL;
    int ret = -1;

    buf_init(&text, TARGET_MAX);
    if (!graph_target_save(target, &text, err))
        all = json_parse(text.data, text.len, "cuDNN's description of the GPU", err);
    if (all) {
        ret = json_object_set_new(c->identity, "cudnn", json_integer((int)cudnnGetVersion()));
        for (int i = 0; i < IDENTIFYING; i++)
            ret |=
                json_object_set(c->identity, identifying[i], json_object_get(all, identifying[i]));
        if (ret)
            err_set(err, ERR_CONFIG, "cuDNN's description of the GPU lacks its name or size");
    }
    json_decref(all);
    buf_release(&text);
    return ret;
}

static long long number_of(const struct plan_cache *c, const char *key)
{
    return json_integer_value(json_object_get(c->identity, key));
}

/* Nothing is read or written without a name. "nvidia_h200-900-132sm-cuda13000-cudnn91900.json": the name in small letters. */
static int name_file(struct plan_cache *c, const char *dir, struct err *err)
{
    char name[64];
    size_t n = 0;

    if (!dir)
        return 0;
    for (const char *p = json_text_or(c->identity, "deviceName", "gpu"); *p && n < sizeof(name) - 1;
         p++)
        name[n++] = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
    name[n] = 0;
    return path_format(c->dir, sizeof(c->dir), err, "%s", dir) ||
                   path_format(c->path, sizeof(c->path), err,
                               "%s/%s-%lld-%lldsm-cuda%lld-cudnn%lld.json", dir, name,
                               number_of(c, "deviceVer"), number_of(c, "multiProcessorCount"),
                               number_of(c, "driverVer"), number_of(c, "cudnn"))
               ? -1
               : 0;
}

/* The plans in the file, or NULL: not there, not whole, or not ours. */
static json_t *read_plans(const struct plan_cache *c)
{
    struct err ignored = {0};
    json_t *file = *c->path ? json_read(c->path, FILE_MAX, &ignored) : NULL, *plans = NULL;

    if (file && json_integer_value(json_object_get(file, "format")) == FORMAT &&
        json_equal(json_object_get(file, "for"), c->identity) &&
        json_is_object(json_object_get(file, "plans")))
        plans = json_incref(json_object_get(file, "plans"));
    json_decref(file);
    return plans;
}

int plan_cache_open(struct plan_cache **out, const char *dir, const struct graph_target *target,
                    struct err *err)
{
    struct plan_cache *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory for the plans' file");
    c->identity = json_object();
    if (!c->identity || read_identity(c, target, err) || name_file(c, dir, err)) {
        plan_cache_close(c);
        return err_set(err, ERR_NOMEM, "out of memory for the plans' file");
    }
    c->plans = read_plans(c);
    if (!c->plans)
        c->plans = json_object();
    *out = c;
    return 0;
}

int plan_cache_open_usual(struct plan_cache **out, const struct graph_target *target,
                          struct err *err)
{
    struct err ignored = {0};
    char dir[SETTINGS_PATH_SIZE];

    return plan_cache_open(out, place_cache(dir, "plans", &ignored) ? NULL : dir, target, err);
}

void plan_cache_close(struct plan_cache *c)
{
    if (!c)
        return;
    json_decref(c->identity);
    json_decref(c->plans);
    free(c);
}

const char *plan_cache_get(const struct plan_cache *c, const char *key)
{
    return json_string_value(json_object_get(json_object_get(c->plans, key), "plan"));
}

int plan_cache_put(struct plan_cache *c, const char *key, const char *plan, double us,
                   struct err *err)
{
    json_t *entry = json_object();

    if (json_object_set_new(entry, "plan", json_string(plan)) ||
        json_object_set_new(entry, "us", json_rounded(us, 3)) ||
        json_object_set(c->plans, key, entry)) {
        json_decref(entry);
        return err_set(err, ERR_NOMEM, "out of memory for the plan of %s", key);
    }
    json_decref(entry);
    c->is_changed = true;
    return 0;
}

int plan_cache_save(struct plan_cache *c, struct err *err)
{
    json_t *file;
    int ret = -1;

    if (!c->is_changed || !*c->path)
        return 0;
    file = json_pack("{s:i, s:O, s:O}", "format", FORMAT, "for", c->identity, "plans", c->plans);
    if (!file)
        err_set(err, ERR_NOMEM, "out of memory for %s", c->path);
    else if (!dir_make(c->dir, err))
        ret = json_write(c->path, file, err);
    json_decref(file);
    c->is_changed = ret != 0;
    return ret;
}

const char *plan_cache_path(const struct plan_cache *c)
{
    return c->path;
}
