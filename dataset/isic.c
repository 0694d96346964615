#include "dataset/isic.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/classes.h"

static const char *const id_names[] = {"isic_id", "image_id", "image_name", "image", NULL};
static const char *const dx_names[] = {"dx", "diagnosis", NULL};

/* Columns of a ground truth that are no word of common/classes.h. */
static const struct {
    const char *name;
    int class;
} challenge[] = {
    {"AK",  4                },
    {"SCC", 4                },
    {"UNK", CLASS_MAP_UNKNOWN},
};

struct columns {
    int id, dx, patient, lesion; /* -1: not there */
    int *classes;                /* n_columns: what a 1 in it means; 0: it is no diagnosis */
};

static int first_of(const struct table *t, const char *const *names)
{
    for (; *names; names++)
        if (table_column(t, *names) >= 0)
            return table_column(t, *names);
    return -1;
}

static int class_of_column(const char *name)
{
    for (size_t i = 0; i < sizeof(challenge) / sizeof(*challenge); i++)
        if (!strcmp(name, challenge[i].name))
            return challenge[i].class;
    return class_of(name) > 0 ? class_of(name) : 0;
}

static int find_columns(struct columns *c, const struct table *t, const char *path, struct err *err)
{
    int diagnoses = 0;

    c->id = first_of(t, id_names);
    c->dx = first_of(t, dx_names);
    c->patient = table_column(t, "patient_id");
    c->lesion = table_column(t, "lesion_id");
    c->classes = calloc((size_t)t->n_columns, sizeof(*c->classes));
    if (!c->classes)
        return err_set(err, ERR_NOMEM, "%d columns", t->n_columns);
    for (int i = 0; i < t->n_columns; i++) {
        c->classes[i] = class_of_column(t->names[i]);
        diagnoses += c->classes[i] != 0;
    }
    if (c->id >= 0 && (diagnoses > 1 || c->dx >= 0))
        return 0;
    return err_set(err, ERR_CONFIG,
                   "%s: no column image, image_id, image_name or isic_id, or neither dx, diagnosis "
                   "nor columns MEL, NV ...",
                   path);
}

/* Which of the columns has the 1. */
static int read_marks(const struct table *t, const struct columns *c, int row, struct err *err)
{
    int class = 0;

    for (int i = 0; i < t->n_columns; i++) {
        if (!c->classes[i] || strtod(table_cell(t, row, i), NULL) < 0.5)
            continue;
        if (class)
            return err_set(err, ERR_INPUT, "two diagnoses at once");
        class = c->classes[i];
    }
    if (class > 0)
        return class;
    return err_set(err, ERR_INPUT, class ? "the diagnosis is unknown (UNK)" : "no diagnosis");
}

static int read_class(const struct table *t, const struct columns *c, int row,
                      const struct class_map *map, struct err *err)
{
    if (c->dx < 0)
        return read_marks(t, c, row, err);
    const char *word = table_cell(t, row, c->dx);
    int class = class_map_find(map, word);
    if (class > 0 || class == CLASS_MAP_IGNORE)
        return class;
    return err_set(err, ERR_INPUT, "unknown diagnosis \"%.40s\"; say in classes.txt what it means",
                   word);
}

static int read_rows(struct isic *out, const struct columns *c, const struct class_map *map,
                     const char *path, struct err *err)
{
    const struct table *t = &out->table;

    out->rows = calloc((size_t)t->n_rows + 1, sizeof(*out->rows));
    if (!out->rows)
        return err_set(err, ERR_NOMEM, "%d rows", t->n_rows);
    for (int i = 0; i < t->n_rows; i++) {
        int class = read_class(t, c, i, map, err);
        if (class == -1)
            return err_wrap(err, "%s:%d: %.60s", path, t->lines[i], table_cell(t, i, c->id));
        out->rows[out->n++] = (struct isic_row){
            .id = table_cell(t, i, c->id),
            .patient_id = table_cell(t, i, c->patient),
            .lesion_id = table_cell(t, i, c->lesion),
            .class = class,
            .line = t->lines[i],
        };
    }
    return 0;
}

int isic_read(struct isic *out, const char *path, const struct class_map *map, struct err *err)
{
    struct columns c = {0};

    *out = (struct isic){0};
    if (table_read(&out->table, path, err))
        return -1;
    int ret = find_columns(&c, &out->table, path, err) || read_rows(out, &c, map, path, err);
    free(c.classes);
    if (ret)
        isic_release(out);
    return ret ? -1 : 0;
}

void isic_release(struct isic *i)
{
    table_release(&i->table);
    free(i->rows);
    *i = (struct isic){0};
}
