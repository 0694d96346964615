#include "tests/engine/recorded.h"

#include <math.h>

#include "engine/engine.h"

/* Where pixel `i` of `n` lies among `in` values, centres on centres, held at the edges. */
static double place_of(int i, int n, size_t in, size_t *lo, size_t *hi)
{
    double at = fmax(((double)i + 0.5) * (double)in / (double)n - 0.5, 0);

    *lo = (size_t)at;
    *hi = *lo + 1 < in ? *lo + 1 : *lo;
    return at - (double)*lo;
}

/* The highest of classes `first` to 7. */
static uint8_t highest(const double logits[ENGINE_CLASSES], uint8_t first)
{
    uint8_t best = first;

    for (uint8_t c = first; c < ENGINE_CLASSES; c++)
        best = logits[c] > logits[best] ? c : best;
    return best;
}

/* The label that engine.h promises. */
static uint8_t label_of(const double logits[ENGINE_CLASSES])
{
    double lesion = 0;

    for (int c = 1; c < ENGINE_CLASSES; c++)
        lesion += exp(logits[c] - logits[0]);
    return lesion > 1 ? highest(logits, 1) : 0;
}

struct recorded_labels recorded_labels_at(const struct npy *logits, int h, int w, int y, int x)
{
    size_t rows = (size_t)logits->shape[2], columns = (size_t)logits->shape[3], up, down, left,
           right;
    double fy = place_of(y, h, rows, &up, &down), fx = place_of(x, w, columns, &left, &right);
    double at[ENGINE_CLASSES];

    for (size_t c = 0; c < ENGINE_CLASSES; c++) {
        const size_t row[2] = {(c * rows + up) * columns, (c * rows + down) * columns};
        double value[2];
        for (int k = 0; k < 2; k++)
            value[k] = (1 - fx) * npy_value(logits, row[k] + left) +
                       fx * npy_value(logits, row[k] + right);
        at[c] = (1 - fy) * value[0] + fy * value[1];
    }
    return (struct recorded_labels){label_of(at), highest(at, 0)};
}
