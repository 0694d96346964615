/* eval_priv.h -- what eval.c and eval_sizes.c share. */
#ifndef WORKER_EVAL_PRIV_H
#define WORKER_EVAL_PRIV_H

#include "lesion/policy_fit.h"
#include "worker/analyst.h"
#include "worker/judge.h"
#include "worker/size_fit.h"

/* Every image at every candidate size, for --fit-size. */
struct size_trial {
    struct metrics metrics[SIZE_FIT_SIZES];
    struct size_sample *sizes;    /* n,SIZE_FIT_SIZES */
    struct policy_sample *policy; /* n,SIZE_FIT_SIZES */
    uint8_t *is_malignant;        /* n */
    int n, capacity;
};

/* Masks are compared at their own resolution, which the display copy carries up to
 * DECODE_DISPLAY_MAX px; the sets at hand have at most 1024 px. */
struct evaluation {
    const struct settings *settings;
    struct subject subject;
    struct decoder *decoder;
    struct analyst analyst;
    struct labels labels;
    struct judgement judged;
    uint8_t *predicted, *truth; /* of the largest mask seen */
    size_t capacity;
    int risks[RISK_COUNT];         /* images by enum risk */
    int fine;                      /* images that a fine pass was made of */
    struct policy_sample *samples; /* one an image, when a policy is to be chosen */
    struct size_trial *trial;      /* when sizes are to be chosen */
    struct decoded image, mask;
    struct lesion_measures measures;
};

/* Measure e->image after the analyst's last pass, into e->measures, and lay its outline beside the true
 * one: `out` borrows both until the next call. */
int evaluation_see(struct evaluation *e, const struct label *label, struct metrics_case *out,
                   struct err *err);

/* eval_sizes.c. The caller frees the trial. */
int size_trial_new(struct size_trial **out, int capacity, struct err *err);
void size_trial_free(struct size_trial *t); /* NULL is fine */

/* e->image at every size. */
int size_trial_add(struct evaluation *e, const struct label *label, struct err *err);

/* Choose sizes and thresholds, write the policy to settings->fit_size and say on standard error what
 * was chosen. */
int size_trial_finish(struct evaluation *e, struct err *err);

#endif
