/* A look at what was learnt so far: model folders, validation, page. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/log.h"
#include "common/version.h"
#include "lesion/thresholds.h"
#include "train/held.h"
#include "train/page.h"
#include "train/tools.h"
#include "train/validate.h"

enum {
    SKETCHES = 6,
    POLICY_REPLICATES = 200 /* enough for intervals to look at; calibrate draws 1,000 */
};

/* The run's name: the last part of its path, cut to what a card takes. */
static void name_of(char out[64], const char *dir)
{
    size_t n = strlen(dir);

    while (n > 1 && dir[n - 1] == '/')
        n--;
    size_t begin = n;
    while (begin > 0 && dir[begin - 1] != '/')
        begin--;
    int length = (int)(n - begin < 63 ? n - begin : 63);
    snprintf(out, 64, "%.*s", length, dir + begin);
    if (!out[0] || !strcmp(out, ".") || !strcmp(out, ".."))
        snprintf(out, 64, "run");
}

static json_t *make_card(const struct trainer *t, const json_t *figures)
{
    json_t *card = json_object(), *classes = json_array(), *precisions = json_array();
    json_t *of_split = json_object();
    char name[64], version[32];

    name_of(name, t->folder.dir);
    snprintf(version, sizeof(version), "iteration %" PRId64, t->state.iteration);
    for (int c = 0; c < CLASS_COUNT; c++)
        json_add(&classes, json_text(c ? class_word(c) : "background"));
    json_add(&precisions, json_text("f32"));
    json_add(&precisions, json_text("bf16"));
    json_put(&card, "name", json_text(name));
    json_put(&card, "version", json_text(version));
    json_put(&card, "size", json_integer(t->plan.size));
    json_put(&card, "licence", json_text("that of the data it was trained on; research only"));
    json_put(&card, "data", json_text(t->plan.settings->data));
    json_put(&card, "classes", classes);
    json_put(&card, "precisions", precisions);
    json_put(&card, "training", json_deep_copy(t->config));
    json_put(&card, "lentigo", json_text(LENTIGO_VERSION));
    if (figures)
        json_put(&of_split, "val", json_deep_copy(figures));
    json_put(&card, "figures", of_split);
    return card;
}

static int write_card(const struct trainer *t, const char *dir, const json_t *figures,
                      struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    json_t *card = make_card(t, figures);
    int ret = -1;

    if (!card)
        err_set(err, ERR_NOMEM, "out of memory for a model card");
    else if (!path_format(path, sizeof(path), err, "%s/card.json", dir))
        ret = json_write(path, card, err);
    json_decref(card);
    return ret;
}

static int write_model(const struct trainer *t, const char *dir, const json_t *figures,
                       struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    bool is_bf16 = strcmp(t->plan.settings->weights, "f32") != 0;

    if (dir_make(dir, err) || path_format(path, sizeof(path), err, "%s/weights.safetensors", dir) ||
        bank_write(optimiser_result(&t->optimiser, &t->weights), path, is_bf16, err))
        return -1;
    return write_card(t, dir, figures, err);
}

static int fit_policy(struct policy_facts *out, const struct trainer *t, const struct validation *v,
                      struct err *err)
{
    char name[64];
    const char **lesions = calloc((size_t)v->n_samples + 1, sizeof(*lesions));

    if (!lesions)
        return err_set(err, ERR_NOMEM, "no memory to fit a policy to %d pictures", v->n_samples);
    name_of(name, t->folder.dir);
    for (int i = 0; i < v->n_samples; i++)
        lesions[i] = cache_label(t->cache, t->val_rows[i])->lesion_id;
    const struct thresholds_set set = {
        .model = name,
        .samples = v->samples,
        .lesions = lesions,
        .n = v->n_samples,
        .replicates = POLICY_REPLICATES,
        .seed = (uint64_t)t->plan.settings->seed,
    };
    int ret = thresholds_fit(out, &set, err);
    free(lesions);
    return ret;
}

/* Thresholds from the validation pictures, as `lentigo model calibrate` chooses them. A split too
 * small for them is said and no error: the model has none then, and whoever screens with it is told so. */
static int write_policy(struct trainer *t, const char *dir, const struct validation *v,
                        struct err *err)
{
    struct policy_facts facts;
    struct err unfit = {0};
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/policy.json", dir))
        return -1;
    if (fit_policy(&facts, t, v, &unfit)) {
        ticker_say(&t->ticker, "%s/best has no policy: %s", t->folder.dir, unfit.msg);
        return 0;
    }
    return policy_write(&facts, path, err);
}

static int write_best(struct trainer *t, const struct validation *v, struct err *err)
{
    char draft[SETTINGS_PATH_SIZE];

    if (path_format(draft, sizeof(draft), err, "%s/" RUN_BEST_DRAFT, t->folder.dir))
        return -1;
    dir_remove(draft);
    if (write_model(t, draft, v->figures, err) || write_policy(t, draft, v, err) ||
        file_sync_fs(draft, err))
        return -1;
    return run_folder_adopt_best(&t->folder, err);
}

static int keep(struct trainer *t, const char *last, const struct validation *v, struct err *err)
{
    bool is_best = v->score > t->state.best_score;
    struct err unwritten = {0};

    if (write_card(t, last, v->figures, err) || (is_best && write_best(t, v, err)))
        return -1;
    if (is_best) {
        t->state.best_score = v->score;
        t->state.best_iteration = t->state.iteration;
    }
    ticker_look(&t->ticker, t->state.iteration, v->figures, v->score, is_best);
    if (history_add_look(&t->history, t->state.iteration, v->figures, v->score, is_best,
                         &unwritten) ||
        page_keep(t->folder.dir, t->state.iteration, v, &unwritten))
        log_event(LOG_WARN, "log_unwritten", "why=\"%s\"", unwritten.msg);
    return 0;
}

int trainer_look(struct trainer *t, struct err *err)
{
    const struct learner_facts *facts = learner_facts(t->learner);
    struct validator v = {
        .cache = t->cache,
        .rows = t->val_rows,
        .n = t->n_val,
        .size = t->plan.size,
        .threads = t->plan.threads,
        .backend = facts->backend,
        .device = facts->device,
        .precision = facts->precision,
        .sketches = t->n_val < SKETCHES ? t->n_val : SKETCHES,
    };
    struct validation seen;
    char last[SETTINGS_PATH_SIZE];

    if (held_fetch(t, t->state.iteration, err) ||
        path_format(last, sizeof(last), err, "%s/last", t->folder.dir) ||
        write_model(t, last, NULL, err))
        return -1;
    if (!t->n_val)
        return 0;
    if (validate(&v, last, &seen, err))
        return err_wrap(err, "validation");
    int ret = keep(t, last, &seen, err);
    validation_release(&seen);
    return ret;
}

void trainer_show(struct trainer *t, const char *state, bool is_live)
{
    struct err err = {0};
    const struct page page = {
        .dir = t->folder.dir,
        .state = state,
        .is_live = is_live,
        .config = t->config,
        .history = &t->history,
        .iteration = t->state.iteration,
        .total = t->plan.settings->iters,
        .best_iteration = t->state.best_iteration,
        .eta_s = ticker_eta(&t->ticker, t->plan.end - t->state.iteration),
    };

    if (page_write(&page, &err))
        log_event(LOG_WARN, "page_unwritten", "why=\"%s\"", err.msg);
}
