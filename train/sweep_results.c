/* What became of the trials, on disk. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "queue/names.h"
#include "train/history.h"
#include "train/plan.h"
#include "train/sweep.h"
#include "train/tools.h"

enum { RESULT_MAX = 1 << 16, CONFIG_MAX = 1 << 20, DEATHS_MAX = 1 << 20, VERSION = 1 };
enum { CRASHES_MAX = 3, KILLS_MAX = 10 };

static const char *const words[] = {[SWEEP_OPEN] = "open",
                                    [SWEEP_DONE] = "done",
                                    [SWEEP_FAILED] = "failed",
                                    [SWEEP_SET_ASIDE] = "set_aside"};

const char *sweep_status_word(enum sweep_status status)
{
    return words[status];
}

/* Figures of a result, by their names in metrics_to_json. */
static const struct {
    const char *key;
    size_t offset;
} figures[] = {
    {"score",             offsetof(struct sweep_result, score)            },
    {"mean_jaccard",      offsetof(struct sweep_result, mean_jaccard)     },
    {"failure_rate",      offsetof(struct sweep_result, failure_rate)     },
    {"auc_malignant",     offsetof(struct sweep_result, auc_malignant)    },
    {"balanced_accuracy", offsetof(struct sweep_result, balanced_accuracy)},
};
enum { FIGURES = sizeof(figures) / sizeof(*figures) };

static double *figure_of(struct sweep_result *r, int i)
{
    return (double *)(void *)((char *)r + figures[i].offset);
}

static json_t *result_to_json(const struct sweep_result *r)
{
    struct sweep_result copy = *r; /* for figure_of */
    json_t *object = json_object();

    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "status", json_text(words[r->status]));
    json_put(&object, "iteration", json_integer(r->iteration));
    json_put(&object, "best_iteration", json_integer(r->best_iteration));
    for (int i = 0; i < FIGURES; i++)
        json_put(&object, figures[i].key, json_rounded(*figure_of(&copy, i), 6));
    json_put(&object, "reason", json_text(r->reason));
    return object;
}

static int result_from_json(struct sweep_result *out, const json_t *object, struct err *err)
{
    const char *status;
    int64_t version;

    *out = sweep_result_of(SWEEP_OPEN);
    if (json_get_int(object, "version", VERSION, VERSION, &version, err) ||
        json_get_text(object, "status", &status, err) ||
        json_get_int(object, "iteration", 0, INT64_MAX, &out->iteration, err) ||
        json_get_int(object, "best_iteration", 0, INT64_MAX, &out->best_iteration, err))
        return -1;
    for (int s = SWEEP_DONE; s <= SWEEP_SET_ASIDE; s++)
        if (!strcmp(status, words[s]))
            out->status = (enum sweep_status)s;
    for (int i = 0; i < FIGURES; i++)
        *figure_of(out, i) = json_number_or(object, figures[i].key, (double)NAN);
    snprintf(out->reason, sizeof(out->reason), "%s", json_text_or(object, "reason", ""));
    if (out->status == SWEEP_OPEN || (out->status == SWEEP_DONE && !isfinite(out->score)))
        return err_set(err, ERR_INPUT, "key \"status\" or \"score\" has no meaning");
    return 0;
}

static int result_path(char out[SETTINGS_PATH_SIZE], const struct sweep *w, int trial, int rung,
                       struct err *err)
{
    char ending[16];

    snprintf(ending, sizeof(ending), ".%d.json", rung + 1);
    return sweep_path(out, w, "results", trial, ending, err);
}

static int take_result(struct sweep *w, int trial, int rung, struct err *err)
{
    struct sweep_result *at = sweep_board_at(&w->board, rung, trial), result;
    char path[SETTINGS_PATH_SIZE], quoted[512];
    struct err odd = {0};

    if (at->status != SWEEP_OPEN)
        return 0;
    if (result_path(path, w, trial, rung, err))
        return -1;
    json_t *object = json_read(path, RESULT_MAX, &odd);
    int ret = object ? result_from_json(&result, object, &odd) : -1;
    json_decref(object);
    if (!ret) {
        *at = result;
        return 0;
    }
    if (odd.code != ERR_INPUT)
        return err_set(err, odd.code, "%s", odd.msg);
    log_event(LOG_WARN, "sweep.result_discarded", "why=%s",
              log_quote(quoted, sizeof(quoted), odd.msg));
    (void)unlink(path);
    return 0;
}

int sweep_look(struct sweep *w, struct err *err)
{
    char dir[SETTINGS_PATH_SIZE];
    struct names names = {0};
    int ret =
        path_format(dir, sizeof(dir), err, "%s/results", w->dir) || names_read(&names, dir, err);

    for (int i = 0; i < names.n && !ret; i++) {
        char *end;
        long trial = strtol(names.at[i], &end, 10),
             rung = *end == '.' ? strtol(end + 1, &end, 10) : 0;
        if (!strcmp(end, ".json") && trial >= 1 && trial <= w->board.n && rung >= 1 &&
            rung <= w->board.rungs)
            ret = take_result(w, (int)trial - 1, (int)rung - 1, err);
    }
    names_release(&names);
    return ret ? -1 : 0;
}

int sweep_collect(const struct sweep *w, int trial, int rung, struct sweep_result *out,
                  struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct history h = {.fd = -1};

    *out = sweep_result_of(SWEEP_DONE);
    if (sweep_path(path, w, "trials", trial, "/log.jsonl", err) || history_read(&h, path, err)) {
        history_close(&h);
        return -1;
    }
    for (int i = 0; i < h.n_looks; i++) {
        const struct history_look *l = &h.looks[i];
        if (l->iteration > sweep_end(w, trial, rung) ||
            !(isnan(out->score) || l->score > out->score))
            continue;
        out->score = l->score;
        out->best_iteration = l->iteration;
        out->mean_jaccard = l->mean_jaccard;
        out->failure_rate = l->failure_rate;
        out->auc_malignant = l->auc_malignant;
        out->balanced_accuracy = l->balanced_accuracy;
    }
    out->iteration = h.n_steps ? h.steps[h.n_steps - 1].iteration : 0;
    if (!isfinite(out->score)) {
        out->status = SWEEP_FAILED;
        snprintf(out->reason, sizeof(out->reason), "no validation has a score");
    }
    history_close(&h);
    return 0;
}

int sweep_keep(struct sweep *w, int trial, int rung, const struct sweep_result *result,
               struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    json_t *object = result_to_json(result);
    int ret = object ? 0 : err_set(err, ERR_NOMEM, "out of memory for a result");

    ret = ret || result_path(path, w, trial, rung, err) || json_draft(path, object, err) ||
          file_sync_fs(w->dir, err) || file_adopt_first(path, err) || file_sync_fs(w->dir, err) ||
          take_result(w, trial, rung, err);
    json_decref(object);
    return ret ? -1 : 0;
}

void sweep_clear(const struct sweep *w)
{
    static const char *const parts[] = {"/state", "/last"};
    bool in[SWEEP_TRIALS_MAX];
    int rung = sweep_board_rung(&w->board, in);
    char path[SETTINGS_PATH_SIZE];

    for (int t = 0; t < w->board.n; t++)
        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
            struct err ignored = {0};
            if ((rung == w->board.rungs || !in[t]) &&
                !sweep_path(path, w, "trials", t, parts[i], &ignored))
                dir_remove(path);
        }
}

/* ---- one kind of machine ---- */

static json_t *facts_of(const json_t *config)
{
    static const char *const keys[] = {"backend", "precision", "device", "train_pictures",
                                       "validation_pictures"};
    json_t *facts = json_object();

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        json_put(&facts, keys[i], json_deep_copy(json_object_get(config, keys[i])));
    return facts;
}

static int tell_difference(json_t *is, json_t *wanted, const char *who, struct err *err)
{
    const char *key = plan_difference(is, wanted);

    if (!key)
        return 0;
    char *a = json_line(json_object_get(is, key)), *b = json_line(json_object_get(wanted, key));
    err_set(err, ERR_CONFIG, "%s has %s %.60s here, not %.60s: their scores would not compare", who,
            key, a ? a : "nothing", b ? b : "nothing");
    free(a);
    free(b);
    return -1;
}

/* What the trainer took its settings to be: the environment may have its say in some. */
static int agree_on_settings(const struct sweep *w, int trial, const json_t *config,
                             struct err *err)
{
    json_t *wanted = sweep_settings(w, trial), *is = json_object_get(config, "settings");
    json_t *compared = json_object();
    char words_[32];

    for (void *at = json_object_iter(is); at; at = json_object_iter_next(is, at)) {
        const char *key = json_object_iter_key(at);
        json_t *value = json_object_iter_value(at);
        char *text = json_is_string(value) ? NULL : json_line(value);
        json_put(&compared, key, json_text(text ? text : json_string_value(value)));
        if (!json_object_get(wanted, key))
            json_object_del(compared, key);
        free(text);
    }
    for (void *at = json_object_iter(wanted), *next; at; at = next) { /* what is not compared */
        next = json_object_iter_next(wanted, at);
        if (!json_object_get(is, json_object_iter_key(at)))
            json_object_del(wanted, json_object_iter_key(at));
    }
    snprintf(words_, sizeof(words_), "trial %d", trial + 1);
    int ret = compared && wanted ? tell_difference(compared, wanted, words_, err)
                                 : err_set(err, ERR_NOMEM, "out of memory for settings");
    json_decref(compared);
    json_decref(wanted);
    return ret;
}

int sweep_agree(const struct sweep *w, int trial, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    json_t *config = NULL, *here = NULL, *first = NULL;
    int ret = -1;

    if (!sweep_path(path, w, "trials", trial, "/config.json", err))
        config = json_read(path, CONFIG_MAX, err);
    if (!config || agree_on_settings(w, trial, config, err) ||
        path_format(path, sizeof(path), err, "%s/made_with.json", w->dir))
        goto done;
    here = facts_of(config);
    if (access(path, F_OK) && (json_draft(path, here, err) || file_adopt_first(path, err)))
        goto done;
    first = json_read(path, CONFIG_MAX, err);
    if (first)
        ret = tell_difference(here, first, "the sweep", err);
done:
    json_decref(config);
    json_decref(here);
    json_decref(first);
    return ret;
}

/* ---- deaths ---- */

int sweep_note_death(const struct sweep *w, int trial, bool is_crash, const char *what,
                     struct err *err)
{
    char path[SETTINGS_PATH_SIZE], at[CLOCK_ISO_SIZE];
    json_t *line = json_object();

    json_put(&line, "at", json_text(clock_iso(at, clock_wall_ms())));
    json_put(&line, "crash", json_boolean(is_crash));
    json_put(&line, "what", json_text(what));
    char *text = line ? json_line(line) : NULL;
    json_decref(line);
    if (!text)
        return err_set(err, ERR_NOMEM, "out of memory for a death");
    int fd = sweep_path(path, w, "deaths", trial, ".jsonl", err)
                 ? -1
                 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "%s\n", text) < 0 || fsync(fd))
        err_set(err, err_code_of_errno(errno), "%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(text);
    return err->code ? -1 : 0;
}

int sweep_is_hopeless(const struct sweep *w, int trial, struct sweep_result *out, struct err *err)
{
    char path[SETTINGS_PATH_SIZE], last[200] = "";
    int crashes = 0, kills = 0, ret = 0;
    struct buf text;

    if (sweep_path(path, w, "deaths", trial, ".jsonl", err))
        return -1;
    if (access(path, F_OK) && errno == ENOENT)
        return 0;
    buf_init(&text, DEATHS_MAX);
    if (file_read(path, &text, err)) {
        buf_release(&text);
        return -1;
    }
    char *rest = text.data;
    for (char *row; rest && (row = strsep(&rest, "\n"));) {
        struct err cut = {0}; /* a line that a power cut left in part counts for nothing */
        json_t *line = *row ? json_parse(row, strlen(row), path, &cut) : NULL;
        bool is_crash = json_is_true(json_object_get(line, "crash"));
        crashes += line && is_crash;
        kills += line && !is_crash;
        if (line)
            snprintf(last, sizeof(last), "%s", json_text_or(line, "what", "?"));
        json_decref(line);
    }
    buf_release(&text);
    if (crashes >= CRASHES_MAX || kills >= KILLS_MAX) {
        *out = sweep_result_of(SWEEP_SET_ASIDE);
        snprintf(out->reason, sizeof(out->reason), "its trainer died %d times, at last: %s",
                 crashes >= CRASHES_MAX ? crashes : kills, last);
        ret = 1;
    }
    return ret;
}
