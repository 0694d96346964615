/* OUT: made once, started once, gone on with as often as needed.
 *
 * run.json says what OUT was started with. A model, size, precision or policy that differs would
 * put two kinds of results side by side, so it stops instead (design section 3). */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run.h"
#include "cli/take_in.h"
#include "common/file.h"
#include "common/place.h"
#include "common/version.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "lesion/policy.h"
#include "queue/names.h"

enum { RUN_JSON_MAX = 1 << 20 };

int run_path_make_absolute(char path[SETTINGS_PATH_SIZE], struct err *err)
{
    char *real = realpath(path, NULL);

    if (!real)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int ret = path_format(path, SETTINGS_PATH_SIZE, err, "%s", real);
    free(real);
    return ret;
}

/* INPUT may be gone (a card pulled out) once its upload lies in the spool: then its name as the
 * command says it is compared with the name of the first start. */
static int name_input(struct run *r, struct err *err)
{
    char name[SETTINGS_PATH_SIZE], *here;
    size_t n = strlen(r->input);

    r->has_input = !access(r->input, F_OK);
    if (r->has_input || errno != ENOENT)
        return run_path_make_absolute(r->input, err);
    while (n > 1 && r->input[n - 1] == '/')
        r->input[--n] = 0;
    if (r->input[0] == '/')
        return 0;
    here = getcwd(NULL, 0);
    if (!here)
        return err_set(err, ERR_CONFIG, "the current folder: %s", strerror(errno));
    int ret = path_format(name, sizeof(name), err, "%s/%s", here, r->input) ||
              path_format(r->input, sizeof(r->input), err, "%s", name);
    free(here);
    return ret ? -1 : 0;
}

int run_folder_lock(struct run *r, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/lock", r->state))
        return -1;
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->lock < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    if (!flock(r->lock, LOCK_EX | LOCK_NB))
        return 0;
    return err_set(err, ERR_AGAIN, "another run is writing %s", r->settings.output);
}

/* A number, or for --size auto the words "auto: 192, 256". */
static json_t *describe_size(const struct settings *s, const struct model *model,
                             const struct policy *policy)
{
    const struct size_plan *plan = &policy_facts(policy)->sizes;

    if (s->size == SETTINGS_AUTO)
        return json_sprintf("auto: %d, %d", plan->coarse, plan->fine);
    return json_integer(s->size ? s->size : model_card(model)->size);
}

/* What this call would start OUT with. Model and policy are opened as the worker will open them, so
 * that a damaged one is told here and not in a log. */
static json_t *describe(const struct run *r, struct err *err)
{
    const struct settings *s = &r->settings;
    const struct engine_config config = {
        .backend = s->backend, .precision = s->precision, .device = s->device};
    struct model *model = NULL;
    struct policy *policy = NULL;
    struct engine_facts facts;
    json_t *made = NULL;

    if (!model_open(&model, s->model, err) &&
        !policy_open_in(&policy, s->model, s->size == SETTINGS_AUTO, err) &&
        !engine_choose(&config, model, &facts, err)) {
        made = json_pack("{s:i, s:o, s:o, s:s, s:s, s:o, s:s, s:s, s:s, s:s}", "version", 1,
                         "input", json_text(r->input), "model", json_text(s->model), "model_sha256",
                         model_card(model)->sha256, "policy_sha256", policy_sha256(policy), "size",
                         describe_size(s, model, policy), "precision", facts.precision, "reports",
                         s->reports, "language", s->language, "program", LENTIGO_VERSION);
        if (made && !strcmp(facts.precision, "int8"))
            json_put(&made, "ranges_sha256", json_string(model_ranges(model)->sha256));
        if (!made)
            err_set(err, ERR_NOMEM, "out of memory for run.json");
    }
    policy_close(policy);
    model_close(model);
    return made;
}

/* Keys that have to stay as they were, and what a person calls them. */
static const struct {
    const char *key, *name;
} fixed_keys[] = {
    {"input",         "input"          },
    {"model_sha256",  "model (weights)"},
    {"policy_sha256", "policy"         },
    {"size",          "size"           },
    {"precision",     "precision"      },
    {"ranges_sha256", "int8.json"      },
    {"reports",       "reports"        },
    {"language",      "language"       },
};

static int compare(const char *path, const json_t *was, const json_t *now, struct err *err)
{
    for (size_t i = 0; i < sizeof(fixed_keys) / sizeof(*fixed_keys); i++) {
        const json_t *a = json_object_get(was, fixed_keys[i].key);
        const json_t *b = json_object_get(now, fixed_keys[i].key);
        if (json_equal(a, b) || (!a && !b))
            continue;
        char *old = json_line(a), *new = json_line(b);
        err_set(err, ERR_CONFIG, "%s was started with another %s: %.60s, not %.60s; use a new OUT",
                path, fixed_keys[i].name, old ? old : "?", new ? new : "?");
        free(old);
        free(new);
        return -1;
    }
    return 0;
}

/* Compare with the run.json of an earlier call, or write the first one. */
static int settle_identity(struct run *r, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    json_t *now = NULL, *was = NULL;
    int ret = -1;

    if (path_format(path, sizeof(path), err, "%s/run.json", r->state))
        return -1;
    now = describe(r, err);
    if (!now)
        goto done;
    r->goes_on = !access(path, F_OK);
    if (!r->goes_on) {
        ret = json_write(path, now, err);
        goto done;
    }
    was = json_read(path, RUN_JSON_MAX, err);
    if (!was) {
        err->code = ERR_CONFIG;
        goto done;
    }
    ret = compare(r->settings.output, was, now, err);
done:
    json_decref(now);
    json_decref(was);
    return ret;
}

/* What lies in OUT, nothing when it is not there yet; a link to nothing is an error. */
static int read_names(struct run *r, struct names *names, struct err *err)
{
    struct stat st;

    if (lstat(r->settings.output, &st) && errno == ENOENT)
        return 0;
    if (run_path_make_absolute(r->settings.output, err))
        return -1;
    if (stat(r->settings.output, &st) || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_CONFIG, "%s: not a folder", r->settings.output);
    return names_read(names, r->settings.output, err);
}

/* A folder that holds something else is no OUT: its owner did not mean to mix. */
static int check_folder(struct run *r, struct err *err)
{
    struct names names = {0};
    bool is_ours = false;

    if (read_names(r, &names, err))
        return -1;
    for (int i = 0; i < names.n; i++)
        is_ours = is_ours || !strcmp(names.at[i], ".lentigo");
    /* lost+found: OUT is the root of a file system. */
    bool is_empty = !names.n || (names.n == 1 && !strcmp(names.at[0], "lost+found"));
    names_release(&names);
    if (!is_empty && !is_ours)
        return err_set(err, ERR_CONFIG, "%s: not empty, and no run of lentigo; name a new folder",
                       r->settings.output);
    return 0;
}

/* A name mistyped leaves no folder behind. */
static int check_input(const struct run *r, struct err *err)
{
    if (r->has_input || !access(r->state, F_OK))
        return 0;
    return err_set(err, ERR_CONFIG, "%s: %s", r->input, strerror(ENOENT));
}

/* OUT and its state folder, for this user's eyes only (design section 3). */
static int make_folder(struct run *r, struct err *err)
{
    struct settings *s = &r->settings;

    if (path_format(r->state, sizeof(r->state), err, "%s/.lentigo", s->output) ||
        check_folder(r, err) || check_input(r, err) || dir_make(r->state, err) ||
        run_path_make_absolute(s->output, err) ||
        path_format(r->state, sizeof(r->state), err, "%s/.lentigo", s->output) ||
        path_format(s->spool, sizeof(s->spool), err, "%s/spool", r->state))
        return -1;
    return chmod(s->output, 0700)
               ? err_set(err, ERR_CONFIG, "%s: chmod: %s", s->output, strerror(errno))
               : 0;
}

int run_folder_open(struct run *r, struct err *err)
{
    struct settings *s = &r->settings;

    r->lock = -1;
    if (!place_model(s->model, s->model, err) && !name_input(r, err) && !make_folder(r, err) &&
        !run_folder_lock(r, err) && !settle_identity(r, err))
        return 0;
    /* A folder that may not be written or a name too long is no fault of an image. */
    if (err->code == ERR_INPUT || err->code == ERR_LIMIT)
        err->code = ERR_CONFIG;
    return -1;
}

static int count_upload(void *ctx, const char *upload, struct err *err)
{
    (void)upload;
    (void)err;
    ++*(int *)ctx;
    return 0;
}

static int take_in(struct run *r, struct spool *spool, struct err *err)
{
    struct intake_result result;
    struct intake_request request = {
        .input = r->input,
        .encoding = r->settings.encoding,
        .leave_out = r->settings.output,
    };

    if (take_in_upload(spool, &request, &result, err))
        return -1;
    fprintf(stderr, "taken in: %d images of %d studies", result.images, result.studies);
    if (result.others)
        fprintf(stderr, "; %d other files listed in set-aside.csv", result.others);
    fprintf(stderr, "\n");
    return 0;
}

int run_folder_take_in(struct run *r, struct err *err)
{
    struct spool *spool = NULL;
    int uploads = 0, ret = -1;

    if (spool_open(&spool, r->settings.spool, err))
        return -1;
    if (!spool_each_upload(spool, count_upload, &uploads, err))
        ret = uploads ? 0 : take_in(r, spool, err);
    if (uploads)
        fprintf(stderr, "going on with %s\n", r->settings.output);
    spool_close(spool);
    return ret;
}

/* Where `lentigo top` without an operand finds the newest run of this user. */
static int note_last_run(const struct run *r, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char dir[SETTINGS_PATH_SIZE], path[SETTINGS_PATH_SIZE];

    if (!state && !home)
        return 0;
    if (path_format(dir, sizeof(dir), err, "%s%s/lentigo", state ? state : home,
                    state ? "" : "/.local/state") ||
        dir_make(dir, err) || path_format(path, sizeof(path), err, "%s/last-run", dir))
        return -1;
    return file_write(path, r->settings.output, strlen(r->settings.output), err);
}

int run_folder_note(struct run *r, struct err *err)
{
    struct err ignored = {0};
    char path[SETTINGS_PATH_SIZE], config[SETTINGS_PATH_SIZE];
    int ret = -1;

    if (path_format(path, sizeof(path), err, "%s/run.json", r->state) ||
        path_format(config, sizeof(config), err, "%s/lentigo.conf", r->state))
        return -1;
    json_t *note = json_read(path, RUN_JSON_MAX, err);
    if (!note)
        return -1;
    if (run_socket_open(r, note, err)) {
        json_decref(note);
        return -1;
    }
    json_put(&note, "redis", json_text(r->settings.redis));
    json_put(&note, "pid", json_integer(getpid()));
    if (!json_write(path, note, err))
        ret = settings_write(&r->settings, config, err);
    json_decref(note);
    (void)note_last_run(r, &ignored); /* a convenience: a read-only home does not stop a run */
    return ret;
}

void run_folder_close(struct run *r)
{
    run_socket_close();
    if (r->lock >= 0)
        close(r->lock);
    r->lock = -1;
}
