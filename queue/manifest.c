#include "queue/manifest.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <strings.h>

#include "common/csv.h"
#include "common/file.h"
#include "queue/charset.h"
#include "queue/spool.h"
#include "queue/study.h"

static const struct {
    const char *name;
    size_t size; /* of the field it ends up in, the 0 counted */
    bool is_required;
} columns[MANIFEST_COLUMNS] = {
    [MANIFEST_PATIENT_ID] = {"patient_id",   STUDY_NAME_SIZE,  true },
    [MANIFEST_STUDY_ID] = {"study_id",     STUDY_NAME_SIZE,  false},
    [MANIFEST_LESION_ID] = {"lesion_id",    STUDY_FIELD_SIZE, false},
    [MANIFEST_FILE] = {"file",         SPOOL_PATH_SIZE,  true },
    [MANIFEST_PATIENT_NAME] = {"patient_name", STUDY_FIELD_SIZE, false},
    [MANIFEST_BIRTH_DATE] = {"birth_date",   STUDY_FIELD_SIZE, false},
    [MANIFEST_SEX] = {"sex",          STUDY_FIELD_SIZE, false},
    [MANIFEST_BODY_SITE] = {"body_site",    STUDY_FIELD_SIZE, false},
    [MANIFEST_ACQUIRED_AT] = {"acquired_at",  STUDY_FIELD_SIZE, false},
    [MANIFEST_MM_PER_PX] = {"mm_per_px",    STUDY_FIELD_SIZE, false},
    [MANIFEST_NOTES] = {"notes",        STUDY_NAME_SIZE,  false},
    [MANIFEST_SITE] = {"site",         STUDY_FIELD_SIZE, false},
};

/* What is known while the rows are read. */
struct reader {
    struct csv csv;
    struct csv_row header;
    int column[CSV_FIELDS_MAX]; /* of a field, MANIFEST_COLUMNS = unknown */
    struct manifest *out;
    int room;
};

static int column_of(const char *name)
{
    int i = 0;

    while (i < MANIFEST_COLUMNS && strcasecmp(columns[i].name, name) != 0)
        i++;
    return i;
}

static int fail(const struct reader *r, int line, const char *what, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s:%d: %s", r->csv.name, line, what);
}

/* A name twice, or none for a required column, means that nobody can know what a value is. */
static int check_header(const struct reader *r, struct err *err)
{
    const struct csv_row *h = &r->header;
    bool has[MANIFEST_COLUMNS + 1] = {false};

    for (int i = 0; i < h->n; i++) {
        has[r->column[i]] = true;
        if (strlen(h->field[i]) >= STUDY_FIELD_SIZE)
            return fail(r, h->line, "a column's name is longer than 255 bytes", err);
        for (int k = 0; k < i && h->field[i][0]; k++)
            if (!strcasecmp(h->field[i], h->field[k]))
                return err_set(err, ERR_CONFIG, "%s:%d: two columns are named \"%.40s\"",
                               r->csv.name, h->line, h->field[i]);
    }
    for (int i = 0; i < MANIFEST_COLUMNS; i++)
        if (columns[i].is_required && !has[i])
            return err_set(err, ERR_CONFIG,
                           "%s:%d: no column \"%s\"; the first line names the columns, such as "
                           "patient_id,study_id,lesion_id,file",
                           r->csv.name, h->line, columns[i].name);
    return 0;
}

static int read_header(struct reader *r, struct err *err)
{
    int got = csv_next(&r->csv, &r->header, err);

    if (got < 0)
        return -1;
    if (!got)
        return fail(r, 1, "the file is empty", err);
    for (int i = 0; i < r->header.n; i++)
        r->column[i] = column_of(r->header.field[i]);
    return check_header(r, err);
}

/* Digits with at most one decimal point, locale-free; a decimal comma where it cannot be the
 * separator. Fifteen digits over a power of ten up to 10^15 are exact, so the quotient is rounded
 * once. */
static double parse_decimal(const char *text, bool takes_comma)
{
    double digits = 0, scale = 1;
    int n = 0;
    bool in_fraction = false;

    for (; *text; text++) {
        if ((*text == '.' || (*text == ',' && takes_comma)) && !in_fraction) {
            in_fraction = true;
            continue;
        }
        if (!isdigit((unsigned char)*text) || ++n > 15)
            return NAN;
        digits = digits * 10 + (*text - '0');
        scale *= in_fraction ? 10 : 1;
    }
    return n ? digits / scale : NAN;
}

/* Take "./", "//" and a trailing '/' out, in place. -1 when the path leads out of the upload. */
static int normalise_path(char *path)
{
    char *to = path, *from = path;

    if (*path == '/')
        return -1;
    while (*from) {
        size_t len = strcspn(from, "/");
        if (len == 2 && from[0] == '.' && from[1] == '.')
            return -1;
        if (len && !(len == 1 && from[0] == '.')) {
            if (to > path)
                *to++ = '/';
            memmove(to, from, len);
            to += len;
        }
        from += len;
        from += *from == '/';
    }
    *to = 0;
    return 0;
}

static int set_extra(const struct reader *r, struct manifest_row *row, int i, const char *value,
                     struct err *err)
{
    char name[STUDY_FIELD_SIZE];

    if (!value[0])
        return 0;
    if (strlen(value) >= STUDY_NAME_SIZE)
        return err_set(err, ERR_CONFIG, "%s:%d: column %d: longer than %d bytes", r->csv.name,
                       row->line, i + 1, STUDY_NAME_SIZE - 1);
    snprintf(name, sizeof(name), "%s", r->header.field[i]);
    if (!name[0])
        snprintf(name, sizeof(name), "column %d", i + 1);
    if (!row->extra)
        row->extra = json_object();
    json_put(&row->extra, name, json_string(value));
    return row->extra ? 0 : err_set(err, ERR_NOMEM, "%s: out of memory", r->csv.name);
}

static int check_values(const struct reader *r, struct manifest_row *row, char *path,
                        struct err *err)
{
    for (int i = 0; i < MANIFEST_COLUMNS; i++) {
        if (columns[i].is_required && !row->value[i][0])
            return err_set(err, ERR_CONFIG, "%s:%d: column %s is empty", r->csv.name, row->line,
                           columns[i].name);
        if (strlen(row->value[i]) >= columns[i].size)
            return err_set(err, ERR_CONFIG, "%s:%d: column %s: longer than %zu bytes", r->csv.name,
                           row->line, columns[i].name, columns[i].size - 1);
    }
    if (normalise_path(path))
        return fail(r, row->line, "column file: the path leads out of the upload", err);
    if (!path[0])
        return fail(r, row->line, "column file: names no file", err);
    row->mm_per_px = parse_decimal(row->value[MANIFEST_MM_PER_PX], r->csv.separator != ',');
    if (row->value[MANIFEST_MM_PER_PX][0] && !(row->mm_per_px > 0))
        return fail(r, row->line, "column mm_per_px: no positive number, such as 0.05", err);
    return 0;
}

static int take_row(struct reader *r, const struct csv_row *fields, struct err *err)
{
    struct manifest_row *row = &r->out->rows[r->out->n_rows];
    char *path = NULL;

    *row = (struct manifest_row){.line = fields->line};
    r->out->n_rows++; /* counted first, so that release frees what a failure leaves */
    if (fields->n != r->header.n)
        return err_set(err, ERR_CONFIG, "%s:%d: %d fields where the first line has %d", r->csv.name,
                       fields->line, fields->n, r->header.n);
    for (int i = 0; i < MANIFEST_COLUMNS; i++)
        row->value[i] = "";
    for (int i = 0; i < fields->n; i++) {
        if (r->column[i] == MANIFEST_FILE)
            path = fields->field[i];
        if (r->column[i] < MANIFEST_COLUMNS)
            row->value[r->column[i]] = fields->field[i];
        else if (set_extra(r, row, i, fields->field[i], err))
            return -1;
    }
    return check_values(r, row, path, err);
}

static int make_room(struct reader *r, struct err *err)
{
    if (r->out->n_rows < r->room)
        return 0;
    if (r->room >= MANIFEST_ROWS_MAX)
        return err_set(err, ERR_CONFIG, "%s:%d: more than %d rows; hand them in as several uploads",
                       r->csv.name, r->csv.line, MANIFEST_ROWS_MAX);
    int room = r->room ? 2 * r->room : 256;
    if (room > MANIFEST_ROWS_MAX)
        room = MANIFEST_ROWS_MAX;
    struct manifest_row *grown = realloc(r->out->rows, (size_t)room * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "%s: out of memory", r->csv.name);
    r->out->rows = grown;
    r->room = room;
    return 0;
}

static int read_rows(struct reader *r, struct err *err)
{
    struct csv_row fields;
    int got;

    while ((got = csv_next(&r->csv, &fields, err)) > 0)
        if (make_room(r, err) || take_row(r, &fields, err))
            return -1;
    if (!got && !r->out->n_rows)
        return fail(r, r->csv.line, "no row behind the line of names", err);
    return got;
}

static int by_file(const void *a, const void *b)
{
    const struct manifest_row *x = *(struct manifest_row *const *)a;
    const struct manifest_row *y = *(struct manifest_row *const *)b;
    int order = strcmp(x->value[MANIFEST_FILE], y->value[MANIFEST_FILE]);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int by_patient(const void *a, const void *b)
{
    const struct manifest_row *x = *(struct manifest_row *const *)a;
    const struct manifest_row *y = *(struct manifest_row *const *)b;
    int order = strcmp(x->value[MANIFEST_PATIENT_ID], y->value[MANIFEST_PATIENT_ID]);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

static int check_files(const struct reader *r, struct manifest_row **rows, struct err *err)
{
    for (int i = 1; i < r->out->n_rows; i++)
        if (!strcmp(rows[i - 1]->value[MANIFEST_FILE], rows[i]->value[MANIFEST_FILE]))
            return err_set(err, ERR_CONFIG, "%s:%d: names the same file as %s:%d", r->csv.name,
                           rows[i]->line, r->csv.name, rows[i - 1]->line);
    return 0;
}

/* Two names under one id is two people in one report. An empty field claims nothing. */
static int check_patients(const struct reader *r, struct manifest_row **rows,
                          enum manifest_column column, struct err *err)
{
    const struct manifest_row *first = NULL; /* of this patient with a value */

    for (int i = 0; i < r->out->n_rows; i++) {
        const struct manifest_row *row = rows[i];
        if (!row->value[column][0])
            continue;
        if (!first ||
            strcmp(first->value[MANIFEST_PATIENT_ID], row->value[MANIFEST_PATIENT_ID]) != 0)
            first = row;
        else if (strcmp(first->value[column], row->value[column]) != 0)
            return err_set(err, ERR_CONFIG,
                           "%s:%d: another %s than %s:%d has for the same patient_id", r->csv.name,
                           row->line, columns[column].name, r->csv.name, first->line);
    }
    return 0;
}

static int check_rows(const struct reader *r, struct err *err)
{
    size_t n = (size_t)r->out->n_rows;
    struct manifest_row **rows = malloc(n * sizeof(*rows));
    int ret = -1;

    if (!rows)
        return err_set(err, ERR_NOMEM, "%s: out of memory", r->csv.name);
    for (size_t i = 0; i < n; i++)
        rows[i] = &r->out->rows[i];
    qsort(rows, n, sizeof(*rows), by_file);
    if (check_files(r, rows, err))
        goto done;
    qsort(rows, n, sizeof(*rows), by_patient);
    if (!check_patients(r, rows, MANIFEST_PATIENT_NAME, err))
        ret = check_patients(r, rows, MANIFEST_BIRTH_DATE, err);
done:
    free(rows);
    return ret;
}

static int read_text(struct buf *text, const char *path, const char *name, const char *encoding,
                     struct err *err)
{
    struct buf bytes;
    struct err why = {0};
    int ret;

    buf_init(&bytes, MANIFEST_BYTES_MAX);
    if (file_read(path, &bytes, &why))
        ret = err_set(err, why.code == ERR_AGAIN || why.code == ERR_NOMEM ? why.code : ERR_CONFIG,
                      "%s", why.msg);
    else
        ret = charset_to_utf8(text, bytes.data ? bytes.data : "", bytes.len, encoding, name, err);
    buf_release(&bytes);
    return ret;
}

int manifest_read(struct manifest *out, const char *path, const char *encoding, struct err *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    struct manifest made = {0};
    struct reader r = {.out = &made};
    struct buf text;

    buf_init(&text, 2 * (size_t)MANIFEST_BYTES_MAX);
    if (read_text(&text, path, name, encoding, err)) {
        buf_release(&text);
        return -1;
    }
    made.text = buf_take(&text);
    if (!made.text)
        return err_set(err, ERR_NOMEM, "%s: out of memory", name);
    csv_begin(&r.csv, made.text, name);
    if (read_header(&r, err) || read_rows(&r, err) || check_rows(&r, err)) {
        manifest_release(&made);
        return -1;
    }
    *out = made;
    return 0;
}

void manifest_release(struct manifest *m)
{
    for (int i = 0; i < m->n_rows; i++)
        json_decref(m->rows[i].extra);
    free(m->rows);
    free(m->text);
    *m = (struct manifest){0};
}
