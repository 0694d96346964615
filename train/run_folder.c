#include "train/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/file.h"
#include "train/plan.h"
#include "train/tools.h"

enum { CONFIG_MAX = 1 << 20 };

/* Is there anything in it but a lock? */
static bool is_used(const char *dir)
{
    DIR *d = opendir(dir);
    bool found = false;

    for (struct dirent *e; d && !found && (e = readdir(d));)
        found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                strcmp(e->d_name, "lock") != 0;
    if (d)
        closedir(d);
    return found;
}

static int check_content(const char *dir, bool resume, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/config.json", dir))
        return -1;
    bool has_run = !access(path, F_OK);
    if (resume && !has_run)
        return err_set(err, ERR_CONFIG, "%s: holds no run to go on with", dir);
    if (!resume && has_run)
        return err_set(err, ERR_CONFIG,
                       "%s: holds a run already; go on with it by --resume, or name another folder",
                       dir);
    if (!has_run && is_used(dir))
        return err_set(err, ERR_CONFIG, "%s: is not empty, and holds no run", dir);
    return 0;
}

void run_folder_precision(char out[RUN_PRECISION_SIZE], const char *dir)
{
    char path[SETTINGS_PATH_SIZE];
    struct err ignored = {0};
    json_t *config = NULL;

    if (!path_format(path, sizeof(path), &ignored, "%s/config.json", dir))
        config = json_read(path, CONFIG_MAX, &ignored);
    const char *word = json_string_value(json_object_get(config, "precision"));
    snprintf(out, RUN_PRECISION_SIZE, "%s", word ? word : "");
    json_decref(config);
}

/* What a killed process wrote halfway. */
static void sweep(const char *dir)
{
    static const char *const parts[] = {"", "/state", "/best", "/last"};

    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        char path[SETTINGS_PATH_SIZE];
        struct err ignored = {0};
        if (!path_format(path, sizeof(path), &ignored, "%s%s", dir, parts[i]))
            file_sweep_drafts(path);
    }
    char draft[SETTINGS_PATH_SIZE];
    struct err ignored = {0};
    if (!path_format(draft, sizeof(draft), &ignored, "%s/" RUN_BEST_DRAFT, dir))
        dir_remove(draft);
}

int run_folder_open(struct run_folder *r, const char *dir, bool resume, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    *r = (struct run_folder){.lock = -1};
    if (path_format(r->dir, sizeof(r->dir), err, "%s", dir))
        return -1;
    if (resume && access(dir, F_OK))
        return err_set(err, ERR_CONFIG, "%s: holds no run to go on with", dir);
    if (dir_make(dir, err) || path_format(path, sizeof(path), err, "%s/lock", dir))
        return -1;
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->lock < 0)
        return err_set(err, err_code_of_errno(errno), "%s: %s", path, strerror(errno));
    if (flock(r->lock, LOCK_EX | LOCK_NB))
        return err_set(err, ERR_AGAIN, "%s: another process trains there", dir);
    sweep(dir);
    return check_content(dir, resume, err);
}

void run_folder_close(struct run_folder *r)
{
    if (r->lock >= 0)
        close(r->lock);
    r->lock = -1;
}

static int compare(json_t *then, json_t *now, const char *dir, struct err *err)
{
    json_t *a = json_object_get(then, "settings"), *b = json_object_get(now, "settings");
    const char *key = plan_difference(a, b);

    if (!key) {
        a = then;
        b = now;
        key = plan_difference(a, b);
    }
    if (!key)
        return 0;
    char *was = json_line(json_object_get(a, key)), *is = json_line(json_object_get(b, key));
    err_set(err, ERR_CONFIG, "%s: was begun with another %s: %.60s, not %.60s", dir, key,
            was ? was : "nothing", is ? is : "nothing");
    free(was);
    free(is);
    return -1;
}

int run_folder_agree(const struct run_folder *r, json_t *config, bool resume, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/config.json", r->dir))
        return -1;
    if (!resume)
        return json_write(path, config, err) || file_sync_fs(path, err) ? -1 : 0;
    json_t *then = json_read(path, CONFIG_MAX, err);
    if (!then)
        return -1;
    int ret = compare(then, config, r->dir, err);
    json_decref(then);
    return ret;
}

int run_folder_adopt_best(const struct run_folder *r, struct err *err)
{
    char draft[SETTINGS_PATH_SIZE], best[SETTINGS_PATH_SIZE];

    if (path_format(draft, sizeof(draft), err, "%s/" RUN_BEST_DRAFT, r->dir) ||
        path_format(best, sizeof(best), err, "%s/best", r->dir))
        return -1;
    /* A folder with something in it cannot be renamed over: the two change places. */
    if (renameat2(AT_FDCWD, draft, AT_FDCWD, best, RENAME_EXCHANGE)) {
        if (errno == EINVAL) /* a file system that cannot: for a moment there is none */
            dir_remove(best);
        if (rename(draft, best))
            return err_set(err, err_code_of_errno(errno), "%s: %s", best, strerror(errno));
    }
    dir_remove(draft);
    return file_sync_fs(best, err);
}
