#include <math.h>

#include "common/classes.h"
#include "preprocess/refine.h"
#include "worker/eval_priv.h"

int size_trial_new(struct size_trial **out, int capacity, struct err *err)
{
    struct size_trial *t = calloc(1, sizeof(*t));
    size_t n = (size_t)capacity * SIZE_FIT_SIZES;

    if (!t)
        return err_set(err, ERR_NOMEM, "no memory to try sizes");
    t->capacity = capacity;
    t->sizes = calloc(n, sizeof(*t->sizes));
    t->policy = calloc(n, sizeof(*t->policy));
    t->is_malignant = calloc((size_t)capacity, 1);
    if (!t->sizes || !t->policy || !t->is_malignant) {
        size_trial_free(t);
        return err_set(err, ERR_NOMEM, "no memory to try sizes on %d images", capacity);
    }
    *out = t;
    return 0;
}

void size_trial_free(struct size_trial *t)
{
    if (!t)
        return;
    for (int k = 0; k < SIZE_FIT_SIZES; k++)
        metrics_release(&t->metrics[k]);
    free(t->sizes);
    free(t->policy);
    free(t->is_malignant);
    free(t);
}

static int try_size(struct evaluation *e, const struct label *label, int k, struct err *err)
{
    const struct decoded *pictures[] = {&e->image};
    struct size_trial *t = e->trial;
    struct metrics *m = &t->metrics[k];
    size_t at = (size_t)t->n * SIZE_FIT_SIZES + (size_t)k;
    struct metrics_case seen;
    struct lesion_input in;

    if (analyst_refine(&e->analyst, pictures, 1, size_fit_sizes[k], err) ||
        evaluation_see(e, label, &seen, err) || metrics_add(m, &seen, err))
        return -1;
    analyst_lesion_input(&e->analyst, 0, &e->image, NAN, &in);
    t->sizes[at] = (struct size_sample){
        .jaccard = m->images[m->n - 1].jaccard,
        .expected = size_plan_expected_jaccard(&in),
        .malignant = e->measures.malignant_probability,
        .pixels = (double)in.map_w * in.map_h,
    };
    t->policy[at] = policy_sample_of(&e->measures, label->class);
    return 0;
}

int size_trial_add(struct evaluation *e, const struct label *label, struct err *err)
{
    struct size_trial *t = e->trial;

    if (t->n == t->capacity)
        return err_set(err, ERR_BUG, "more than %d images", t->capacity);
    for (int k = 0; k < SIZE_FIT_SIZES; k++)
        if (try_size(e, label, k, err))
            return -1;
    t->is_malignant[t->n++] = class_is_malignant(label->class);
    return 0;
}

static void say(const struct size_fit *fit)
{
    const struct size_plan *p = &fit->plan;

    fprintf(stderr,
            "best single size %d: failure rate %.4f, AUC %.4f, %.0f pixels an image\n"
            "auto %d, %d: failure rate %.4f, AUC %.4f, %.0f pixels an image\n"
            "  fine pass for %.1f %% of the images: expected Jaccard below %.4f, or malignant "
            "probability %.4f to %.4f\n",
            fit->best_size, fit->best.failure_rate, fit->best.auc_malignant, fit->best.pixels,
            p->coarse, p->fine, fit->chosen.failure_rate, fit->chosen.auc_malignant,
            fit->chosen.pixels, 100 * p->fine_share, p->expected_min, p->score_low, p->score_high);
}

/* The thresholds belong to the scores that the plan gives. */
static int fit_thresholds(struct evaluation *e, const struct size_fit *fit,
                          const struct size_samples *samples, struct policy_facts *out,
                          struct err *err)
{
    struct size_trial *t = e->trial;

    for (int i = 0; i < t->n; i++) {
        int k = size_fit_last(samples, &fit->plan, i);
        e->samples[i] = t->policy[(size_t)i * SIZE_FIT_SIZES + (size_t)k];
    }
    if (evaluation_fit(e, out, err))
        return -1;
    out->sizes = fit->plan;
    return 0;
}

int size_trial_finish(struct evaluation *e, struct policy_facts *out, struct err *err)
{
    struct size_trial *t = e->trial;
    const struct size_samples samples = {t->sizes, t->is_malignant, t->n};
    struct size_fit fit;

    if (size_fit(&fit, &samples, err) || fit_thresholds(e, &fit, &samples, out, err))
        return -1;
    say(&fit);
    return 0;
}
