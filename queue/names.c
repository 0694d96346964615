#include "queue/names.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/file.h"

int names_number(const char *name, int max, const char **rest)
{
    char *end;

    if (!isdigit((unsigned char)name[0]))
        return -1;
    errno = 0;
    long n = strtol(name, &end, 10);
    *rest = end;
    return !errno && n < max ? (int)n : -1;
}

void names_release(struct names *names)
{
    for (int i = 0; i < names->n; i++)
        free(names->at[i]);
    free(names->at);
    *names = (struct names){0};
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_add(struct names *names, const char *name)
{
    /* Room grows when n is a power of two. */
    if ((names->n & (names->n - 1)) == 0) {
        size_t room = names->n ? 2 * (size_t)names->n : 1;
        char **grown = realloc(names->at, room * sizeof(*grown));
        if (!grown)
            return -1;
        names->at = grown;
    }
    names->at[names->n] = strdup(name);
    if (!names->at[names->n])
        return -1;
    names->n++;
    return 0;
}

static bool is_dot(const char *name)
{
    return !strcmp(name, ".") || !strcmp(name, "..");
}

static int fail_errno(struct err *err, const char *path, int e)
{
    return err_set(err, err_code_of_errno(e), "%s: %s", path, strerror(e));
}

int names_read_fd(struct names *out, int fd, const char *path, struct err *err)
{
    struct names made = {0};
    const struct dirent *entry;
    DIR *dir = fdopendir(fd);

    if (!dir) {
        fail_errno(err, path, errno);
        close(fd);
        return -1;
    }
    while (errno = 0, (entry = readdir(dir)))
        if (!is_dot(entry->d_name) && names_add(&made, entry->d_name)) {
            errno = ENOMEM;
            break;
        }
    int e = errno;
    closedir(dir);
    if (e) {
        names_release(&made);
        return fail_errno(err, path, e);
    }
    if (made.n)
        qsort(made.at, (size_t)made.n, sizeof(*made.at), compare);
    *out = made;
    return 0;
}

int names_read(struct names *out, const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT) {
        *out = (struct names){0};
        return 0;
    }
    if (fd < 0)
        return fail_errno(err, path, errno);
    return names_read_fd(out, fd, path, err);
}
