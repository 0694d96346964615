#include "dataset/sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/classes.h"
#include "common/random.h"

static const char *const rules[] = {
    [SAMPLING_UNIFORM] = "uniform", [SAMPLING_ROOT] = "root", [SAMPLING_EVEN] = "even"};

int sampling_rule_of(enum sampling_rule *out, const char *word, struct err *err)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (!strcmp(rules[i], word)) {
            *out = (enum sampling_rule)i;
            return 0;
        }
    return err_set(err, ERR_CONFIG,
                   "no way to balance classes \"%.32s\"; there is uniform, root, even", word);
}

void sampling_weights(float *weights, enum sampling_rule rule, const int *classes, int n)
{
    int count[CLASS_COUNT] = {0};
    double sum = 0;

    for (int i = 0; i < n; i++)
        count[classes[i]]++;
    for (int i = 0; i < n; i++) {
        double of_class = count[classes[i]];
        weights[i] = rule == SAMPLING_UNIFORM
                         ? 1
                         : (float)(rule == SAMPLING_ROOT ? 1 / sqrt(of_class) : 1 / of_class);
        sum += (double)weights[i];
    }
    for (int i = 0; i < n; i++)
        weights[i] = (float)((double)weights[i] * n / sum);
}

static int check(const float *weights, int n, double *sum, struct err *err)
{
    *sum = 0;
    for (int i = 0; i < n; i++) {
        if (!isfinite(weights[i]) || weights[i] < 0)
            return err_set(err, ERR_CONFIG, "weight %g of picture %d: not a number from 0 up",
                           (double)weights[i], i);
        *sum += (double)weights[i];
    }
    return *sum > 0 ? 0 : err_set(err, ERR_CONFIG, "weights of %d pictures are all 0", n);
}

/* Picture i holds the part of the line 0..n that its weight makes; the places are the points at
 * offset, offset + 1, ... on it. */
static void deal_out(int *order, const float *weights, int n, double sum, double offset)
{
    double end = 0;
    int place = 0;

    for (int i = 0; i < n; i++) {
        end += (double)weights[i] * n / sum;
        for (; place < n && (double)place + offset < end; place++)
            order[place] = i;
    }
    for (; place < n; place++) /* what rounding left over */
        order[place] = place ? order[place - 1] : 0;
}

int sampling_order(int *order, const float *weights, int n, uint64_t seed, uint32_t epoch,
                   struct err *err)
{
    struct random r;
    double sum = 0;

    if (weights && check(weights, n, &sum, err))
        return -1;
    random_begin(&r, seed, epoch, 0, RANDOM_ORDER);
    double offset = (double)random_between(&r, 0, 1);
    for (int i = 0; i < n; i++)
        order[i] = i;
    if (weights)
        deal_out(order, weights, n, sum, offset);
    for (int i = n - 1; i > 0; i--) { /* Fisher and Yates */
        int k = random_below(&r, i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    return 0;
}
