#include "worker/judge.h"

#include <math.h>

#include "common/classes.h"
#include "lesion/temperature.h"

/* What is asked of a class alone: the areas stand with the whole set. */
enum {
    OF_CLASS = 1 << METRIC_LESION_IOU | 1 << METRIC_MEAN_JACCARD | 1 << METRIC_THRESHOLDED |
               1 << METRIC_FAILURE | 1 << METRIC_DICE | 1 << METRIC_BALANCED,
    OF_SOURCE = OF_CLASS | 1 << METRIC_AUC_MALIGNANT | 1 << METRIC_AUC_MEL |
                1 << METRIC_SPECIFICITY | 1 << METRIC_BRIER | 1 << METRIC_NLL | 1 << METRIC_ECE,
    OF_SCORES = 1 << METRIC_BRIER | 1 << METRIC_NLL | 1 << METRIC_ECE,
};

int judgement_add(struct judgement *j, const struct metrics_case *image, const struct label *label,
                  struct err *err)
{
    if (j->metrics.n == j->capacity) {
        int capacity = j->capacity ? 2 * j->capacity : 256;
        const struct label **grown = realloc(j->labels, (size_t)capacity * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "labels of %d images", capacity);
        j->labels = grown;
        j->capacity = capacity;
    }
    if (metrics_add(&j->metrics, image, err))
        return -1;
    j->labels[j->metrics.n - 1] = label;
    return 0;
}

void judgement_release(struct judgement *j)
{
    metrics_release(&j->metrics);
    free(j->labels);
    free(j->sources);
    free(j->curve);
    *j = (struct judgement){0};
}

const char **judgement_lesions(const struct judgement *j, struct err *err)
{
    const char **keys = calloc((size_t)j->metrics.n + 1, sizeof(*keys));

    for (int i = 0; keys && i < j->metrics.n; i++)
        keys[i] = j->labels[i]->lesion_id;
    if (!keys)
        err_set(err, ERR_NOMEM, "lesions of %d images", j->metrics.n);
    return keys;
}

int judgement_malignant(const struct judgement *j, double **scores, uint8_t **is_malignant,
                        struct err *err)
{
    int n = j->metrics.n;
    double *made = calloc((size_t)n + 1, sizeof(*made) + 1);

    if (!made)
        return err_set(err, ERR_NOMEM, "scores of %d images", n);
    *scores = made;
    *is_malignant = (uint8_t *)(made + n + 1);
    for (int i = 0; i < n; i++) {
        made[i] = metrics_malignant(&j->metrics.images[i]);
        (*is_malignant)[i] = class_is_malignant(j->metrics.images[i].truth);
    }
    return 0;
}

/* ---- figures of a part, with intervals ---- */

/* The images of a part and what is wanted of them. */
struct part_plan {
    const int *rows;
    int n;
    uint32_t wanted;
    const char *const *lesions;
    const struct judge_plan *plan;
};

static int fill_ranges(struct judged_part *out, const struct metrics *m, const struct part_plan *p,
                       struct resampler *r, struct err *err)
{
    int replicates = p->plan->replicates, ret = 0;
    double *values = calloc((size_t)replicates + 1, METRIC_COUNT * sizeof(*values));

    if (!values)
        return err_set(err, ERR_NOMEM, "figures of %d replicates", replicates);
    for (int k = 0; k < replicates && !ret; k++) {
        double figures[METRIC_COUNT];
        int n = resampler_draw(r, (uint32_t)k);
        ret = metrics_figures(m, r->drawn, n, p->wanted, figures, err);
        for (int f = 0; f < METRIC_COUNT && !ret; f++)
            values[f * replicates + k] = p->wanted & 1U << f ? figures[f] : NAN;
    }
    for (int f = 0; f < METRIC_COUNT && !ret; f++)
        out->range[f] = interval_of(values + (long)f * replicates, replicates);
    free(values);
    return ret;
}

static int fill_part(struct judged_part *out, const struct metrics *m, const struct part_plan *p,
                     struct err *err)
{
    struct resampler r;

    out->n = p->n;
    for (int f = 0; f < METRIC_COUNT; f++) {
        out->value[f] = NAN;
        out->range[f] = (struct interval){NAN, NAN};
    }
    if (!p->n)
        return 0;
    if (metrics_figures(m, p->rows, p->n, p->wanted, out->value, err) ||
        resampler_init(&r, p->rows, p->n, p->lesions, p->plan->seed, err))
        return -1;
    out->lesions = r.n_groups;
    int ret = p->plan->replicates ? fill_ranges(out, m, p, &r, err) : 0;
    resampler_release(&r);
    return ret;
}

/* ---- which images belong to which part ---- */

static int list_sources(struct judgement *j, struct err *err)
{
    j->sources = calloc((size_t)j->metrics.n + 1, sizeof(*j->sources));
    if (!j->sources)
        return err_set(err, ERR_NOMEM, "sources of %d images", j->metrics.n);
    for (int i = 0; i < j->metrics.n; i++) {
        int s = 0;
        // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): each before n_sources has a name
        while (s < j->n_sources && strcmp(j->sources[s].name, j->labels[i]->source) != 0)
            s++;
        if (s == j->n_sources)
            j->sources[j->n_sources++].name = j->labels[i]->source;
    }
    return 0;
}

static int fill_parts(struct judgement *j, const struct part_plan *common, int *rows,
                      struct err *err)
{
    struct part_plan p = *common;

    p.rows = rows;
    for (int class = 1; class < METRICS_CLASSES; class ++) {
        p.n = 0;
        p.wanted = OF_CLASS;
        for (int i = 0; i < j->metrics.n; i++)
            if (j->metrics.images[i].truth == class)
                rows[p.n++] = i;
        j->classes[class].name = class_word(class);
        if (fill_part(&j->classes[class], &j->metrics, &p, err))
            return -1;
    }
    for (int s = 0; s < j->n_sources; s++) {
        p.n = 0;
        p.wanted = OF_SOURCE;
        for (int i = 0; i < j->metrics.n; i++)
            if (!strcmp(j->labels[i]->source, j->sources[s].name))
                rows[p.n++] = i;
        if (fill_part(&j->sources[s], &j->metrics, &p, err))
            return -1;
    }
    return 0;
}

/* ---- scores ---- */

static int score_figures(const struct metrics *m, double out[METRIC_COUNT],
                         struct metrics_bin bins[METRICS_BINS], struct err *err)
{
    for (int f = 0; f < METRIC_COUNT; f++)
        out[f] = NAN;
    metrics_reliability(m, bins);
    return metrics_figures(m, NULL, 0, OF_SCORES, out, err);
}

/* The images with the scores that a temperature makes. */
static int warm(struct metrics *out, const struct metrics *m, double *temperature, struct err *err)
{
    size_t n = (size_t)m->n + 1;
    double *scores = calloc(n, METRICS_CLASSES * sizeof(*scores));
    int *truth = calloc(n, sizeof(*truth));
    struct metrics_image *images = calloc(n, sizeof(*images));
    int ret = -1;

    if (scores && truth && images) {
        for (int i = 0; i < m->n; i++) {
            images[i] = m->images[i];
            truth[i] = images[i].truth;
            memcpy(scores + (long)i * METRICS_CLASSES, images[i].scores, sizeof(images[i].scores));
        }
        *temperature = temperature_fit(scores, truth, m->n);
        for (int i = 0; i < m->n; i++)
            temperature_apply(images[i].scores, *temperature);
        *out = (struct metrics){.images = images, .n = m->n, .capacity = m->n};
        images = NULL;
        ret = 0;
    } else {
        err_set(err, ERR_NOMEM, "scores of %d images", m->n);
    }
    free(scores);
    free(truth);
    free(images);
    return ret;
}

static int fill_scores(struct judgement *j, struct err *err)
{
    struct judged_scores *s = &j->scores;
    struct metrics warmed = {0};
    int ret = -1;

    if (!warm(&warmed, &j->metrics, &s->temperature, err) &&
        !score_figures(&j->metrics, s->before, s->bins_before, err) &&
        !score_figures(&warmed, s->after, s->bins_after, err))
        ret = 0;
    metrics_release(&warmed);
    return ret;
}

static int fill_curve(struct judgement *j, struct err *err)
{
    struct roc_pair pair;
    double *scores;
    uint8_t *is_malignant;

    if (judgement_malignant(j, &scores, &is_malignant, err))
        return -1;
    j->curve = calloc((size_t)j->metrics.n + 1, sizeof(*j->curve));
    j->n_curve = j->curve ? roc_curve(scores, is_malignant, j->metrics.n, j->curve, err)
                          : err_set(err, ERR_NOMEM, "curve of %d images", j->metrics.n);
    int ret =
        j->n_curve < 0 ? -1 : roc_delong(&pair, scores, scores, is_malignant, j->metrics.n, err);
    j->delong = ret ? (struct roc_area){NAN, NAN} : pair.a;
    free(scores);
    return ret;
}

int judgement_finish(struct judgement *j, const struct judge_plan *plan, struct err *err)
{
    const char **lesions = judgement_lesions(j, err);
    int *rows = calloc((size_t)j->metrics.n + 1, sizeof(*rows)), ret = -1;
    struct part_plan p = {
        .n = j->metrics.n, .wanted = METRICS_ALL, .lesions = lesions, .plan = plan};

    j->whole.name = "all";
    if (!lesions || !rows)
        err_set(err, ERR_NOMEM, "parts of %d images", j->metrics.n);
    else if (!fill_part(&j->whole, &j->metrics, &p, err) && !list_sources(j, err) &&
             !fill_parts(j, &p, rows, err) && !fill_scores(j, err) && !fill_curve(j, err))
        ret = 0;
    free(lesions);
    free(rows);
    return ret;
}

/* ---- JSON ---- */

enum { CURVE_POINTS = 101 }; /* of the curve as printed; the steps between them say little more */

static json_t *range_json(const struct interval *range)
{
    json_t *pair = json_array();

    json_add(&pair, json_rounded(range->low, 4));
    json_add(&pair, json_rounded(range->high, 4));
    return pair;
}

static bool stands_with_its_class(int metric)
{
    return metric >= METRIC_AUC_NV && metric <= METRIC_AUC_VASC;
}

static void put_ranges(json_t **to, const struct judged_part *part)
{
    json_t *ranges = json_object();

    for (int f = 0; f < METRIC_COUNT; f++)
        if (!isnan(part->range[f].low) && !stands_with_its_class(f))
            json_put(&ranges, metric_word((enum metric)f), range_json(&part->range[f]));
    json_put(to, "intervals", ranges);
}

static json_t *part_json(const struct judged_part *part)
{
    json_t *object = json_object();

    json_put(&object, "n", json_integer(part->n));
    json_put(&object, "lesions", json_integer(part->lesions));
    for (int f = 0; f < METRIC_COUNT; f++)
        if (!isnan(part->value[f]) && !stands_with_its_class(f))
            json_put(&object, metric_word((enum metric)f), json_rounded(part->value[f], 4));
    put_ranges(&object, part);
    return object;
}

/* A class's own figures, `recall` (the share that has it first) and the area under its curve. */
static json_t *class_json(const struct judgement *j, int class)
{
    const struct judged_part *part = &j->classes[class];
    int area = METRIC_AUC_MEL + class - 1;
    json_t *object = part_json(part);
    json_t *ranges = json_incref(json_object_get(object, "intervals"));

    if (!isnan(j->whole.range[area].low))
        json_put(&ranges, "auc", range_json(&j->whole.range[area]));
    if (!isnan(part->range[METRIC_BALANCED].low)) {
        json_put(&ranges, "recall", range_json(&part->range[METRIC_BALANCED]));
        json_object_del(ranges, metric_word(METRIC_BALANCED));
    }
    json_put(&object, "intervals", ranges);
    json_put(&object, "auc", json_rounded(j->whole.value[area], 4));
    json_put(&object, "recall", json_rounded(part->value[METRIC_BALANCED], 4));
    json_object_del(object, metric_word(METRIC_BALANCED));
    return object;
}

static json_t *bins_json(const struct metrics_bin bins[METRICS_BINS])
{
    json_t *list = json_array();

    for (int k = 0; k < METRICS_BINS; k++) {
        json_t *bin = json_object();
        json_put(&bin, "n", json_integer(bins[k].n));
        json_put(&bin, "score", bins[k].n ? json_rounded(bins[k].score, 4) : json_null());
        json_put(&bin, "share", bins[k].n ? json_rounded(bins[k].share, 4) : json_null());
        json_add(&list, bin);
    }
    return list;
}

static json_t *scores_json(const struct judged_scores *s)
{
    json_t *object = json_object(), *after = json_object();

    for (int f = 0; f < METRIC_COUNT; f++)
        if (!isnan(s->after[f]))
            json_put(&after, metric_word((enum metric)f), json_rounded(s->after[f], 4));
    json_put(&after, "bins", bins_json(s->bins_after));
    json_put(&object, "bins", bins_json(s->bins_before));
    json_put(&object, "best_temperature", json_rounded(s->temperature, 4));
    json_put(&object, "with_best_temperature", after);
    return object;
}

static json_t *curve_json(const struct judgement *j)
{
    json_t *list = json_array();
    int points = j->n_curve < CURVE_POINTS ? j->n_curve : CURVE_POINTS;

    for (int k = 0; k < points; k++) {
        const struct roc_point *p =
            &j->curve[points > 1 ? (long)k * (j->n_curve - 1) / (points - 1) : 0];
        json_t *pair = json_array();
        json_add(&pair, json_rounded(p->false_positive, 4));
        json_add(&pair, json_rounded(p->sensitivity, 4));
        json_add(&list, pair);
    }
    return list;
}

/* labels.csv gives any bytes as a source's name. */
static void put_source(json_t **sources, const struct judged_part *source)
{
    json_t *name = json_text(*source->name ? source->name : "unknown");

    json_put(sources, name ? json_string_value(name) : "", name ? part_json(source) : NULL);
    json_decref(name);
}

json_t *judgement_to_json(const struct judgement *j)
{
    json_t *object = metrics_to_json(&j->metrics), *classes = json_object(),
           *sources = json_object();

    json_put(&object, "lesions", json_integer(j->whole.lesions));
    put_ranges(&object, &j->whole);
    for (int class = 1; class < METRICS_CLASSES; class ++)
        if (j->classes[class].n)
            json_put(&classes, class_word(class), class_json(j, class));
    for (int s = 0; s < j->n_sources; s++)
        put_source(&sources, &j->sources[s]);
    json_put(&object, "per_class", classes);
    json_put(&object, "per_source", sources);
    json_put(&object, "scores", scores_json(&j->scores));
    json_put(&object, "roc_malignant", curve_json(j));
    json_put(&object, "auc_malignant_delong_error", json_rounded(j->delong.error, 4));
    return object;
}
