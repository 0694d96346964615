/* eval_priv.h -- one model over one labelled set, image by image: what `eval` and `model calibrate` share.
 *
 *      evaluation_open ──► evaluation_run ──► judged: figures (judge.h)
 *                                        └──► samples, trial: what a policy is chosen on (calibration only) */
#ifndef WORKER_EVAL_PRIV_H
#define WORKER_EVAL_PRIV_H

#include "lesion/thresholds.h"
#include "worker/analyst.h"
#include "worker/compare.h"
#include "worker/robust.h"
#include "worker/size_fit.h"

/* Every image at every candidate size, to choose those of --size auto. */
struct size_trial {
    struct metrics metrics[SIZE_FIT_SIZES];
    struct size_sample *sizes;    /* n,SIZE_FIT_SIZES */
    struct policy_sample *policy; /* n,SIZE_FIT_SIZES */
    uint8_t *is_malignant;        /* n */
    int n, capacity;
};

/* Masks are compared at their own resolution, which the display copy carries up to
 * DECODE_DISPLAY_MAX px; the sets at hand have at most 1024 px. */
/* Slots of the decoder: picture, mask, a picture of ours. */
enum { EVAL_OURS = 2, EVAL_SLOTS };

/* A second model, or what another program says of the same images. */
struct eval_other {
    struct settings own; /* those of the evaluation with its model */
    bool is_table;       /* a file: there is no model */
    struct subject subject;
    struct analyst analyst;
    struct metrics metrics; /* of the same images in the same order */
    uint32_t known;         /* a bit for each figure that they allow */
    struct comparison result;
};

/* The same images with something in the way. */
struct eval_robust {
    struct robust_room room;
    struct robust_row rows[ROBUST_ROWS];
};

struct evaluation {
    const struct settings *settings;
    bool is_calibration; /* a policy is being chosen: there is none yet */
    struct subject subject;
    struct decoder *decoder;
    struct analyst analyst;
    struct labels labels; /* a class map's row has no class until its mask is loaded */
    bool *is_map;         /* labels.n: the mask is a class map (dataset/mask.h) */
    struct judgement judged;
    struct eval_other *other;   /* NULL: nothing to compare with */
    struct eval_robust *robust; /* NULL: not wanted */
    bool want_display;          /* of the images too, to draw on */
    uint8_t *truth;             /* of the mask in hand: 0 or 1 */
    uint8_t *predicted;         /* of the largest mask seen, as the next */
    size_t truth_capacity, predicted_capacity;
    int risks[RISK_COUNT]; /* images by enum risk */
    int fine;              /* images that a fine pass was made of */
    /* Calibration: of each image seen, in order. With --size auto the trial has the samples. */
    struct policy_sample *samples;
    const char **lesions; /* lesion_id, borrowed from the labels */
    int n_samples;
    struct size_trial *trial; /* when sizes are to be chosen, else NULL */
    struct decoded image, mask;
    struct lesion_measures measures;
};

/* Model, decoder and labels of settings->data and ->split. ERR_CONFIG: no such set, or empty; a model
 * without policy when it is no calibration. `settings` has to stay. */
int evaluation_open(struct evaluation **out, const struct settings *s, bool is_calibration,
                    struct err *err);
void evaluation_close(struct evaluation *e); /* NULL is fine */

/* See every image. */
int evaluation_run(struct evaluation *e, struct err *err);

/* A policy for e->samples. ERR_INPUT as thresholds_fit. */
int evaluation_fit(struct evaluation *e, struct policy_facts *out, struct err *err);

/* The intervals that settings ask for. */
struct judge_plan evaluation_plan(const struct evaluation *e);

/* What `eval` prints, after judgement_finish; the caller's, NULL when memory is gone. */
json_t *evaluation_to_json(const struct evaluation *e);

/* Picture and mask of `label`, a row of e->labels, into e->image, e->mask and e->truth. The row of a class
 * map gets the class that covers most. ERR_CONFIG names the file. */
int evaluation_load(struct evaluation *e, const struct label *label, struct err *err);

/* e->truth, borrowed until the next load. */
struct robust_mask evaluation_truth(const struct evaluation *e);

/* The outline of `in` beside the true one; `out` borrows `truth`, `scores` and e->predicted. */
int evaluation_lay(struct evaluation *e, const struct lesion_input *in,
                   const struct robust_mask *truth, int class, const double *scores,
                   struct metrics_case *out, struct err *err);

/* Measure e->image after the analyst's last pass, into e->measures, and lay it beside e->truth. */
int evaluation_see(struct evaluation *e, const struct label *label, struct metrics_case *out,
                   struct err *err);

/* eval_more.c: what `eval` does besides. Opened by evaluation_open when settings ask for it. */
int eval_more_open(struct evaluation *e, struct err *err);
void eval_more_close(struct evaluation *e);

/* e->image, which the judgement has counted last, through the other model and with something in the way. */
int eval_more_see(struct evaluation *e, const struct label *label, struct err *err);

/* After judgement_finish: compare, into `*figures`; then write the table and the page. */
int eval_more_finish(struct evaluation *e, json_t **figures, struct err *err);

/* eval_sizes.c. The caller frees the trial. */
int size_trial_new(struct size_trial **out, int capacity, struct err *err);
void size_trial_free(struct size_trial *t); /* NULL is fine */

/* e->image at every size. */
int size_trial_add(struct evaluation *e, const struct label *label, struct err *err);

/* Choose sizes and thresholds and say on standard error what was chosen. */
int size_trial_finish(struct evaluation *e, struct policy_facts *out, struct err *err);

#endif
