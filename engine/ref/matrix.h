/* matrix.h -- products of matrices in double precision, each sum in the order of its terms. */
#ifndef ENGINE_REF_MATRIX_H
#define ENGINE_REF_MATRIX_H

#include <stddef.h>

/* c[i][j] += the sum over t of a[i][t] * b[t][j]. */
struct matrix_product {
    size_t rows, columns, terms; /* of c; of a sum */
    const double *a;
    size_t a_row, a_term; /* distances: a[i][t] is a[i*a_row + t*a_term] */
    const double *b;      /* terms,columns */
    double *c;            /* rows,columns */
};

void matrix_product_add(const struct matrix_product *p);

#endif
