/* OUT: made once, started once, gone on with as often as needed.
 *
 * run.json says what OUT was started with. A model, size, precision or policy that differs would
 * put two kinds of results side by side, so it stops instead (design section 3). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/run.h"
#include "cli/take_in.h"
#include "common/file.h"
#include "common/place.h"
#include "common/sha256.h"
#include "engine/engine.h"

enum { RUN_JSON_MAX = 1 << 20 };

static int make_absolute(char path[SETTINGS_PATH_SIZE], struct err *err)
{
    char *real = realpath(path, NULL);

    if (!real)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int ret = path_format(path, SETTINGS_PATH_SIZE, err, "%s", real);
    free(real);
    return ret;
}

static int take_lock(struct run *r, struct err *err)
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

static int file_digest(char out[SHA256_HEX_SIZE], const char *dir, const char *name,
                       struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/%s", dir, name))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    int ret = sha256_hex_fd(out, fd, NULL, err);
    close(fd);
    return ret;
}

/* What this call would start OUT with. */
static json_t *describe(const struct run *r, struct err *err)
{
    const struct settings *s = &r->settings;
    const struct engine_config config = {s->backend, s->precision, s->device};
    char model[SHA256_HEX_SIZE], policy[SHA256_HEX_SIZE];
    struct engine_facts facts;

    if (file_digest(model, s->model, "weights.safetensors", err) ||
        file_digest(policy, s->model, "policy.json", err) || engine_choose(&config, &facts, err))
        return NULL;
    json_t *made = json_pack("{s:i, s:o, s:o, s:s, s:s, s:i, s:s, s:s, s:s}", "version", 1, "input",
                             json_text(r->input), "model", json_text(s->model), "model_sha256",
                             model, "policy_sha256", policy, "size", (int)s->size, "precision",
                             facts.precision, "reports", s->reports, "language", s->language);
    if (!made)
        err_set(err, ERR_NOMEM, "run.json");
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
    {"reports",       "reports"        },
    {"language",      "language"       },
};

static int compare(const char *path, const json_t *was, const json_t *now, struct err *err)
{
    for (size_t i = 0; i < sizeof(fixed_keys) / sizeof(*fixed_keys); i++) {
        const json_t *a = json_object_get(was, fixed_keys[i].key);
        const json_t *b = json_object_get(now, fixed_keys[i].key);
        if (json_equal(a, b))
            continue;
        char *old = json_dumps(a, JSON_ENCODE_ANY), *new = json_dumps(b, JSON_ENCODE_ANY);
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

static bool is_empty(DIR *dir)
{
    const struct dirent *entry;

    while ((entry = readdir(dir))) // NOLINT(concurrency-mt-unsafe): one thread, one stream
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return false;
    return true;
}

/* A folder that holds something else is no OUT: its owner did not mean to mix. */
static int check_folder(const struct run *r, struct err *err)
{
    DIR *dir = opendir(r->settings.output);

    if (!dir)
        return errno == ENOENT
                   ? 0
                   : err_set(err, ERR_CONFIG, "%s: %s", r->settings.output, strerror(errno));
    bool is_fit = is_empty(dir) || !access(r->state, F_OK);
    closedir(dir);
    if (!is_fit)
        return err_set(err, ERR_CONFIG, "%s: not empty, and no run of lentigo; name a new folder",
                       r->settings.output);
    return 0;
}

int run_folder_open(struct run *r, struct err *err)
{
    struct settings *s = &r->settings;

    r->lock = -1;
    if (place_model(s->model, s->model, err) || make_absolute(r->input, err) ||
        path_format(r->state, sizeof(r->state), err, "%s/.lentigo", s->output) ||
        check_folder(r, err) || dir_make(r->state, err) || make_absolute(s->output, err) ||
        path_format(r->state, sizeof(r->state), err, "%s/.lentigo", s->output) ||
        path_format(s->spool, sizeof(s->spool), err, "%s/spool", r->state) || take_lock(r, err))
        return -1;
    return settle_identity(r, err);
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

static int make_socket(struct run *r, struct err *err)
{
    const char *base = getenv("XDG_RUNTIME_DIR"); // NOLINT(concurrency-mt-unsafe): one thread

    /* A socket's path is at most 107 bytes, so it cannot stand in OUT. */
    if (!base || strlen(base) > 60 || access(base, W_OK))
        base = "/tmp";
    if (path_format(r->socket_dir, sizeof(r->socket_dir), err, "%s/lentigo-XXXXXX", base))
        return -1;
    if (!mkdtemp(r->socket_dir))
        return err_set(err, ERR_AGAIN, "%s: %s", r->socket_dir, strerror(errno));
    return path_format(r->settings.redis, sizeof(r->settings.redis), err, "%s/redis",
                       r->socket_dir);
}

/* Where `lentigo top` without an operand finds the newest run of this user. */
static int note_last_run(const struct run *r, struct err *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME"); // NOLINT: one thread
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

    if (make_socket(r, err) || path_format(path, sizeof(path), err, "%s/run.json", r->state) ||
        path_format(config, sizeof(config), err, "%s/lentigo.conf", r->state))
        return -1;
    json_t *note = json_read(path, RUN_JSON_MAX, err);
    if (!note)
        return -1;
    json_object_set_new(note, "redis", json_text(r->settings.redis));
    json_object_set_new(note, "pid", json_integer(getpid()));
    if (!json_write(path, note, err))
        ret = settings_write(&r->settings, config, err);
    json_decref(note);
    (void)note_last_run(r, &ignored); /* a convenience: a read-only home does not stop a run */
    return ret;
}

void run_folder_close(struct run *r)
{
    if (r->socket_dir[0])
        rmdir(r->socket_dir);
    if (r->lock >= 0)
        close(r->lock);
    r->lock = -1;
}
