#include "train/history.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

enum { LOG_MAX = 1 << 28, FIRST_CAPACITY = 256 };

/* Capacity for one more element; 0 when there is room. */
static int wanted(int n, int capacity)
{
    return n < capacity ? 0 : n ? 2 * n : FIRST_CAPACITY;
}

static int remember_step(struct history *h, const struct history_step *step, struct err *err)
{
    int more = wanted(h->n_steps, h->steps_capacity);

    if (more) {
        struct history_step *grown = realloc(h->steps, (size_t)more * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "out of memory for the run's history");
        h->steps = grown;
        h->steps_capacity = more;
    }
    h->steps[h->n_steps++] = *step;
    return 0;
}

static int remember_look(struct history *h, int64_t iteration, const json_t *figures, double score,
                         struct err *err)
{
    int more = wanted(h->n_looks, h->looks_capacity);

    if (more) {
        struct history_look *grown = realloc(h->looks, (size_t)more * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "out of memory for the run's history");
        h->looks = grown;
        h->looks_capacity = more;
    }
    h->looks[h->n_looks++] = (struct history_look){
        .iteration = iteration,
        .score = score,
        .mean_jaccard = json_number_or(figures, "mean_jaccard", NAN),
        .failure_rate = json_number_or(figures, "failure_rate", NAN),
        .auc_malignant = json_number_or(figures, "auc_malignant", NAN),
        .balanced_accuracy = json_number_or(figures, "balanced_accuracy", NAN),
    };
    return 0;
}

/* Takes in a line of the log. Returns false when it is of a later iteration, or no whole line. */
static bool take_line(struct history *h, const char *text, size_t n, int64_t iteration,
                      struct err *err)
{
    struct err unread = {0};
    json_t *line = json_parse(text, n, "log.jsonl", &unread);
    double iter = json_number_or(line, "iter", INFINITY);
    bool is_kept = line && iter <= (double)iteration;
    const json_t *figures = json_object_get(line, "validation");

    if (is_kept && figures) {
        remember_look(h, (int64_t)iter, figures, json_number_or(line, "score", NAN), err);
    } else if (is_kept && json_object_get(line, "loss")) {
        struct history_step step = {
            .iteration = (int64_t)iter,
            .loss = json_number_or(line, "loss", NAN),
            .rate = json_number_or(line, "lr", NAN),
            .gradient = json_number_or(line, "gradient", NAN),
            .images_per_s = json_number_or(line, "images_per_s", NAN),
        };
        remember_step(h, &step, err);
    }
    json_decref(line);
    return is_kept;
}

/* Reads the log and returns the length of what stays; -1 on an error. */
static int64_t take_log(struct history *h, const char *path, int64_t iteration, struct err *err)
{
    struct buf text;
    size_t kept = 0;

    buf_init(&text, LOG_MAX);
    if (file_read(path, &text, err)) {
        buf_release(&text);
        return -1;
    }
    while (kept < text.len) {
        const char *line = text.data + kept, *end = memchr(line, '\n', text.len - kept);
        if (!end || !take_line(h, line, (size_t)(end - line), iteration, err))
            break;
        kept = (size_t)(end - text.data) + 1;
    }
    buf_release(&text);
    return err->code ? -1 : (int64_t)kept;
}

int history_read(struct history *h, const char *path, struct err *err)
{
    *h = (struct history){.fd = -1};
    return take_log(h, path, INT64_MAX, err) < 0 ? -1 : 0;
}

int history_open(struct history *h, const char *path, int64_t iteration, struct err *err)
{
    int64_t kept = 0;

    *h = (struct history){.fd = -1};
    if (!access(path, F_OK) && (kept = take_log(h, path, iteration, err)) < 0)
        return -1;
    h->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (h->fd < 0 || ftruncate(h->fd, kept))
        return err_set(err, err_code_of_errno(errno), "%s: %s", path, strerror(errno));
    return 0;
}

void history_close(struct history *h)
{
    if (h->fd >= 0)
        close(h->fd);
    free(h->steps);
    free(h->looks);
    *h = (struct history){.fd = -1};
}

int history_note(struct history *h, json_t *line, struct err *err)
{
    char *text = line ? json_line(line) : NULL;
    struct stat before;

    json_decref(line);
    if (!text)
        return err_set(err, ERR_NOMEM, "out of memory for a line of the log");
    size_t n = strlen(text);
    text[n++] = '\n'; /* in place of the 0 */
    int ret = fstat(h->fd, &before) || write(h->fd, text, n) != (ssize_t)n;
    if (ret) {
        err_set(err, errno ? err_code_of_errno(errno) : ERR_AGAIN, "log.jsonl: %s",
                errno ? strerror(errno) : "written in part");
        if (ftruncate(h->fd, before.st_size))
            err_set(err, ERR_AGAIN, "log.jsonl: holds part of a line");
    }
    free(text);
    return ret ? -1 : 0;
}

int history_add_step(struct history *h, const struct history_step *step, struct err *err)
{
    json_t *line = json_object();

    if (remember_step(h, step, err)) {
        json_decref(line);
        return -1;
    }
    json_put(&line, "iter", json_integer(step->iteration));
    json_put(&line, "loss", json_rounded(step->loss, 6));
    json_put(&line, "lr", json_rounded(step->rate, 9));
    json_put(&line, "gradient", json_rounded(step->gradient, 4));
    json_put(&line, "images_per_s", json_rounded(step->images_per_s, 2));
    return history_note(h, line, err);
}

int history_add_look(struct history *h, int64_t iteration, const json_t *figures, double score,
                     bool is_best, struct err *err)
{
    json_t *line = json_object();

    if (remember_look(h, iteration, figures, score, err)) {
        json_decref(line);
        return -1;
    }
    json_put(&line, "iter", json_integer(iteration));
    json_put(&line, "validation", json_deep_copy(figures));
    json_put(&line, "score", json_rounded(score, 4));
    json_put(&line, "is_best", json_boolean(is_best));
    return history_note(h, line, err);
}
