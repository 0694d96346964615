/* COCO's file and ISIC's tables: many pictures in one file, which lie in --images, else beside it. */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "dataset/coco.h"
#include "dataset/isic.h"
#include "train/convert.h"

static int search_pictures(struct convert *c, struct err *err)
{
    char folder[SETTINGS_PATH_SIZE];
    const char *slash = strrchr(c->input, '/');

    if (c->settings->images[0])
        return convert_search(c, c->settings->images, err);
    if (path_format(folder, sizeof(folder), err, "%.*s", slash ? (int)(slash - c->input) : 1,
                    slash ? c->input : "."))
        return -1;
    return convert_search(c, *folder ? folder : "/", err);
}

static char *path_in(const struct convert *c, const struct tree_item *item, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    return path_format(path, sizeof(path), err, "%s/%s", c->root, item->path)
               ? NULL
               : convert_text(path, err);
}

static int fill_item(struct convert_item *item, const struct convert *c,
                     const struct tree_item *picture, const char *patient, const char *lesion,
                     struct err *err)
{
    item->name = convert_text(picture->path, err);
    item->picture = path_in(c, picture, err);
    item->patient_id = convert_text(patient, err);
    item->lesion_id = convert_text(lesion, err);
    return item->name && item->picture && item->patient_id && item->lesion_id ? 0 : -1;
}

static int refuse_missing(struct convert *c, const char *name)
{
    struct err missing = {0};

    err_set(&missing, ERR_INPUT, "not found in %s, or there are several (--images says where)",
            c->root);
    convert_refuse(c, name, &missing);
    return 0;
}

static int take_coco(struct convert *c, struct coco_picture *p, struct err *err)
{
    const struct tree_item *picture = convert_find(c, p->drawn.image, false);

    c->empty += !p->drawn.n_shapes;
    if (!p->drawn.n_shapes)
        return 0;
    if (!picture)
        return refuse_missing(c, p->drawn.image);
    struct convert_item *item = convert_add(c, err);
    if (!item)
        return -1;
    item->drawn = p->drawn; /* ours from here on */
    p->drawn = (struct annotation){0};
    return fill_item(item, c, picture, p->patient_id, p->lesion_id, err);
}

int convert_read_coco(struct convert *c, struct err *err)
{
    struct coco coco = {0};
    int ret = -1;

    json_t *object = json_read(c->input, COCO_SIZE_MAX, err);
    if (!object)
        return -1;
    if (coco_read(&coco, object, &c->map, err))
        err_wrap(err, "%s", c->input);
    else
        ret = search_pictures(c, err);
    for (int i = 0; i < coco.n && !ret; i++)
        ret = take_coco(c, &coco.pictures[i], err);
    coco_release(&coco);
    json_decref(object);
    return ret;
}

/* <id>_segmentation, as the challenges call them. */
static const struct tree_item *find_mask(const struct convert *c, const char *id)
{
    static const char *const endings[] = {"_segmentation", "_Segmentation", "_mask"};
    char name[TREE_PATH_SIZE];
    struct err none = {0};

    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
        const struct tree_item *found =
            path_format(name, sizeof(name), &none, "%s%s", id, endings[i])
                ? NULL
                : convert_find(c, name, true);
        if (found)
            return found;
    }
    return NULL;
}

static int take_isic(struct convert *c, const struct isic_row *row, struct err *err)
{
    const struct tree_item *picture = convert_find(c, row->id, true);
    const struct tree_item *mask = find_mask(c, row->id);
    char name[TREE_PATH_SIZE];

    if (row->class == CLASS_MAP_IGNORE)
        return 0;
    if (path_format(name, sizeof(name), err, "%s", row->id))
        return -1;
    if (!picture)
        return refuse_missing(c, name);
    if (!mask) { /* the archives have far more diagnoses than outlines */
        c->empty++;
        return 0;
    }
    struct convert_item *item = convert_add(c, err);
    if (!item)
        return -1;
    item->class = row->class;
    item->mask = path_in(c, mask, err);
    return item->mask ? fill_item(item, c, picture, row->patient_id, row->lesion_id, err) : -1;
}

int convert_read_isic(struct convert *c, struct err *err)
{
    struct isic isic = {0};
    int ret = isic_read(&isic, c->input, &c->map, err) || search_pictures(c, err) ? -1 : 0;

    for (int i = 0; i < isic.n && !ret; i++)
        ret = take_isic(c, &isic.rows[i], err);
    isic_release(&isic);
    return ret;
}
