/* loss.h -- what training makes small: a sum of losses over the three heads, and its gradient.
 *
 * Each head's logits are resized to the label's size (specification 1.7), a softmax makes
 * probabilities p of them, and
 *   total = sum over heads h, kinds k of head[h] * part[k] * loss_k(p of h).
 * Pixels labelled 255 (any label over 7) count nowhere. With N = n*h*w pixels, w_x the class weight of
 * pixel x (0 when ignored) and l_x = -log p_x[label]:
 *   cross-entropy  mean(w l) / (mean(w) + 1e-8)                                (specification 5.2)
 *   OHEM           the same over the pixels whose true class has p below max(threshold, the
 *                  kept-th smallest p of the batch), 1e-5 in place of 1e-8; all pixels when no more
 *                  than `kept` are valid; the choice carries no gradient        (specification 5.2)
 *   Dice           1 - mean over the batch's classes c of
 *                  (2 sum(p_c is_c) + 1) / (sum(p_c) + sum(is_c) + 1), sums over all valid pixels
 *                  (after Milletari, Navab, Ahmadi 2016)
 *   Lovasz         Lovasz-softmax, mean over an image's classes, then over images (Berman, Triki,
 *                  Blaschko 2018)
 * Classes are "the batch's" or "the image's" when a label has them. The same input and any number of
 * threads give the same bits. A struct loss belongs to one thread and uses `threads` while it runs. */
#ifndef TRAIN_LOSS_H
#define TRAIN_LOSS_H

#include <stdint.h>

#include "common/err.h"
#include "engine/learn.h"

enum { LOSS_CLASSES = 8, LOSS_IGNORED = 255 };
enum loss_kind { LOSS_ENTROPY, LOSS_OHEM, LOSS_DICE, LOSS_LOVASZ, LOSS_KINDS };

struct loss_config {
    double part[LOSS_KINDS];  /* not negative, not all 0 */
    double head[LEARN_HEADS]; /* not negative */
    float class_weight[LOSS_CLASSES];
    double ohem_threshold; /* of the true class's probability */
    double ohem_kept;      /* at least this share of the batch's pixels, 0 to 1 */
    int threads;           /* at least 1 */
};

/* "ce", "ohem", "dice", "lovasz" and sums such as "ce+dice:0.5". ERR_CONFIG names the word. */
int loss_parse(double part[LOSS_KINDS], const char *text, struct err *err);

/* `count` numbers of at least 0 with commas between them; `what` names them in the error. */
int loss_parse_list(double *out, int count, const char *text, const char *what, struct err *err);

struct loss_batch {
    const uint8_t *labels; /* n,h,w: 0..7, 255 */
    int n, h, w;
};

struct loss_result {
    double total;
    double head[LEARN_HEADS]; /* of each head, before its coefficient */
};

struct loss;

int loss_open(struct loss **out, const struct loss_config *config, struct err *err);
void loss_close(struct loss *l); /* NULL is fine */

/* The value, and the gradients of `total` times `scale` into heads[].gradient (overwritten). A NaN or
 * an infinity among the logits makes a total that is one. ERR_NOMEM. */
int loss_run(struct loss *l, const struct loss_batch *batch, double scale,
             const struct learn_head heads[LEARN_HEADS], struct loss_result *out, struct err *err);

#endif
