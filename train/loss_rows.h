/* loss_rows.h -- the loss's arithmetic on one row of pixels: planes of 8 classes, `w` wide.
 *
 * A plane row is `float x[8][w]`: class after class. All loops are built per processor (common/wide.h)
 * and give the same bits everywhere. Pointers do not overlap. */
#ifndef TRAIN_LOSS_ROWS_H
#define TRAIN_LOSS_ROWS_H

#include <stdint.h>

enum { ROW_CLASSES = 8 };

/* out = upper*(1 - f) + lower*f, over all planes. */
void row_between(float *out, const float *upper, const float *lower, float f, int w);

/* What the labels of a row say: is[c][x] is 1 where label x is c, else 0; `weight` is the class's, 0
 * where the label is none of 0..7 (255: ignored). */
void row_labels(float *is, float *weight, const uint8_t *labels,
                const float class_weight[ROW_CLASSES], int w);

/* In place: logits become softmax probabilities. `loss` receives -log of the true class's probability
 * (0 where no class is true), `scratch` is 2*w. */
void row_softmax(float *z, float *loss, const float *is, float *scratch, int w);

/* out = weight*(p - is): the gradient of the weighted cross-entropy by the logits. */
void row_entropy(float *out, const float *p, const float *is, const float *weight, int w);

/* out += p*(dp - sum over classes of p*dp): from a gradient by the probabilities to one by the
 * logits. `scratch` is w. */
void row_chain(float *out, const float *p, const float *dp, float *scratch, int w);

/* upper += g*(1 - f), lower += g*f: the other way round of row_between. */
void row_spread(float *upper, float *lower, const float *g, float f, int w);

/* upper += g, for a row that is not blended with another. */
void row_add(float *upper, const float *g, int w);

/* Sum of a*b. */
double row_dot(const float *a, const float *b, int w);

#endif
