#include "common/shrink.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/wide.h"

enum { REACH = 1 }; /* four sums are loaded for each pixel's three */

size_t shrink_sums(int w)
{
    return (size_t)w * 3 + REACH;
}

int shrink_side(int length, int longest, int side)
{
    if (longest <= side)
        return length;
    int made = (int)lround((double)length * side / longest);
    return made > 0 ? made : 1;
}

/* First row that new row `i` does not cover any more. */
static int end_of(const struct shrink *s, int i)
{
    int64_t last = s->is_mirrored_y ? s->to_h - 1 : 0;

    return (int)(((int64_t)(i + 1) * s->h + last) / s->to_h);
}

WIDE static void sums_set(uint32_t *restrict sums, const uint8_t *restrict row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] = row[i];
}

WIDE static void sums_add(uint32_t *restrict sums, const uint8_t *restrict row, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sums[i] += row[i];
}

typedef uint32_t sums4 __attribute__((vector_size(16)));
typedef int32_t levels4 __attribute__((vector_size(16)));
typedef float means4 __attribute__((vector_size(16)));
typedef uint8_t bytes4 __attribute__((vector_size(4)));

/* Through a pointer: how a vector is returned depends on the processor compiled for. */
static inline void add_pixel(sums4 *total, const uint32_t *sums)
{
    sums4 s;

    memcpy(&s, sums, sizeof(s));
    *total += s;
}

/* A new pixel is `least` or one more columns wide. The rest of the division goes along from one to
 * the next, as a division for each would cost more than its mean. */
static inline void means_of(uint8_t *restrict out, const struct shrink *s, int rows, int least,
                            int step)
{
    const uint32_t *sums = s->sums;
    const float share[] = {1.0f / (float)(least * rows), 1.0f / (float)((least + 1) * rows)};
    int to = s->to_w, rest = s->is_mirrored_x ? to - 1 : 0;

    for (int x = 0; x < to; x++, out += 3) {
        int is_wider = (rest += step) >= to;
        sums4 total = {0};
        for (int k = least + is_wider; k; k--, sums += 3)
            add_pixel(&total, sums);
        rest -= is_wider ? to : 0;
        means4 mean = __builtin_convertvector((levels4)total, means4) * share[is_wider] + 0.5f;
        bytes4 bytes = __builtin_convertvector(__builtin_convertvector(mean, levels4), bytes4);
        memcpy(out, &bytes, x + 1 < to ? 4 : 3);
    }
}

/* Half the size is what most pictures need: known beforehand, the loop has no branches. */
WIDE static void means_make(uint8_t *restrict out, const struct shrink *s, int rows)
{
    if (s->w == 2 * s->to_w)
        means_of(out, s, rows, 2, 0);
    else
        means_of(out, s, rows, s->w / s->to_w, s->w % s->to_w);
}

bool shrink_push(struct shrink *s, const uint8_t *restrict rgb, uint8_t *restrict out)
{
    size_t n = (size_t)s->w * 3;

    assert(s->row < s->h);
    (s->row == s->from ? sums_set : sums_add)(s->sums, rgb, n);
    s->row++;
    if (s->row < end_of(s, s->made))
        return false;
    means_make(out, s, s->row - s->from);
    s->from = s->row;
    s->made++;
    return true;
}
