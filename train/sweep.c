#include "train/sweep.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "dataset/check.h"
#include "dataset/labels.h"
#include "queue/names.h"
#include "train/plan.h"

enum { SPEC_MAX = 1 << 20, FILE_MAX = 16 << 20, VERSION = 1 };

/* What one machine gives all trials, or the search itself decides. */
static const char *const not_an_axis[] = {"data", "backend", "device", "precision", "threads"};
static const char *const not_a_setting[] = {"output",      "resume", "stop-at", "config",
                                            "dump-config", "help",   "version"};

static bool is_among(const char *key, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(key, words[i]))
            return true;
    return false;
}

/* ---- what a spec means ---- */

/* `settings` (text by name) as `lentigo train` would read them, and as a plan. */
static int plan_of(struct plan *plan, struct settings *s, const json_t *settings, struct err *err)
{
    if (sweep_apply(s, settings, err))
        return -1;
    snprintf(s->output, sizeof(s->output), "RUN"); /* a plan wants one; it is not looked at */
    return plan_make(plan, s, err);
}

/* The spec's `settings` as text, of names that it may use. */
static json_t *read_given(const json_t *spec, struct err *err)
{
    json_t *given = json_object(), *from = json_object_get(spec, "settings");
    struct sweep_value value;

    for (void *at = json_object_iter(from); at; at = json_object_iter_next(from, at)) {
        const char *key = json_object_iter_key(at);
        if (is_among(key, not_a_setting, sizeof(not_a_setting) / sizeof(*not_a_setting)))
            err_set(err, ERR_INPUT, "settings: \"%.40s\" is not for trials", key);
        if (sweep_value_of(&value, json_object_iter_value(at)))
            err_set(err, ERR_INPUT, "settings: \"%.40s\" is no text, number, true or false", key);
        json_put(&given, key, json_text(value.text));
    }
    if (!given)
        err_set(err, ERR_NOMEM, "out of memory for settings");
    if (err->code) {
        json_decref(given);
        return NULL;
    }
    return given;
}

/* The set lies at one path on all machines. */
static int put_data(json_t **settings, const char *data, struct err *err)
{
    char *real = realpath(data, NULL);

    if (!real)
        return err_set(err, ERR_INPUT, "settings: data: %s: %s", data, strerror(errno));
    json_put(settings, "data", json_text(real));
    free(real);
    return 0;
}

/* w->settings: what counts, with what the spec adds to it. */
static int read_settings(struct sweep *w, const json_t *spec, int trainers, struct settings *s,
                         struct err *err)
{
    json_t *given = read_given(spec, err);
    struct plan plan;
    char threads[16];

    if (!given || plan_of(&plan, s, given, err)) {
        json_decref(given);
        return given ? err_wrap(err, "settings") : -1;
    }
    w->settings = plan_settings(&plan);
    for (void *at = json_object_iter(given); at; at = json_object_iter_next(given, at)) {
        const char *key = json_object_iter_key(at);
        if (!json_object_get(w->settings, key) && !settings_takes(COMMAND_TRAIN, key))
            err_set(err, ERR_INPUT, "settings: \"%.40s\" is no setting of lentigo train", key);
    }
    json_object_update_missing(w->settings, given);
    json_decref(given);
    int mine = s->threads ? plan.threads : plan.threads / trainers;
    snprintf(threads, sizeof(threads), "%d", mine > 0 ? mine : 1);
    json_put(&w->settings, "threads", json_text(threads));
    return err->code ? -1 : put_data(&w->settings, s->data, err);
}

static int check_axes(const struct sweep *w, const json_t *spec, struct settings *s,
                      struct err *err)
{
    const json_t *given = json_object_get(spec, "settings");
    struct plan plan;

    if (plan_of(&plan, s, w->settings, err))
        return -1;
    json_t *counted = plan_settings(&plan);
    for (int i = 0; i < w->spec.n_axes && !err->code; i++) {
        const char *key = w->spec.axes[i].key;
        if (!json_object_get(counted, key) ||
            is_among(key, not_an_axis, sizeof(not_an_axis) / sizeof(*not_an_axis)))
            err_set(err, ERR_INPUT, "axis \"%s\" is no setting of lentigo train to search over",
                    key);
        else if (json_object_get(given, key))
            err_set(err, ERR_INPUT, "\"%s\" is an axis and stands under settings too", key);
        else if (w->spec.rungs > 1 && !strcmp(key, "iters"))
            err_set(err, ERR_INPUT,
                    "axis \"iters\": it is what halving spends; set it under "
                    "settings");
    }
    json_decref(counted);
    return err->code ? -1 : 0;
}

static int check_trial(const struct sweep *w, int trial, struct settings *s, struct err *err)
{
    json_t *settings = sweep_settings(w, trial);
    char words[120];
    struct plan plan;
    int ret = settings ? plan_of(&plan, s, settings, err)
                       : err_set(err, ERR_NOMEM, "out of memory for settings");

    json_decref(settings);
    if (!ret && w->spec.rungs > 1 && sweep_end(w, trial, 0) <= s->warm_up)
        ret = err_set(err, ERR_INPUT,
                      "the first round ends at iteration %lld, within the warm-up "
                      "of %ld: fewer rungs, or more iters",
                      (long long)sweep_end(w, trial, 0), s->warm_up);
    return ret ? err_wrap(err, "trial %d (%s)", trial + 1,
                          sweep_describe(words, sizeof(words), w, trial))
               : 0;
}

/* Without pictures to validate on there is no score. */
static int check_data(const struct sweep *w, struct err *err)
{
    const char *data = json_text_or(w->settings, "data", "");
    struct labels labels = {0};

    if (strcmp(json_text_or(w->settings, "unchecked", "no"), "yes") != 0 &&
        dataset_check_passed(data, NULL, err))
        return err_wrap(err, "sweep (\"unchecked\": true takes it as it is)");
    if (labels_read(&labels, data, "val", 1, err))
        return -1;
    int n = labels.n;
    labels_release(&labels);
    return n ? 0
             : err_set(err, ERR_CONFIG,
                       "%s: no picture of split val, so no trial would have a "
                       "score (lentigo dataset split)",
                       data);
}

/* ---- the file ---- */

static int make_id(char id[32], struct err *err)
{
    uint64_t random;

    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return err_set(err, ERR_AGAIN, "no random bytes: %s", strerror(errno));
    snprintf(id, 32, "sweep-%016llx", (unsigned long long)random);
    return 0;
}

static json_t *describe(const struct sweep *w, const json_t *spec)
{
    json_t *object = json_object(), *trials = json_array(), *axes = json_array();
    char at[CLOCK_ISO_SIZE];

    for (int t = 0; t < w->board.n; t++) {
        json_t *row = json_array();
        for (int i = 0; i < w->spec.n_axes; i++)
            json_add(&row, json_text(sweep_value(w, t, i)));
        json_add(&trials, row);
    }
    for (int i = 0; i < w->spec.n_axes; i++)
        json_add(&axes, json_text(w->spec.axes[i].key));
    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "axes",
             axes); /* keys of a file are sorted, these stay as they were written */
    json_put(&object, "id", json_text(w->id));
    json_put(&object, "begun_at", json_text(clock_iso(at, clock_wall_ms())));
    json_put(&object, "spec", json_deep_copy(spec));
    json_put(&object, "settings", json_deep_copy(w->settings));
    json_put(&object, "trials", trials);
    return object;
}

static int write_sweep(const struct sweep *w, const json_t *spec, const char *path, struct err *err)
{
    static const char *const folders[] = {"trials", "results", "deaths", "logs"};
    char dir[SETTINGS_PATH_SIZE];
    json_t *object = describe(w, spec);
    int ret = object ? 0 : err_set(err, ERR_NOMEM, "out of memory for %s", path);

    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && !ret; i++)
        ret = path_format(dir, sizeof(dir), err, "%s/%s", w->dir, folders[i]) || dir_make(dir, err);
    ret = ret || json_draft(path, object, err) || file_sync_fs(w->dir, err) ||
          file_adopt_first(path, err) || file_sync_fs(w->dir, err);
    json_decref(object);
    return ret ? -1 : 0;
}

/* Anything that is there already but what `lentigo` puts there before us. */
static int check_folder(const char *dir, struct err *err)
{
    struct names names = {0};
    int others = 0;

    if (names_read(&names, dir, err))
        return -1;
    for (int i = 0; i < names.n; i++)
        others += strcmp(names.at[i], ".lentigo") != 0;
    names_release(&names);
    return others ? err_set(err, ERR_CONFIG, "%s: is not empty, and holds no sweep", dir) : 0;
}

static int begin(struct sweep *w, const struct sweep_opening *how, const char *path,
                 struct err *err)
{
    struct settings *s = calloc(1, sizeof(*s)); /* paths of 4 kB */
    json_t *spec = json_read(how->spec, SPEC_MAX, err);
    int ret = -1;

    if (!s)
        err_set(err, ERR_NOMEM, "out of memory for settings");
    else if (spec && !check_folder(how->dir, err) &&
             !sweep_spec_read(&w->spec, spec, how->spec, err)) {
        ret = read_settings(w, spec, how->trainers, s, err) || check_axes(w, spec, s, err) ||
              sweep_spec_draw(&w->spec, &w->values, &w->board.n, err);
        for (int i = 0; !ret && i < w->board.n; i++)
            ret = check_trial(w, i, s, err);
        ret = ret ? err_wrap(err, "%s", how->spec)
                  : check_data(w, err) || make_id(w->id, err) || write_sweep(w, spec, path, err);
    }
    json_decref(spec);
    free(s);
    return ret ? -1 : 0;
}

static int read_trials(struct sweep *w, const json_t *trials, struct err *err)
{
    size_t n = json_array_size(trials), axes = (size_t)w->spec.n_axes;

    if (n < 1 || n > SWEEP_TRIALS_MAX)
        return err_set(err, ERR_INPUT, "key \"trials\": 1 to %d are possible", SWEEP_TRIALS_MAX);
    free(w->values);
    w->values = calloc(n * axes, sizeof(*w->values));
    w->board = (struct sweep_board){.n = (int)n, .rungs = w->spec.rungs, .keep = w->spec.keep};
    w->board.all = calloc(n * (size_t)w->board.rungs, sizeof(*w->board.all));
    if (!w->values || !w->board.all)
        return err_set(err, ERR_NOMEM, "out of memory for %zu trials", n);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < axes; i++)
            if (sweep_value_of(&w->values[t * axes + i],
                               json_array_get(json_array_get(trials, t), i)))
                return err_set(err, ERR_INPUT, "key \"trials\": number %zu is damaged", t + 1);
    return 0;
}

/* The axes as the trials have them. */
static int order_axes(struct sweep_spec *spec, const json_t *keys, struct err *err)
{
    for (int i = 0; i < spec->n_axes; i++) {
        const char *key = json_string_value(json_array_get(keys, (size_t)i));
        int at = i;
        while (key && at < spec->n_axes && strcmp(spec->axes[at].key, key) != 0)
            at++;
        if (!key || at == spec->n_axes)
            return err_set(err, ERR_INPUT, "key \"axes\" is damaged");
        struct sweep_axis axis = spec->axes[i];
        spec->axes[i] = spec->axes[at];
        spec->axes[at] = axis;
    }
    return 0;
}

static int check_texts(const json_t *settings, struct err *err)
{
    json_t *o = (json_t *)(uintptr_t)settings;

    if (!json_is_object(settings))
        return err_set(err, ERR_INPUT, "key \"settings\" is missing or no object");
    for (void *at = json_object_iter(o); at; at = json_object_iter_next(o, at))
        if (!json_is_string(json_object_iter_value(at)))
            return err_set(err, ERR_INPUT, "key \"settings\": \"%.40s\" is no text",
                           json_object_iter_key(at));
    return 0;
}

/* Is what was begun what this command asks for? */
static int compare(const json_t *begun, const struct sweep_opening *how, struct err *err)
{
    if (!how->resume)
        return err_set(
            err, ERR_CONFIG,
            "%s: holds a sweep already; go on with it by --resume, or name another folder",
            how->dir);
    json_t *now = how->spec ? json_read(how->spec, SPEC_MAX, err) : NULL;
    const char *key = now ? plan_difference((json_t *)(uintptr_t)begun, now) : NULL;
    if (key)
        err_set(err, ERR_CONFIG, "%s: was begun with another \"%.40s\" than %s says", how->dir, key,
                how->spec);
    json_decref(now);
    return err->code ? -1 : 0;
}

static int read_sweep(struct sweep *w, const char *path, const struct sweep_opening *how,
                      struct err *err)
{
    json_t *object = json_read(path, FILE_MAX, err);
    const json_t *spec = json_object_get(object, "spec");
    const char *id;
    int64_t version;

    if (!object || json_get_int(object, "version", VERSION, VERSION, &version, err) ||
        json_get_text(object, "id", &id, err) ||
        check_texts(json_object_get(object, "settings"), err) ||
        sweep_spec_read(&w->spec, spec, "spec", err) ||
        order_axes(&w->spec, json_object_get(object, "axes"), err) ||
        read_trials(w, json_object_get(object, "trials"), err)) {
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : err->code;
        json_decref(object);
        return err_wrap(err, "%s", path);
    }
    snprintf(w->id, sizeof(w->id), "%s", id);
    json_decref(w->settings);
    w->settings = json_deep_copy(json_object_get(object, "settings"));
    int ret = compare(spec, how, err);
    json_decref(object);
    return ret;
}

int sweep_open(struct sweep *w, const struct sweep_opening *how, struct err *err)
{
    struct sweep_opening mine = *how;
    char path[SETTINGS_PATH_SIZE];

    if (path_format(w->dir, sizeof(w->dir), err, "%s", how->dir) ||
        path_format(path, sizeof(path), err, "%s/sweep.json", how->dir))
        return -1;
    if (access(path, F_OK)) {
        if (!how->spec)
            return err_set(err, ERR_CONFIG, "%s: holds no sweep; name the file that describes one",
                           how->dir);
        if (begin(w, how, path, err))
            return -1;
        mine.resume = true; /* of two who begin at once both go on with one of them */
    }
    return read_sweep(w, path, &mine, err) || sweep_look(w, err) ? -1 : 0;
}

void sweep_close(struct sweep *w)
{
    json_decref(w->settings);
    free(w->values);
    free(w->board.all);
    *w = (struct sweep){0};
}
