/* Every picture and every mask is decoded once, in the sandbox. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "dataset/labels.h"
#include "dataset/mask.h"
#include "train/check_set.h"

enum { SMALL_SIDE = 128, PATH_SIZE = SETTINGS_PATH_SIZE };
static const double tiny_fraction = 0.002, whole_fraction = 0.98;

/* ---- pictures ---- */

static const char *image_path(void *ctx, int i)
{
    struct check_set *c = ctx;
    struct err missing = {0};

    if (!c->rows[i].is_usable)
        return NULL;
    if (!labels_image_path(c->path, sizeof(c->path), c->dir, c->rows[i].id, &missing))
        return c->path;
    check_note(c, CHECK_IMAGE_MISSING, i, "images/%s.jpg: not there, nor with another ending",
               c->rows[i].id);
    return NULL;
}

static int hash_image(struct check_set *c, struct check_row *row, struct err *err)
{
    char path[PATH_SIZE];

    if (labels_image_path(path, sizeof(path), c->dir, row->id, err))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, ERR_AGAIN, "%s: %s", path, strerror(errno));
    int ret = sha256_hex_fd(row->digest, fd, NULL, err);
    close(fd);
    return ret;
}

static int take_image(void *ctx, int i, const struct decoded *d, struct err *err)
{
    struct check_set *c = ctx;
    struct check_row *row = &c->rows[i];

    if (d->reason != REASON_NONE) {
        check_note(c, CHECK_IMAGE_CORRUPT, i, "images/%s: %s: %s", row->id, reason_word(d->reason),
                   d->err.msg);
        return 0;
    }
    row->has_image = true;
    row->w = d->width;
    row->h = d->height;
    row->likeness = likeness_of(d->field.rgb, d->field.w, d->field.h);
    check_measure(row, d);
    if (d->width < SMALL_SIDE && d->height < SMALL_SIDE)
        check_note(c, CHECK_IMAGE_SMALL, i, "images/%s: %d x %d px", row->id, d->width, d->height);
    if (d->is_degraded)
        check_note(c, CHECK_IMAGE_DEGRADED, i, "images/%s: %s", row->id, d->note);
    return hash_image(c, row, err);
}

/* ---- masks ---- */

static const char *mask_path(void *ctx, int i)
{
    struct check_set *c = ctx;
    struct err too_long = {0};

    return c->rows[i].is_usable && !path_format(c->path, sizeof(c->path), &too_long,
                                                "%s/masks/%s.png", c->dir, c->rows[i].id)
               ? c->path
               : NULL;
}

static void survey(struct check_set *c, int i, const uint8_t *classes, size_t n)
{
    struct check_row *row = &c->rows[i];
    size_t lesion = 0;

    for (size_t k = 0; k < n; k++) {
        lesion += classes[k] != 0;
        row->has_class[classes[k]] = true;
    }
    row->has_mask = lesion > 0;
    row->fraction = (double)lesion / (double)n;
    if (!lesion)
        check_note(c, CHECK_MASK_EMPTY, i, "masks/%s.png: no lesion in it", row->id);
    else if (row->fraction < tiny_fraction)
        check_note(c, CHECK_LESION_TINY, i, "masks/%s.png: %.3f %% of the picture", row->id,
                   row->fraction * 100);
    else if (row->fraction > whole_fraction)
        check_note(c, CHECK_LESION_ALL, i, "masks/%s.png: %.1f %% of the picture", row->id,
                   row->fraction * 100);
}

static int take_mask(void *ctx, int i, const struct decoded *d, struct err *err)
{
    struct check_set *c = ctx;
    struct check_row *row = &c->rows[i];
    const struct picture *p = &d->display;
    struct err none = {0};

    if (d->reason != REASON_NONE) {
        bool is_missing = d->reason == REASON_MISSING_FILE;
        check_note(c, is_missing ? CHECK_MASK_MISSING : CHECK_MASK_CORRUPT, i, "masks/%s.png: %s",
                   row->id, is_missing ? "not there" : d->err.msg);
        return 0;
    }
    if (row->has_image && (d->width != row->w || d->height != row->h)) {
        check_note(c, CHECK_MASK_SIZE, i, "masks/%s.png: %d x %d, the picture is %d x %d", row->id,
                   d->width, d->height, row->w, row->h);
        return 0;
    }
    size_t n = (size_t)p->w * (size_t)p->h;
    uint8_t *classes = malloc(n);
    if (!classes)
        return err_set(err, ERR_NOMEM, "a mask of %d x %d", p->w, p->h);
    if (mask_read(classes, p->rgb, p->w, p->h, row->class < 0 ? 1 : row->class, &none))
        check_note(c, CHECK_MASK_CORRUPT, i, "masks/%s.png: %s", row->id, none.msg);
    else
        survey(c, i, classes, n);
    free(classes);
    return 0;
}

/* ---- files that no row names ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_folder(struct check_set *c, const char *folder, const char *const *ids)
{
    struct err too_long = {0};
    DIR *dir = path_format(c->path, sizeof(c->path), &too_long, "%s/%s", c->dir, folder)
                   ? NULL
                   : opendir(c->path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char stem[256];
        snprintf(stem, sizeof(stem), "%s", entry->d_name);
        char *dot = strrchr(stem, '.'), *key = stem;
        if (dot)
            *dot = 0;
        if (entry->d_name[0] != '.' &&
            !bsearch(&key, ids, (size_t)c->table.n_rows, sizeof(*ids), compare_names))
            check_note(c, CHECK_NO_ROW, -1, "%s/%s: no row of labels.csv names it", folder,
                       entry->d_name);
    }
    if (dir)
        closedir(dir);
}

static int check_strangers(struct check_set *c, struct err *err)
{
    const char **ids = calloc((size_t)c->table.n_rows, sizeof(*ids));

    if (!ids)
        return err_set(err, ERR_NOMEM, "%d ids", c->table.n_rows);
    for (int i = 0; i < c->table.n_rows; i++)
        ids[i] = c->rows[i].id;
    qsort(ids, (size_t)c->table.n_rows, sizeof(*ids), compare_names);
    check_folder(c, "images", ids);
    check_folder(c, "masks", ids);
    free(ids);
    return 0;
}

int check_files(struct check_set *c, struct err *err)
{
    struct gallery_job job = {
        .n = c->table.n_rows, .path = image_path, .take = take_image, .ctx = c, .what = "pictures"};

    if (gallery_run(&c->gallery, &job, err))
        return -1;
    job.path = mask_path;
    job.take = take_mask;
    job.are_masks = true;
    job.what = "masks";
    return gallery_run(&c->gallery, &job, err) ? -1 : check_strangers(c, err);
}
