/* teacher.h -- learning from another model's answers beside the labels (distillation).
 *
 * With p the softmax of head 0's logits and q that of the teacher's at the same pixels of an eighth of the
 * picture, N of them in the batch:
 *   value = mean over N of sum over classes q log(q / p)       (Hinton, Vinyals, Dean 2015, temperature 1)
 * Its gradient by a logit is (p - q) / N. The teacher sees the batch as it will screen: running
 * statistics, the fastest precision that its card allows here. Pixels without a label count too: the
 * teacher knows what they show. A struct teacher belongs to one thread. */
#ifndef TRAIN_TEACHER_H
#define TRAIN_TEACHER_H

#include "common/settings.h"
#include "engine/learn.h"

struct teacher;

/* `model` is a model folder. Computes on a CPU's `threads` cores, or where `s` says. ERR_CONFIG. */
int teacher_open(struct teacher **out, const char *model, const struct settings *s, int threads,
                 struct err *err);
void teacher_close(struct teacher *t);               /* NULL is fine */
const char *teacher_sha256(const struct teacher *t); /* of its weights; lives as long as it */

/* Adds the gradient times `scale` to head->gradient, and the value to *value. ERR_NOMEM, ERR_DEVICE. */
int teacher_add(struct teacher *t, const struct learn_batch *batch, double scale,
                const struct learn_head *head, double *value, struct err *err);

/* What teacher_add does for `pixels` pixels of one image of a batch of `count` pixels; logits are
 * pixels,8. Returns the image's share of the value. */
double teacher_pull(const float *teacher, const float *student, float *gradient, int pixels,
                    double count, double scale);

#endif
