#include "dataset/roc.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

struct scored {
    double score;
    uint8_t is_positive;
    int at; /* place in the caller's list */
};

static int by_score(const void *a, const void *b)
{
    double x = ((const struct scored *)a)->score, y = ((const struct scored *)b)->score;

    return (x > y) - (x < y);
}

static struct scored *sorted(const double *scores, const uint8_t *is_positive, int n,
                             struct err *err)
{
    struct scored *all = calloc((size_t)n + 1, sizeof(*all));

    if (!all) {
        err_set(err, ERR_NOMEM, "scores of %d pictures", n);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        all[i] = (struct scored){scores[i], is_positive[i] != 0, i};
    qsort(all, (size_t)n, sizeof(*all), by_score);
    return all;
}

static int count_positive(const uint8_t *is_positive, int n)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        count += is_positive[i] != 0;
    return count;
}

int roc_curve(const double *scores, const uint8_t *is_positive, int n, struct roc_point *out,
              struct err *err)
{
    int positives = count_positive(is_positive, n), negatives = n - positives;
    int hits = 0, alarms = 0, made = 0;

    if (!positives || !negatives)
        return 0;
    struct scored *all = sorted(scores, is_positive, n, err);
    if (!all)
        return -1;
    out[made++] = (struct roc_point){INFINITY, 0, 0};
    for (int i = n - 1; i >= 0; i--) {
        hits += all[i].is_positive;
        alarms += !all[i].is_positive;
        if (i == 0 || all[i - 1].score != all[i].score)
            out[made++] = (struct roc_point){all[i].score, (double)alarms / negatives,
                                             (double)hits / positives};
    }
    free(all);
    return made;
}

/* What each picture adds to the area: of a positive the share of negatives below it, of a negative the
 * share of positives above it (a tie counts half). */
static int placements(const double *scores, const uint8_t *is_positive, int n, double *out,
                      struct err *err)
{
    struct scored *all = sorted(scores, is_positive, n, err);
    int positives = count_positive(is_positive, n),
        seen[2] = {0, 0}; /* negatives, positives below */

    if (!all)
        return -1;
    for (int i = 0; i < n;) {
        int end = i, tied[2] = {0, 0};
        for (; end < n && all[end].score == all[i].score; end++)
            tied[all[end].is_positive]++;
        for (; i < end; i++)
            out[all[i].at] = all[i].is_positive
                                 ? (seen[0] + tied[0] / 2.0) / (n - positives)
                                 : (positives - seen[1] - tied[1] + tied[1] / 2.0) / positives;
        seen[0] += tied[0];
        seen[1] += tied[1];
    }
    free(all);
    return 0;
}

static double mean_of(const double *values, const uint8_t *is_positive, int n, bool of_positive)
{
    double sum = 0;
    int count = 0;

    for (int i = 0; i < n; i++)
        if ((is_positive[i] != 0) == of_positive) {
            sum += values[i];
            count++;
        }
    return sum / count;
}

/* Variance of the area whose placements are `v`: of the positives' over their number plus of the
 * negatives' over theirs. */
static double area_variance(const double *v, const uint8_t *is_positive, int n)
{
    double variance = 0;

    for (int kind = 0; kind < 2; kind++) {
        double mean = mean_of(v, is_positive, n, kind), sum = 0;
        int count = 0;
        for (int i = 0; i < n; i++)
            if ((is_positive[i] != 0) == kind) {
                sum += (v[i] - mean) * (v[i] - mean);
                count++;
            }
        variance += count > 1 ? sum / (count - 1) / count : NAN;
    }
    return variance;
}

static struct roc_area area_of(const double *v, const uint8_t *is_positive, int n)
{
    return (struct roc_area){mean_of(v, is_positive, n, true),
                             sqrt(area_variance(v, is_positive, n))};
}

int roc_delong(struct roc_pair *out, const double *a, const double *b, const uint8_t *is_positive,
               int n, struct err *err)
{
    int positives = count_positive(is_positive, n);
    double *v = calloc((size_t)n + 1, 2 * sizeof(*v));

    *out = (struct roc_pair){
        {NAN, NAN},
        {NAN, NAN},
        NAN
    };
    if (!v)
        return err_set(err, ERR_NOMEM, "areas of %d pictures", n);
    double *w = v + n;
    if (positives && positives < n) {
        if (placements(a, is_positive, n, v, err) || placements(b, is_positive, n, w, err)) {
            free(v);
            return -1;
        }
        out->a = area_of(v, is_positive, n);
        out->b = area_of(w, is_positive, n);
        for (int i = 0; i < n; i++)
            v[i] -= w[i]; /* its variance has the covariance in it */
        out->difference_error = sqrt(area_variance(v, is_positive, n));
    }
    free(v);
    return 0;
}
