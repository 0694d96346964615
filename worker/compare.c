#include "worker/compare.h"

#include <math.h>

static int draw_differences(double *values, struct comparison *c, const struct judgement *a,
                            const struct metrics *b, struct resampler *r,
                            const struct judge_plan *plan, struct err *err)
{
    for (int k = 0; k < plan->replicates; k++) {
        double of_a[METRIC_COUNT], of_b[METRIC_COUNT];
        int n = resampler_draw(r, (uint32_t)k);
        if (metrics_figures(&a->metrics, r->drawn, n, c->known, of_a, err) ||
            metrics_figures(b, r->drawn, n, c->known, of_b, err))
            return -1;
        for (int f = 0; f < METRIC_COUNT; f++)
            values[f * plan->replicates + k] = c->known & 1U << f ? of_a[f] - of_b[f] : NAN;
    }
    return 0;
}

static int fill_differences(struct comparison *c, const struct judgement *a,
                            const struct metrics *b, struct resampler *r,
                            const struct judge_plan *plan, struct err *err)
{
    double *values = calloc((size_t)plan->replicates, METRIC_COUNT * sizeof(*values));

    if (!values)
        return err_set(err, ERR_NOMEM, "differences of %d replicates", plan->replicates);
    int ret = draw_differences(values, c, a, b, r, plan, err);
    for (int f = 0; f < METRIC_COUNT && !ret; f++) {
        double *of_figure = values + (long)f * plan->replicates;
        c->p[f] = resample_p(of_figure, plan->replicates);
        c->difference[f] = interval_of(of_figure, plan->replicates);
    }
    free(values);
    return ret;
}

static int fill_delong(struct comparison *c, const struct judgement *a, const struct metrics *b,
                       struct err *err)
{
    double *of_a, *of_b;
    uint8_t *is_malignant;

    c->malignant = (struct roc_pair){
        {NAN, NAN},
        {NAN, NAN},
        NAN
    };
    if (!(c->known & 1U << METRIC_AUC_MALIGNANT))
        return 0;
    if (judgement_malignant(a, &of_a, &is_malignant, err))
        return -1;
    of_b = calloc((size_t)b->n + 1, sizeof(*of_b));
    for (int i = 0; of_b && i < b->n; i++)
        of_b[i] = metrics_malignant(&b->images[i]);
    int ret = of_b ? roc_delong(&c->malignant, of_a, of_b, is_malignant, b->n, err)
                   : err_set(err, ERR_NOMEM, "scores of %d images", b->n);
    free(of_a);
    free(of_b);
    return ret;
}

int compare_models(struct comparison *out, const struct judgement *a, const struct metrics *b,
                   uint32_t known, const struct judge_plan *plan, struct err *err)
{
    const char **lesions = judgement_lesions(a, err);
    struct comparison c = {.n = b->n, .known = known};
    struct resampler r;

    if (!lesions)
        return -1;
    int ret = resampler_init(&r, NULL, b->n, lesions, plan->seed, err);
    free(lesions);
    if (ret)
        return -1;
    c.lesions = r.n_groups;
    ret = metrics_figures(&a->metrics, NULL, 0, known, c.a, err) ||
                  metrics_figures(b, NULL, 0, known, c.b, err) ||
                  fill_differences(&c, a, b, &r, plan, err) || fill_delong(&c, a, b, err)
              ? -1
              : 0;
    resampler_release(&r);
    if (!ret)
        *out = c;
    return ret;
}

static json_t *figure_json(const struct comparison *c, int f)
{
    json_t *object = json_object(), *range = json_array();

    json_add(&range, json_rounded(c->difference[f].low, 4));
    json_add(&range, json_rounded(c->difference[f].high, 4));
    json_put(&object, "this", json_rounded(c->a[f], 4));
    json_put(&object, "other", json_rounded(c->b[f], 4));
    json_put(&object, "difference", json_rounded(c->a[f] - c->b[f], 4));
    json_put(&object, "ci", range);
    json_put(&object, "p", json_rounded(c->p[f], 4));
    return object;
}

json_t *comparison_to_json(const struct comparison *c, const char *name)
{
    json_t *object = json_object(), *figures = json_object();
    double z = fabs(c->malignant.a.area - c->malignant.b.area) / c->malignant.difference_error;

    for (int f = 0; f < METRIC_COUNT; f++)
        if (c->known & 1U << f)
            json_put(&figures, metric_word((enum metric)f), figure_json(c, f));
    json_put(&object, "with", json_text(name));
    json_put(&object, "n", json_integer(c->n));
    json_put(&object, "lesions", json_integer(c->lesions));
    json_put(&object, "figures", figures);
    json_put(&object, "auc_malignant_delong_p", json_rounded(erfc(z / sqrt(2)), 4));
    return object;
}
