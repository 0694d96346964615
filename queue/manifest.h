/* manifest.h -- manifest.csv: rows of text with the columns of design section 3.
 *
 * BOM, CRLF, comma, semicolon or tab, quoted fields with line breaks are accepted; another character
 * set only when named (iconv). Every error is ERR_CONFIG and names file and line, and no value: a
 * patient's fields do not belong on a terminal or into a log. */
#ifndef QUEUE_MANIFEST_H
#define QUEUE_MANIFEST_H

#include "common/err.h"
#include "common/json.h"

enum manifest_column {
    MANIFEST_PATIENT_ID,
    MANIFEST_STUDY_ID,
    MANIFEST_LESION_ID,
    MANIFEST_FILE,
    MANIFEST_PATIENT_NAME,
    MANIFEST_BIRTH_DATE,
    MANIFEST_SEX,
    MANIFEST_BODY_SITE,
    MANIFEST_ACQUIRED_AT,
    MANIFEST_MM_PER_PX,
    MANIFEST_NOTES,
    MANIFEST_SITE,
    MANIFEST_COLUMNS
};

struct manifest_row {
    int line;                            /* first line of the row in the file, from 1 */
    const char *value[MANIFEST_COLUMNS]; /* "" when the column is missing */
    double mm_per_px;                    /* NAN when not given */
    json_t *extra;                       /* unknown columns with a value, or NULL; owned */
};

struct manifest {
    struct manifest_row *rows;
    int n_rows;
    char *text; /* owns the values */
};

enum { MANIFEST_BYTES_MAX = 256 << 20, MANIFEST_ROWS_MAX = 500000 };

/* `encoding` "" means UTF-8. Checked here: header has patient_id and file, each row has a
 * patient_id and a file, rows have the header's number of fields, no two rows name one file, one
 * patient_id has one name and birth date, mm_per_px is a positive number, paths are relative and
 * stay inside the upload, each value fits its field of struct study. A row's file comes out
 * without "./" and "//". An I/O error is ERR_AGAIN. */
int manifest_read(struct manifest *out, const char *path, const char *encoding, struct err *err);
void manifest_release(struct manifest *m);

#endif
