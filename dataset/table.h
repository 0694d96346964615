/* table.h -- a table with a header row, whole in memory: every column of labels.csv, known or not,
 * so that a tool which changes one leaves the others as they were. */
#ifndef DATASET_TABLE_H
#define DATASET_TABLE_H

#include "common/buf.h"
#include "common/err.h"

struct table {
    struct buf text;    /* what the fields point into */
    const char **names; /* n_columns */
    const char **cells; /* n_rows, n_columns */
    int *lines;         /* n_rows: where each begins, from 1 */
    int n_rows, n_columns;
    int capacity; /* rows there is room for */
};

/* The table of a file as common/csv.h reads it, blank lines left out. ERR_CONFIG names file and
 * line: no header, a column named twice, a row with another number of fields. */
int table_read(struct table *out, const char *path, struct err *err);
void table_release(struct table *t);

/* Index of a column; -1 when there is none. */
int table_column(const struct table *t, const char *name);

/* Add a column at the right, empty in every row, unless there is one. `name` is borrowed and must
 * outlive the table. */
int table_want_column(struct table *t, const char *name, struct err *err);

/* Field of a row; "" when `column` is -1. Borrowed from the table. */
const char *table_cell(const struct table *t, int row, int column);

/* `value` is borrowed and must outlive the table. */
void table_set(struct table *t, int row, int column, const char *value);

/* Append `text` as one field of RFC 4180: in quotes where it needs them. */
void table_add_field(struct buf *out, const char *text);

/* Written by rename (common/file.h), so that a reader sees the old file or the new one. */
int table_write(const struct table *t, const char *path, struct err *err);

#endif
