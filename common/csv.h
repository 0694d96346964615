/* csv.h -- rows and fields of a text in memory, cut out in place.
 *
 * RFC 4180 with what spreadsheets really write: LF, CRLF or CR at the end of a line, a line break
 * or a doubled quote inside quotes, spaces around a field (dropped unless quoted), blank lines
 * (skipped), "sep=;" as a first line, and a mark of the byte order (UTF-8) before everything. */
#ifndef COMMON_CSV_H
#define COMMON_CSV_H

#include "common/err.h"

enum { CSV_FIELDS_MAX = 256 };

struct csv {
    char *at; /* what is left of the text; borrowed, written to */
    char separator;
    int line;         /* of `at`, from 1 */
    const char *name; /* of the file, for messages; borrowed */
};

struct csv_row {
    int line; /* where the row begins */
    int n;
    char *field[CSV_FIELDS_MAX]; /* into the text */
};

/* `text` ends with a 0. The separator is the one that the first line has most of, outside quotes:
 * comma, semicolon or tab. */
void csv_begin(struct csv *c, char *text, const char *name);

/* 1 = a row, 0 = end of the text, -1 = ERR_CONFIG with name and line. */
int csv_next(struct csv *c, struct csv_row *row, struct err *err);

#endif
