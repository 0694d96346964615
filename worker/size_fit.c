#include "worker/size_fit.h"

#include <math.h>
#include <stdlib.h>

#include "dataset/metrics.h"

const int size_fit_sizes[SIZE_FIT_SIZES] = {128, 160, 192, 224, 256, 288, 320, 384, 512};

/* Bounds of the expected index: what k of BOUNDS parts of the images stay below in the coarse pass.
 * Half widths of the band of scores around the line that LINE of the malignant stay below. */
enum { BOUNDS = 50 };
static const double half_widths[] = {0, 0.01, 0.02, 0.04, 0.08, 0.16};
#define LINE    0.05 /* sensitivity 0.95: where the policy draws the line of a review */
#define EPSILON 1e-9

/* What a plan, or a single size, makes of each image: n of each. */
struct outcome {
    uint8_t *has_failed;
    double *scores;
    double *ranked; /* share of the images of the other kind that it is in the right order with */
};

struct search {
    const struct size_samples *samples;
    struct outcome best, tried;
    double *sorted; /* n */
    int malignant;  /* images */
    struct size_fit *out;
};

static const struct size_sample *sample_at(const struct size_samples *s, int i, int size)
{
    return &s->at[(size_t)i * SIZE_FIT_SIZES + (size_t)size];
}

static int index_of(int size)
{
    int k = 0;

    while (k < SIZE_FIT_SIZES - 1 && size_fit_sizes[k] != size)
        k++;
    return k;
}

static bool has_doubt(const struct size_samples *s, const struct size_plan *p, int coarse, int i)
{
    const struct size_sample *at = sample_at(s, i, coarse);

    return size_plan_doubts(p, at->expected, at->malignant);
}

int size_fit_last(const struct size_samples *samples, const struct size_plan *plan, int i)
{
    int coarse = index_of(plan->coarse);

    return has_doubt(samples, plan, coarse, i) ? index_of(plan->fine) : coarse;
}

/* Image `i` ends at `size`. */
static void settle(const struct search *s, const struct outcome *o, int i, int size,
                   struct size_figures *f)
{
    const struct size_sample *last = sample_at(s->samples, i, size);

    o->has_failed[i] = last->jaccard < METRICS_FAILURE;
    o->scores[i] = last->malignant;
    f->failure_rate += (double)o->has_failed[i] / s->samples->n;
    f->pixels += last->pixels / s->samples->n;
}

/* Fills `ranked`; the area under the ROC curve. */
static double rank(const struct search *s, const struct outcome *o)
{
    const uint8_t *is_malignant = s->samples->is_malignant;
    int n = s->samples->n, benign = n - s->malignant;
    double area = 0;

    for (int i = 0; i < n; i++)
        o->ranked[i] = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; is_malignant[i] && k < n; k++) {
            if (is_malignant[k])
                continue;
            double right = (o->scores[i] > o->scores[k]) + 0.5 * (o->scores[i] == o->scores[k]);
            o->ranked[i] += right / benign;
            o->ranked[k] += right / s->malignant;
        }
    for (int i = 0; i < n; i++)
        area += is_malignant[i] ? o->ranked[i] / s->malignant : 0;
    return area;
}

struct difference {
    double mean, error; /* of tried - best, over the images; its standard error */
};

static struct difference difference_of(double sum, double squares, int n)
{
    double mean = sum / n, variance = n > 1 ? (squares - sum * mean) / (n - 1) : 0;

    return (struct difference){mean, sqrt(fmax(variance, 0) / n)};
}

static struct difference failure_difference(const struct search *s)
{
    double sum = 0, squares = 0;

    for (int i = 0; i < s->samples->n; i++) {
        double d = (double)s->tried.has_failed[i] - s->best.has_failed[i];
        sum += d;
        squares += d * d;
    }
    return difference_of(sum, squares, s->samples->n);
}

static struct difference auc_difference(const struct search *s)
{
    double sum[2] = {0}, squares[2] = {0};

    for (int i = 0; i < s->samples->n; i++) {
        int kind = s->samples->is_malignant[i] != 0;
        double d = s->tried.ranked[i] - s->best.ranked[i];
        sum[kind] += d;
        squares[kind] += d * d;
    }
    struct difference benign = difference_of(sum[0], squares[0], s->samples->n - s->malignant);
    struct difference malignant = difference_of(sum[1], squares[1], s->malignant);
    return (struct difference){malignant.mean, hypot(benign.error, malignant.error)};
}

static struct size_figures figures_of_size(const struct search *s, int size)
{
    struct size_figures f = {0};

    for (int i = 0; i < s->samples->n; i++)
        settle(s, &s->best, i, size, &f);
    f.auc_malignant = rank(s, &s->best);
    return f;
}

static bool is_better(const struct size_figures *a, const struct size_figures *b)
{
    double more = a->failure_rate - b->failure_rate;

    return more < -EPSILON || (more < EPSILON && a->auc_malignant > b->auc_malignant + EPSILON);
}

static void find_best_size(struct search *s)
{
    int best = 0;

    for (int k = 0; k < SIZE_FIT_SIZES; k++) {
        struct size_figures f = figures_of_size(s, k);
        if (k && !is_better(&f, &s->out->best))
            continue;
        best = k;
        s->out->best = f;
    }
    s->out->best = figures_of_size(s, best); /* leaves its outcome in s->best */
    s->out->best_size = size_fit_sizes[best];
}

static void consider(struct search *s, struct size_plan p)
{
    int coarse = index_of(p.coarse), fine = index_of(p.fine), n = s->samples->n;
    struct size_figures f = {0};

    for (int i = 0; i < n; i++) {
        bool is_fine = has_doubt(s->samples, &p, coarse, i);
        settle(s, &s->tried, i, is_fine ? fine : coarse, &f);
        f.pixels += is_fine ? sample_at(s->samples, i, coarse)->pixels / n : 0;
        p.fine_share += (double)is_fine / n;
    }
    if (s->out->plan.coarse && f.pixels >= s->out->chosen.pixels - EPSILON)
        return;
    struct difference d = failure_difference(s);
    if (d.mean + d.error > SIZE_FIT_FAILURE_MORE + EPSILON)
        return;
    f.auc_malignant = rank(s, &s->tried); /* the costly part comes last */
    d = auc_difference(s);
    if (d.mean - d.error < -SIZE_FIT_AUC_LESS - EPSILON)
        return;
    s->out->plan = p;
    s->out->chosen = f;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The coarse score that LINE of the malignant images stay below. */
static double review_line(struct search *s, int coarse)
{
    int n = 0;

    for (int i = 0; i < s->samples->n; i++)
        if (s->samples->is_malignant[i])
            s->sorted[n++] = sample_at(s->samples, i, coarse)->malignant;
    qsort(s->sorted, (size_t)n, sizeof(*s->sorted), by_value);
    return s->sorted[(int)(LINE * n)];
}

static void consider_coarse(struct search *s, int coarse)
{
    int n = s->samples->n;
    double line = review_line(s, coarse);

    for (int i = 0; i < n; i++)
        s->sorted[i] = sample_at(s->samples, i, coarse)->expected;
    qsort(s->sorted, (size_t)n, sizeof(*s->sorted), by_value);
    for (int fine = coarse + 1; fine < SIZE_FIT_SIZES; fine++)
        for (int k = 0; k <= BOUNDS; k++)
            for (size_t w = 0; w < sizeof(half_widths) / sizeof(*half_widths); w++)
                consider(s, (struct size_plan){
                                .coarse = size_fit_sizes[coarse],
                                .fine = size_fit_sizes[fine],
                                .expected_min =
                                    k < BOUNDS ? s->sorted[(size_t)k * (size_t)n / BOUNDS] : 2,
                                .score_low = fmax(line - half_widths[w], 0),
                                .score_high = fmax(line - half_widths[w], 0) + 2 * half_widths[w],
                            });
}

static int outcome_new(struct outcome *o, int n)
{
    o->has_failed = calloc((size_t)n, 1);
    o->scores = calloc((size_t)n, sizeof(*o->scores));
    o->ranked = calloc((size_t)n, sizeof(*o->ranked));
    return o->has_failed && o->scores && o->ranked ? 0 : -1;
}

static void outcome_free(struct outcome *o)
{
    free(o->has_failed);
    free(o->scores);
    free(o->ranked);
}

static void search(struct search *s)
{
    find_best_size(s);
    for (int coarse = 0; coarse < SIZE_FIT_SIZES - 1; coarse++)
        consider_coarse(s, coarse);
}

int size_fit(struct size_fit *out, const struct size_samples *samples, struct err *err)
{
    struct search s = {.samples = samples, .out = out};
    int ret = 0;

    *out = (struct size_fit){0};
    for (int i = 0; i < samples->n; i++)
        s.malignant += samples->is_malignant[i] != 0;
    if (!s.malignant || s.malignant == samples->n)
        return err_set(err, ERR_INPUT,
                       "sizes are chosen on malignant and benign pictures, not on %d and %d",
                       s.malignant, samples->n - s.malignant);
    s.sorted = calloc((size_t)samples->n, sizeof(*s.sorted));
    if (!s.sorted || outcome_new(&s.best, samples->n) || outcome_new(&s.tried, samples->n))
        ret = err_set(err, ERR_NOMEM, "no memory to choose sizes on %d images", samples->n);
    else
        search(&s);
    outcome_free(&s.best);
    outcome_free(&s.tried);
    free(s.sorted);
    return ret;
}
