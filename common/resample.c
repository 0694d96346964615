#include "common/resample.h"

#include <math.h>
#include <string.h>

#include "common/random.h"

struct keyed {
    const char *key;
    int row, at; /* row number; place in the caller's list */
    int first;   /* place of the first row with this key */
};

static int by_key(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = strcmp(x->key, y->key);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static int by_first(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    int order = (x->first > y->first) - (x->first < y->first);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Rows of one lesion side by side, lesions in order of appearance. */
static void sort_by_lesion(struct keyed *all, int n)
{
    qsort(all, (size_t)n, sizeof(*all), by_key);
    for (int i = 0; i < n; i++)
        all[i].first =
            i && *all[i].key && !strcmp(all[i].key, all[i - 1].key) ? all[i - 1].first : all[i].at;
    qsort(all, (size_t)n, sizeof(*all), by_first);
}

/* Every group could be the largest one. */
int resampler_rows_max(const struct resampler *r)
{
    int largest = 0;

    for (int g = 0; g < r->n_groups; g++) {
        int size = r->starts[g + 1] - r->starts[g];
        largest = size > largest ? size : largest;
    }
    return r->n_groups * largest;
}

int resampler_init(struct resampler *r, const int *rows, int n, const char *const *keys,
                   uint64_t seed, struct err *err)
{
    struct keyed *all = calloc((size_t)n + 1, sizeof(*all));

    *r = (struct resampler){.n_rows = n, .seed = seed};
    r->members = calloc((size_t)n + 1, sizeof(*r->members));
    r->starts = calloc((size_t)n + 1, sizeof(*r->starts));
    if (!all || !r->members || !r->starts) {
        free(all);
        resampler_release(r);
        return err_set(err, ERR_NOMEM, "lesions of %d pictures", n);
    }
    for (int i = 0; i < n; i++) {
        int row = rows ? rows[i] : i;
        all[i] = (struct keyed){.key = keys[row] ? keys[row] : "", .row = row, .at = i};
    }
    sort_by_lesion(all, n);
    for (int i = 0; i < n; i++) {
        if (!i || all[i].first != all[i - 1].first)
            r->starts[r->n_groups++] = i;
        r->members[i] = all[i].row;
    }
    r->starts[r->n_groups] = n;
    free(all);
    r->drawn = calloc((size_t)resampler_rows_max(r) + 1, sizeof(*r->drawn));
    if (r->drawn)
        return 0;
    resampler_release(r);
    return err_set(err, ERR_NOMEM, "draws of %d pictures", n);
}

void resampler_release(struct resampler *r)
{
    free(r->members);
    free(r->starts);
    free(r->drawn);
    *r = (struct resampler){0};
}

int resampler_draw(struct resampler *r, uint32_t k)
{
    struct random random;
    int made = 0;

    random_begin(&random, r->seed, 0, k, RANDOM_LESIONS);
    for (int i = 0; i < r->n_groups; i++) {
        int g = random_below(&random, r->n_groups);
        for (int m = r->starts[g]; m < r->starts[g + 1]; m++)
            r->drawn[made++] = r->members[m];
    }
    return made;
}

static int numbers_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int n, double q)
{
    double at = q * (n - 1);
    int below = (int)floor(at), above = below + 1 < n ? below + 1 : below;

    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

struct interval interval_of(double *values, int n)
{
    int numbers = 0;

    qsort(values, (size_t)n, sizeof(*values), numbers_first);
    while (numbers < n && !isnan(values[numbers]))
        numbers++;
    if (!numbers)
        return (struct interval){NAN, NAN};
    return (struct interval){quantile(values, numbers, 0.025), quantile(values, numbers, 0.975)};
}

double resample_p(const double *differences, int n)
{
    int numbers = 0, up = 0, down = 0;

    for (int i = 0; i < n; i++) {
        numbers += !isnan(differences[i]);
        up += differences[i] >= 0;
        down += differences[i] <= 0;
    }
    return numbers ? fmin(1, 2.0 * (1 + (up < down ? up : down)) / (1 + numbers)) : NAN;
}
