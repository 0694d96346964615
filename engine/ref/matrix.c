#include "engine/ref/matrix.h"

#include <string.h>

#include "common/wide.h"

enum { ROWS = 4, COLUMNS = 16 }; /* of c, kept in registers */

/* A block of c of `rows` by `columns` at row i, column j. */
static inline __attribute__((always_inline)) void
add_block(const struct matrix_product *p, size_t i, size_t j, size_t rows, size_t columns)
{
    double sums[ROWS][COLUMNS];

    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < columns; k++)
            sums[r][k] = p->c[(i + r) * p->columns + j + k];
    for (size_t t = 0; t < p->terms; t++) {
        const double *b = p->b + t * p->columns + j;
        for (size_t r = 0; r < rows; r++) {
            double a = p->a[(i + r) * p->a_row + t * p->a_term];
            for (size_t k = 0; k < columns; k++)
                sums[r][k] += a * b[k];
        }
    }
    for (size_t r = 0; r < rows; r++)
        memcpy(p->c + (i + r) * p->columns + j, sums[r], columns * sizeof(**sums));
}

WIDE static void add_columns(const struct matrix_product *p, size_t j, size_t columns)
{
    size_t i = 0;

    for (; i + ROWS <= p->rows; i += ROWS)
        if (columns == COLUMNS)
            add_block(p, i, j, ROWS, COLUMNS);
        else
            add_block(p, i, j, ROWS, columns);
    for (; i < p->rows; i++)
        if (columns == COLUMNS)
            add_block(p, i, j, 1, COLUMNS);
        else
            add_block(p, i, j, 1, columns);
}

void matrix_product_add(const struct matrix_product *p)
{
    for (size_t j = 0; j < p->columns; j += COLUMNS)
        add_columns(p, j, p->columns - j < COLUMNS ? p->columns - j : COLUMNS);
}
