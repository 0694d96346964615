/* What labels.csv says, row by row and one with another. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "train/check_set.h"

enum { TEXT_MAX = 1024 };

const struct check_kind check_kinds[CHECK_KINDS] = {
#define X(name, word, is_error, what) {word, what, is_error},
    CHECK_MAP(X)
#undef X
};

void check_note(struct check_set *c, enum check_defect_kind kind, int row, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;

    c->count[kind]++;
    if (c->n_defects == CHECK_DEFECTS_MAX)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (c->n_defects == c->capacity) {
        int more = c->capacity ? 2 * c->capacity : 64;
        struct check_defect *grown = realloc(c->defects, (size_t)more * sizeof(*grown));
        c->is_out_of_memory |= !grown;
        if (!grown)
            return;
        c->defects = grown;
        c->capacity = more;
    }
    char *copy = strdup(text);
    c->is_out_of_memory |= !copy;
    if (copy)
        c->defects[c->n_defects++] = (struct check_defect){kind, row, copy};
}

static int split_of(const char *word)
{
    for (int s = 0; s < SPLIT_COUNT; s++)
        if (!strcmp(word, split_word(s)))
            return s;
    return -1;
}

static bool is_file_name(const char *id)
{
    return *id && strlen(id) < 64 && !strchr(id, '/') && id[0] != '.';
}

static void take_row(struct check_set *c, int i, int id, int dx, int split)
{
    struct check_row *row = &c->rows[i];
    const char *word = table_cell(&c->table, i, dx), *side = table_cell(&c->table, i, split);

    row->id = table_cell(&c->table, i, id);
    row->line = c->table.lines[i];
    row->class = *word ? class_of(word) : 0;
    row->split = split_of(side);
    row->is_usable = is_file_name(row->id);
    if (!row->is_usable)
        check_note(
            c, CHECK_BAD_ID, i,
            "labels.csv:%d: id \"%.80s\" is empty, begins with a dot, has a slash or is longer "
            "than 63 bytes",
            row->line, row->id);
    if (row->class < 0)
        check_note(c, CHECK_LABEL, i,
                   "labels.csv:%d: %.80s: diagnosis \"%.40s\" is none of the table", row->line,
                   row->id, word);
    if (row->split < 0)
        check_note(c, CHECK_SPLIT, i, "labels.csv:%d: %.80s: split \"%.40s\"%s", row->line, row->id,
                   side, *side ? "" : "; lentigo dataset split deals them out");
}

static int compare_ids(const void *a, const void *b)
{
    const struct check_row *const *x = a, *const *y = b;
    int order = strcmp((*x)->id, (*y)->id);

    return order ? order : (*x)->line - (*y)->line;
}

static int check_ids(struct check_set *c, struct err *err)
{
    int n = c->table.n_rows;
    struct check_row **sorted = n > 0 ? calloc((size_t)n, sizeof(*sorted)) : NULL;

    if (!sorted)
        return err_set(err, ERR_NOMEM, "%d ids", n);
    for (int i = 0; i < n; i++)
        sorted[i] = &c->rows[i];
    qsort(sorted, (size_t)n, sizeof(*sorted), compare_ids);
    for (int i = 1; i < n; i++)
        if (!strcmp(sorted[i]->id, sorted[i - 1]->id)) {
            sorted[i]->is_usable = false;
            check_note(c, CHECK_DUPLICATE_ID, (int)(sorted[i] - c->rows),
                       "labels.csv:%d: id \"%.80s\" stands in line %d already", sorted[i]->line,
                       sorted[i]->id, sorted[i - 1]->line);
        }
    free(sorted);
    return 0;
}

int check_rows(struct check_set *c, struct err *err)
{
    if (path_format(c->path, sizeof(c->path), err, "%s/labels.csv", c->dir) ||
        table_read(&c->table, c->path, err))
        return -1;
    int id = table_column(&c->table, "id"), dx = table_column(&c->table, "dx");
    int split = table_column(&c->table, "split");
    c->patient = table_column(&c->table, "patient_id");
    c->lesion = table_column(&c->table, "lesion_id");
    if (id < 0 || dx < 0)
        return err_set(err, ERR_CONFIG, "%s: columns id and dx are needed", c->path);
    if (!c->table.n_rows)
        return err_set(err, ERR_CONFIG, "%s: no picture in it", c->path);
    c->rows = calloc((size_t)c->table.n_rows, sizeof(*c->rows));
    if (!c->rows)
        return err_set(err, ERR_NOMEM, "%d rows", c->table.n_rows);
    for (int i = 0; i < c->table.n_rows; i++)
        take_row(c, i, id, dx, split);
    return check_ids(c, err);
}
