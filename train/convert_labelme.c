/* A folder of LabelMe's files. Beside them may stand a manifest.csv with the columns file and, as far
 * as they are known, patient_id, lesion_id and dx. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/classes.h"
#include "common/file.h"
#include "dataset/labelme.h"
#include "dataset/table.h"
#include "train/convert.h"

struct manifest {
    struct table table; /* without rows when there is no such file */
    int file, patient, lesion, dx;
};

static int read_manifest(struct manifest *m, const struct convert *c, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/manifest.csv", c->input))
        return -1;
    if (access(path, F_OK))
        return 0;
    if (table_read(&m->table, path, err))
        return -1;
    m->file = table_column(&m->table, "file");
    m->patient = table_column(&m->table, "patient_id");
    m->lesion = table_column(&m->table, "lesion_id");
    m->dx = table_column(&m->table, "dx");
    return m->file >= 0 ? 0 : err_set(err, ERR_CONFIG, "%s: no column file", path);
}

static int add_known(struct convert_item *item, const struct convert *c, const struct manifest *m,
                     struct err *err)
{
    int row = 0;

    while (row < m->table.n_rows && strcmp(table_cell(&m->table, row, m->file), item->name) != 0)
        row++;
    bool is_there = row < m->table.n_rows;
    const char *dx = is_there ? table_cell(&m->table, row, m->dx) : "";
    if (*dx) {
        item->class = class_map_find(&c->map, dx);
        if (item->class < 1)
            return err_set(err, ERR_CONFIG, "manifest.csv:%d: unknown diagnosis \"%.40s\"",
                           m->table.lines[row], dx);
    }
    item->patient_id = convert_text(is_there ? table_cell(&m->table, row, m->patient) : "", err);
    item->lesion_id = convert_text(is_there ? table_cell(&m->table, row, m->lesion) : "", err);
    return item->patient_id && item->lesion_id ? 0 : -1;
}

/* imagePath is meant from the file's own folder, and may have been written on Windows; a folder that
 * was moved leaves it wrong, so the name alone counts next, and the file's own stem last. */
static const struct tree_item *find_picture(const struct convert *c, const char *json,
                                            const char *image)
{
    char path[TREE_PATH_SIZE], name[TREE_PATH_SIZE];
    struct err none = {0};
    const char *slash = strrchr(json, '/'), *dot = strrchr(json, '.');
    int folder = slash ? (int)(slash + 1 - json) : 0;

    if (path_format(name, sizeof(name), &none, "%s", image))
        return NULL;
    for (char *b = name; *b; b++)
        if (*b == '\\')
            *b = '/';
    const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    const char *const tries[] = {name, base};
    for (int i = 0; *base && i < 2; i++) {
        if (path_format(path, sizeof(path), &none, "%.*s%s", folder, json, tries[i]))
            return NULL;
        const struct tree_item *item = tree_find(&c->tree, path);
        if (item && item->kind == TREE_FILE)
            return item;
    }
    const struct tree_item *found = *base ? convert_find(c, base, false) : NULL;
    if (found ||
        path_format(path, sizeof(path), &none, "%.*s", (int)(dot - json - folder), json + folder))
        return found;
    return convert_find(c, path, true);
}

static int read_file(struct convert *c, const char *json, const struct manifest *m, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct annotation drawn = {0};

    if (path_format(path, sizeof(path), err, "%s/%s", c->root, json))
        return -1;
    json_t *object = json_read(path, LABELME_SIZE_MAX, err);
    if (!object)
        return -1;
    bool is_ours = labelme_is(object);
    int ret = is_ours ? labelme_read(&drawn, object, &c->map, err) : 0;
    json_decref(object);
    c->passed_over += !is_ours;
    c->empty += is_ours && !ret && !drawn.n_shapes;
    if (ret || !is_ours || !drawn.n_shapes) {
        annotation_release(&drawn);
        return ret;
    }
    const struct tree_item *picture = find_picture(c, json, drawn.image);
    struct convert_item *item = picture ? convert_add(c, err) : NULL;
    if (!item) {
        if (!picture)
            err_set(err, ERR_INPUT, "its picture \"%.80s\" was not found, or there are several",
                    drawn.image);
        annotation_release(&drawn);
        return -1;
    }
    item->drawn = drawn;
    item->name = convert_text(picture->path, err);
    if (!item->name || path_format(path, sizeof(path), err, "%s/%s", c->root, picture->path))
        return -1;
    item->picture = convert_text(path, err);
    return item->picture && !add_known(item, c, m, err) ? 0 : -1;
}

/* What is wrong with one file is said, and the others are read; all else ends it. */
static int read_files(struct convert *c, const struct manifest *m, struct err *err)
{
    for (int i = 0; i < c->tree.n; i++) {
        const struct tree_item *item = &c->tree.items[i];
        size_t n = strlen(item->path);
        struct err one = {0};
        if (item->kind != TREE_FILE || n < 6 || strcasecmp(item->path + n - 5, ".json") != 0)
            continue;
        if (!read_file(c, item->path, m, &one))
            continue;
        if (one.code != ERR_INPUT && one.code != ERR_LIMIT)
            return err_set(err, one.code, "%s: %s", item->path, one.msg);
        convert_refuse(c, item->path, &one);
    }
    return 0;
}

int convert_read_labelme(struct convert *c, struct err *err)
{
    struct manifest m = {.patient = -1, .lesion = -1, .dx = -1};

    int ret =
        read_manifest(&m, c, err) || convert_search(c, c->input, err) || read_files(c, &m, err);
    table_release(&m.table);
    return ret ? -1 : 0;
}
