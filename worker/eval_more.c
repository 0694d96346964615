/* eval_more.c -- what `eval` does besides: a second model, robustness, the table and the page. */
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lesion/temperature.h"
#include "preprocess/encode.h"
#include "worker/eval_priv.h"
#include "worker/page.h"
#include "worker/rows.h"
#include "worker/worst.h"

enum { JPEG_MAX = 64 << 20, THUMB_MAX = 1 << 20 };

/* What robustness is judged by. */
enum { OF_ROBUST = 1 << METRIC_MEAN_JACCARD | 1 << METRIC_FAILURE | 1 << METRIC_AUC_MALIGNANT };

/* ---- the other model ---- */

static bool is_table(const char *path)
{
    size_t n = strlen(path);

    return n > 4 && !strcmp(path + n - 4, ".csv");
}

/* Its scores go through its own temperature, where it has a policy already. */
static int open_model(struct eval_other *o, const struct settings *s, struct err *err)
{
    const struct worker_shape shape = {
        .lanes = 1, .decoders = 1, .slots = 1, .batch = 1, .policy = POLICY_IF_THERE};

    o->own = *s;
    memcpy(o->own.model, s->compare, sizeof(o->own.model));
    if (s->size == SETTINGS_AUTO)
        return err_set(err, ERR_CONFIG, "--compare: two models are compared at one size each");
    o->known = METRICS_ALL;
    return subject_open_beside(&o->subject, &shape, &o->own, err) ||
                   analyst_open(&o->analyst, &o->subject, err)
               ? -1
               : 0;
}

static int open_other(struct evaluation *e, struct err *err)
{
    if (e->settings->replicates < 1)
        return err_set(err, ERR_INPUT, "--compare needs --replicates of at least 1");
    e->other = calloc(1, sizeof(*e->other));
    if (!e->other)
        return err_set(err, ERR_NOMEM, "no memory for a second model");
    e->other->is_table = is_table(e->settings->compare);
    return e->other->is_table ? 0 : open_model(e->other, e->settings, err);
}

/* Scores of the last pass as the subject's policy, if any, has them. */
static void take_scores(const struct subject *s, const struct lesion_input *in,
                        double scores[LESION_CLASSES])
{
    lesion_scores(in, scores);
    if (s->policy)
        temperature_apply(scores, policy_facts(s->policy)->temperature);
}

/* Count the last pass of `a` over `image`. */
static int count_pass(struct evaluation *e, struct analyst *a, const struct decoded *image,
                      const struct robust_mask *truth, int class, struct metrics *m,
                      struct err *err)
{
    struct metrics_case seen;
    struct lesion_input in;
    double scores[LESION_CLASSES];

    analyst_lesion_input(a, 0, image, NAN, &in);
    take_scores(a->subject, &in, scores);
    return evaluation_lay(e, &in, truth, class, scores, &seen, err) || metrics_add(m, &seen, err)
               ? -1
               : 0;
}

static int see_other(struct evaluation *e, const struct label *label, struct err *err)
{
    struct eval_other *o = e->other;
    const struct robust_mask truth = evaluation_truth(e);
    int ret = o->subject.size == e->subject.size
                  ? analyst_outline(&o->analyst, &e->image, err)
                  : analyst_outline_at(&o->analyst, &e->image, o->subject.size, err);

    return ret || count_pass(e, &o->analyst, &e->image, &truth, label->class, &o->metrics, err) ? -1
                                                                                                : 0;
}

/* ---- robustness ---- */

static int open_robust(struct evaluation *e, struct err *err)
{
    if (e->settings->size == SETTINGS_AUTO || e->settings->replicates < 1)
        return err_set(err, ERR_INPUT,
                       "--robustness needs one size, and --replicates of at least 1");
    e->robust = calloc(1, sizeof(*e->robust));
    return e->robust ? 0 : err_set(err, ERR_NOMEM, "no memory for changed pictures");
}

/* `image` written as JPEG and read again as any upload is. */
static int recode(struct evaluation *e, int level, struct decoded *image, struct err *err)
{
    const struct picture *p = &image->measure;
    struct decode_request request = {
        .slot = EVAL_OURS, .size = e->subject.size, .want_measure = true};
    struct buf jpeg;
    int ret = -1;

    buf_init(&jpeg, JPEG_MAX);
    request.fd = memfd_create("recoded", MFD_CLOEXEC);
    if (request.fd < 0)
        err_set(err, ERR_AGAIN, "no room for a picture in memory");
    else if (!encode_jpeg(p->rgb, p->w, p->h, robust_quality(level), &jpeg, err)) {
        if (write(request.fd, jpeg.data, jpeg.len) != (ssize_t)jpeg.len)
            err_set(err, ERR_AGAIN, "a picture of %zu bytes could not be written", jpeg.len);
        else if (!decoder_wait(e->decoder, &request, image, err))
            ret = image->reason == REASON_NONE
                      ? 0
                      : err_set(err, ERR_BUG, "our own JPEG: %s", image->err.msg);
    }
    if (request.fd >= 0)
        close(request.fd);
    buf_release(&jpeg);
    return ret;
}

static int see_changed(struct evaluation *e, const struct label *label, int row, struct err *err)
{
    const struct robust_mask truth = evaluation_truth(e);
    const struct robust_change change = {
        .kind = row / ROBUST_LEVELS,
        .level = row % ROBUST_LEVELS,
        .seed = (uint64_t)e->settings->seed,
        .index = (uint32_t)(e->judged.metrics.n - 1),
    };
    struct robust_mask mask;
    struct decoded image;

    if (robust_apply(&change, &e->image, &truth, &e->robust->room, &image, &mask, err) ||
        (change.kind == ROBUST_JPEG && recode(e, change.level, &image, err)) ||
        analyst_outline_at(&e->analyst, &image, e->subject.size, err))
        return -1;
    return count_pass(e, &e->analyst, &image, &mask, label->class, &e->robust->rows[row].metrics,
                      err);
}

static int judge_robust(struct evaluation *e, struct err *err)
{
    const struct judge_plan plan = evaluation_plan(e);

    for (int row = 0; row < ROBUST_ROWS; row++) {
        struct robust_row *r = &e->robust->rows[row];
        r->kind = row / ROBUST_LEVELS;
        r->level = row % ROBUST_LEVELS;
        if (compare_models(&r->cost, &e->judged, &r->metrics, OF_ROBUST, &plan, err))
            return -1;
    }
    return 0;
}

/* ---- all of it ---- */

int eval_more_open(struct evaluation *e, struct err *err)
{
    if (e->settings->compare[0] && open_other(e, err))
        return -1;
    return e->settings->robustness ? open_robust(e, err) : 0;
}

void eval_more_close(struct evaluation *e)
{
    if (e->other) {
        analyst_close(&e->other->analyst);
        subject_close(&e->other->subject, NULL);
        metrics_release(&e->other->metrics);
        free(e->other);
        e->other = NULL;
    }
    if (e->robust) {
        for (int row = 0; row < ROBUST_ROWS; row++)
            metrics_release(&e->robust->rows[row].metrics);
        robust_release(&e->robust->room);
        free(e->robust);
        e->robust = NULL;
    }
}

int eval_more_see(struct evaluation *e, const struct label *label, struct err *err)
{
    if (e->other && !e->other->is_table && see_other(e, label, err))
        return -1;
    for (int row = 0; e->robust && row < ROBUST_ROWS; row++)
        if (see_changed(e, label, row, err))
            return err_wrap(err, "%s, %s", label->id, robust_word(row / ROBUST_LEVELS));
    return 0;
}

struct rated {
    double jaccard;
    int row;
};

static int worst_first(const void *a, const void *b)
{
    const struct rated *x = a, *y = b;

    return x->jaccard != y->jaccard ? (x->jaccard > y->jaccard) - (x->jaccard < y->jaccard)
                                    : x->row - y->row;
}

/* Seen once more, since the pictures of all images would not fit. */
static int draw_worst(struct evaluation *e, const struct rated *rated, struct page *page,
                      struct err *err)
{
    struct page_picture *p = &page->worst[page->n_worst];
    const struct label *label = e->judged.labels[rated->row];
    struct metrics_case seen;

    buf_init(&p->jpeg, THUMB_MAX);
    p->row = rated->row;
    if (evaluation_load(e, label, err) || analyst_outline(&e->analyst, &e->image, err) ||
        evaluation_see(e, label, &seen, err) || worst_draw(&e->image.display, &seen, &p->jpeg, err))
        return -1;
    page->n_worst++;
    return 0;
}

static int draw_all_worst(struct evaluation *e, struct page *page, struct err *err)
{
    int n = e->judged.metrics.n, ret = 0;
    struct rated *rated = calloc((size_t)n + 1, sizeof(*rated));

    if (!rated)
        return err_set(err, ERR_NOMEM, "order of %d images", n);
    for (int i = 0; i < n; i++)
        rated[i] = (struct rated){e->judged.metrics.images[i].jaccard, i};
    qsort(rated, (size_t)n, sizeof(*rated), worst_first);
    e->want_display = true;
    for (int i = 0; i < n && i < PAGE_WORST && !ret; i++)
        ret = draw_worst(e, &rated[i], page, err);
    free(rated);
    return ret;
}

static int write_page(struct evaluation *e, const json_t *figures, struct err *err)
{
    struct page page = {
        .judged = &e->judged,
        .facts = figures,
        .compared = e->other ? &e->other->result : NULL,
        .compared_with = e->settings->compare,
        .robust = e->robust ? e->robust->rows : NULL,
        .n_robust = e->robust ? ROBUST_ROWS : 0,
    };
    int ret = draw_all_worst(e, &page, err) || page_write(&page, e->settings->page, err) ? -1 : 0;

    page_release(&page);
    return ret;
}

static int finish_other(struct evaluation *e, json_t **figures, struct err *err)
{
    const struct judge_plan plan = evaluation_plan(e);
    struct eval_other *o = e->other;

    if (o->is_table && rows_read(&o->metrics, &o->known, &e->judged, e->settings->compare, err))
        return -1;
    if (compare_models(&o->result, &e->judged, &o->metrics, o->known, &plan, err))
        return -1;
    json_put(figures, "compare", comparison_to_json(&o->result, e->settings->compare));
    return 0;
}

int eval_more_finish(struct evaluation *e, json_t **figures, struct err *err)
{
    const struct settings *s = e->settings;

    if (e->other && finish_other(e, figures, err))
        return -1;
    if (e->robust) {
        if (judge_robust(e, err))
            return -1;
        json_put(figures, "robustness", robust_to_json(e->robust->rows, ROBUST_ROWS));
    }
    if (s->table[0] && rows_write(&e->judged, s->table, err))
        return -1;
    return s->page[0] && *figures ? write_page(e, *figures, err) : 0;
}
