#include "lesion/temperature.h"

#include <math.h>

#define SCORE_MIN 1e-9

enum { HALVINGS = 40 };

void temperature_apply(double classes[LESION_CLASSES], double temperature)
{
    double sum = 0, top = 0;

    for (int k = 1; k < LESION_CLASSES; k++) {
        sum += classes[k];
        top = fmax(top, classes[k]);
    }
    if (temperature == 1 || !(sum > 0))
        return; /* not one bit changes */
    sum = 0;
    for (int k = 1; k < LESION_CLASSES; k++) /* the best becomes 1: no underflow of all */
        sum += classes[k] = pow(fmax(classes[k], SCORE_MIN) / top, 1 / temperature);
    for (int k = 1; k < LESION_CLASSES; k++)
        classes[k] /= sum;
}

/* Derivative of one picture's negative log likelihood by beta = 1/T: the mean of the log scores under q,
 * less that of the right class. */
static double slope(const double *scores, int truth, double beta)
{
    double logs[LESION_CLASSES], top = -INFINITY, sum = 0, mean = 0;

    for (int k = 1; k < LESION_CLASSES; k++) {
        logs[k] = log(fmax(scores[k], SCORE_MIN));
        top = fmax(top, logs[k]);
    }
    for (int k = 1; k < LESION_CLASSES; k++) {
        double weight = exp(beta * (logs[k] - top));
        sum += weight;
        mean += weight * logs[k];
    }
    return mean / sum - logs[truth];
}

double temperature_fit(const double *scores, const int *truth, int n)
{
    double low = log(1 / TEMPERATURE_MAX), high = log(1 / TEMPERATURE_MIN);

    if (!n)
        return 1;
    for (int step = 0; step < HALVINGS; step++) {
        double middle = (low + high) / 2, sum = 0;
        for (int i = 0; i < n; i++)
            sum += slope(scores + (long)i * LESION_CLASSES, truth[i], exp(middle));
        if (sum > 0)
            high = middle;
        else
            low = middle;
    }
    return exp(-(low + high) / 2);
}
