#include "common/place.h"

#include <errno.h>
#include <unistd.h>

#include "common/file.h"

/* Folder of the running program, without a slash at the end. */
static int program_dir(char out[SETTINGS_PATH_SIZE], struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", out, SETTINGS_PATH_SIZE - 1);

    if (n < 0)
        return err_set(err, ERR_CONFIG, "/proc/self/exe: %s", strerror(errno));
    out[n] = 0;
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = 0;
    return 0;
}

static bool is_there(const char *path)
{
    return !access(path, F_OK);
}

int place_program(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err)
{
    const char *dir = getenv("LENTIGO_LIBEXEC");
    char own[SETTINGS_PATH_SIZE];

    if (!dir) {
        if (program_dir(own, err))
            return -1;
        dir = own;
    }
    if (path_format(out, SETTINGS_PATH_SIZE, err, "%s/%s", dir, name))
        return -1;
    return is_there(out) ? 0 : err_set(err, ERR_CONFIG, "%s: not installed", out);
}

int place_module(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err)
{
    char own[SETTINGS_PATH_SIZE];

    *out = 0;
    if (program_dir(own, err) ||
        path_format(out, SETTINGS_PATH_SIZE, err, "%s/../lib/lentigo/%s", own, name))
        return -1;
    return is_there(out) ? 0 : err_set(err, ERR_CONFIG, "%s: not installed", out);
}

int place_data(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err)
{
    static const char *const below[] = {"/../share/lentigo", "/../../.."};
    const char *dir = getenv("LENTIGO_DATADIR");
    char own[SETTINGS_PATH_SIZE];

    if (dir) {
        if (path_format(out, SETTINGS_PATH_SIZE, err, "%s/%s", dir, name))
            return -1;
        return is_there(out) ? 0 : err_set(err, ERR_CONFIG, "%s: not there", out);
    }
    if (program_dir(own, err))
        return -1;
    for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
        if (path_format(out, SETTINGS_PATH_SIZE, err, "%s%s/%s", own, below[i], name))
            return -1;
        if (is_there(out))
            return 0;
    }
    return err_set(err, ERR_CONFIG, "%s: not found near %s (set LENTIGO_DATADIR)", name, own);
}

int place_model(char out[SETTINGS_PATH_SIZE], const char *model, struct err *err)
{
    char found[SETTINGS_PATH_SIZE], name[SETTINGS_PATH_SIZE];

    if (strchr(model, '/') || is_there(model)) {
        if (path_format(found, sizeof(found), err, "%s", model))
            return -1;
    } else if (path_format(name, sizeof(name), err, "models/%s", *model ? model : "starter") ||
               place_data(found, name, err)) {
        return -1;
    }
    char *real = realpath(found, NULL);
    if (!real)
        return err_set(err, ERR_CONFIG, "model %s: %s", found, strerror(errno));
    int ret = path_format(out, SETTINGS_PATH_SIZE, err, "%s", real);
    free(real);
    return ret;
}
