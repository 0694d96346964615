/* `lentigo dataset check DIR`: is the set fit to learn from? Every defect is named on standard output
 * and in DIR/check.json; DIR/check.html (or -o FILE) shows what the set looks like. Status 1 when it
 * does not pass. */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/json.h"
#include "common/status.h"
#include "dataset/check.h"
#include "train/check_set.h"
#include "train/tools.h"

enum { VERSION = 1, SHOWN_MAX = 50 }; /* of each kind on the terminal; check.json has all */

static int errors_of(const struct check_set *c)
{
    int n = 0;

    for (int k = 0; k < CHECK_KINDS; k++)
        n += check_kinds[k].is_error ? c->count[k] : 0;
    return n;
}

static int warnings_of(const struct check_set *c)
{
    int n = 0;

    for (int k = 0; k < CHECK_KINDS; k++)
        n += check_kinds[k].is_error ? 0 : c->count[k];
    return n;
}

static void print_defects(const struct check_set *c)
{
    int shown[CHECK_KINDS] = {0};

    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < c->n_defects; i++) {
            const struct check_defect *d = &c->defects[i];
            const struct check_kind *kind = &check_kinds[d->kind];
            if (kind->is_error != !pass || shown[d->kind]++ >= SHOWN_MAX)
                continue;
            printf("%s %s: %s\n", kind->is_error ? "error" : "warning", kind->word, d->text);
        }
    for (int k = 0; k < CHECK_KINDS; k++)
        if (c->count[k] > SHOWN_MAX)
            printf("... and %d more of %s: see check.json\n", c->count[k] - SHOWN_MAX,
                   check_kinds[k].word);
}

static json_t *defects_json(const struct check_set *c)
{
    json_t *list = json_array();

    for (int i = 0; i < c->n_defects; i++) {
        const struct check_defect *d = &c->defects[i];
        json_t *item = json_object();
        json_put(&item, "severity",
                 json_string(check_kinds[d->kind].is_error ? "error" : "warning"));
        json_put(&item, "kind", json_string(check_kinds[d->kind].word));
        json_put(&item, "id", d->row < 0 ? json_null() : json_text(c->rows[d->row].id));
        json_put(&item, "text", json_text(d->text));
        json_add(&list, item);
    }
    return list;
}

static json_t *splits_json(const struct check_set *c)
{
    json_t *all = json_object();

    for (int s = 0; s < SPLIT_COUNT; s++) {
        json_t *split = json_object();
        for (int k = 0; k < CHECK_CLASSES; k++) {
            int n = 0;
            for (int i = 0; i < c->table.n_rows; i++)
                n += c->rows[i].split == s && c->rows[i].class == k;
            json_put(&split, k ? class_word(k) : "map", json_integer(n));
        }
        json_put(&all, split_word(s), split);
    }
    return all;
}

static int write_result(const struct check_set *c, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    json_t *object = json_object();

    json_put(&object, "version", json_integer(VERSION));
    json_put(&object, "passed", json_boolean(!errors_of(c)));
    json_put(&object, "manifest_sha256", json_string(c->manifest));
    json_put(&object, "images", json_integer(c->table.n_rows));
    json_put(&object, "errors", json_integer(errors_of(c)));
    json_put(&object, "warnings", json_integer(warnings_of(c)));
    json_put(&object, "splits", splits_json(c));
    json_put(&object, "defects", defects_json(c));
    if (!object)
        return err_set(err, ERR_NOMEM, "the result of the check");
    int ret = path_format(path, sizeof(path), err, "%s/check.json", c->dir) ||
              json_write(path, object, err);
    json_decref(object);
    return ret ? -1 : 0;
}

static int write_page(struct check_set *c, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (c->settings->output[0] ? path_format(path, sizeof(path), err, "%s", c->settings->output)
                               : path_format(path, sizeof(path), err, "%s/check.html", c->dir))
        return -1;
    if (check_page(c, path, err))
        return -1;
    printf("page: %s\n", path);
    return 0;
}

/* The digest first: whatever changes while we look makes the result stale, and not wrong. */
static int check(struct check_set *c, struct err *err)
{
    if (gallery_open(&c->gallery, c->settings, err) || check_manifest(c->manifest, c->dir, err) ||
        check_rows(c, err) || check_files(c, err) || check_twins(c, err) ||
        check_strangeness(c, err))
        return -1;
    if (c->is_out_of_memory)
        return err_set(err, ERR_NOMEM, "the list of defects");
    print_defects(c);
    if (write_page(c, err) || write_result(c, err))
        return -1;
    printf("%s: %d pictures, %d errors, %d warnings\n", errors_of(c) ? "NOT PASSED" : "passed",
           c->table.n_rows, errors_of(c), warnings_of(c));
    return fflush(stdout) ? err_set(err, ERR_AGAIN, "standard output") : 0;
}

int dataset_check(const struct settings *s, int n, char **operands)
{
    static struct check_set c; /* a path of 4 kB; one a process */
    struct err err = {0};

    c.settings = s;
    if (n != 1) {
        err_set(&err, ERR_INPUT, "dataset check: name one labelled set (lentigo dataset --help)");
    } else {
        c.dir = operands[0];
        check(&c, &err);
    }
    int errors = errors_of(&c);
    for (int i = 0; i < c.n_defects; i++)
        free(c.defects[i].text);
    free(c.defects);
    free(c.rows);
    table_release(&c.table);
    gallery_close(&c.gallery);
    return err.code ? tool_fail(&err) : errors ? STATUS_UNFINISHED : STATUS_OK;
}
