#include "dataset/metrics.h"

#include <math.h>

#include "common/classes.h"

static double malignant_score(const struct metrics_image *image)
{
    return image->scores[1] + image->scores[3] + image->scores[4];
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
    for (int64_t i = 0; i < (int64_t)image->w * image->h; i++) {
        int p = image->predicted[i] != 0, g = image->is_lesion[i] != 0;
        m->confusion[g ? image->truth : 0][image->predicted[i]]++;
        both += p & g;
        either += p | g;
        sum += p + g;
    }
    struct metrics_image *row = &m->images[m->n++];
    *row = (struct metrics_image){
        .truth = image->truth,
        .jaccard = (double)both / (double)(either ? either : 1),
        .dice = 2.0 * (double)both / (double)(sum ? sum : 1),
    };
    for (int c = 1; c < METRICS_CLASSES; c++)
        row->scores[c] = image->scores[c];
    return 0;
}

static double iou(int64_t hit, int64_t row, int64_t column)
{
    int64_t all = row + column - hit;

    return (double)hit / (double)(all ? all : 1);
}

static double mean_iou8(const struct metrics *m)
{
    double sum = 0;

    for (int c = 0; c < METRICS_CLASSES; c++) {
        int64_t row = 0, column = 0;
        for (int k = 0; k < METRICS_CLASSES; k++) {
            row += m->confusion[c][k];
            column += m->confusion[k][c];
        }
        sum += iou(m->confusion[c][c], row, column);
    }
    return sum / METRICS_CLASSES;
}

/* IoU of background and of lesion, whatever its class, pooled over all pixels. */
static void iou2(const struct metrics *m, double *background, double *lesion)
{
    int64_t bb = m->confusion[0][0], bl = 0, lb = 0, ll = 0;

    for (int c = 1; c < METRICS_CLASSES; c++) {
        bl += m->confusion[0][c];
        lb += m->confusion[c][0];
        for (int k = 1; k < METRICS_CLASSES; k++)
            ll += m->confusion[c][k];
    }
    *background = iou(bb, bb + bl, bb + lb);
    *lesion = iou(ll, ll + lb, ll + bl);
}

struct ranked {
    double score;
    uint8_t is_positive;
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;

    return (x > y) - (x < y);
}

double metrics_auc(const double *scores, const uint8_t *is_positive, int n)
{
    struct ranked *all = calloc((size_t)n + 1, sizeof(*all));
    double positive_ranks = 0;
    int64_t positives = 0;

    if (!all)
        return NAN;
    for (int i = 0; i < n; i++)
        all[i] = (struct ranked){scores[i], is_positive[i]};
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
    free(all);
    double pairs = (double)positives * (double)(n - positives);
    return pairs > 0 ? (positive_ranks - (double)positives * (double)(positives - 1) / 2) / pairs
                     : NAN;
}

static double auc_of(const struct metrics *m, bool melanoma_only)
{
    double *scores = calloc((size_t)m->n + 1, sizeof(*scores));
    uint8_t *positive = calloc((size_t)m->n + 1, 1);
    double auc = NAN;

    for (int i = 0; scores && positive && i < m->n; i++) {
        const struct metrics_image *image = &m->images[i];
        scores[i] = melanoma_only ? image->scores[1] : malignant_score(image);
        positive[i] = melanoma_only ? image->truth == 1 : class_is_malignant(image->truth);
    }
    if (scores && positive)
        auc = metrics_auc(scores, positive, m->n);
    free(scores);
    free(positive);
    return auc;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Specificity at the score that keeps 95 % of the malignant images: the score of the one at
 * floor(0.05 * malignant) in rising order, as the recorded figures have it. */
static double specificity_at_95(const struct metrics *m)
{
    double *scores = calloc((size_t)m->n + 1, sizeof(*scores));
    int malignant = 0, below = 0;

    if (!scores)
        return NAN;
    for (int i = 0; i < m->n; i++)
        if (class_is_malignant(m->images[i].truth))
            scores[malignant++] = malignant_score(&m->images[i]);
    qsort(scores, (size_t)malignant, sizeof(*scores), by_value);
    double threshold = malignant ? scores[malignant * 5 / 100] : 0;
    for (int i = 0; i < m->n; i++)
        if (!class_is_malignant(m->images[i].truth) && malignant_score(&m->images[i]) < threshold)
            below++;
    free(scores);
    return malignant < m->n ? (double)below / (m->n - malignant) : NAN;
}

static int best_class(const struct metrics_image *image)
{
    int best = 1;

    for (int c = 2; c < METRICS_CLASSES; c++)
        if (image->scores[c] > image->scores[best])
            best = c;
    return best;
}

static double balanced_accuracy(const struct metrics *m)
{
    int count[METRICS_CLASSES] = {0}, right[METRICS_CLASSES] = {0}, seen = 0;
    double sum = 0;

    for (int i = 0; i < m->n; i++) {
        count[m->images[i].truth]++;
        right[m->images[i].truth] += best_class(&m->images[i]) == m->images[i].truth;
    }
    for (int c = 1; c < METRICS_CLASSES; c++)
        if (count[c]) {
            sum += (double)right[c] / count[c];
            seen++;
        }
    return seen ? sum / seen : NAN;
}

json_t *metrics_to_json(const struct metrics *m)
{
    double jaccard = 0, thresholded = 0, failures = 0, dice = 0, background, lesion;
    double n = m->n ? m->n : 1;

    for (int i = 0; i < m->n; i++) {
        const struct metrics_image *image = &m->images[i];
        jaccard += image->jaccard;
        dice += image->dice;
        failures += image->jaccard < METRICS_FAILURE;
        thresholded += image->jaccard < METRICS_FAILURE ? 0 : image->jaccard;
    }
    iou2(m, &background, &lesion);
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "n", m->n,
                     "miou2", json_rounded((background + lesion) / 2, 4), "lesion_iou",
                     json_rounded(lesion, 4), "mean_jaccard", json_rounded(jaccard / n, 4),
                     "thresholded_jaccard", json_rounded(thresholded / n, 4), "failure_rate",
                     json_rounded(failures / n, 4), "dice", json_rounded(dice / n, 4), "miou8",
                     json_rounded(mean_iou8(m), 4), "auc_malignant",
                     json_rounded(auc_of(m, false), 4), "auc_mel", json_rounded(auc_of(m, true), 4),
                     "specificity_at_95_sensitivity", json_rounded(specificity_at_95(m), 4),
                     "balanced_accuracy", json_rounded(balanced_accuracy(m), 4));
}
