#include "dataset/metrics.h"

#include <math.h>

#include "common/classes.h"

#define SCORE_MIN 1e-9 /* a lower score of the right class counts as this much in the log loss */

static const char *const words[METRIC_COUNT] = {
    [METRIC_MIOU2] = "miou2",
    [METRIC_LESION_IOU] = "lesion_iou",
    [METRIC_MEAN_JACCARD] = "mean_jaccard",
    [METRIC_THRESHOLDED] = "thresholded_jaccard",
    [METRIC_FAILURE] = "failure_rate",
    [METRIC_DICE] = "dice",
    [METRIC_MIOU8] = "miou8",
    [METRIC_AUC_MALIGNANT] = "auc_malignant",
    [METRIC_AUC_MEL] = "auc_mel",
    [METRIC_AUC_NV] = "auc_nv",
    [METRIC_AUC_BCC] = "auc_bcc",
    [METRIC_AUC_AKIEC] = "auc_akiec",
    [METRIC_AUC_BKL] = "auc_bkl",
    [METRIC_AUC_DF] = "auc_df",
    [METRIC_AUC_VASC] = "auc_vasc",
    [METRIC_SPECIFICITY] = "specificity_at_95_sensitivity",
    [METRIC_BALANCED] = "balanced_accuracy",
    [METRIC_BRIER] = "brier",
    [METRIC_NLL] = "nll",
    [METRIC_ECE] = "ece",
};

const char *metric_word(enum metric m)
{
    return words[m];
}

double metrics_malignant(const struct metrics_image *image)
{
    return image->scores[1] + image->scores[3] + image->scores[4];
}

int metrics_best_class(const struct metrics_image *image)
{
    int best = 1;

    for (int c = 2; c < METRICS_CLASSES; c++)
        if (image->scores[c] > image->scores[best])
            best = c;
    return best;
}

void metrics_release(struct metrics *m)
{
    free(m->images);
    *m = (struct metrics){0};
}

static int reserve(struct metrics *m, struct err *err)
{
    if (m->n < m->capacity)
        return 0;
    int capacity = m->capacity ? 2 * m->capacity : 256;
    struct metrics_image *grown = realloc(m->images, (size_t)capacity * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "metrics of %d images", capacity);
    m->images = grown;
    m->capacity = capacity;
    return 0;
}

int metrics_add(struct metrics *m, const struct metrics_case *image, struct err *err)
{
    int64_t both = 0, either = 0, sum = 0;

    if (image->truth < 1 || image->truth >= METRICS_CLASSES)
        return err_set(err, ERR_INPUT, "class %d is not within 1 to 7", image->truth);
    if (reserve(m, err))
        return -1;
    struct metrics_image *row = &m->images[m->n];
    *row = (struct metrics_image){.truth = image->truth};
    for (int64_t i = 0; i < (int64_t)image->w * image->h; i++) {
        int p = image->predicted[i] != 0, g = image->is_lesion[i] != 0;
        row->pixels[g][image->predicted[i]]++;
        both += p & g;
        either += p | g;
        sum += p + g;
    }
    row->jaccard = (double)both / (double)(either ? either : 1);
    row->dice = 2.0 * (double)both / (double)(sum ? sum : 1);
    for (int c = 1; c < METRICS_CLASSES; c++)
        row->scores[c] = image->scores[c];
    m->n++;
    return 0;
}

/* ---- figures of a choice of images ---- */

/* The images that figures are of. */
struct choice {
    const struct metrics *m;
    const int *rows; /* NULL: all */
    int n;
    struct metrics_ranked *ranked; /* n: scratch */
};

static const struct metrics_image *image_at(const struct choice *c, int i)
{
    return &c->m->images[c->rows ? c->rows[i] : i];
}

static double iou(int64_t hit, int64_t row, int64_t column)
{
    int64_t all = row + column - hit;

    return (double)hit / (double)(all ? all : 1);
}

static void count_pixels(const struct choice *c,
                         int64_t confusion[METRICS_CLASSES][METRICS_CLASSES])
{
    for (int i = 0; i < c->n; i++) {
        const struct metrics_image *image = image_at(c, i);
        for (int k = 0; k < METRICS_CLASSES; k++) {
            confusion[0][k] += image->pixels[0][k];
            confusion[image->truth][k] += image->pixels[1][k];
        }
    }
}

static double mean_iou8(const int64_t confusion[METRICS_CLASSES][METRICS_CLASSES])
{
    double sum = 0;

    for (int c = 0; c < METRICS_CLASSES; c++) {
        int64_t row = 0, column = 0;
        for (int k = 0; k < METRICS_CLASSES; k++) {
            row += confusion[c][k];
            column += confusion[k][c];
        }
        sum += iou(confusion[c][c], row, column);
    }
    return sum / METRICS_CLASSES;
}

/* All that counts pixels pooled over the images. */
static void pooled_figures(const struct choice *c, double out[METRIC_COUNT])
{
    int64_t confusion[METRICS_CLASSES][METRICS_CLASSES] = {0};

    count_pixels(c, confusion);
    int64_t bb = confusion[0][0], bl = 0, lb = 0, ll = 0;
    for (int k = 1; k < METRICS_CLASSES; k++) {
        bl += confusion[0][k];
        lb += confusion[k][0];
        for (int j = 1; j < METRICS_CLASSES; j++)
            ll += confusion[k][j];
    }
    out[METRIC_LESION_IOU] = iou(ll, ll + lb, ll + bl);
    out[METRIC_MIOU2] = (iou(bb, bb + bl, bb + lb) + out[METRIC_LESION_IOU]) / 2;
    out[METRIC_MIOU8] = mean_iou8(confusion);
}

/* All that are means over images. */
static void mean_figures(const struct choice *c, double out[METRIC_COUNT])
{
    double jaccard = 0, thresholded = 0, failures = 0, dice = 0, brier = 0, nll = 0;
    double n = c->n ? c->n : 1;

    for (int i = 0; i < c->n; i++) {
        const struct metrics_image *image = image_at(c, i);
        double miss = metrics_malignant(image) - class_is_malignant(image->truth);
        jaccard += image->jaccard;
        dice += image->dice;
        failures += image->jaccard < METRICS_FAILURE;
        thresholded += image->jaccard < METRICS_FAILURE ? 0 : image->jaccard;
        brier += miss * miss;
        nll -= log(fmax(image->scores[image->truth], SCORE_MIN));
    }
    out[METRIC_MEAN_JACCARD] = jaccard / n;
    out[METRIC_THRESHOLDED] = thresholded / n;
    out[METRIC_FAILURE] = failures / n;
    out[METRIC_DICE] = dice / n;
    out[METRIC_BRIER] = brier / n;
    out[METRIC_NLL] = nll / n;
}

static int by_score(const void *a, const void *b)
{
    double x = ((const struct metrics_ranked *)a)->score,
           y = ((const struct metrics_ranked *)b)->score;

    return (x > y) - (x < y);
}

double metrics_auc(struct metrics_ranked *all, int n)
{
    double positive_ranks = 0;
    int64_t positives = 0;

    qsort(all, (size_t)n, sizeof(*all), by_score);
    for (int i = 0; i < n;) {
        int end = i;
        while (end < n && all[end].score == all[i].score)
            end++;
        for (int k = i; k < end; k++)
            if (all[k].is_positive) {
                positive_ranks += (i + end - 1) / 2.0; /* mean rank of the tie */
                positives++;
            }
        i = end;
    }
    double pairs = (double)positives * (double)(n - positives);
    return pairs > 0 ? (positive_ranks - (double)positives * (double)(positives - 1) / 2) / pairs
                     : NAN;
}

/* `class` against all others; 0: malignant against benign. */
static double auc_of(const struct choice *c, int class)
{
    for (int i = 0; i < c->n; i++) {
        const struct metrics_image *image = image_at(c, i);
        c->ranked[i] = (struct metrics_ranked){
            class ? image->scores[class] : metrics_malignant(image),
            class ? image->truth == class : class_is_malignant(image->truth),
        };
    }
    return metrics_auc(c->ranked, c->n);
}

/* Specificity at the score that keeps 95 % of the malignant images: the score of the one at
 * floor(0.05 * malignant) in rising order, as the recorded figures have it. */
static double specificity_at_95(const struct choice *c)
{
    int malignant = 0, below = 0;

    for (int i = 0; i < c->n; i++)
        if (class_is_malignant(image_at(c, i)->truth))
            c->ranked[malignant++].score = metrics_malignant(image_at(c, i));
    if (!malignant || malignant == c->n)
        return NAN;
    qsort(c->ranked, (size_t)malignant, sizeof(*c->ranked), by_score);
    double threshold = c->ranked[malignant * 5 / 100].score;
    for (int i = 0; i < c->n; i++)
        if (!class_is_malignant(image_at(c, i)->truth) &&
            metrics_malignant(image_at(c, i)) < threshold)
            below++;
    return (double)below / (c->n - malignant);
}

static double balanced_accuracy(const struct choice *c)
{
    int count[METRICS_CLASSES] = {0}, right[METRICS_CLASSES] = {0}, seen = 0;
    double sum = 0;

    for (int i = 0; i < c->n; i++) {
        const struct metrics_image *image = image_at(c, i);
        count[image->truth]++;
        right[image->truth] += metrics_best_class(image) == image->truth;
    }
    for (int k = 1; k < METRICS_CLASSES; k++)
        if (count[k]) {
            sum += (double)right[k] / count[k];
            seen++;
        }
    return seen ? sum / seen : NAN;
}

static void fill_bins(const struct choice *c, struct metrics_bin bins[METRICS_BINS])
{
    for (int k = 0; k < METRICS_BINS; k++)
        bins[k] = (struct metrics_bin){0};
    for (int i = 0; i < c->n; i++) {
        const struct metrics_image *image = image_at(c, i);
        double score = metrics_malignant(image);
        int k = (int)fmin(fmax(score, 0) * METRICS_BINS, METRICS_BINS - 1); /* NAN: the first */
        bins[k].n++;
        bins[k].score += score;
        bins[k].share += class_is_malignant(image->truth);
    }
    for (int k = 0; k < METRICS_BINS; k++)
        if (bins[k].n) {
            bins[k].score /= bins[k].n;
            bins[k].share /= bins[k].n;
        }
}

void metrics_reliability(const struct metrics *m, struct metrics_bin bins[METRICS_BINS])
{
    fill_bins(&(struct choice){.m = m, .n = m->n}, bins);
}

static double calibration_error(const struct choice *c)
{
    struct metrics_bin bins[METRICS_BINS];
    double sum = 0;

    fill_bins(c, bins);
    for (int k = 0; k < METRICS_BINS; k++)
        sum += bins[k].n * fabs(bins[k].score - bins[k].share);
    return c->n ? sum / c->n : NAN;
}

enum {
    POOLED = 1 << METRIC_MIOU2 | 1 << METRIC_LESION_IOU | 1 << METRIC_MIOU8,
    MEANS = 1 << METRIC_MEAN_JACCARD | 1 << METRIC_THRESHOLDED | 1 << METRIC_FAILURE |
            1 << METRIC_DICE | 1 << METRIC_BRIER | 1 << METRIC_NLL,
};

static void ranked_figures(const struct choice *c, uint32_t wanted, double out[METRIC_COUNT])
{
    for (int class = 0; class < METRICS_CLASSES; class ++)
        if (wanted & 1U << (METRIC_AUC_MALIGNANT + class))
            out[METRIC_AUC_MALIGNANT + class] = auc_of(c, class);
    if (wanted & 1U << METRIC_SPECIFICITY)
        out[METRIC_SPECIFICITY] = specificity_at_95(c);
    if (wanted & 1U << METRIC_BALANCED)
        out[METRIC_BALANCED] = balanced_accuracy(c);
    if (wanted & 1U << METRIC_ECE)
        out[METRIC_ECE] = calibration_error(c);
}

int metrics_figures(const struct metrics *m, const int *rows, int n, uint32_t wanted,
                    double out[METRIC_COUNT], struct err *err)
{
    struct choice c = {.m = m, .rows = rows, .n = rows ? n : m->n};
    double own[METRIC_COUNT];

    c.ranked = calloc((size_t)c.n + 1, sizeof(*c.ranked));
    if (!c.ranked)
        return err_set(err, ERR_NOMEM, "figures of %d images", c.n);
    if (wanted & POOLED)
        pooled_figures(&c, own);
    if (wanted & MEANS)
        mean_figures(&c, own);
    ranked_figures(&c, wanted, own);
    for (int k = 0; k < METRIC_COUNT; k++)
        if (wanted & 1U << k)
            out[k] = own[k];
    free(c.ranked);
    return 0;
}

json_t *metrics_to_json(const struct metrics *m)
{
    double figures[METRIC_COUNT];
    struct err none = {0};
    json_t *object = NULL;

    if (metrics_figures(m, NULL, 0, METRICS_ALL, figures, &none))
        return NULL;
    object = json_object();
    json_put(&object, "n", json_integer(m->n));
    for (int k = 0; k < METRIC_COUNT; k++)
        if (k < METRIC_AUC_NV || k > METRIC_AUC_VASC) /* those stand with their classes */
            json_put(&object, metric_word((enum metric)k), json_rounded(figures[k], 4));
    return object;
}
