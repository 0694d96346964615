#include "dataset/labels.h"

#include <unistd.h>

#include "common/classes.h"
#include "common/csv.h"
#include "common/file.h"

enum { LABELS_SIZE_MAX = 256 << 20 };

/* The columns that are read. */
enum column { ID, DX, SPLIT, NEEDED, SOURCE = NEEDED, LESION_ID, COLUMNS };
static const char *const names[COLUMNS] = {"id", "dx", "split", "source", "lesion_id"};

struct columns {
    int at[COLUMNS]; /* -1: not there */
    int n;
};

static int find_columns(struct columns *c, const struct csv_row *header, const char *path,
                        struct err *err)
{
    c->n = header->n;
    for (int k = 0; k < COLUMNS; k++) {
        c->at[k] = -1;
        for (int i = 0; i < c->n; i++)
            if (!strcmp(header->field[i], names[k]))
                c->at[k] = i;
        if (k < NEEDED && c->at[k] < 0)
            return err_set(err, ERR_CONFIG, "%s:%d: columns id, dx and split are needed", path,
                           header->line);
    }
    return 0;
}

static int take(char *out, size_t size, const struct columns *c, const struct csv_row *row,
                enum column k, struct err *err)
{
    const char *text = c->at[k] < 0 ? "" : row->field[c->at[k]];
    size_t n = strlen(text);

    if (n >= size)
        return err_set(err, ERR_CONFIG, "%s: over %zu bytes", names[k], size - 1);
    memcpy(out, text, n + 1);
    return 0;
}

static int read_row(struct label *out, const struct columns *c, const struct csv_row *row,
                    struct err *err)
{
    char dx[32];

    if (row->n != c->n)
        return err_set(err, ERR_CONFIG, "%d fields, not %d", row->n, c->n);
    if (take(out->id, sizeof(out->id), c, row, ID, err) ||
        take(out->split, sizeof(out->split), c, row, SPLIT, err) ||
        take(out->source, sizeof(out->source), c, row, SOURCE, err) ||
        take(out->lesion_id, sizeof(out->lesion_id), c, row, LESION_ID, err) ||
        take(dx, sizeof(dx), c, row, DX, err))
        return -1;
    if (!*out->id || strchr(out->id, '/'))
        return err_set(err, ERR_CONFIG, "id: empty, or with a slash");
    out->class = *dx ? class_of(dx) : 0;
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

int labels_image_path(char *out, size_t size, const char *dir, const char *id, struct err *err)
{
    static const char *const endings[] = {"jpg",  "jpeg", "png",  "tif",
                                          "tiff", "webp", "heic", "heif"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        if (path_format(out, size, err, "%s/images/%s.%s", dir, id, endings[i]))
            return -1;
        if (!access(out, F_OK))
            return 0;
    }
    return err_set(err, ERR_CONFIG, "%s/images/%s.jpg: no such picture, nor with another ending",
                   dir, id);
}
