#include "dataset/labels.h"

#include "common/classes.h"
#include "common/csv.h"
#include "common/file.h"

enum { LABELS_SIZE_MAX = 256 << 20 };

struct columns {
    int id, dx, split, n;
};

static int find_columns(struct columns *c, const struct csv_row *header, const char *path,
                        struct err *err)
{
    *c = (struct columns){-1, -1, -1, header->n};
    for (int i = 0; i < c->n; i++) {
        c->id = strcmp(header->field[i], "id") ? c->id : i;
        c->dx = strcmp(header->field[i], "dx") ? c->dx : i;
        c->split = strcmp(header->field[i], "split") ? c->split : i;
    }
    if (c->id < 0 || c->dx < 0 || c->split < 0)
        return err_set(err, ERR_CONFIG, "%s:%d: columns id, dx and split are needed", path,
                       header->line);
    return 0;
}

static int read_row(struct label *out, const struct columns *c, const struct csv_row *row,
                    struct err *err)
{
    if (row->n != c->n)
        return err_set(err, ERR_CONFIG, "%d fields, not %d", row->n, c->n);
    const char *id = row->field[c->id], *split = row->field[c->split], *dx = row->field[c->dx];
    if (!*id || strlen(id) >= sizeof(out->id) || strchr(id, '/') ||
        strlen(split) >= sizeof(out->split))
        return err_set(err, ERR_CONFIG, "bad id or split");
    memcpy(out->id, id, strlen(id) + 1);
    memcpy(out->split, split, strlen(split) + 1);
    out->class = class_of(dx);
    return out->class < 0 ? err_set(err, ERR_CONFIG, "unknown diagnosis \"%.20s\"", dx) : 0;
}

static int reserve(struct labels *l, int *capacity, struct err *err)
{
    if (l->n < *capacity)
        return 0;
    int more = *capacity ? 2 * *capacity : 1024;
    struct label *grown = realloc(l->rows, (size_t)more * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "%d labels", more);
    l->rows = grown;
    *capacity = more;
    return 0;
}

struct wanted {
    const char *split;
    long limit; /* 0 = none */
};

static int read_rows(struct labels *out, struct csv *csv, const struct wanted *wanted,
                     struct err *err)
{
    struct columns columns;
    struct csv_row row;
    int capacity = 0, got = csv_next(csv, &row, err);

    if (got == 0)
        return err_set(err, ERR_CONFIG, "%s: empty", csv->name);
    if (got < 0 || find_columns(&columns, &row, csv->name, err))
        return -1;
    while ((!wanted->limit || out->n < wanted->limit) && (got = csv_next(csv, &row, err)) == 1) {
        if (reserve(out, &capacity, err))
            return -1;
        if (read_row(&out->rows[out->n], &columns, &row, err))
            return err_wrap(err, "%s:%d", csv->name, row.line);
        const char *split = out->rows[out->n].split;
        out->n += !strcmp(wanted->split, "all") || !strcmp(wanted->split, split);
    }
    return got < 0 ? -1 : 0;
}

int labels_read(struct labels *out, const char *dir, const char *split, long limit, struct err *err)
{
    const struct wanted wanted = {split, limit};
    struct csv csv;
    struct buf text;
    char path[4096];
    int ret = -1;

    *out = (struct labels){0};
    buf_init(&text, LABELS_SIZE_MAX);
    if (path_format(path, sizeof(path), err, "%s/labels.csv", dir) || file_read(path, &text, err)) {
        err->code = ERR_CONFIG;
        goto done;
    }
    buf_add(&text, "", 0); /* an empty file leaves no text */
    if (buf_check(&text, path, err))
        goto done;
    csv_begin(&csv, text.data, path);
    ret = read_rows(out, &csv, &wanted, err);
    if (ret)
        labels_release(out);
done:
    buf_release(&text);
    return ret;
}

void labels_release(struct labels *l)
{
    free(l->rows);
    *l = (struct labels){0};
}
