#include "common/place.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

_Static_assert((int)SETTINGS_PATH_SIZE >= PATH_MAX, "realpath writes up to PATH_MAX bytes");

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

/* One mistyped must not be passed over: the files of another installation would be used. */
static int check_datadir(const char *dir, struct err *err)
{
    struct stat st;

    if (!dir || (!stat(dir, &st) && S_ISDIR(st.st_mode)))
        return 0;
    return err_set(err, ERR_CONFIG, "LENTIGO_DATADIR=%.160s: no such folder; unset it, or name one",
                   dir);
}

int place_data(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err)
{
    const char *dir = getenv("LENTIGO_DATADIR");
    char own[SETTINGS_PATH_SIZE];

    if (dir && !*dir)
        dir = NULL;
    if (check_datadir(dir, err) || program_dir(own, err))
        return -1;
    const struct {
        const char *start, *below;
    } places[] = {
        {dir, ""                 },
        {own, "/../share/lentigo"},
        {own, "/../../.."        },
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (!places[i].start)
            continue;
        if (path_format(out, SETTINGS_PATH_SIZE, err, "%s%s/%s", places[i].start, places[i].below,
                        name))
            return -1;
        if (is_there(out))
            return 0;
    }
    return err_set(
        err, ERR_CONFIG,
        "%.40s: neither in LENTIGO_DATADIR (%.60s) nor near %.60s; set LENTIGO_DATADIR to "
        "share/lentigo of an installation or of a build",
        name, dir ? dir : "not set", own);
}

int place_cache(char out[SETTINGS_PATH_SIZE], const char *name, struct err *err)
{
    static const struct {
        const char *variable, *below;
    } places[] = {
        {"LENTIGO_CACHEDIR", ""               },
        {"XDG_CACHE_HOME",   "/lentigo"       },
        {"HOME",             "/.cache/lentigo"},
    };

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        const char *dir = getenv(places[i].variable);
        if (dir && *dir == '/')
            return path_format(out, SETTINGS_PATH_SIZE, err, "%s%s/%s", dir, places[i].below, name);
    }
    return err_set(err, ERR_CONFIG, "no folder for %s: set LENTIGO_CACHEDIR", name);
}

int place_model(char out[SETTINGS_PATH_SIZE], const char *model, struct err *err)
{
    char found[SETTINGS_PATH_SIZE], name[SETTINGS_PATH_SIZE];

    if (strchr(model, '/') || is_there(model)) {
        if (path_format(found, sizeof(found), err, "%s", model))
            return -1;
    } else if (path_format(name, sizeof(name), err, "models/%s",
                           *model ? model : PLACE_DEFAULT_MODEL) ||
               place_data(found, name, err)) {
        return -1;
    }
    if (!realpath(found, out))
        return err_set(err, ERR_CONFIG, "model %s: %s", found, strerror(errno));
    return 0;
}
