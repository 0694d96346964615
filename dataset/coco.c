#include "dataset/coco.h"

#include <stdlib.h>
#include <string.h>

struct category {
    int64_t id;
    const char *name;
};

struct reader {
    const struct class_map *map;
    struct coco *out;
    struct category *categories;
    int n_categories;
};

void coco_release(struct coco *c)
{
    for (int i = 0; i < c->n; i++)
        annotation_release(&c->pictures[i].drawn);
    free(c->pictures);
    *c = (struct coco){0};
}

/* ---- categories and pictures ---- */

static int read_categories(struct reader *r, const json_t *list, struct err *err)
{
    const json_t *item;
    size_t i;

    r->categories = calloc(json_array_size(list) + 1, sizeof(*r->categories));
    if (!r->categories)
        return err_set(err, ERR_NOMEM, "%zu categories", json_array_size(list));
    json_array_foreach(list, i, item)
    {
        struct category *c = &r->categories[i];
        if (json_get_int(item, "id", INT64_MIN, INT64_MAX, &c->id, err) ||
            json_get_text(item, "name", &c->name, err))
            return err_wrap(err, "category %zu", i + 1);
        r->n_categories++;
    }
    return 0;
}

static const char *category_name(const struct reader *r, int64_t id)
{
    for (int i = 0; i < r->n_categories; i++)
        if (r->categories[i].id == id)
            return r->categories[i].name;
    return NULL;
}

static int read_picture(struct coco_picture *p, const json_t *item, struct err *err)
{
    const char *name;
    int64_t width, height;

    if (json_get_int(item, "id", INT64_MIN, INT64_MAX, &p->id, err) ||
        json_get_text(item, "file_name", &name, err) ||
        json_get_int(item, "width", 1, 65535, &width, err) ||
        json_get_int(item, "height", 1, 65535, &height, err))
        return -1;
    p->drawn.image = strdup(name);
    if (!p->drawn.image)
        return err_set(err, ERR_NOMEM, "a picture's name");
    p->drawn.width = (int)width;
    p->drawn.height = (int)height;
    p->patient_id = json_text_or(item, "patient_id", "");
    p->lesion_id = json_text_or(item, "lesion_id", "");
    return 0;
}

static int compare_pictures(const void *a, const void *b)
{
    const struct coco_picture *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

static int read_pictures(struct reader *r, const json_t *list, struct err *err)
{
    size_t n = json_array_size(list), i;
    const json_t *item;
    struct coco *c = r->out;

    if (!n || n > COCO_PICTURES_MAX)
        return err_set(err, ERR_INPUT, "\"images\" has %zu entries", n);
    c->pictures = calloc(n, sizeof(*c->pictures));
    if (!c->pictures)
        return err_set(err, ERR_NOMEM, "%zu pictures", n);
    json_array_foreach(list, i, item)
    {
        c->n++;
        if (read_picture(&c->pictures[i], item, err))
            return err_wrap(err, "picture %zu", i + 1);
    }
    qsort(c->pictures, n, sizeof(*c->pictures), compare_pictures);
    for (i = 1; i < n; i++)
        if (c->pictures[i].id == c->pictures[i - 1].id)
            return err_set(err, ERR_INPUT, "two pictures have the id %lld",
                           (long long)c->pictures[i].id);
    return 0;
}

/* ---- shapes ---- */

static int read_polygon(struct shape *s, const json_t *flat, struct err *err)
{
    size_t n = json_array_size(flat);

    if (n < 6 || n % 2 || n / 2 > ANNOTATION_POINTS_MAX)
        return err_set(err, ERR_INPUT, "a polygon of %zu numbers", n);
    s->kind = SHAPE_POLYGON;
    s->points = calloc(n / 2, sizeof(*s->points));
    if (!s->points)
        return err_set(err, ERR_NOMEM, "%zu points", n / 2);
    s->n_points = (int)(n / 2);
    for (size_t i = 0; i < n; i++) {
        const json_t *number = json_array_get(flat, i);
        if (!json_is_number(number))
            return err_set(err, ERR_INPUT, "a polygon with something that is no number");
        *(i % 2 ? &s->points[i / 2].y : &s->points[i / 2].x) = json_number_value(number);
    }
    return 0;
}

int coco_unpack(const char *text, uint32_t **runs, int *n, struct err *err)
{
    enum { BITS = 5, PARTS_MAX = 7 };
    size_t length = strlen(text);
    uint32_t *out = calloc(length + 1, sizeof(*out));
    int made = 0;

    if (!out)
        return err_set(err, ERR_NOMEM, "%zu runs", length);
    while (*text) {
        int64_t value = 0;
        int part = 0, byte;
        do {
            byte = *text++ - '0';
            if (byte < 0 || byte > 63 || part == PARTS_MAX)
                goto bad;
            value |= (int64_t)(byte & 31) << BITS * part++;
        } while (byte & 32);
        if (byte & 16)
            value -= (int64_t)1 << BITS * part;
        value += made > 2 ? out[made - 2] : 0;
        if (value < 0 || value > UINT32_MAX)
            goto bad;
        out[made++] = (uint32_t)value;
    }
    *runs = out;
    *n = made;
    return 0;
bad:
    free(out);
    return err_set(err, ERR_INPUT, "packed run lengths are damaged");
}

static int read_counts(struct shape *s, const json_t *list, struct err *err)
{
    size_t n = json_array_size(list);

    if (n > (size_t)ANNOTATION_POINTS_MAX * 10)
        return err_set(err, ERR_LIMIT, "%zu runs", n);
    s->runs = calloc(n + 1, sizeof(*s->runs));
    if (!s->runs)
        return err_set(err, ERR_NOMEM, "%zu runs", n);
    s->n_runs = (int)n;
    for (size_t i = 0; i < n; i++) {
        const json_t *count = json_array_get(list, i);
        if (!json_is_integer(count) || json_integer_value(count) < 0 ||
            json_integer_value(count) > UINT32_MAX)
            return err_set(err, ERR_INPUT, "run %zu is no length", i + 1);
        s->runs[i] = (uint32_t)json_integer_value(count);
    }
    return 0;
}

static int read_runs(struct shape *s, const json_t *object, const struct annotation *a,
                     struct err *err)
{
    const json_t *counts = json_object_get(object, "counts");
    const json_t *size = json_object_get(object, "size");

    s->kind = SHAPE_RUNS;
    if (json_integer_value(json_array_get(size, 0)) != a->height ||
        json_integer_value(json_array_get(size, 1)) != a->width)
        return err_set(err, ERR_INPUT, "run lengths whose size is not the picture's, %d x %d",
                       a->width, a->height);
    if (json_is_string(counts))
        return coco_unpack(json_string_value(counts), &s->runs, &s->n_runs, err);
    if (json_is_array(counts))
        return read_counts(s, counts, err);
    return err_set(err, ERR_INPUT, "\"counts\" is neither a list nor a text");
}

static struct shape *add_shape(struct annotation *a, int number, int class, struct err *err)
{
    struct shape *s = annotation_add(a, err);

    if (!s)
        return NULL;
    s->number = number;
    s->class = class > 0 ? class : 0;
    s->is_hole = class == CLASS_MAP_HOLE;
    return s;
}

static int read_segmentation(struct annotation *a, const json_t *item, int number, int class,
                             struct err *err)
{
    const json_t *segmentation = json_object_get(item, "segmentation"), *flat;
    size_t i;

    if (json_is_object(segmentation)) {
        struct shape *s = add_shape(a, number, class, err);
        return s ? read_runs(s, segmentation, a, err) : -1;
    }
    if (!json_array_size(segmentation))
        return err_set(err, ERR_INPUT, "no segmentation; a box is no outline");
    json_array_foreach(segmentation, i, flat)
    {
        struct shape *s = add_shape(a, number, class, err);
        if (!s || read_polygon(s, flat, err))
            return -1;
    }
    return 0;
}

static int read_annotation(struct reader *r, const json_t *item, int number, struct err *err)
{
    int64_t picture, category;

    if (json_get_int(item, "image_id", INT64_MIN, INT64_MAX, &picture, err) ||
        json_get_int(item, "category_id", INT64_MIN, INT64_MAX, &category, err))
        return -1;
    const char *name = category_name(r, category);
    const struct coco_picture key = {.id = picture};
    struct coco_picture *p = bsearch(&key, r->out->pictures, (size_t)r->out->n,
                                     sizeof(*r->out->pictures), compare_pictures);
    if (!name)
        return err_set(err, ERR_INPUT, "no category has the id %lld", (long long)category);
    if (!p)
        return err_set(err, ERR_INPUT, "no picture has the id %lld", (long long)picture);
    int class = class_map_find(r->map, name);
    if (class == CLASS_MAP_IGNORE)
        return 0;
    if (class == CLASS_MAP_UNKNOWN)
        return err_set(err, ERR_INPUT,
                       "%.80s: unknown label \"%.40s\"; say in classes.txt what it means",
                       p->drawn.image, name);
    if (read_segmentation(&p->drawn, item, number, class, err))
        return err_wrap(err, "%.80s (\"%.40s\")", p->drawn.image, name);
    return 0;
}

static int read_all(struct reader *r, const json_t *object, struct err *err)
{
    const json_t *list = json_object_get(object, "annotations"), *item;
    size_t i;

    if (!json_is_array(list) || !json_is_array(json_object_get(object, "images")) ||
        !json_is_array(json_object_get(object, "categories")))
        return err_set(
            err, ERR_INPUT,
            "no lists \"images\", \"annotations\" and \"categories\": this is not COCO's");
    if (read_categories(r, json_object_get(object, "categories"), err) ||
        read_pictures(r, json_object_get(object, "images"), err))
        return -1;
    json_array_foreach(
        list, i, item) if (read_annotation(r, item, (int)i + 1,
                                           err)) return err_wrap(err, "annotation %zu", i + 1);
    return 0;
}

int coco_read(struct coco *out, const json_t *object, const struct class_map *map, struct err *err)
{
    struct reader r = {.map = map, .out = out};

    *out = (struct coco){0};
    int ret = read_all(&r, object, err);
    free(r.categories);
    if (ret)
        coco_release(out);
    return ret;
}
