#include "train/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/settings.h"
#include "dataset/table.h"

struct columns {
    int id, weight;
};

/* Row of `id`, looked for from `at` on and around: files have the set's order as a rule. */
static int find(const struct table *t, const struct columns *c, const char *id, int at)
{
    for (int i = 0; i < t->n_rows; i++) {
        int row = (at + i) % t->n_rows;
        if (!strcmp(table_cell(t, row, c->id), id))
            return row;
    }
    return -1;
}

static int read_rows(float *weights, const struct table *t, const struct cache *c, const int *rows,
                     int n, const char *path, struct err *err)
{
    const struct columns columns = {table_column(t, "id"), table_column(t, "weight")};

    if (columns.id < 0 || columns.weight < 0)
        return err_set(err, ERR_CONFIG, "%s: columns id and weight are needed", path);
    for (int i = 0, at = 0; i < n; i++) {
        const char *id = cache_label(c, rows[i])->id;
        int row = t->n_rows ? find(t, &columns, id, at) : -1;
        if (row < 0)
            return err_set(err, ERR_CONFIG, "%s: no weight for %s (lentigo dataset balance)", path,
                           id);
        const char *text = table_cell(t, row, columns.weight);
        char *end;
        weights[i] = strtof(text, &end);
        if (end == text || *end || !isfinite(weights[i]) || weights[i] < 0)
            return err_set(err, ERR_CONFIG, "%s:%d: weight \"%.20s\": no number from 0 up", path,
                           t->lines[row], text);
        at = row + 1;
    }
    return 0;
}

int weights_read(float *weights, const struct cache *c, const int *rows, int n, const char *data,
                 struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct table table = {0};

    if (path_format(path, sizeof(path), err, "%s/weights.csv", data) ||
        table_read(&table, path, err))
        return -1;
    int ret = read_rows(weights, &table, c, rows, n, path, err);
    table_release(&table);
    return ret;
}
