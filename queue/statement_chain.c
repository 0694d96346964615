/* The chain as it lies on disk. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "queue/statement_priv.h"

static const char *const count_names[] = {
#define X(field) #field,
    STATEMENT_COUNTS_MAP(X)
#undef X
};
enum { COUNTS = sizeof(count_names) / sizeof(*count_names) };

/* ---- sites ---- */

struct site *sites_at(struct sites *sites, const char *name, struct err *err)
{
    for (int i = sites->n; i-- > 0;)
        if (!strcmp(sites->rows[i].name, name))
            return &sites->rows[i];
    if (sites->n == sites->cap) {
        int cap = sites->cap ? 2 * sites->cap : 16;
        struct site *grown = realloc(sites->rows, (size_t)cap * sizeof(*grown));
        if (!grown) {
            err_set(err, ERR_NOMEM, "a statement of %d sites", cap);
            return NULL;
        }
        sites->rows = grown;
        sites->cap = cap;
    }
    struct site *row = &sites->rows[sites->n++];
    *row = (struct site){0};
    snprintf(row->name, sizeof(row->name), "%s", name);
    return row;
}

void sites_release(struct sites *sites)
{
    free(sites->rows);
    *sites = (struct sites){0};
}

void sites_balance(struct sites *sites)
{
    for (int i = 0; i < sites->n; i++) {
        struct statement_counts *c = &sites->rows[i].counts;
        c->left = c->carried + c->received + c->reopened - c->done - c->set_aside - c->cancelled;
    }
}

struct statement_counts sites_total(const struct sites *sites)
{
    struct statement_counts total = {0};

    for (int i = 0; i < sites->n; i++) {
#define X(field) total.field += sites->rows[i].counts.field;
        STATEMENT_COUNTS_MAP(X)
#undef X
    }
    return total;
}

json_t *counts_to_json(const struct statement_counts *c)
{
    const int64_t values[] = {
#define X(field) c->field,
        STATEMENT_COUNTS_MAP(X)
#undef X
    };
    json_t *object = json_object();

    for (int i = 0; i < COUNTS; i++)
        json_put(&object, count_names[i], json_integer(values[i]));
    return object;
}

struct statement_counts counts_from_json(const json_t *object)
{
    return (struct statement_counts){
#define X(field) .field = (int64_t)json_number_or(object, #field, 0),
        STATEMENT_COUNTS_MAP(X)
#undef X
    };
}

/* ---- names ---- */

int statement_path(const struct spool *s, const char *file, char out[SPOOL_PATH_SIZE],
                   struct err *err)
{
    return path_format(out, SPOOL_PATH_SIZE, err, "%s/statements%s%s", spool_root(s),
                       file[0] ? "/" : "", file);
}

void statement_facts_name(const char *file, char out[STATEMENT_FILE_SIZE])
{
    snprintf(out, STATEMENT_FILE_SIZE, "%.*s.facts", (int)(strlen(file) - strlen(".json")), file);
}

/* Which of its day, from 1; 0: the name is no statement's. */
static long ordinal(const char *name)
{
    static const char form[] = "dddd-dd-dd.";
    char *end;

    if (strlen(name) >= STATEMENT_FILE_SIZE)
        return 0;
    for (size_t i = 0; i < sizeof(form) - 1; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)name[i]) : name[i] != form[i])
            return 0;
    name += sizeof(form) - 1;
    if (!strcmp(name, "json"))
        return 1;
    long k = isdigit((unsigned char)*name) ? strtol(name, &end, 10) : 0;
    return k > 1 && !strcmp(end, ".json") ? k : 0;
}

static int by_place(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    int days = strncmp(x, y, STATEMENT_DAY_SIZE - 1);
    long i = ordinal(x), k = ordinal(y);

    return days ? days : i < k ? -1 : i > k;
}

int statement_names(const struct spool *s, struct names *out, struct err *err)
{
    char path[SPOOL_PATH_SIZE];
    int n = 0;

    if (statement_path(s, "", path, err) || names_read(out, path, err))
        return -1;
    for (int i = 0; i < out->n; i++)
        if (ordinal(out->at[i]))
            out->at[n++] = out->at[i];
        else
            free(out->at[i]);
    out->n = n;
    if (n)
        qsort(out->at, (size_t)n, sizeof(*out->at), by_place);
    return 0;
}

/* ---- files ---- */

int statement_digest(const char *path, char out[SHA256_HEX_SIZE], struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return err_code_of_errno(errno) == ERR_INPUT
                   ? 0
                   : err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    int ret = sha256_hex_fd(out, fd, NULL, err);
    close(fd);
    return ret ? err_wrap(err, "%s", path) : 1;
}

int statement_read(const struct spool *s, const char *file, struct statement *out, json_t **text,
                   struct err *err)
{
    char path[SPOOL_PATH_SIZE];

    *out = (struct statement){0};
    if (statement_path(s, file, path, err))
        return -1;
    json_t *object = json_read(path, SPOOL_JSON_MAX, err);
    if (!object)
        return -1;
    if (statement_digest(path, out->sha256, err) != 1 ||
        json_get_int(object, "number", 1, INT64_MAX, &out->number, err) ||
        json_get_int(json_object_get(object, "facts"), "lines", 0, INT64_MAX, &out->facts, err)) {
        json_decref(object);
        return err->code ? -1 : err_set(err, ERR_AGAIN, "%s: read", path);
    }
    snprintf(out->file, sizeof(out->file), "%s", file);
    snprintf(out->day, sizeof(out->day), "%s", json_text_or(object, "day", ""));
    out->total = counts_from_json(json_object_get(object, "total"));
    *text = object;
    return 0;
}

int statement_each(const struct spool *s,
                   int (*visit)(void *ctx, const struct statement *statement, const json_t *text,
                                struct err *err),
                   void *ctx, struct err *err)
{
    struct names names;
    int ret = 0;

    if (statement_names(s, &names, err))
        return -1;
    for (int i = 0; i < names.n && !ret; i++) {
        struct statement statement;
        json_t *text = NULL;
        ret = statement_read(s, names.at[i], &statement, &text, err) ||
              visit(ctx, &statement, text, err);
        json_decref(text);
    }
    names_release(&names);
    return ret ? -1 : 0;
}

int statement_each_fact(const struct spool *s, const char *file,
                        int (*visit)(void *ctx, const char *fact, struct err *err), void *ctx,
                        struct err *err)
{
    char path[SPOOL_PATH_SIZE], name[STATEMENT_FILE_SIZE], line[FACT_SIZE];
    int ret = 0;

    statement_facts_name(file, name);
    if (statement_path(s, name, path, err))
        return -1;
    FILE *in = fopen(path, "re");
    if (!in)
        return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    while (!ret && fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = 0;
        ret = visit(ctx, line, err);
    }
    if (!ret && ferror(in))
        ret = err_set(err, ERR_AGAIN, "%s: read", path);
    (void)fclose(in); /* opened for reading */
    return ret;
}
