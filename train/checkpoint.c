#include "train/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "common/log.h"
#include "common/sha256.h"
#include "engine/safetensors.h"

enum {
    BANKS = 4,
    PATH_SIZE = 4096,
    STATES_MAX = 1024,
    JSON_MAX = 1 << 16,
    KEPT = 2,
    NAME_SIZE = 96
};

struct part {
    const char *prefix;
    const struct bank *bank; /* block NULL: not used by this run */
};

static void list_parts(struct part parts[BANKS], const struct bank *weights,
                       const struct optimiser *o)
{
    parts[0] = (struct part){"weight", weights};
    parts[1] = (struct part){"first", &o->first};
    parts[2] = (struct part){"second", &o->second};
    parts[3] = (struct part){"average", &o->average};
}

static int write_tensors(const char *path, const struct part parts[BANKS], struct err *err)
{
    struct tensor *items = calloc((size_t)BANKS * PARAM_COUNT, sizeof(*items));
    char(*names)[NAME_SIZE] = calloc((size_t)BANKS * PARAM_COUNT, sizeof(*names));
    size_t n = 0;
    int ret = -1;

    for (int b = 0; items && names && b < BANKS; b++)
        for (int i = 0; parts[b].bank->block && i < PARAM_COUNT; i++) {
            snprintf(names[n], sizeof(*names), "%s.%s", parts[b].prefix,
                     parts[b].bank->table[i].name);
            items[n] = (struct tensor){
                .name = names[n],
                .dtype = DTYPE_F32,
                .rank = 1,
                .shape = {(int64_t)parts[b].bank->count[i]},
                .data = (const unsigned char *)parts[b].bank->params.at[i],
                .count = parts[b].bank->count[i],
            };
            n++;
        }
    if (n)
        ret = safetensors_write(path, items, n, DTYPE_F32, err);
    else
        err_set(err, ERR_NOMEM, "%s: out of memory", path);
    free(items);
    free(names);
    return ret;
}

static int digest(char out[SHA256_HEX_SIZE], const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, err_code_of_errno(errno), "%s: %s", path, strerror(errno));
    int ret = sha256_hex_fd(out, fd, NULL, err);
    close(fd);
    return ret;
}

static int write_state(const char *path, const struct progress_state *s, const char *sha256,
                       int64_t steps, struct err *err)
{
    json_t *object = json_object();

    json_put(&object, "iteration", json_integer(s->iteration));
    json_put(&object, "steps", json_integer(steps));
    json_put(&object, "tensors_sha256", json_text(sha256));
    json_put(&object, "best_iteration", json_integer(s->best_iteration));
    json_put(&object, "best_score",
             isfinite(s->best_score) ? json_real(s->best_score) : json_null());
    json_put(&object, "loss_sum", json_real(s->loss_sum));
    json_put(&object, "loss_count", json_integer(s->loss_count));
    json_put(&object, "loss_scale", json_real(s->scaling.scale));
    json_put(&object, "loss_scale_good", json_integer(s->scaling.good));
    if (!object)
        return err_set(err, ERR_NOMEM, "%s: out of memory", path);
    int ret = json_write(path, object, err) || file_sync_fs(path, err) ? -1 : 0;
    json_decref(object);
    return ret;
}

static int falling(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x < y) - (x > y);
}

/* The iterations of the states in `dir`, the latest first; how many, or -1: then none must be taken for
 * missing. `suffix` ".json" finds whole ones. */
static int list_states(int64_t out[STATES_MAX], const char *dir, const char *suffix,
                       struct err *err)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    int n = 0;

    if (!d && errno == ENOENT)
        return 0;
    while (d && n < STATES_MAX && (errno = 0, (e = readdir(d)))) {
        char *end;
        long long iteration = strtoll(e->d_name, &end, 10);
        if (end != e->d_name && !strcmp(end, suffix))
            out[n++] = iteration;
    }
    int failed = d && n == STATES_MAX ? 0 : errno;
    if (d)
        closedir(d);
    if (failed)
        return err_set(err, err_code_of_errno(failed), "%s: %s", dir, strerror(failed));
    qsort(out, (size_t)n, sizeof(*out), falling);
    return n;
}

/* What is older than the states that are kept, and tensors whose JSON never came. */
static void drop_old(const char *dir)
{
    int64_t whole[STATES_MAX], tensors[STATES_MAX];
    char path[PATH_SIZE];
    struct err ignored = {0}; /* what cannot be removed is removed next time */
    int n = list_states(whole, dir, ".json", &ignored);
    int k = list_states(tensors, dir, ".safetensors", &ignored);

    if (n <= 0)
        return;
    int64_t oldest = n >= KEPT ? whole[KEPT - 1] : whole[n - 1];
    for (int i = KEPT; i < n; i++)
        if (!path_format(path, sizeof(path), &ignored, "%s/%" PRId64 ".json", dir, whole[i]))
            unlink(path);
    for (int i = 0; i < k; i++)
        if (tensors[i] < oldest && !path_format(path, sizeof(path), &ignored,
                                                "%s/%" PRId64 ".safetensors", dir, tensors[i]))
            unlink(path);
}

int checkpoint_save(const char *dir, const struct progress_state *state, const struct bank *weights,
                    const struct optimiser *o, struct err *err)
{
    char tensors[PATH_SIZE], json[PATH_SIZE], sha256[SHA256_HEX_SIZE];
    struct part parts[BANKS];

    list_parts(parts, weights, o);
    if (path_format(tensors, sizeof(tensors), err, "%s/%" PRId64 ".safetensors", dir,
                    state->iteration) ||
        path_format(json, sizeof(json), err, "%s/%" PRId64 ".json", dir, state->iteration) ||
        dir_make(dir, err))
        return -1;
    if (write_tensors(tensors, parts, err) || digest(sha256, tensors, err) ||
        file_sync_fs(tensors, err) || write_state(json, state, sha256, o->steps, err)) {
        if (access(json, F_OK))
            unlink(tensors);
        return -1;
    }
    drop_old(dir);
    return 0;
}

static int read_state(struct progress_state *s, int64_t *steps, char sha256[SHA256_HEX_SIZE],
                      const char *path, struct err *err)
{
    json_t *object = json_read(path, JSON_MAX, err);
    const char *text;

    if (!object)
        return -1;
    int ret = json_get_int(object, "iteration", 0, INT64_MAX, &s->iteration, err) ||
              json_get_int(object, "steps", 0, INT64_MAX, steps, err) ||
              json_get_int(object, "best_iteration", 0, INT64_MAX, &s->best_iteration, err) ||
              json_get_int(object, "loss_count", 0, INT64_MAX, &s->loss_count, err) ||
              json_get_number(object, "loss_sum", &s->loss_sum, err) ||
              json_get_text(object, "tensors_sha256", &text, err);
    if (!ret) {
        s->best_score = json_number_or(object, "best_score", -INFINITY);
        s->scaling.scale = json_number_or(object, "loss_scale", 0); /* older states have none */
        s->scaling.good = (int64_t)json_number_or(object, "loss_scale_good", 0);
        snprintf(sha256, SHA256_HEX_SIZE, "%s", text);
    }
    json_decref(object);
    return ret ? -1 : 0;
}

static int read_part(const struct tensor_set *set, const struct part *part, struct err *err)
{
    char name[NAME_SIZE];

    for (int i = 0; part->bank->block && i < PARAM_COUNT; i++) {
        const int64_t shape[] = {(int64_t)part->bank->count[i]};
        snprintf(name, sizeof(name), "%s.%s", part->prefix, part->bank->table[i].name);
        const struct tensor *t = tensor_find(set, name);
        if (!t || !tensor_has_shape(t, shape, 1))
            return err_set(err, ERR_INPUT, "tensor %s is missing or has another size", name);
        if (tensor_read(t, part->bank->params.at[i], err))
            return -1;
    }
    return 0;
}

static int load_one(const char *dir, int64_t iteration, struct progress_state *state,
                    struct bank *weights, struct optimiser *o, struct err *err)
{
    char path[PATH_SIZE], want[SHA256_HEX_SIZE] = "", have[SHA256_HEX_SIZE];
    struct tensor_set set = {0};
    struct part parts[BANKS];
    int ret = -1;

    if (path_format(path, sizeof(path), err, "%s/%" PRId64 ".json", dir, iteration) ||
        read_state(state, &o->steps, want, path, err) ||
        path_format(path, sizeof(path), err, "%s/%" PRId64 ".safetensors", dir, iteration) ||
        safetensors_read(&set, path, err))
        return -1;
    sha256_hex(have, set.file.data, set.file.len);
    list_parts(parts, weights, o);
    if (strcmp(want, have) != 0)
        err_set(err, ERR_INPUT, "%s: is not what was written", path);
    else
        ret = 0;
    for (int b = 0; b < BANKS && !ret; b++)
        ret = read_part(&set, &parts[b], err);
    tensor_set_release(&set);
    return ret;
}

/* Of a state that was passed over. */
static void drop(const char *dir, int64_t iteration)
{
    static const char *const suffixes[] = {".json", ".safetensors"};
    char path[PATH_SIZE];
    struct err ignored = {0}; /* what cannot be removed is written over when its iteration comes */

    for (int i = 0; i < 2; i++)
        if (!path_format(path, sizeof(path), &ignored, "%s/%" PRId64 "%s", dir, iteration,
                         suffixes[i]))
            unlink(path);
}

int checkpoint_load(const char *dir, struct progress_state *state, struct bank *weights,
                    struct optimiser *o, struct err *err)
{
    int64_t found[STATES_MAX];
    int n = list_states(found, dir, ".json", err);

    if (n < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        struct err why = {0};
        if (!load_one(dir, found[i], state, weights, o, &why)) {
            while (i-- > 0) /* they would count as the states that are kept */
                drop(dir, found[i]);
            return 1;
        }
        if (why.code == ERR_NOMEM || why.code == ERR_AGAIN) /* it may be whole */
            return err_set(err, why.code, "%s", why.msg);
        char quoted[300];
        log_event(LOG_WARN, "state_skipped", "iteration=%" PRId64 " why=%s", found[i],
                  log_quote(quoted, sizeof(quoted), why.msg));
    }
    return n ? err_set(err, ERR_CONFIG, "%s: no state in it is whole", dir) : 0;
}
