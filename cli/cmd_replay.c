/* cmd_replay.c -- is what a report says still what comes out of the same bytes? */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/commands_queue.h"
#include "cli/replay.h"
#include "common/file.h"
#include "common/place.h"
#include "common/sha256.h"
#include "common/version.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "lesion/policy.h"

enum { JSON_MAX = 1 << 20 };

/* What was compared. */
struct outcome {
    json_t *changed;   /* sentences: parts that are not as they were */
    json_t *differing; /* files */
    int same, compared;
};

static void changed(struct outcome *o, const char *what, const char *was, const char *is)
{
    json_add(&o->changed, json_sprintf("%s: was %s, is %s", what, was[0] ? was : "not noted",
                                       is[0] ? is : "gone"));
}

static void compare_text(struct outcome *o, const char *what, const char *was, const char *is)
{
    if (was[0] && strcmp(was, is) != 0)
        changed(o, what, was, is);
}

/* ---- find ---- */

struct search {
    const char *publish;
    char dir[SPOOL_PATH_SIZE];
};

static int match_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct search *search = ctx;

    (void)err;
    if (!strcmp(study->publish, search->publish))
        snprintf(search->dir, sizeof(search->dir), "%s", study_dir);
    return 0;
}

/* The folder above `path` that has `name` in it; "" = none. */
static void find_above(const char *path, const char *name, char out[SPOOL_PATH_SIZE])
{
    char probe[SPOOL_PATH_SIZE + 64];

    snprintf(out, SPOOL_PATH_SIZE, "%s", path);
    for (char *slash; out[0]; *slash = 0) {
        snprintf(probe, sizeof(probe), "%s/%s", out, name);
        if (!access(probe, F_OK))
            return;
        slash = strrchr(out, '/');
        if (!slash)
            break;
    }
    out[0] = 0;
}

/* The study of a report in the OUT of a run is the one that publishes there. */
static int find_in_run(struct replay *r, struct err *err)
{
    struct search search = {.publish = r->report + strlen(r->out) + 1};
    struct spool *spool = NULL;

    if (path_format(r->root, sizeof(r->root), err, "%s/.lentigo/spool", r->out) ||
        spool_open(&spool, r->root, err))
        return -1;
    int ret = spool_each_study(spool, match_study, &search, err);
    spool_close(spool);
    if (!ret && !search.dir[0])
        ret = err_set(err, ERR_INPUT, "%s: no study of this run reports there", r->report);
    memcpy(r->dir, search.dir, sizeof(r->dir));
    return ret;
}

static int find(struct replay *r, const char *given, struct err *err)
{
    char *real = realpath(given, NULL), study[SPOOL_PATH_SIZE + 16];

    if (!real)
        return err_set(err, ERR_INPUT, "%s: %s", given, strerror(errno));
    char *slash = strrchr(real, '/');
    bool is_report = slash && !strcmp(slash, "/report.json");
    if (slash)
        *slash = 0;
    int ret = path_format(r->report, sizeof(r->report), err, "%s", real);
    free(real);
    if (ret)
        return -1;
    if (!is_report)
        return err_set(err, ERR_INPUT, "%s: name a report.json", given);
    snprintf(study, sizeof(study), "%s/study.json", r->report);
    if (!access(study, F_OK)) { /* it lies in a spool */
        memcpy(r->dir, r->report, sizeof(r->dir));
        find_above(r->report, "version", r->root);
    }
    find_above(r->root[0] ? r->root : r->report, ".lentigo/run.json", r->out);
    if (r->root[0])
        return 0;
    return r->out[0] ? find_in_run(r, err)
                     : err_set(err, ERR_INPUT, "%s: in no run's output and no spool", given);
}

/* ---- as it was ---- */

/* The user's environment would go before the run's own configuration. */
static void forget_environment(void)
{
    static const char *const kept[] = {"LENTIGO_LIBEXEC=", "LENTIGO_DATADIR=", "LENTIGO_CACHEDIR="};

    for (char **at = environ; *at;) {
        bool is_kept = strncmp(*at, "LENTIGO_", 8) != 0 || !strchr(*at, '=');
        for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
            is_kept = is_kept || !strncmp(*at, kept[i], strlen(kept[i]));
        char *name = is_kept ? NULL : strndup(*at, strcspn(*at, "=")); /* of any length */
        if (!name || unsetenv(name))
            at++;
        free(name);
    }
}

/* The settings that the run was started with; of an installation, those of today with the size and
 * precision that the report names. */
static int read_settings(struct replay *r, const struct settings *s, const json_t *model,
                         struct err *err)
{
    char config[SPOOL_PATH_SIZE], command[] = "run", flag[] = "--config";
    char *argv[] = {command, flag, config, NULL};
    int first;

    forget_environment();
    if (r->out[0])
        return path_format(config, sizeof(config), err, "%s/.lentigo/lentigo.conf", r->out) ||
                       settings_load(&r->settings, COMMAND_RUN, 3, argv, &first, err)
                   ? -1
                   : 0;
    r->settings = *s;
    if (s->size != SETTINGS_AUTO && json_is_object(model))
        r->settings.size = (long)json_number_or(model, "size", 0);
    if (json_is_object(model))
        snprintf(r->settings.precision, sizeof(r->settings.precision), "%s",
                 json_text_or(model, "precision", "auto"));
    return 0;
}

static int open_study(struct replay *r, struct err *err)
{
    struct spool *spool = NULL;
    int ret = spool_open(&spool, r->root, err) || spool_study_read(r->dir, &r->study, err) ||
              spool_upload_read(spool, r->study.upload, &r->upload, err);

    spool_close(spool);
    return ret ? -1 : 0;
}

static void compare_originals(const struct replay *r, struct outcome *o)
{
    char path[SPOOL_PATH_SIZE], what[STUDY_NAME_SIZE + 32];
    struct err ignored = {0};

    for (int i = 0; i < r->study.n_images; i++) {
        const struct study_image *image = &r->study.images[i];
        char is[SHA256_HEX_SIZE] = "";
        if (image->set_aside != REASON_NONE ||
            path_format(path, sizeof(path), &ignored, "%s/originals/%d", r->dir, image->n))
            continue;
        FILE *file = fopen(path, "re");
        if (file) {
            (void)sha256_hex_fd(is, fileno(file), NULL, &ignored);
            (void)fclose(file); /* opened for reading */
        }
        snprintf(what, sizeof(what), "original %d (sha256)", image->n);
        compare_text(o, what, image->sha256, is);
    }
}

/* The model folder, policy, and what would compute today, held against the report's model. */
static int compare_model(struct replay *r, const json_t *was, struct outcome *o, struct err *err)
{
    struct settings *s = &r->settings;
    const struct engine_config config = {
        .backend = s->backend, .precision = s->precision, .device = s->device};
    struct model *model = NULL;
    struct policy *policy = NULL;
    struct engine_facts facts;
    int ret = -1;

    if (!json_is_object(was)) /* no image was done */
        return 0;
    if (!place_model(s->model, s->model, err) && !model_open(&model, s->model, err) &&
        !policy_open_in(&policy, s->model, s->size == SETTINGS_AUTO, err) &&
        !engine_choose(&config, model, &facts, err)) {
        compare_text(o, "model (sha256 of the weights)", json_text_or(was, "sha256", ""),
                     model_card(model)->sha256);
        compare_text(o, "policy (sha256)", json_text_or(was, "policy_sha256", ""),
                     policy_sha256(policy));
        compare_text(o, "precision", json_text_or(was, "precision", ""), facts.precision);
        compare_text(o, "backend", json_text_or(was, "backend", ""), facts.backend);
        ret = 0;
    }
    policy_close(policy);
    model_close(model);
    return ret;
}

/* What only a run notes. */
static void compare_run(const struct replay *r, struct outcome *o)
{
    char path[SPOOL_PATH_SIZE];
    struct err ignored = {0};

    if (!r->out[0] || path_format(path, sizeof(path), &ignored, "%s/.lentigo/run.json", r->out))
        return;
    json_t *run = json_read(path, JSON_MAX, &ignored);
    compare_text(o, "program", json_text_or(run, "program", ""), LENTIGO_VERSION);
    compare_text(o, "language", json_text_or(run, "language", ""), r->settings.language);
    compare_text(o, "reports", json_text_or(run, "reports", ""), r->settings.reports);
    json_decref(run);
}

/* ---- again ---- */

static int read_file(const char *dir, const char *name, struct buf *out, bool *is_there,
                     struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    buf_init(out, SPOOL_JSON_MAX);
    if (path_format(path, sizeof(path), err, "%s/%s", dir, name))
        return -1;
    *is_there = !access(path, F_OK);
    return *is_there ? file_read(path, out, err) : 0;
}

/* A file that neither has is none: not every image has a mask, not every run a PDF. */
static int compare_file(struct outcome *o, const char *was_dir, const char *is_dir,
                        const char *name, struct err *err)
{
    struct buf was, is = {0};
    bool had, has = false;
    int ret = read_file(was_dir, name, &was, &had, err) || read_file(is_dir, name, &is, &has, err);

    if (!ret && (had || has)) {
        bool is_same =
            had && has && was.len == is.len && !memcmp(was.data, is.data, was.len ? was.len : 1);
        o->compared++;
        o->same += is_same;
        if (!is_same)
            json_add(&o->differing, json_sprintf("%s%s", name,
                                                 !had   ? " (there was none)"
                                                 : !has ? " (now there is none)"
                                                        : ""));
    }
    buf_release(&was);
    buf_release(&is);
    return ret ? -1 : 0;
}

static int compare_files(const struct replay *r, struct outcome *o, struct err *err)
{
    static const char *const kinds[] = {"json", "mask.png", "overlay.jpg"};
    static const char *const pages[] = {"report.json", "report.html", "report.pdf"};
    char name[64];

    for (int i = 0; i < r->study.n_images; i++)
        for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
            snprintf(name, sizeof(name), "results/%d.%s", r->study.images[i].n, kinds[k]);
            if (compare_file(o, r->dir, r->scratch_study, name, err))
                return -1;
        }
    for (size_t k = 0; k < sizeof(pages) / sizeof(*pages); k++)
        if (compare_file(o, r->report, r->published, pages[k], err))
            return -1;
    return 0;
}

/* ---- tell ---- */

static void print_list(const char *before, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        printf("%s%s\n", before, json_string_value(json_array_get(list, i)));
}

static void print_text(const struct outcome *o)
{
    print_list("changed: ", o->changed);
    if (json_array_size(o->changed)) {
        printf("not replayed: it would be another work\n");
        return;
    }
    print_list("differs: ", o->differing);
    printf("%d of %d files (results, masks, overlays, reports) came out the same, byte for byte\n",
           o->same, o->compared);
    if (json_array_size(o->differing))
        printf(
            "originals, model, policy, size, precision, language and program are as they were: "
            "then a file was changed by hand, or libraries, fonts or the processor are others\n");
}

static int print_json(const struct outcome *o, struct err *err)
{
    json_t *object = json_pack("{s:O, s:O, s:i, s:i}", "changed", o->changed, "differing",
                               o->differing, "compared", o->compared, "same", o->same);
    char *line = object ? json_line(object) : NULL;

    json_decref(object);
    if (!line)
        return err_set(err, ERR_NOMEM, "replay");
    puts(line);
    free(line);
    return 0;
}

static int replay(struct replay *r, const struct settings *s, const char *given, struct outcome *o,
                  struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    json_t *report = NULL;
    int ret = -1;

    if (find(r, given, err) || open_study(r, err) ||
        (r->out[0] &&
         path_format(r->report, sizeof(r->report), err, "%s/%s", r->out, r->study.publish)) ||
        path_format(path, sizeof(path), err, "%s/report.json", r->report))
        return -1;
    report = json_read(path, SPOOL_JSON_MAX, err);
    const json_t *model = json_object_get(report, "model");
    if (!report || read_settings(r, s, model, err) || compare_model(r, model, o, err))
        goto done;
    compare_originals(r, o);
    compare_run(r, o);
    ret = 0;
    if (!json_array_size(o->changed))
        ret = replay_again(r, err) || compare_files(r, o, err) ? -1 : 0;
done:
    json_decref(report);
    return ret;
}

int cmd_replay(const struct settings *s, int argc, char **argv)
{
    static struct replay r; /* many paths of 4 kB; one a process */
    struct outcome o = {.changed = json_array(), .differing = json_array()};
    struct err err = {0};
    int ret = -1;

    if (argc != 1)
        err_set(&err, ERR_INPUT, "replay: lentigo replay REPORT.json (see lentigo replay --help)");
    else
        ret = replay(&r, s, argv[0], &o, &err);
    if (!ret && s->json)
        ret = print_json(&o, &err);
    else if (!ret)
        print_text(&o);
    bool is_same = !json_array_size(o.changed) && !json_array_size(o.differing);
    replay_clean(&r);
    study_release(&r.study);
    json_decref(r.upload);
    json_decref(o.changed);
    json_decref(o.differing);
    if (ret)
        return command_fail(&err);
    return is_same ? STATUS_OK : STATUS_UNFINISHED;
}
