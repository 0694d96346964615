/* `lentigo dataset split DIR`: fill the column `split` of labels.csv (dataset/split.h says how).
 * Prints what was grouped and how many pictures of each class each side got. */
#include <stdlib.h>
#include <string.h>

#include "common/classes.h"
#include "common/file.h"
#include "common/status.h"
#include "dataset/labels.h"
#include "dataset/likeness.h"
#include "dataset/split.h"
#include "dataset/table.h"
#include "train/gallery.h"
#include "train/tools.h"

struct splitter {
    const struct settings *settings;
    char path[SETTINGS_PATH_SIZE];  /* labels.csv */
    char image[SETTINGS_PATH_SIZE]; /* scratch */
    struct table table;
    int id, dx, split; /* columns */
    int percent[SPLIT_COUNT];
    struct split_picture *pictures; /* n_rows */
    struct groups groups;
    uint8_t *chosen;           /* n_rows */
    struct likeness *likeness; /* n_rows */
    const char *dir;
    int like_pairs, unseen; /* pairs that look alike; pictures that could not be looked at */
};

/* Columns whose equal values belong together; either may be missing. */
static const struct {
    const char *column, *what;
} kin[] = {
    {"patient_id", "patients"},
    {"lesion_id",  "lesions" },
};
enum { KIN = sizeof(kin) / sizeof(*kin) };

static int read_pictures(struct splitter *s, struct err *err)
{
    s->pictures = calloc((size_t)s->table.n_rows + 1, sizeof(*s->pictures));
    if (!s->pictures)
        return err_set(err, ERR_NOMEM, "%d pictures", s->table.n_rows);
    for (int i = 0; i < s->table.n_rows; i++) {
        const char *dx = table_cell(&s->table, i, s->dx);
        int class = *dx ? class_of(dx) : 0;
        if (class < 0)
            return err_set(err, ERR_CONFIG, "%s:%d: unknown diagnosis \"%.20s\"", s->path,
                           s->table.lines[i], dx);
        if (*table_cell(&s->table, i, s->split) && !s->settings->replace)
            return err_set(err, ERR_INPUT,
                           "%s:%d: has a split already; --replace deals all out again", s->path,
                           s->table.lines[i]);
        s->pictures[i] = (struct split_picture){table_cell(&s->table, i, s->id), class};
    }
    return 0;
}

static int read_table(struct splitter *s, const char *dir, struct err *err)
{
    if (path_format(s->path, sizeof(s->path), err, "%s/labels.csv", dir) ||
        table_read(&s->table, s->path, err) || table_want_column(&s->table, "split", err))
        return -1;
    s->id = table_column(&s->table, "id");
    s->dx = table_column(&s->table, "dx");
    s->split = table_column(&s->table, "split");
    if (s->id < 0 || s->dx < 0)
        return err_set(err, ERR_CONFIG, "%s: columns id and dx are needed", s->path);
    if (!s->table.n_rows)
        return err_set(err, ERR_CONFIG, "%s: no picture in it", s->path);
    return read_pictures(s, err);
}

static int join_kin(struct splitter *s, int k, struct err *err)
{
    int column = table_column(&s->table, kin[k].column), n = s->table.n_rows;
    const char **values = calloc((size_t)n + 1, sizeof(*values));

    if (!values)
        return err_set(err, ERR_NOMEM, "%s of %d pictures", kin[k].what, n);
    for (int i = 0; i < n; i++)
        values[i] = table_cell(&s->table, i, column);
    int shared = groups_join_equal(&s->groups, values, err);
    free(values);
    if (shared >= 0)
        printf("%s with several pictures: %d%s\n", kin[k].what, shared,
               column < 0 ? " (no such column)" : "");
    return shared < 0 ? -1 : 0;
}

static const char *image_path(void *ctx, int i)
{
    struct splitter *s = ctx;
    struct err missing = {0};

    if (!labels_image_path(s->image, sizeof(s->image), s->dir, s->pictures[i].id, &missing))
        return s->image;
    s->unseen++;
    return NULL;
}

static int take_image(void *ctx, int i, const struct decoded *d, struct err *err)
{
    struct splitter *s = ctx;

    (void)err;
    if (d->reason == REASON_NONE)
        s->likeness[i] = likeness_of(d->field.rgb, d->field.w, d->field.h);
    else
        s->unseen++;
    return 0;
}

static int join_like(void *ctx, int i, int j, struct err *err)
{
    struct splitter *s = ctx;

    (void)err;
    s->like_pairs++;
    groups_join(&s->groups, i, j);
    return 0;
}

/* A picture that cannot be read is no reason to stop: `dataset check` names it. */
static int join_likeness(struct splitter *s, struct gallery *gallery, struct err *err)
{
    int n = s->table.n_rows;
    const struct gallery_job job = {
        .n = n, .path = image_path, .take = take_image, .ctx = s, .what = "pictures"};

    s->likeness = calloc((size_t)n + 1, sizeof(*s->likeness));
    if (!s->likeness)
        return err_set(err, ERR_NOMEM, "the likeness of %d pictures", n);
    if (gallery_run(gallery, &job, err) ||
        likeness_pairs(s->likeness, n, LIKENESS_NEAR, join_like, s, err))
        return -1;
    printf("pairs that look alike: %d", s->like_pairs);
    if (s->unseen)
        printf(" (%d pictures could not be looked at)", s->unseen);
    putchar('\n');
    return 0;
}

static void print_shares(const struct splitter *s)
{
    int count[SPLIT_COUNT][CLASS_COUNT] = {0}, all[SPLIT_COUNT] = {0};

    for (int i = 0; i < s->table.n_rows; i++) {
        count[s->chosen[i]][s->pictures[i].class]++;
        all[s->chosen[i]]++;
    }
    printf("%-6s %7s", "split", "all");
    for (int k = 1; k < CLASS_COUNT; k++)
        printf(" %6s", class_word(k));
    for (int i = 0; i < SPLIT_COUNT; i++) {
        printf("\n%-6s %7d", split_word(i), all[i]);
        for (int k = 1; k < CLASS_COUNT; k++)
            printf(" %6d", count[i][k]);
    }
    putchar('\n');
}

static int deal_out(struct splitter *s, struct err *err)
{
    const char *to = s->settings->output[0] ? s->settings->output : s->path;
    int n = s->table.n_rows;

    s->chosen = calloc((size_t)n + 1, 1);
    if (!s->chosen)
        return err_set(err, ERR_NOMEM, "splits of %d pictures", n);
    if (split_assign(s->chosen, s->pictures, &s->groups, s->percent, (uint64_t)s->settings->seed,
                     err))
        return -1;
    for (int i = 0; i < n; i++)
        table_set(&s->table, i, s->split, split_word(s->chosen[i]));
    if (table_write(&s->table, to, err))
        return -1;
    print_shares(s);
    printf("written to %s\n", to);
    return 0;
}

static int split(struct splitter *s, struct gallery *gallery, struct err *err)
{
    if (split_parse(s->percent, s->settings->percent, err) ||
        gallery_open(gallery, s->settings, err) || read_table(s, s->dir, err) ||
        groups_init(&s->groups, s->table.n_rows, err))
        return -1;
    for (int k = 0; k < KIN; k++)
        if (join_kin(s, k, err))
            return -1;
    return join_likeness(s, gallery, err) || deal_out(s, err) ? -1 : 0;
}

int dataset_split(const struct settings *settings, int n, char **operands)
{
    static struct splitter s; /* paths of 4 kB; one a process */
    struct gallery gallery = {0};
    struct err err = {0};

    s.settings = settings;
    s.dir = operands[0];
    if (n != 1)
        err_set(&err, ERR_INPUT, "dataset split: name one labelled set (lentigo dataset --help)");
    else
        split(&s, &gallery, &err);
    gallery_close(&gallery);
    table_release(&s.table);
    groups_release(&s.groups);
    free(s.pictures);
    free(s.chosen);
    free(s.likeness);
    return err.code ? tool_fail(&err) : STATUS_OK;
}
