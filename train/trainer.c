/* Opening a run and closing it. */
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/place.h"
#include "common/sha256.h"
#include "dataset/check.h"
#include "train/held.h"
#include "train/weights.h"

enum { AHEAD = 3 /* batches made ready */ };

static int open_rows(struct trainer *t, struct err *err)
{
    int n = cache_count(t->cache);

    t->train_rows = calloc((size_t)n + 1, sizeof(*t->train_rows));
    t->val_rows = calloc((size_t)n + 1, sizeof(*t->val_rows));
    if (!t->train_rows || !t->val_rows)
        return err_set(err, ERR_NOMEM, "rows of %d pictures", n);
    t->n_train = cache_rows(t->cache, "train", t->train_rows);
    n = cache_rows(t->cache, "val", t->val_rows);
    for (int i = 0; i < n; i++) /* plain skin has no lesion to outline and no class to get right */
        if (cache_picture(t->cache, t->val_rows[i]).class)
            t->val_rows[t->n_val++] = t->val_rows[i];
    if (!t->n_train)
        return err_set(err, ERR_CONFIG,
                       "%s: no picture of split train (lentigo dataset split deals them out)",
                       t->plan.settings->data);
    return 0;
}

static int open_cache(struct trainer *t, struct err *err)
{
    const struct settings *s = t->plan.settings;
    const struct cache_config config = {
        .data = t->plan.settings->data,
        .dir = t->plan.settings->cache,
        .bound = t->plan.bound,
        .settings = s,
    };

    if (!s->unchecked && dataset_check_passed(s->data, NULL, err))
        return err_wrap(err, "train (--unchecked takes it as it is)");
    return cache_open(&t->cache, &config, err) || open_rows(t, err) ? -1 : 0;
}

/* Plain skin is drawn as often as the most frequent class, naevi. */
static int class_for_sampling(int class)
{
    return class ? class : class_of("NV");
}

static int open_draws(struct trainer *t, struct err *err)
{
    int *classes = calloc((size_t)t->n_train, sizeof(*classes));
    int ret = 0;

    t->draws = calloc((size_t)t->n_train, sizeof(*t->draws));
    for (int i = 0; classes && i < t->n_train; i++)
        classes[i] = class_for_sampling(cache_picture(t->cache, t->train_rows[i]).class);
    if (!classes || !t->draws)
        ret = err_set(err, ERR_NOMEM, "weights of %d pictures", t->n_train);
    else if (t->plan.samples_by_file)
        ret = weights_read(t->draws, t->cache, t->train_rows, t->n_train, t->plan.settings->data,
                           err);
    else
        sampling_weights(t->draws, t->plan.sampling, classes, t->n_train);
    free(classes);
    return ret;
}

static int open_loader(struct trainer *t, struct err *err)
{
    struct loader_config config = {
        .cache = t->cache,
        .rows = t->train_rows,
        .weights = t->draws,
        .n = t->n_train,
        .augment = t->plan.augment,
        .batch = (int)t->plan.settings->batch,
        .n_sizes = t->plan.n_sizes,
        .seed = (uint64_t)t->plan.settings->seed,
        .threads = t->plan.loaders,
        .ahead = AHEAD,
    };

    for (int i = 0; i < t->plan.n_sizes; i++)
        config.sizes[i] = t->plan.sizes[i];
    return loader_open(&t->loader, &config, err);
}

/* A folder, a file, or a name as -m takes it. */
static int read_init(struct trainer *t, const char *init, int *missing, struct err *err)
{
    char model[SETTINGS_PATH_SIZE];

    return place_model(model, init, err) ? -1 : bank_read_model(&t->weights, model, missing, err);
}

static int open_network(struct trainer *t, struct err *err)
{
    const struct settings *s = t->plan.settings;
    int missing = 0;

    if (loss_open(&t->loss, &t->plan.loss, err) || bank_init(&t->weights, err) ||
        bank_init(&t->gradients, err))
        return -1;
    if (s->teacher[0] && teacher_open(&t->teacher, s->teacher, s, t->plan.threads, err))
        return -1;
    bank_draw(&t->weights, (uint64_t)s->seed);
    if (s->init[0] && read_init(t, s->init, &missing, err))
        return -1;
    if (missing)
        ticker_say(&t->ticker,
                   "%s has no training heads: %d tensors of the heads at 1/16 and 1/32 are drawn "
                   "by chance",
                   s->init, missing);
    return optimiser_init(&t->optimiser, &t->plan.optimiser, &t->weights, err);
}

static int make_config(struct trainer *t, struct err *err)
{
    const struct learner_facts *facts = learner_facts(t->learner);

    t->config = json_object();
    json_put(&t->config, "settings", plan_settings(&t->plan));
    json_put(&t->config, "data_sha256", json_text(cache_digest(t->cache)));
    if (t->plan.samples_by_file) {
        char digest[SHA256_HEX_SIZE];
        sha256_hex(digest, t->draws, (size_t)t->n_train * sizeof(*t->draws));
        json_put(&t->config, "weights_sha256", json_text(digest));
    }
    if (t->teacher)
        json_put(&t->config, "teacher_sha256", json_text(teacher_sha256(t->teacher)));
    json_put(&t->config, "train_pictures", json_integer(t->n_train));
    json_put(&t->config, "validation_pictures", json_integer(t->n_val));
    json_put(&t->config, "backend", json_text(facts->backend));
    json_put(&t->config, "precision", json_text(facts->precision));
    json_put(&t->config, "device", json_text(facts->device));
    return t->config ? 0 : err_set(err, ERR_NOMEM, "out of memory for config.json");
}

/* To where the run was saved, or to its beginning. */
static int go_on(struct trainer *t, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    int found = 0;

    t->state = (struct progress_state){.best_score = -INFINITY};
    if (path_format(path, sizeof(path), err, "%s/state", t->folder.dir))
        return -1;
    if (t->plan.settings->resume)
        found = checkpoint_load(path, &t->state, &t->weights, &t->optimiser, err);
    if (found < 0 || path_format(path, sizeof(path), err, "%s/log.jsonl", t->folder.dir) ||
        history_open(&t->history, path, t->state.iteration, err))
        return -1;
    if (found) {
        t->saved = t->state.iteration;
        ticker_say(&t->ticker, "%s: going on at iteration %" PRId64, t->folder.dir, t->saved);
    }
    loader_seek(t->loader, t->state.iteration * t->plan.settings->accumulate);
    return learner_facts(t->learner)->holds ? held_begin(t, err) : 0;
}

/* What `auto` was when the run was begun, which another processor or program would not choose, stays. */
static int open_learner(struct trainer *t, const struct settings *s, struct err *err)
{
    struct learner_config config = t->plan.learner;
    char begun[RUN_PRECISION_SIZE] = "";

    if (s->resume && !strcmp(s->precision, "auto"))
        run_folder_precision(begun, s->output);
    if (begun[0])
        config.precision = begun;
    if (!learner_open(&t->learner, &config, err))
        return 0;
    return begun[0]
               ? err_wrap(err, "%s was begun in %s, and goes on in nothing else", s->output, begun)
               : -1;
}

int trainer_open(struct trainer *t, const struct settings *s, struct err *err)
{
    ticker_open(&t->ticker);
    /* a device that is not there is said before minutes of decoding */
    if (plan_make(&t->plan, s, err) || open_learner(t, s, err) ||
        run_folder_open(&t->folder, s->output, s->resume, err) || open_cache(t, err) ||
        open_draws(t, err) || open_network(t, err) || make_config(t, err) ||
        run_folder_agree(&t->folder, t->config, s->resume, err) || open_loader(t, err))
        return -1;
    return go_on(t, err);
}

void trainer_close(struct trainer *t)
{
    learner_close(t->learner); /* which may have locked the loader's memory */
    loader_close(t->loader);
    loss_close(t->loss);
    teacher_close(t->teacher);
    bank_release(&t->weights);
    bank_release(&t->gradients);
    optimiser_release(&t->optimiser);
    history_close(&t->history);
    json_decref(t->config);
    free(t->train_rows);
    free(t->val_rows);
    free(t->draws);
    cache_close(t->cache);
    run_folder_close(&t->folder);
}
