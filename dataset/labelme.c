#include "dataset/labelme.h"

#include <stdlib.h>
#include <string.h>

#include "common/classes.h"
#include "dataset/trace.h"

static const struct {
    const char *word;
    enum shape_kind kind;
    int points; /* exactly; 0: three or more */
} kinds[] = {
    {"polygon",   SHAPE_POLYGON,   0},
    {"rectangle", SHAPE_RECTANGLE, 2},
    {"circle",    SHAPE_CIRCLE,    2},
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

bool labelme_is(const json_t *object)
{
    return json_is_array(json_object_get(object, "shapes"));
}

static int find_kind(const json_t *object, int *kind, struct err *err)
{
    const char *word = json_text_or(object, "shape_type", "polygon");

    for (*kind = 0; *kind < KINDS; (*kind)++)
        if (!strcmp(word, kinds[*kind].word))
            return 0;
    return err_set(
        err, ERR_INPUT,
        "a \"%.30s\" encloses no area that can be taken; draw a polygon, a rectangle or a "
        "circle, or map its label to ignore",
        word);
}

static int read_point(struct raster_point *out, const json_t *pair, struct err *err)
{
    if (json_array_size(pair) != 2 || !json_is_number(json_array_get(pair, 0)) ||
        !json_is_number(json_array_get(pair, 1)))
        return err_set(err, ERR_INPUT, "a point that is not two numbers");
    out->x = json_number_value(json_array_get(pair, 0));
    out->y = json_number_value(json_array_get(pair, 1));
    return 0;
}

static int read_points(struct shape *s, const json_t *list, int kind, struct err *err)
{
    size_t n = json_array_size(list), wanted = (size_t)kinds[kind].points;

    if (!json_is_array(list) || n > ANNOTATION_POINTS_MAX || (wanted ? n != wanted : n < 3))
        return err_set(err, ERR_INPUT, "a %s of %zu points", kinds[kind].word, n);
    s->points = calloc(n, sizeof(*s->points));
    if (!s->points)
        return err_set(err, ERR_NOMEM, "%zu points", n);
    s->n_points = (int)n;
    for (size_t i = 0; i < n; i++)
        if (read_point(&s->points[i], json_array_get(list, i), err))
            return -1;
    return 0;
}

static bool is_hole(const json_t *object)
{
    return json_is_true(json_object_get(json_object_get(object, "flags"), "hole")) ||
           !strcmp(json_text_or(object, "description", ""), "hole");
}

static int read_group(struct shape *s, const json_t *object, struct err *err)
{
    const json_t *group = json_object_get(object, "group_id");

    if (!group || json_is_null(group))
        return 0;
    if (!json_is_integer(group) || json_integer_value(group) < 0)
        return err_set(err, ERR_INPUT, "a group_id that is no whole number from 0");
    s->group = json_integer_value(group);
    return 0;
}

static int read_shape(struct annotation *a, const json_t *object, int number,
                      const struct class_map *map, struct err *err)
{
    const char *label = json_text_or(object, "label", "");
    int class = class_map_find(map, label), kind;

    if (class == CLASS_MAP_IGNORE)
        return 0;
    bool hole = class == CLASS_MAP_HOLE || is_hole(object);
    if (class == CLASS_MAP_UNKNOWN && !hole)
        return err_set(err, ERR_INPUT, "unknown label; say in classes.txt what it means");
    if (find_kind(object, &kind, err))
        return -1;
    struct shape *s = annotation_add(a, err);
    if (!s)
        return -1;
    s->number = number;
    s->kind = kinds[kind].kind;
    s->is_hole = hole;
    s->class = class > 0 ? class : 0;
    return read_group(s, object, err) ||
                   read_points(s, json_object_get(object, "points"), kind, err)
               ? -1
               : 0;
}

static int read_side(const json_t *object, const char *key, int *out, struct err *err)
{
    const json_t *value = json_object_get(object, key);
    int64_t side = 0;

    *out = 0;
    if (!value || json_is_null(value))
        return 0;
    if (json_get_int(object, key, 1, 65535, &side, err))
        return -1;
    *out = (int)side;
    return 0;
}

static int read_all(struct annotation *out, const json_t *object, const struct class_map *map,
                    struct err *err)
{
    const json_t *shapes = json_object_get(object, "shapes"), *shape;
    size_t i;

    if (!labelme_is(object))
        return err_set(err, ERR_INPUT, "no list \"shapes\": this is not LabelMe's");
    if (read_side(object, "imageWidth", &out->width, err) ||
        read_side(object, "imageHeight", &out->height, err))
        return -1;
    out->image = strdup(json_text_or(object, "imagePath", ""));
    if (!out->image)
        return err_set(err, ERR_NOMEM, "a picture's name");
    json_array_foreach(
        shapes, i, shape) if (read_shape(out, shape, (int)i + 1, map,
                                         err)) return err_wrap(err, "shape %zu (\"%.40s\")", i + 1,
                                                               json_text_or(shape, "label", ""));
    return 0;
}

int labelme_read(struct annotation *out, const json_t *object, const struct class_map *map,
                 struct err *err)
{
    *out = (struct annotation){0};
    if (!read_all(out, object, map, err))
        return 0;
    annotation_release(out);
    return -1;
}

struct writer {
    const struct labelme_picture *picture;
    json_t *shapes;
};

/* The middle of the pixel, which annotation_draw cuts to the pixel again. */
static json_t *point(const struct writer *w, struct raster_point p)
{
    json_t *pair = json_array();

    json_add(&pair, json_rounded((p.x + 0.5) * w->picture->width / w->picture->w, 2));
    json_add(&pair, json_rounded((p.y + 0.5) * w->picture->height / w->picture->h, 2));
    return pair;
}

static int write_area(void *ctx, const struct trace_area *area, struct err *err)
{
    struct writer *w = ctx;
    json_t *shape = json_object(), *points = json_array(), *flags = json_object();

    for (int i = 0; i < area->n; i++)
        json_add(&points, point(w, area->points[i]));
    for (int i = area->n; i < 3; i++) /* a pixel, or two, is no polygon to LabelMe */
        json_add(&points, point(w, area->points[area->n - 1]));
    if (!area->class)
        json_put(&flags, "hole", json_true());
    json_put(&shape, "label", json_string(area->class ? class_word(area->class) : "hole"));
    json_put(&shape, "points", points);
    json_put(&shape, "group_id", json_null());
    json_put(&shape, "shape_type", json_string("polygon"));
    json_put(&shape, "flags", flags);
    json_add(&w->shapes, shape);
    return w->shapes ? 0 : err_set(err, ERR_NOMEM, "shapes of %s", w->picture->image);
}

int labelme_write(json_t **out, const struct labelme_picture *picture, struct err *err)
{
    struct writer w = {.picture = picture, .shapes = json_array()};
    json_t *object = json_object();

    if (trace_areas(picture->classes, picture->w, picture->h, write_area, &w, err)) {
        json_decref(w.shapes);
        json_decref(object);
        return -1;
    }
    json_put(&object, "version", json_string("5.2.1"));
    json_put(&object, "flags", json_object());
    json_put(&object, "shapes", w.shapes);
    json_put(&object, "imagePath", json_text(picture->image));
    json_put(&object, "imageData", json_null());
    json_put(&object, "imageHeight", json_integer(picture->height));
    json_put(&object, "imageWidth", json_integer(picture->width));
    *out = object;
    return object ? 0 : err_set(err, ERR_NOMEM, "shapes of %s", picture->image);
}
