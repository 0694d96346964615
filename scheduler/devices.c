#include "scheduler/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/place.h"
#include "common/settings.h"

struct list {
    struct device *rows;
    int n;
};

static void add(struct list *l, const char *uuid, int gpu)
{
    struct device *d = &l->rows[l->n];

    if (l->n == DEVICES_MAX)
        return;
    for (int i = 0; i < l->n; i++)
        if (uuid[0] && !strcmp(l->rows[i].uuid, uuid))
            return; /* named twice */
    *d = (struct device){.gpu = gpu};
    snprintf(d->name, sizeof(d->name), "cuda:%d", l->n++);
    snprintf(d->uuid, sizeof(d->uuid), "%s", uuid);
}

static void add_gpu(struct list *l, const struct nvml_parts *parts, int gpu)
{
    if (!parts->is_divided &&
        parts->uuid[0]) /* else it is lost, or not ours: CUDA counts no such */
        add(l, parts->uuid, gpu);
    for (int i = 0; i < parts->n; i++)
        add(l, parts->instances[i], gpu);
}

static bool begins(const char *uuid, const char *entry)
{
    return !strncmp(uuid, entry, strlen(entry));
}

/* One entry: a number, "GPU-..." or "MIG-...", both of which may be cut short. */
static bool add_entry(struct list *l, const struct nvml *nvml, const char *entry)
{
    struct nvml_parts parts;
    char *end;
    long number = strtol(entry, &end, 10);
    bool is_number = *entry && !*end;
    int before = l->n;

    for (int gpu = 0; gpu < nvml_count(nvml) && l->n == before; gpu++) {
        nvml_parts(nvml, gpu, &parts);
        if (is_number ? number == gpu : begins(entry, "GPU-") && begins(parts.uuid, entry))
            add_gpu(l, &parts, gpu);
        for (int i = 0; begins(entry, "MIG-") && i < parts.n && l->n == before; i++)
            if (begins(parts.instances[i], entry))
                add(l, parts.instances[i], gpu);
    }
    return l->n > before;
}

int devices_visible(const struct nvml *nvml, const char *visible, struct device out[DEVICES_MAX])
{
    struct list l = {.rows = out};
    struct nvml_parts parts;
    char *copy = visible ? strdup(visible) : NULL, *rest = NULL;

    for (int gpu = 0; !visible && gpu < nvml_count(nvml); gpu++) {
        nvml_parts(nvml, gpu, &parts);
        add_gpu(&l, &parts, gpu);
    }
    for (char *entry = copy ? strtok_r(copy, ", ", &rest) : NULL; entry;
         entry = strtok_r(NULL, ", ", &rest))
        if (!add_entry(&l, nvml, entry))
            break;
    free(copy);
    return l.n;
}

static int choose_one(const char *word, const struct device *visible, int n_visible,
                      struct device *out, struct err *err)
{
    char *end = NULL;
    long number = begins(word, "cuda:") ? strtol(word + 5, &end, 10) : -1;

    if (!end || end == word + 5 || *end || number < 0 || number >= DEVICES_MAX)
        return err_set(err, ERR_CONFIG, "device %s: auto, cpu or cuda:N (several with commas)",
                       word);
    if (n_visible && number >= n_visible)
        return err_set(err, ERR_CONFIG, "device %s: there are %d, cuda:0 to cuda:%d", word,
                       n_visible, n_visible - 1);
    *out = (struct device){.gpu = -1};
    if (n_visible)
        *out = visible[number];
    else
        snprintf(out->name, sizeof(out->name), "cuda:%ld", number);
    return 0;
}

static int choose_named(const char *wish, const struct device *visible, int n_visible,
                        struct device *out, int *n, struct err *err)
{
    char words[SETTINGS_WORD_SIZE], *rest = NULL;

    snprintf(words, sizeof(words), "%s", wish);
    for (char *word = strtok_r(words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (choose_one(word, visible, n_visible, &out[*n], err))
            return -1;
        for (int i = 0; i < *n; i++)
            if (!strcmp(out[i].name, out[*n].name))
                return err_set(err, ERR_CONFIG, "device %s is named twice", word);
        ++*n;
    }
    return *n ? 0 : err_set(err, ERR_CONFIG, "device \"%s\" names none", wish);
}

int devices_choose(const char *wish, const struct device *visible, int n_visible,
                   bool (*can_gpu)(void), struct device out[DEVICES_MAX], int *n, struct err *err)
{
    *n = 0;
    if (!strcmp(wish, "cpu"))
        return 0;
    if (strcmp(wish, "auto") != 0)
        return choose_named(wish, visible, n_visible, out, n, err);
    if (n_visible && can_gpu()) {
        memcpy(out, visible, (size_t)n_visible * sizeof(*out));
        *n = n_visible;
    }
    return 0;
}

/* ---- the worker's word ---- */

static pid_t start_worker(const char *path, int out)
{
    char name[] = "lentigo-worker", word[] = "devices";
    char *argv[] = {name, word, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;

    if (posix_spawn_file_actions_init(&actions))
        return -1;
    if (posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) ||
        posix_spawn(&pid, path, &actions, NULL, argv, environ))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Is there a line of another kind than the processor's? */
static bool lists_gpu(int fd)
{
    char line[1024];
    bool found = false;
    FILE *in = fdopen(fd, "r");

    while (in && fgets(line, sizeof(line), in))
        found = found || strstr(line, "\"kind\":\"cuda\"");
    if (in)
        (void)fclose(in);
    else
        close(fd);
    return found;
}

bool devices_worker_can_gpu(void)
{
    char path[SETTINGS_PATH_SIZE];
    struct err err = {0};
    int ends[2], status;

    if (place_program(path, "lentigo-worker", &err) || pipe2(ends, O_CLOEXEC))
        return false; /* starting the worker will say why */
    pid_t pid = start_worker(path, ends[1]);
    close(ends[1]);
    bool can = lists_gpu(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    log_event(LOG_INFO, "devices.asked", "gpu=%d", can);
    return can;
}
