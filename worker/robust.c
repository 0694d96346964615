#include "worker/robust.h"

#include <math.h>

static const char *const kinds[ROBUST_KINDS] = {
    [ROBUST_JPEG] = "jpeg",       [ROBUST_DARK] = "dark",     [ROBUST_BRIGHT] = "bright",
    [ROBUST_ROTATED] = "rotated", [ROBUST_TURNED] = "turned",
};
static const char *const levels[ROBUST_LEVELS] = {"light", "medium", "strong"};

static const float strengths[ROBUST_LEVELS] = {0.25F, 0.5F, 1};
static const int qualities[ROBUST_LEVELS] = {60, 30, 10};
static const double dark[ROBUST_LEVELS] = {0.85, 0.7, 0.5};
static const double bright[ROBUST_LEVELS] = {1.15, 1.3, 1.5};
static const double degrees[ROBUST_LEVELS] = {10, 25, 45};

const char *robust_word(int kind)
{
    return kind < ROBUST_JPEG ? artefact_word((enum artefact)kind) : kinds[kind];
}

const char *robust_level_word(int level)
{
    return levels[level];
}

int robust_quality(int level)
{
    return qualities[level];
}

void robust_release(struct robust_room *r)
{
    free(r->rgb);
    free(r->mask);
    free(r->scratch);
    augment_room_release(&r->augment);
    *r = (struct robust_room){0};
}

static int reserve(uint8_t **bytes, size_t *capacity, size_t size, struct err *err)
{
    if (size <= *capacity)
        return 0;
    uint8_t *grown = realloc(*bytes, size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "%zu bytes for a changed picture", size);
    *bytes = grown;
    *capacity = size;
    return 0;
}

static size_t pixels(int w, int h)
{
    return (size_t)w * (size_t)h;
}

static int draw_artefact(const struct robust_change *c, const struct picture *from,
                         const struct robust_mask *mask, struct robust_room *room, struct err *err)
{
    struct artefact_canvas canvas = {.rgb = room->rgb, .w = from->w, .h = from->h};
    struct random random;

    if (reserve(&room->scratch, &room->scratch_capacity, artefact_room(from->w, from->h), err))
        return -1;
    canvas.room = room->scratch;
    /* the circle is in pixels of the mask */
    artefact_circle(&canvas, mask->is_lesion, mask->w, mask->h);
    canvas.x *= (float)from->w / (float)mask->w;
    canvas.y *= (float)from->h / (float)mask->h;
    canvas.radius *= (float)from->w / (float)mask->w;
    memcpy(room->rgb, from->rgb, 3 * pixels(from->w, from->h));
    random_begin(&random, c->seed, 0, c->index, RANDOM_ARTEFACT + (uint32_t)c->kind);
    artefact_draw(&canvas, (enum artefact)c->kind, strengths[c->level], &random);
    return 0;
}

static void light(uint8_t *out, const struct picture *from, double factor)
{
    for (size_t i = 0; i < 3 * pixels(from->w, from->h); i++)
        out[i] = (uint8_t)fmin(round(from->rgb[i] * factor), 255);
}

/* Quarter turns clockwise of w x h pixels of `size` bytes. */
static void turn(uint8_t *out, const uint8_t *from, int w, int h, int quarters, size_t size)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            size_t at = pixels(y, w) + (size_t)x;
            size_t to = quarters == 1   ? pixels(x, h) + (size_t)(h - 1 - y)
                        : quarters == 2 ? pixels(w, h) - 1 - at
                                        : pixels(w - 1 - x, h) + (size_t)y;
            memcpy(out + size * to, from + size * at, size);
        }
}

/* Source px of target px when a picture of w,h turns by `angle` degrees about its middle. */
static void rotation(double map[2][3], int w, int h, double angle)
{
    const double pi = 3.14159265358979323846;
    double c = cos(angle * pi / 180), s = sin(angle * pi / 180), x = w / 2.0, y = h / 2.0;
    const double made[2][3] = {
        {c,  s, x - c * x - s * y},
        {-s, c, y + s * x - c * y},
    };

    memcpy(map, made, sizeof(made));
}

static int rotate_picture(const struct robust_change *c, const struct picture *from,
                          struct robust_room *room, struct err *err)
{
    const struct augment_picture picture = {.rgb = from->rgb, .w = from->w, .h = from->h};
    const struct augment_target target = {.rgb = room->rgb, .w = from->w, .h = from->h};
    struct augment_plan plan;

    augment_plain(&plan, &picture, from->w, from->h);
    rotation(plan.map, from->w, from->h, degrees[c->level]);
    return augment_apply(&plan, &picture, &target, &room->augment, err);
}

/* The pixel that a place outside mirrors. */
static int mirrored(double at, int n)
{
    int i = (int)floor(at) % (2 * n);

    i = i < 0 ? i + 2 * n : i;
    return i < n ? i : 2 * n - 1 - i;
}

static void rotate_mask(uint8_t *out, const struct robust_mask *mask, double angle)
{
    double map[2][3];

    rotation(map, mask->w, mask->h, angle);
    for (int y = 0; y < mask->h; y++)
        for (int x = 0; x < mask->w; x++) {
            double i = x + 0.5, j = y + 0.5;
            int from_x = mirrored(map[0][0] * i + map[0][1] * j + map[0][2], mask->w);
            int from_y = mirrored(map[1][0] * i + map[1][1] * j + map[1][2], mask->h);
            out[(size_t)y * (size_t)mask->w + (size_t)x] =
                mask->is_lesion[(size_t)from_y * (size_t)mask->w + (size_t)from_x];
        }
}

static void swap(int *a, int *b)
{
    int kept = *a;

    *a = *b;
    *b = kept;
}

static void turn_both(const struct robust_change *c, const struct picture *from,
                      const struct robust_mask *mask, struct robust_room *room, struct decoded *out,
                      struct robust_mask *out_mask)
{
    turn(room->rgb, from->rgb, from->w, from->h, c->level + 1, 3);
    turn(room->mask, mask->is_lesion, mask->w, mask->h, c->level + 1, 1);
    if (c->level == 1)
        return;
    swap(&out->measure.w, &out->measure.h);
    swap(&out->width, &out->height);
    swap(&out_mask->w, &out_mask->h);
}

int robust_apply(const struct robust_change *change, const struct decoded *image,
                 const struct robust_mask *mask, struct robust_room *room, struct decoded *out,
                 struct robust_mask *out_mask, struct err *err)
{
    const struct picture *from = &image->measure;
    int level = change->level, ret = 0;

    if (reserve(&room->rgb, &room->rgb_capacity, 3 * pixels(from->w, from->h), err) ||
        reserve(&room->mask, &room->mask_capacity, pixels(mask->w, mask->h), err))
        return -1;
    *out = *image;
    out->measure.rgb = room->rgb;
    *out_mask = *mask;
    out_mask->is_lesion = room->mask;
    memcpy(room->mask, mask->is_lesion, pixels(mask->w, mask->h));
    switch (change->kind) {
    case ROBUST_JPEG: memcpy(room->rgb, from->rgb, 3 * pixels(from->w, from->h)); break;
    case ROBUST_DARK: light(room->rgb, from, dark[level]); break;
    case ROBUST_BRIGHT: light(room->rgb, from, bright[level]); break;
    case ROBUST_TURNED: turn_both(change, from, mask, room, out, out_mask); break;
    case ROBUST_ROTATED:
        ret = rotate_picture(change, from, room, err);
        rotate_mask(room->mask, mask, degrees[level]);
        break;
    default: ret = draw_artefact(change, from, mask, room, err);
    }
    return ret;
}

json_t *robust_to_json(const struct robust_row *rows, int n)
{
    json_t *object = json_object();

    for (int i = 0; i < n; i++) {
        const struct comparison *c = &rows[i].cost;
        const struct interval *fall = &c->difference[METRIC_MEAN_JACCARD];
        json_t *row = json_object(), *range = json_array();
        json_add(&range, json_rounded(fall->low, 4));
        json_add(&range, json_rounded(fall->high, 4));
        json_put(&row, "mean_jaccard", json_rounded(c->b[METRIC_MEAN_JACCARD], 4));
        json_put(&row, "fall",
                 json_rounded(c->a[METRIC_MEAN_JACCARD] - c->b[METRIC_MEAN_JACCARD], 4));
        json_put(&row, "fall_ci", range);
        json_put(&row, "failure_rate", json_rounded(c->b[METRIC_FAILURE], 4));
        json_put(&row, "auc_malignant", json_rounded(c->b[METRIC_AUC_MALIGNANT], 4));
        json_put(&row, "auc_fall",
                 json_rounded(c->a[METRIC_AUC_MALIGNANT] - c->b[METRIC_AUC_MALIGNANT], 4));
        const char *kind = robust_word(rows[i].kind);
        json_t *levels_of = json_object_get(object, kind);
        if (!levels_of) {
            json_put(&object, kind, json_object());
            levels_of = json_object_get(object, kind);
        }
        if (!levels_of || json_object_set_new(levels_of, robust_level_word(rows[i].level), row))
            json_put(&object, kind, NULL);
    }
    return object;
}
