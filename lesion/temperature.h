/* temperature.h -- class scores that mean what they say: temperature scaling.
 *
 * Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks (ICML 2017), with the log of
 * the seven class scores p (lesion_scores; at least 1e-9) in the place of logits:
 *     q_k = p_k^(1/T) / sum over j of p_j^(1/T),   k = 1..7
 * T > 1 flattens, T < 1 sharpens, 1 changes nothing; the order of an image's classes stays. T is the one
 * that makes the negative log likelihood of the diagnoses least; that is convex in 1/T, so there is one.
 * It is chosen after the means and not inside the network's softmax: outline, confidence and `--size auto`
 * stay as they are, and the engine knows nothing of it. Where a model has a policy of version 2 (policy.h)
 * all that people see is after it: classes and malignant probability of results and reports, and the
 * figures of `eval`. */
#ifndef LESION_TEMPERATURE_H
#define LESION_TEMPERATURE_H

#include "lesion/measure.h"

#define TEMPERATURE_MIN 0.05
#define TEMPERATURE_MAX 20.0

/* classes[1..7], sum 1; scores that are no numbers stay so. */
void temperature_apply(double classes[LESION_CLASSES], double temperature);

/* `scores` is n,LESION_CLASSES; truth[i] is 1..7. Within the limits above; 1 when n is 0. */
double temperature_fit(const double *scores, const int *truth, int n);

#endif
