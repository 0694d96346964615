#include "engine/ref/matrix.h"

#include <stdbool.h>
#include <string.h>

#include "common/wide.h"

/* A block of c that stays in registers while the terms go by. */
enum { ROWS = 4, LANES = 4, VECTORS = 2, COLUMNS = LANES * VECTORS };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

/* A block of `rows` at row i, column j. */
static inline __attribute__((always_inline)) void add_block(const struct matrix_product *p,
                                                            size_t i, size_t j, size_t rows)
{
    lanes sums[ROWS][VECTORS] = {0};

    for (size_t r = 0; r < rows; r++)
        memcpy(sums[r], p->c + (i + r) * p->columns + j, sizeof(sums[r]));
    for (size_t t = 0; t < p->terms; t++) {
        const lanes *b = (const lanes *)(p->b + t * p->columns + j);
        for (size_t r = 0; r < rows; r++) {
            double a = p->a[(i + r) * p->a_row + t * p->a_term];
            for (int k = 0; k < VECTORS; k++)
                sums[r][k] += a * b[k];
        }
    }
    for (size_t r = 0; r < rows; r++)
        memcpy(p->c + (i + r) * p->columns + j, sums[r], sizeof(sums[r]));
}

/* Row i from column j on, where fewer than a block's columns are left. */
static inline __attribute__((always_inline)) void add_rest(const struct matrix_product *p, size_t i,
                                                           size_t j)
{
    double *c = p->c + i * p->columns;

    for (size_t t = 0; t < p->terms; t++) {
        double a = p->a[i * p->a_row + t * p->a_term];
        for (size_t k = j; k < p->columns; k++)
            c[k] += a * p->b[t * p->columns + k];
    }
}

/* Columns [j, j + COLUMNS), as far as there are so many: of b they stay near while the rows go by. */
WIDE static void add_columns(const struct matrix_product *p, size_t j)
{
    bool is_whole = j + COLUMNS <= p->columns;
    size_t i = 0;

    for (; i + ROWS <= p->rows && is_whole; i += ROWS)
        add_block(p, i, j, ROWS);
    for (; i < p->rows && is_whole; i++)
        add_block(p, i, j, 1);
    for (; i < p->rows; i++)
        add_rest(p, i, j);
}

void matrix_product_add(const struct matrix_product *p)
{
    for (size_t j = 0; j < p->columns; j += COLUMNS)
        add_columns(p, j);
}
