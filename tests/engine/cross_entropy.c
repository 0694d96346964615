#include "tests/engine/cross_entropy.h"

#include <math.h>
#include <string.h>

#include "engine/network.h"

enum { CLASSES = 8 };

/* One bilinear value: four places of a head's map and their shares. */
struct corners {
    size_t at[4]; /* of class 0 */
    double share[4];
};

static struct corners corners_of(const struct cross_entropy *c, int image, int y, int x)
{
    int row[2], column[2];
    double fy = resize_tap(c->head_h, c->h, y, &row[0], &row[1]);
    double fx = resize_tap(c->head_w, c->w, x, &column[0], &column[1]);
    struct corners k;

    for (int i = 0; i < 4; i++) {
        size_t r = (size_t)image * (size_t)c->head_h + (size_t)row[i / 2];
        k.at[i] = (r * (size_t)c->head_w + (size_t)column[i % 2]) * CLASSES;
        k.share[i] = (i / 2 ? fy : 1 - fy) * (i % 2 ? fx : 1 - fx);
    }
    return k;
}

/* The loss of one pixel; its gradient times `weight` goes to `gradient`. */
static double pixel_loss(const struct corners *k, int label, double weight, const double *logits,
                         double *gradient)
{
    double z[CLASSES] = {0}, top = -INFINITY, sum = 0;

    for (int i = 0; i < 4; i++)
        for (int c = 0; c < CLASSES; c++)
            z[c] += logits[k->at[i] + (size_t)c] * k->share[i];
    for (int c = 0; c < CLASSES; c++)
        top = fmax(top, z[c]);
    for (int c = 0; c < CLASSES; c++)
        sum += exp(z[c] - top);
    for (int i = 0; i < 4 && gradient; i++)
        for (int c = 0; c < CLASSES; c++)
            gradient[k->at[i] + (size_t)c] +=
                (exp(z[c] - top) / sum - (c == label)) * k->share[i] * weight;
    return log(sum) + top - z[label];
}

double cross_entropy(const struct cross_entropy *c, const double *logits, double *gradient)
{
    size_t count = 0, pixels = (size_t)c->h * (size_t)c->w;
    double loss = 0;

    for (size_t i = 0; i < (size_t)c->n * pixels; i++)
        count += c->labels[i] != LABEL_IGNORED;
    if (gradient)
        memset(gradient, 0,
               (size_t)c->n * (size_t)c->head_h * (size_t)c->head_w * CLASSES * sizeof(double));
    for (size_t i = 0; i < (size_t)c->n * pixels; i++) {
        if (c->labels[i] == LABEL_IGNORED)
            continue;
        int p = (int)(i % pixels);
        struct corners k = corners_of(c, (int)(i / pixels), p / c->w, p % c->w);
        loss += pixel_loss(&k, c->labels[i], 1 / (double)count, logits, gradient) / (double)count;
    }
    return loss;
}
