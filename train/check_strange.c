/* How far a picture lies from the others, by figures that anybody can check with a glance. */
#include <math.h>
#include <stdlib.h>

#include "train/check_set.h"

enum feature { RED, GREEN, BLUE, SPREAD, SHARPNESS, CORNERS, ASPECT, LESION };

static const char *const feature_words[CHECK_FEATURES] = {"red",       "green",
                                                          "blue",      "contrast",
                                                          "sharpness", "light at the corners",
                                                          "shape",     "size of the lesion"};

const char *check_feature_word(int feature)
{
    return feature_words[feature];
}

static double grey(const uint8_t *p)
{
    return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
}

/* Of the field: small, and the means of whole pixels. */
static void measure_greys(struct check_row *row, const struct picture *p)
{
    double sum = 0, squares = 0, steps = 0, corners = 0;
    int n = p->w * p->h, n_corners = 0, edge_x = p->w / 8 + 1, edge_y = p->h / 8 + 1;

    for (int y = 0; y < p->h; y++)
        for (int x = 0; x < p->w; x++) {
            const uint8_t *at = p->rgb + 3 * ((size_t)y * (size_t)p->w + (size_t)x);
            double g = grey(at);
            sum += g;
            squares += g * g;
            steps += x ? fabs(g - grey(at - 3)) : 0;
            if ((x < edge_x || x >= p->w - edge_x) && (y < edge_y || y >= p->h - edge_y)) {
                corners += g;
                n_corners++;
            }
        }
    double mean = sum / n;
    row->feature[SPREAD] = sqrt(fmax(squares / n - mean * mean, 0));
    row->feature[SHARPNESS] = log(steps / n + 0.1);
    row->feature[CORNERS] = corners / n_corners - mean;
}

void check_measure(struct check_row *row, const struct decoded *d)
{
    const struct picture *p = &d->field;
    double sums[3] = {0};
    size_t n = (size_t)p->w * (size_t)p->h;

    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            sums[k] += p->rgb[3 * i + (size_t)k];
    for (int k = 0; k < 3; k++)
        row->feature[RED + k] = sums[k] / (double)n;
    measure_greys(row, p);
    row->feature[ASPECT] = log((double)d->width / d->height);
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof(*values), compare_numbers);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Median, and 1.4826 times the median distance from it: a standard deviation that a few strange ones do
 * not move. A floor keeps a feature that is nearly always the same from deciding alone. */
static void add_feature(struct check_set *c, int k, double *values)
{
    static const double floors[CHECK_FEATURES] = {8, 8, 8, 4, 0.15, 6, 0.15, 0.4};
    int n = 0;

    for (int i = 0; i < c->table.n_rows; i++)
        if (c->rows[i].has_image && c->rows[i].has_mask)
            values[n++] = c->rows[i].feature[k];
    if (!n)
        return;
    double middle = median(values, n);
    for (int i = 0; i < n; i++)
        values[i] = fabs(values[i] - middle);
    double spread = fmax(1.4826 * median(values, n), floors[k]);
    for (int i = 0; i < c->table.n_rows; i++) {
        struct check_row *row = &c->rows[i];
        double z = fabs(row->feature[k] - middle) / spread;
        if (!row->has_image || !row->has_mask)
            continue;
        row->strangeness += z * z;
        row->feature[k] = (row->feature[k] - middle) / spread;
        if (z > fabs(row->feature[row->strangest]) || k == 0)
            row->strangest = k;
    }
}

int check_strangeness(struct check_set *c, struct err *err)
{
    double *values = calloc((size_t)c->table.n_rows + 1, sizeof(*values));

    if (!values)
        return err_set(err, ERR_NOMEM, "%d figures", c->table.n_rows);
    for (int i = 0; i < c->table.n_rows; i++)
        c->rows[i].feature[LESION] = log(fmax(c->rows[i].fraction, 1e-5));
    for (int k = 0; k < CHECK_FEATURES; k++)
        add_feature(c, k, values);
    free(values);
    return 0;
}
