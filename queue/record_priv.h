/* record_priv.h -- a plain struct to a JSON object and back, by a table of its fields.
 *
 * wire.c and stats.c keep one table a record; writer and reader so cannot drift apart. */
#ifndef QUEUE_RECORD_PRIV_H
#define QUEUE_RECORD_PRIV_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/json.h"

enum record_type {
    RECORD_TEXT,   /* char[size]; written as json_text has it, cut to size - 1 bytes */
    RECORD_BYTES,  /* char[size] of any bytes (a path): each byte as the code point of its number */
    RECORD_INT,    /* int, min..max */
    RECORD_INT64,  /* int64_t, min..max */
    RECORD_BOOL,   /* bool */
    RECORD_NUMBER, /* double; NAN is null */
    RECORD_WORD,   /* an enum, min..max, written as word(value) */
};

struct record_field {
    const char *key;
    enum record_type type;
    size_t offset, size;
    int64_t min, max;
    const char *(*word)(int value);
    unsigned kinds; /* bits of the kinds of record that carry the field; 0 = all */
};

/* Put each field of `kind` (a bit) into `*object` with json_put. */
void record_put(json_t **object, const struct record_field *fields, size_t n_fields, unsigned kind,
                const void *record);

/* Read each field of `kind`; all of them must be there. ERR_INPUT names the key. */
int record_get(void *record, const struct record_field *fields, size_t n_fields, unsigned kind,
               const json_t *object, struct err *err);

/* The same without keys, for long lists: a JSON array of the fields of `kind` in the table's order, no
 * more and no less. */
void record_put_row(json_t **array, const struct record_field *fields, size_t n_fields,
                    unsigned kind, const void *record);
int record_get_row(void *record, const struct record_field *fields, size_t n_fields, unsigned kind,
                   const json_t *array, struct err *err);

#endif
