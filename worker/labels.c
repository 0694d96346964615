#include "worker/labels.h"

#include "common/file.h"

enum { LABELS_SIZE_MAX = 256 << 20, COLUMNS_MAX = 64 };

static const char *const class_names[] = {NULL, "MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"};

const char *label_class_name(int class)
{
    return class_names[class];
}

static int class_of(const char *name)
{
    for (int c = 1; c < (int)(sizeof(class_names) / sizeof(*class_names)); c++)
        if (!strcmp(name, class_names[c]))
            return c;
    return -1;
}

/* Cut `line` at its commas, in place; the number of fields, at most `max`. The set's fields hold
 * no commas, so a quote is refused. */
static int cut_fields(char *line, char **field, int max)
{
    int n = 0;

    if (strchr(line, '"'))
        return -1;
    for (char *at = line; at && n < max;) {
        field[n++] = at;
        at = strchr(at, ',');
        if (at)
            *at++ = 0;
    }
    return n;
}

struct columns {
    int id, dx, split, n;
};

static int find_columns(struct columns *c, char *header, struct err *err)
{
    char *field[COLUMNS_MAX];

    *c = (struct columns){-1, -1, -1, cut_fields(header, field, COLUMNS_MAX)};
    for (int i = 0; i < c->n; i++) {
        c->id = strcmp(field[i], "id") ? c->id : i;
        c->dx = strcmp(field[i], "dx") ? c->dx : i;
        c->split = strcmp(field[i], "split") ? c->split : i;
    }
    if (c->id < 0 || c->dx < 0 || c->split < 0) {
        err_set(err, ERR_CONFIG, "columns id, dx and split are needed");
        return -1;
    }
    return 0;
}

static int read_row(struct label *out, const struct columns *c, char *line, struct err *err)
{
    char *field[COLUMNS_MAX];

    if (cut_fields(line, field, COLUMNS_MAX) != c->n)
        return err_set(err, ERR_CONFIG, "not %d fields", c->n);
    const char *id = field[c->id], *split = field[c->split];
    if (!*id || strlen(id) >= sizeof(out->id) || strchr(id, '/') ||
        strlen(split) >= sizeof(out->split))
        return err_set(err, ERR_CONFIG, "bad id or split");
    memcpy(out->id, id, strlen(id) + 1);
    memcpy(out->split, split, strlen(split) + 1);
    out->class = class_of(field[c->dx]);
    return out->class < 0 ? err_set(err, ERR_CONFIG, "unknown diagnosis \"%.20s\"", field[c->dx])
                          : 0;
}

/* The next line, its end cut off (also CR), or NULL. */
static char *next_line(char **at)
{
    char *line = *at;

    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : NULL;
    if (end) {
        *end = 0;
        if (end > line && end[-1] == '\r')
            end[-1] = 0;
    }
    return line;
}

static int read_rows(struct labels *out, char *text, const char *split, long limit, int *line_no,
                     struct err *err)
{
    struct columns columns;
    char *at = text, *line = next_line(&at);
    int capacity = 0;

    *line_no = 1;
    if (!line || find_columns(&columns, line, err))
        return line ? -1 : err_set(err, ERR_CONFIG, "empty");
    while ((line = next_line(&at)) && (!limit || out->n < limit)) {
        ++*line_no;
        if (out->n == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            struct label *grown = realloc(out->rows, (size_t)capacity * sizeof(*grown));
            if (!grown)
                return err_set(err, ERR_NOMEM, "%d labels", capacity);
            out->rows = grown;
        }
        if (read_row(&out->rows[out->n], &columns, line, err))
            return -1;
        out->n += !strcmp(split, "all") || !strcmp(split, out->rows[out->n].split);
    }
    return 0;
}

int labels_read(struct labels *out, const char *dir, const char *split, long limit, struct err *err)
{
    char path[4096];
    struct buf text;
    int line_no = 0, ret = -1;

    *out = (struct labels){0};
    buf_init(&text, LABELS_SIZE_MAX);
    if (path_format(path, sizeof(path), err, "%s/labels.csv", dir) || file_read(path, &text, err)) {
        err->code = ERR_CONFIG;
        goto done;
    }
    ret = read_rows(out, text.data, split, limit, &line_no, err);
    if (ret) {
        err_wrap(err, "%s:%d", path, line_no);
        labels_release(out);
    }
done:
    buf_release(&text);
    return ret;
}

void labels_release(struct labels *l)
{
    free(l->rows);
    *l = (struct labels){0};
}
