/* lab.h -- sRGB bytes to CIELAB under D65.
 *
 * IEC 61966-2-1 for the transfer curve and the matrix, CIE 15:2004 for L*a*b*. The cube root is
 * read from a table and interpolated; the result is within 0.1 of the exact one in every channel
 * (tests/lesion/test_lab.c). */
#ifndef LESION_LAB_H
#define LESION_LAB_H

#include <stdint.h>

enum { LAB_ROOTS = 2048 };

struct lab {
    float l, a, b; /* l 0..100 */
};

struct lab_table {
    float linear[256];         /* byte -> 0..1 */
    float root[LAB_ROOTS + 2]; /* f(i / LAB_ROOTS) of CIELAB */
};

void lab_table_init(struct lab_table *t);
struct lab lab_of_rgb(const struct lab_table *t, uint8_t r, uint8_t g, uint8_t b);

/* The same for `n` pixels at `rgb`, into three planes. */
void lab_of_row(const struct lab_table *t, const uint8_t *rgb, int n, float *l, float *a, float *b);

#endif
