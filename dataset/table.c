#include "dataset/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/csv.h"
#include "common/file.h"

enum { TABLE_SIZE_MAX = 256 << 20, ROWS_FIRST = 1024, ROWS_MAX = 10000000 };

static int take_header(struct table *t, const struct csv_row *row, const char *path,
                       struct err *err)
{
    t->n_columns = row->n;
    t->names = calloc((size_t)row->n, sizeof(*t->names));
    if (!t->names)
        return err_set(err, ERR_NOMEM, "%s: %d columns", path, row->n);
    for (int i = 0; i < row->n; i++) {
        for (int k = 0; k < i; k++)
            if (!strcmp(row->field[i], row->field[k]))
                return err_set(err, ERR_CONFIG, "%s:%d: two columns are called \"%.40s\"", path,
                               row->line, row->field[i]);
        t->names[i] = row->field[i];
    }
    return 0;
}

static int reserve(struct table *t, struct err *err)
{
    if (t->n_rows < t->capacity)
        return 0;
    int more = t->capacity ? 2 * t->capacity : ROWS_FIRST;
    if (more > ROWS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d rows", ROWS_MAX / 2);
    size_t cells = (size_t)more * (size_t)t->n_columns;
    const char **grown = realloc(t->cells, cells * sizeof(*grown));
    if (grown)
        t->cells = grown;
    int *lines = realloc(t->lines, (size_t)more * sizeof(*lines));
    if (lines)
        t->lines = lines;
    if (!grown || !lines)
        return err_set(err, ERR_NOMEM, "%d rows", more);
    t->capacity = more;
    return 0;
}

static int take_row(struct table *t, const struct csv_row *row, struct err *err)
{
    if (row->n != t->n_columns)
        return err_set(err, ERR_CONFIG, "%d fields, not %d", row->n, t->n_columns);
    if (reserve(t, err))
        return -1;
    const char **cells = t->cells + (size_t)t->n_rows * (size_t)t->n_columns;
    for (int i = 0; i < row->n; i++)
        cells[i] = row->field[i];
    t->lines[t->n_rows++] = row->line;
    return 0;
}

static int take_rows(struct table *t, const char *path, struct err *err)
{
    struct csv csv;
    struct csv_row row;

    buf_add(&t->text, "", 0); /* an empty file leaves no text */
    if (buf_check(&t->text, path, err))
        return -1;
    csv_begin(&csv, t->text.data, path);
    int got = csv_next(&csv, &row, err);
    if (got == 0)
        return err_set(err, ERR_CONFIG, "%s: empty", path);
    if (got < 0 || take_header(t, &row, path, err))
        return -1;
    while ((got = csv_next(&csv, &row, err)) == 1)
        if (take_row(t, &row, err))
            return err_wrap(err, "%s:%d", path, row.line);
    return got;
}

int table_read(struct table *out, const char *path, struct err *err)
{
    *out = (struct table){0};
    buf_init(&out->text, TABLE_SIZE_MAX);
    if (file_read(path, &out->text, err)) {
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : err->code;
    } else if (!take_rows(out, path, err)) {
        return 0;
    }
    table_release(out);
    return -1;
}

void table_release(struct table *t)
{
    buf_release(&t->text);
    free(t->names);
    free(t->cells);
    free(t->lines);
    *t = (struct table){0};
}

int table_column(const struct table *t, const char *name)
{
    for (int i = 0; i < t->n_columns; i++)
        if (!strcmp(t->names[i], name))
            return i;
    return -1;
}

int table_want_column(struct table *t, const char *name, struct err *err)
{
    size_t old = (size_t)t->n_columns, n = old + 1, rows = (size_t)t->n_rows;

    if (table_column(t, name) >= 0)
        return 0;
    const char **names = calloc(n, sizeof(*names));
    const char **cells = calloc(rows * n + 1, sizeof(*cells));
    if (!names || !cells) {
        free(names);
        free(cells);
        return err_set(err, ERR_NOMEM, "a column for %d rows", t->n_rows);
    }
    memcpy(names, t->names, old * sizeof(*names));
    names[old] = name;
    for (size_t i = 0; i < rows; i++) {
        memcpy(cells + i * n, t->cells + i * old, old * sizeof(*cells));
        cells[i * n + old] = "";
    }
    free(t->names);
    free(t->cells);
    t->names = names;
    t->cells = cells;
    t->n_columns = (int)n;
    t->capacity = t->n_rows;
    return 0;
}

const char *table_cell(const struct table *t, int row, int column)
{
    return column < 0 ? "" : t->cells[(size_t)row * (size_t)t->n_columns + (size_t)column];
}

void table_set(struct table *t, int row, int column, const char *value)
{
    t->cells[(size_t)row * (size_t)t->n_columns + (size_t)column] = value;
}

void table_add_field(struct buf *out, const char *text)
{
    if (!text[strcspn(text, ",;\t\"\r\n")] && text[0] != ' ' &&
        (!*text || text[strlen(text) - 1] != ' ')) {
        buf_add_text(out, text);
        return;
    }
    buf_add_text(out, "\"");
    for (; *text; text++)
        buf_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    buf_add_text(out, "\"");
}

static void add_row(struct buf *out, const char *const *fields, int n)
{
    for (int i = 0; i < n; i++) {
        buf_add_text(out, i ? "," : "");
        table_add_field(out, fields[i]);
    }
    buf_add_text(out, "\n");
}

int table_write(const struct table *t, const char *path, struct err *err)
{
    struct buf text;

    buf_init(&text, TABLE_SIZE_MAX);
    add_row(&text, t->names, t->n_columns);
    for (int i = 0; i < t->n_rows; i++)
        add_row(&text, t->cells + (size_t)i * (size_t)t->n_columns, t->n_columns);
    int ret = buf_check(&text, path, err) || file_write_synced(path, text.data, text.len, err);
    buf_release(&text);
    return ret ? -1 : 0;
}
