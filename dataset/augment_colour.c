#include "dataset/augment_colour.h"

#include <math.h>
#include <string.h>

#include "common/wide.h"

enum { PARTS = 16, ENTRY_MAX = 680 * PARTS }; /* three of them fit into 16 bits */

void colour_mean(float mean[3], const uint8_t *rgb, int w, int h)
{
    uint64_t sums[3] = {0};
    size_t row = 3 * (size_t)w;
    int rows = (h + 3) / 4;

    for (int j = 0; j < h; j += 4)
        for (size_t i = 0; i < row; i += 3)
            for (size_t c = 0; c < 3; c++)
                sums[c] += rgb[(size_t)j * row + i + c];
    for (int c = 0; c < 3; c++)
        mean[c] = (float)sums[c] / ((float)rows * (float)w);
}

static float curve(float value, float gamma)
{
    return gamma > 0 && gamma != 1 ? 255 * powf(value / 255, gamma) : value;
}

static int16_t entry(float levels)
{
    float parts = roundf(levels * PARTS);

    return (int16_t)(parts > ENTRY_MAX ? ENTRY_MAX : parts < -ENTRY_MAX ? -ENTRY_MAX : parts);
}

void colour_make(struct colour_tables *t, const struct augment_plan *plan, const float mean[3])
{
    float factor = 1 + plan->contrast, added[3];

    for (int i = 0; i < 3; i++) {
        const float *m = plan->matrix[i];
        float pivot = 255 * m[3];
        for (int c = 0; c < 3; c++)
            pivot += m[c] * curve(mean[c], plan->gamma);
        added[i] = factor * 255 * m[3] - plan->contrast * pivot;
    }
    memset(t, 0, sizeof(*t));
    for (int v = 0; v < 256; v++) {
        float here = factor * curve((float)v, plan->gamma);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 3; i++)
                t->of[c][v][i] = entry(plan->matrix[i][c] * here + (c ? 0 : added[i]));
    }
}

typedef int16_t shorts4 __attribute__((vector_size(8)));
typedef uint8_t bytes4 __attribute__((vector_size(4)));

static inline void load(shorts4 *out, const int16_t *at)
{
    memcpy(out, at, sizeof(*out));
}

WIDE void colour_apply(uint8_t *rgb, size_t n, const struct colour_tables *t)
{
    for (size_t i = 0; i < n; i++, rgb += 3) {
        shorts4 r, g, b;
        load(&r, t->of[0][rgb[0]]);
        load(&g, t->of[1][rgb[1]]);
        load(&b, t->of[2][rgb[2]]);
        r = (r + g + b + PARTS / 2) >> 4;
        r &= ~(r >> 15);      /* below 0: 0 */
        r |= (255 - r) >> 15; /* over 255: all bits, of which the lower eight stay */
        bytes4 out = __builtin_convertvector(r, bytes4);
        memcpy(rgb, &out, 3);
    }
}
