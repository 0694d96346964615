/* A labelled set as LabelMe's files, to be looked at and corrected: picture and <picture>.json side by
 * side. Outlines of a picture over 1600 px come from its display copy, so they are a pixel or two of
 * the original coarse. */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "dataset/labelme.h"
#include "dataset/labels.h"
#include "dataset/mask.h"
#include "train/convert.h"
#include "train/gallery.h"

struct rewriter {
    struct convert *c;
    struct labels labels;
    char draft[SETTINGS_PATH_SIZE];
    char path[SETTINGS_PATH_SIZE + CONVERT_ID_SIZE + 16];
};

static const char *mask_path(void *ctx, int i)
{
    struct rewriter *r = ctx;
    struct err none = {0};

    return path_format(r->path, sizeof(r->path), &none, "%s/masks/%s.png", r->c->input,
                       r->labels.rows[i].id)
               ? NULL
               : r->path;
}

static int write_shapes(struct rewriter *r, const struct label *label, const struct decoded *d,
                        const char *image, struct err *err)
{
    const struct picture *p = &d->display;
    char path[SETTINGS_PATH_SIZE + CONVERT_ID_SIZE + 16];
    struct labelme_picture picture = {
        .w = p->w, .h = p->h, .width = d->width, .height = d->height, .image = image};
    json_t *object = NULL;

    uint8_t *classes = malloc((size_t)p->w * (size_t)p->h);
    if (!classes)
        return err_set(err, ERR_NOMEM, "a mask of %d x %d", p->w, p->h);
    picture.classes = classes;
    int ret = mask_read(classes, p->rgb, p->w, p->h, label->class, err) ||
              labelme_write(&object, &picture, err) ||
              path_format(path, sizeof(path), err, "%s/%s.json", r->draft, label->id) ||
              json_write(path, object, err);
    json_decref(object);
    free(classes);
    return ret ? -1 : 0;
}

static int rewrite(struct rewriter *r, const struct label *label, const struct decoded *d,
                   struct err *err)
{
    char from[SETTINGS_PATH_SIZE], to[SETTINGS_PATH_SIZE];

    if (d->reason != REASON_NONE)
        return err_set(err, ERR_INPUT, "%s: %.180s", reason_word(d->reason), d->err.msg);
    if (labels_image_path(from, sizeof(from), r->c->input, label->id, err))
        return -1;
    const char *name = strrchr(from, '/') + 1;
    if (write_shapes(r, label, d, name, err) ||
        path_format(to, sizeof(to), err, "%s/%s", r->draft, name))
        return -1;
    return file_link_or_copy(from, to, err);
}

static int take_mask(void *ctx, int i, const struct decoded *d, struct err *err)
{
    struct rewriter *r = ctx;
    struct err one = {0};

    if (!rewrite(r, &r->labels.rows[i], d, &one))
        return 0;
    if (one.code != ERR_INPUT && one.code != ERR_LIMIT && one.code != ERR_CONFIG)
        return err_set(err, one.code, "%s", one.msg);
    convert_refuse(r->c, r->labels.rows[i].id, &one);
    return 0;
}

int convert_write_labelme(struct convert *c, const char *output, struct err *err)
{
    struct rewriter r = {.c = c};
    struct gallery p = {0};

    if (labels_read(&r.labels, c->input, "all", 0, err))
        return -1;
    const struct gallery_job job = {.n = r.labels.n,
                                    .are_masks = true,
                                    .path = mask_path,
                                    .take = take_mask,
                                    .ctx = &r,
                                    .what = "masks"};
    int ret = convert_draft_begin(r.draft, output, err);
    if (!ret) {
        ret = gallery_open(&p, c->settings, err) || gallery_run(&p, &job, err) ? -1 : 0;
        gallery_close(&p);
        bool is_good = !ret && (!c->bad || c->settings->skip_bad);
        if (convert_draft_end(r.draft, output, is_good, err) && is_good)
            ret = -1;
        if (is_good && !ret)
            printf("%d pictures written to %s\n", r.labels.n - c->bad, output);
    }
    labels_release(&r.labels);
    return ret;
}
