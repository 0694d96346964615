#include "remote/nest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/file.h"
#include "remote/protocol.h"

enum { TRIES = 16, PLACES = 3, NAME_SIZE = 64 };

#define IN_MEMORY "/dev/shm"
#define ROOM_MIN  (1ULL << 30) /* bytes: some hundred images with their results */

/* Each user's have names of their own: nobody can remove another's. */
static void name_begins(char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "lentigo-join-%d-", (int)geteuid());
}

static void list_places(const char *out[PLACES])
{
    const char *temporary = getenv("TMPDIR");

    out[0] = IN_MEMORY;
    out[1] = temporary && temporary[0] == '/' ? temporary : "/tmp";
    out[2] = "/tmp";
}

/* Locked by us now, and still there under its name: another may have taken it for a dead one's. -1: not so. */
static int lock_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat ours, there;

    if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &ours) && !lstat(path, &there) &&
        ours.st_ino == there.st_ino && ours.st_uid == geteuid())
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void sweep(const char *place)
{
    char begins[NAME_SIZE], path[SPOOL_PATH_SIZE];
    DIR *folder = opendir(place);
    const struct dirent *entry;
    struct err ignored = {0};

    name_begins(begins);
    while (folder && (entry = readdir(folder))) {
        if (strncmp(entry->d_name, begins, strlen(begins)) != 0 ||
            path_format(path, sizeof(path), &ignored, "%s/%s", place, entry->d_name))
            continue;
        int fd = lock_folder(path);
        if (fd < 0)
            continue;
        dir_remove(path);
        close(fd);
    }
    if (folder)
        closedir(folder);
}

static bool has_room(const char *place)
{
    struct statvfs fs;

    return !access(place, W_OK | X_OK) && !statvfs(place, &fs) &&
           (unsigned long long)fs.f_bavail * fs.f_frsize >= ROOM_MIN;
}

static int make(struct nest *out, const char *place, struct err *err)
{
    char begins[NAME_SIZE];

    name_begins(begins);
    for (int i = 0; i < TRIES; i++) {
        if (path_format(out->root, sizeof(out->root), err, "%s/%s%d-XXXXXX", place, begins,
                        (int)getpid()))
            return -1;
        if (!mkdtemp(out->root))
            break;
        out->fd = lock_folder(out->root);
        if (out->fd >= 0)
            return 0;
    }
    return err_set(err, ERR_AGAIN, "%s: no folder for files in flight: %s", place, strerror(errno));
}

int nest_open(struct nest *out, struct err *err)
{
    const char *places[PLACES];

    *out = (struct nest){.fd = -1};
    list_places(places);
    for (int i = 0; i < PLACES; i++)
        sweep(places[i]);
    return make(out, has_room(IN_MEMORY) ? IN_MEMORY : places[1], err);
}

void nest_close(struct nest *nest)
{
    if (nest->fd < 0)
        return;
    dir_remove(nest->root);
    close(nest->fd);
    nest->fd = -1;
}

void nest_clear(const struct nest *nest)
{
    char path[sizeof(nest->root) + 16];

    snprintf(path, sizeof(path), "%s/uploads", nest->root);
    dir_remove(path);
}

int nest_make_study(const char *root, const char *id, char study_dir[SPOOL_PATH_SIZE], int *n,
                    struct err *err)
{
    static const char *const parts[] = {"originals", "results"};
    char path[SPOOL_PATH_SIZE];

    if (spool_image_of_id(root, id, study_dir, n, err))
        return -1;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (path_format(path, sizeof(path), err, "%s/%s", study_dir, parts[i]) ||
            dir_make(path, err))
            return -1;
    return 0;
}

void nest_forget_image(const char *root, const char *id)
{
    char dir[SPOOL_PATH_SIZE], path[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    int n;

    if (spool_image_of_id(root, id, dir, &n, &ignored) ||
        path_format(path, sizeof(path), &ignored, "%s/originals/%d", dir, n))
        return;
    (void)unlink(path);
    for (int i = 0; i < PROTOCOL_FILES; i++)
        if (!path_format(path, sizeof(path), &ignored, "%s/results/%d.%s", dir, n,
                         protocol_file_name((enum protocol_file)i)))
            (void)unlink(path);
}

void nest_forget_study(const char *root, const char *id)
{
    char dir[SPOOL_PATH_SIZE];
    struct err ignored = {0};
    int n;

    if (!spool_image_of_id(root, id, dir, &n, &ignored))
        dir_remove(dir);
}
