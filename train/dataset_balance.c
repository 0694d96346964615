/* lentigo dataset balance: even out the classes that train, by weights or by augmented copies. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/status.h"
#include "dataset/augment.h"
#include "dataset/sampling.h"
#include "dataset/table.h"
#include "preprocess/encode.h"
#include "train/pictures.h"
#include "train/tools.h"

enum { JPEG_QUALITY = 95, FILE_MAX = 1 << 28, TABLE_MAX = 1 << 30, COPIES_MAX = 1000 };

struct balance {
    const struct settings *settings;
    const char *dir, *out; /* `out` "": weights */
    enum sampling_rule rule;
    struct augment_config augment;
    struct labels all;
    struct table table;
    int *classes;   /* of rows that train, else 0 */
    int *copies;    /* of each row */
    float *weights; /* of rows that train, in their order */
    int trains;     /* rows that do */
    int count[CLASS_COUNT], target[CLASS_COUNT];
    struct augment_room room;
    struct buf labels; /* the new labels.csv */
    uint8_t *rgb, *label;
    size_t capacity; /* px */
};

static int read_set(struct balance *b, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    if (labels_read(&b->all, b->dir, "all", 0, err) ||
        path_format(path, sizeof(path), err, "%s/labels.csv", b->dir) ||
        table_read(&b->table, path, err))
        return -1;
    if (b->table.n_rows != b->all.n)
        return err_set(err, ERR_BUG, "%s: read as %d rows and as %d", path, b->table.n_rows,
                       b->all.n);
    size_t n = (size_t)b->all.n;
    b->classes = calloc(n + 1, sizeof(*b->classes));
    b->copies = calloc(n + 1, sizeof(*b->copies));
    b->weights = calloc(n + 1, sizeof(*b->weights));
    if (!b->classes || !b->copies || !b->weights)
        return err_set(err, ERR_NOMEM, "no memory for %d labels", b->all.n);
    for (int i = 0; i < b->all.n; i++) {
        const struct label *l = &b->all.rows[i];
        bool trains = !strcmp(l->split, "train");
        if (trains && !l->class)
            return err_set(err, ERR_CONFIG, "%s/labels.csv: %s has no diagnosis to balance by",
                           b->dir, l->id);
        b->classes[i] = trains ? l->class : 0;
        b->count[b->classes[i]]++;
        b->trains += trains;
    }
    return b->trains
               ? 0
               : err_set(err, ERR_CONFIG, "%s: no picture trains (lentigo dataset split)", b->dir);
}

/* How many pictures of each class there should be: as many as of the largest, or by the rule's share. */
static void set_targets(struct balance *b)
{
    int most = 0;

    for (int k = 1; k < CLASS_COUNT; k++)
        most = b->count[k] > most ? b->count[k] : most;
    for (int k = 1; k < CLASS_COUNT; k++) {
        double n = b->count[k];
        double root = sqrt(n * most), even = n > 0 ? most : 0;
        b->target[k] = (int)lround(b->rule == SAMPLING_UNIFORM ? n
                                   : b->rule == SAMPLING_ROOT  ? root
                                                               : even);
    }
}

/* The copies of a class are shared out over its pictures, the first ones getting one more. */
static int share_copies(struct balance *b, struct err *err)
{
    int seen[CLASS_COUNT] = {0};

    for (int i = 0; i < b->all.n; i++) {
        int k = b->classes[i];
        if (!k)
            continue;
        int more = b->target[k] - b->count[k];
        b->copies[i] = more / b->count[k] + (seen[k]++ < more % b->count[k]);
        if (b->copies[i] > COPIES_MAX)
            return err_set(err, ERR_CONFIG,
                           "%d %s pictures would need over %d copies each; "
                           "take --sampling root, or weights",
                           b->count[k], class_word(k), COPIES_MAX);
    }
    return 0;
}

static void print_classes(const struct balance *b)
{
    printf("class   pictures   %s\n", *b->out ? "with copies" : "drawn an epoch");
    for (int k = 1; k < CLASS_COUNT; k++) {
        double drawn = 0;
        for (int i = 0, t = 0; i < b->all.n; i++) {
            drawn += b->classes[i] == k ? (double)b->weights[t] : 0;
            t += b->classes[i] != 0;
        }
        printf("%-7s %8d   %11.0f\n", class_word(k), b->count[k], *b->out ? b->target[k] : drawn);
    }
}

static void make_weights(struct balance *b)
{
    int *classes = b->copies; /* room for as many; no copies are made with weights */
    int t = 0;

    for (int i = 0; i < b->all.n; i++)
        if (b->classes[i])
            classes[t++] = b->classes[i];
    sampling_weights(b->weights, b->rule, classes, t);
}

static int write_weights(struct balance *b, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    make_weights(b);
    buf_add_text(&b->labels, "id,weight\n");
    for (int i = 0, t = 0; i < b->all.n; i++) {
        if (!b->classes[i])
            continue;
        table_add_field(&b->labels, b->all.rows[i].id);
        buf_printf(&b->labels, ",%.6g\n", (double)b->weights[t++]);
    }
    if (buf_check(&b->labels, "weights.csv", err) ||
        path_format(path, sizeof(path), err, "%s/weights.csv", b->dir) ||
        file_write(path, b->labels.data, b->labels.len, err))
        return -1;
    print_classes(b);
    printf("weights of %d pictures in %s\n", b->trains, path);
    return 0;
}

/* A row of labels.csv as it stands, but for another id. */
static void add_row(struct balance *b, int row, const char *id)
{
    int id_column = table_column(&b->table, "id");

    for (int c = 0; c < b->table.n_columns; c++) {
        buf_add_text(&b->labels, c ? "," : "");
        table_add_field(&b->labels, c == id_column ? id : table_cell(&b->table, row, c));
    }
    buf_add_text(&b->labels, "\n");
}

static void add_header(struct balance *b)
{
    for (int c = 0; c < b->table.n_columns; c++) {
        buf_add_text(&b->labels, c ? "," : "");
        table_add_field(&b->labels, b->table.names[c]);
    }
    buf_add_text(&b->labels, "\n");
}

static int link_row(struct balance *b, int row, struct err *err)
{
    char from[SETTINGS_PATH_SIZE], to[SETTINGS_PATH_SIZE];
    const char *id = b->all.rows[row].id;

    if (labels_image_path(from, sizeof(from), b->dir, id, err) ||
        path_format(to, sizeof(to), err, "%s/images/%s", b->out, strrchr(from, '/') + 1) ||
        file_link_or_copy(from, to, err) ||
        path_format(from, sizeof(from), err, "%s/masks/%s.png", b->dir, id) ||
        path_format(to, sizeof(to), err, "%s/masks/%s.png", b->out, id) ||
        file_link_or_copy(from, to, err))
        return -1;
    add_row(b, row, id);
    return 0;
}

static int reserve(struct balance *b, size_t n, struct err *err)
{
    if (n <= b->capacity)
        return 0;
    free(b->rgb);
    free(b->label);
    b->rgb = malloc(3 * n);
    b->label = malloc(n);
    b->capacity = b->rgb && b->label ? n : 0;
    return b->capacity ? 0 : err_set(err, ERR_NOMEM, "no memory for a copy of %zu px", n);
}

/* The mask is black and white, as of all pictures with one diagnosis: over the picture's room. */
static int write_copy(struct balance *b, const char *id, int w, int h, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    struct buf file;

    buf_init(&file, FILE_MAX);
    int ret = path_format(path, sizeof(path), err, "%s/images/%s.jpg", b->out, id) ||
              encode_jpeg(b->rgb, w, h, JPEG_QUALITY, &file, err) ||
              file_write(path, file.data, file.len, err);
    for (size_t i = 0; i < (size_t)w * (size_t)h; i++)
        memset(b->rgb + 3 * i, b->label[i] ? 255 : 0, 3);
    buf_clear(&file);
    ret = ret || path_format(path, sizeof(path), err, "%s/masks/%s.png", b->out, id) ||
          encode_png(b->rgb, w, h, &file, err) || file_write(path, file.data, file.len, err);
    buf_release(&file);
    return ret ? -1 : 0;
}

/* Copies are as large as their picture, so width and height in labels.csv stay true; the label of the
 * mirror image around it is the mirrored label. */
static int copy_row(void *context, int row, const struct cache_picture *p, struct err *err)
{
    struct balance *b = context;
    const struct augment_picture picture = {p->rgb, p->label, p->w, p->h};
    char id[sizeof(b->all.rows->id)];

    if (reserve(b, (size_t)p->w * (size_t)p->h, err) || link_row(b, row, err))
        return -1;
    const struct augment_target target = {b->rgb, b->label, p->w, p->h};
    for (int k = 0; k < b->copies[row]; k++) {
        const struct augment_place place = {(uint64_t)b->settings->seed, (uint32_t)k,
                                            (uint32_t)row};
        struct augment_plan plan;
        if (snprintf(id, sizeof(id), "%s-aug%d", b->all.rows[row].id, k + 1) >= (int)sizeof(id))
            return err_set(err, ERR_CONFIG, "%s: too long a name for a copy's",
                           b->all.rows[row].id);
        augment_choose(&plan, &b->augment, &place, &picture, &target);
        if (augment_apply(&plan, &picture, &target, &b->room, err) ||
            write_copy(b, id, p->w, p->h, err))
            return -1;
        add_row(b, row, id);
    }
    return 0;
}

/* labels.csv comes last: without it the folder is no set. */
static int write_set(struct balance *b, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];
    const struct pictures_request request = {
        .data = b->dir,
        .rows = b->all.rows,
        .n = b->all.n,
        .bound = PICTURES_BOUND_MAX,
        .settings = b->settings,
        .take = copy_row,
        .context = b,
    };

    if (path_format(path, sizeof(path), err, "%s/labels.csv", b->out))
        return -1;
    if (!access(path, F_OK))
        return err_set(err, ERR_CONFIG, "%s: there is a set already", path);
    b->augment.grey = 0;
    add_header(b);
    if (share_copies(b, err) || path_format(path, sizeof(path), err, "%s/images", b->out) ||
        dir_make(path, err) || path_format(path, sizeof(path), err, "%s/masks", b->out) ||
        dir_make(path, err) || pictures_decode(&request, err) ||
        buf_check(&b->labels, "labels.csv", err) ||
        path_format(path, sizeof(path), err, "%s/labels.csv", b->out) ||
        file_write_synced(path, b->labels.data, b->labels.len, err))
        return -1;
    print_classes(b);
    printf("written to %s\n", b->out);
    return 0;
}

int dataset_balance(const struct settings *settings, int n, char **operands)
{
    struct balance b = {.settings = settings, .out = settings->output};
    struct err err = {0};

    buf_init(&b.labels, TABLE_MAX);
    if (n != 1)
        err_set(&err, ERR_INPUT, "dataset balance: name one labelled set (lentigo dataset --help)");
    else
        b.dir = operands[0];
    if (!err.code && !sampling_rule_of(&b.rule, settings->sampling, &err) &&
        !augment_parse(&b.augment, settings->augment, &err) && !read_set(&b, &err)) {
        set_targets(&b);
        (void)(*b.out ? write_set(&b, &err) : write_weights(&b, &err));
    }
    labels_release(&b.all);
    table_release(&b.table);
    augment_room_release(&b.room);
    buf_release(&b.labels);
    free(b.classes);
    free(b.copies);
    free(b.weights);
    free(b.rgb);
    free(b.label);
    return err.code ? tool_fail(&err) : STATUS_OK;
}
