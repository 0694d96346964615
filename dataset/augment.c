#include "dataset/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/shrink.h"
#include "common/wide.h"
#include "dataset/augment_colour.h"
#include "dataset/augment_warp.h"

/* What one sample needs of the scratch memory. */
enum part {
    PART_SOURCE, /* the picture as warp_picture reads it, shrunk when the map shrinks much */
    PART_SHRUNK,
    PART_SUMS,
    PART_COLUMNS,
    PART_ROWS,
    PART_LABEL_COLUMNS,
    PART_LABEL_ROWS,
    PART_COARSE,      /* the picture at less than the target's size */
    PART_COARSE_WIDE, /* as warp_picture reads it */
    PART_UP_COLUMNS,
    PART_UP_ROWS,
    PART_STROKES,
    PARTS
};

struct work {
    const struct augment_plan *plan;
    const struct augment_picture *picture;
    const struct augment_target *target;
    int low_w, low_h; /* px: the target's size, or the coarser one */
    int shrink;       /* source px a side that become one first */
    struct warp warp, label_warp, up_warp;
    struct warp_tables tables, label_tables, up_tables;
    size_t size[PARTS];
    uint8_t *part[PARTS];
};

void augment_room_release(struct augment_room *room)
{
    free(room->bytes);
    *room = (struct augment_room){0};
}

static bool is_side(int side)
{
    return side >= 1 && side <= AUGMENT_SIDE_MAX;
}

static int scaled(int side, float share)
{
    int made = (int)lroundf((float)side * share);

    return made < 1 ? 1 : made < side ? made : side;
}

/* The map of target px as one of coarser px, in px of the shrunk source. */
static void set_warp(struct work *k)
{
    const double to[2] = {(double)k->target->w / k->low_w, (double)k->target->h / k->low_h};
    const double(*m)[3] = k->plan->map;
    double area = fabs(m[0][0] * m[1][1] - m[0][1] * m[1][0]) * to[0] * to[1];

    k->shrink = (int)fmax(1, floor(sqrt(area) + 0.5));
    k->warp = (struct warp){.w = (k->picture->w + k->shrink - 1) / k->shrink,
                            .h = (k->picture->h + k->shrink - 1) / k->shrink,
                            .to_w = k->low_w,
                            .to_h = k->low_h};
    for (int i = 0; i < 2; i++) {
        double less = i ? (double)k->warp.h / k->picture->h : (double)k->warp.w / k->picture->w;
        k->warp.map[i][0] = m[i][0] * to[0] * less;
        k->warp.map[i][1] = m[i][1] * to[1] * less;
        k->warp.map[i][2] = m[i][2] * less;
    }
    k->label_warp = (struct warp){
        .w = k->picture->w, .h = k->picture->h, .to_w = k->target->w, .to_h = k->target->h};
    memcpy(k->label_warp.map, m, sizeof(k->label_warp.map));
    k->up_warp = (struct warp){
        .map = {{1 / to[0], 0, 0}, {0, 1 / to[1], 0}},
        .w = k->low_w,
        .h = k->low_h,
        .to_w = k->target->w,
        .to_h = k->target->h
    };
}

static bool is_coarse(const struct work *k)
{
    return k->low_w < k->target->w || k->low_h < k->target->h;
}

static bool has_strokes(const struct augment_plan *plan)
{
    bool any = false;

    for (int i = 0; i < AUGMENT_STROKES; i++)
        any |= plan->strokes[i] > 0;
    return any;
}

static int measure(struct work *k, struct err *err)
{
    if (!is_side(k->picture->w) || !is_side(k->picture->h) || !is_side(k->target->w) ||
        !is_side(k->target->h))
        return err_set(err, ERR_LIMIT,
                       "a picture of %d x %d for a target of %d x %d: sides are 1..%d",
                       k->picture->w, k->picture->h, k->target->w, k->target->h, AUGMENT_SIDE_MAX);
    k->low_w = scaled(k->target->w, k->plan->coarse);
    k->low_h = scaled(k->target->h, k->plan->coarse);
    set_warp(k);
    if (warp_measure(&k->tables, &k->warp, 0.5) ||
        warp_measure(&k->label_tables, &k->label_warp, 0) ||
        warp_measure(&k->up_tables, &k->up_warp, 0.5))
        return err_set(err, ERR_LIMIT, "a picture of %d x %d: the map reaches over %d px away",
                       k->picture->w, k->picture->h, WARP_REACH_MAX);
    return 0;
}

static void size_parts(struct work *k)
{
    const struct warp_tables *t[3] = {&k->tables, &k->label_tables, &k->up_tables};
    static const enum part columns[3] = {PART_COLUMNS, PART_LABEL_COLUMNS, PART_UP_COLUMNS};
    size_t low = (size_t)k->low_w * (size_t)k->low_h;

    k->size[PART_SOURCE] = 4 * (size_t)k->warp.w * (size_t)k->warp.h * sizeof(uint16_t);
    if (k->shrink > 1) {
        k->size[PART_SHRUNK] = 3 * (size_t)k->warp.w * (size_t)k->warp.h;
        k->size[PART_SUMS] = shrink_sums(k->picture->w) * sizeof(uint32_t);
    }
    for (int i = 0; i < 3; i++)
        for (int axis = 0; axis < 2; axis++)
            k->size[columns[i] + axis] = (size_t)t[i]->count[axis] * sizeof(int32_t);
    if (is_coarse(k)) {
        k->size[PART_COARSE] = 3 * low;
        k->size[PART_COARSE_WIDE] = 4 * low * sizeof(uint16_t);
    }
    if (has_strokes(k->plan) || k->plan->sigma > 0)
        k->size[PART_STROKES] = artefact_room(k->target->w, k->target->h);
}

static int take_room(struct work *k, struct augment_room *room, struct err *err)
{
    enum { LINE = 64 };
    size_t offset[PARTS], all = 0;

    for (int i = 0; i < PARTS; i++) {
        offset[i] = all;
        all += (k->size[i] + LINE - 1) / LINE * LINE;
    }
    if (all > room->capacity) {
        uint8_t *bytes = malloc(all);
        if (!bytes)
            return err_set(err, ERR_NOMEM, "%zu bytes to augment a picture", all);
        free(room->bytes);
        *room = (struct augment_room){bytes, all};
    }
    for (int i = 0; i < PARTS; i++)
        k->part[i] = room->bytes + offset[i];
    struct warp_tables *t[3] = {&k->tables, &k->label_tables, &k->up_tables};
    static const enum part columns[3] = {PART_COLUMNS, PART_LABEL_COLUMNS, PART_UP_COLUMNS};
    for (int i = 0; i < 3; i++)
        for (int axis = 0; axis < 2; axis++)
            t[i]->at[axis] = (int32_t *)(void *)k->part[columns[i] + axis];
    return 0;
}

/* The picture, or its means of k->shrink by k->shrink pixels. */
static const uint8_t *shrunk(struct work *k)
{
    struct shrink s = {
        .w = k->picture->w,
        .h = k->picture->h,
        .to_w = k->warp.w,
        .to_h = k->warp.h,
        .sums = (uint32_t *)(void *)k->part[PART_SUMS],
    };

    if (k->shrink == 1)
        return k->picture->rgb;
    for (int j = 0; j < s.h; j++)
        shrink_push(&s, k->picture->rgb + 3 * (size_t)j * (size_t)s.w,
                    k->part[PART_SHRUNK] + 3 * (size_t)s.made * (size_t)s.to_w);
    return k->part[PART_SHRUNK];
}

/* Into the target, or into the coarser picture. */
static uint8_t *resample(struct work *k)
{
    uint16_t *source = (uint16_t *)(void *)k->part[PART_SOURCE];
    uint8_t *out = is_coarse(k) ? k->part[PART_COARSE] : k->target->rgb;

    warp_widen(source, shrunk(k), k->warp.w, k->warp.h);
    warp_fill(&k->tables, &k->warp, 4);
    warp_picture(out, source, &k->warp, &k->tables);
    if (k->target->label) {
        warp_fill(&k->label_tables, &k->label_warp, 1);
        warp_label(k->target->label, k->picture->label, &k->label_warp, &k->label_tables);
    }
    return out;
}

static void draw_strokes(struct work *k, uint8_t *rgb)
{
    const struct augment_place *place = &k->plan->place;
    struct artefact_canvas canvas = {
        .rgb = rgb, .w = k->low_w, .h = k->low_h, .room = k->part[PART_STROKES]};

    if (k->target->label && k->plan->strokes[ARTEFACT_INK] > 0)
        artefact_circle(&canvas, k->target->label, k->target->w, k->target->h);
    for (int kind = 0; kind < AUGMENT_STROKES; kind++) {
        struct random r;
        random_begin(&r, place->seed, place->epoch, place->index, RANDOM_ARTEFACT + (uint32_t)kind);
        artefact_draw(&canvas, (enum artefact)kind, k->plan->strokes[kind], &r);
    }
}

static void enlarge(struct work *k)
{
    uint16_t *source = (uint16_t *)(void *)k->part[PART_COARSE_WIDE];

    warp_widen(source, k->part[PART_COARSE], k->low_w, k->low_h);
    warp_fill(&k->up_tables, &k->up_warp, 4);
    warp_picture(k->target->rgb, source, &k->up_warp, &k->up_tables);
}

static void blur(struct work *k)
{
    const struct artefact_canvas canvas = {
        .rgb = k->target->rgb, .w = k->target->w, .h = k->target->h, .room = k->part[PART_STROKES]};

    artefact_blur(&canvas, k->plan->sigma);
}

static bool changes_colours(const struct augment_plan *plan)
{
    bool changes = plan->contrast != 0 || (plan->gamma != 0 && plan->gamma != 1);

    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            changes |= plan->matrix[i][j] != (i == j ? 1.0F : 0.0F);
    return changes;
}

static void colour(struct work *k)
{
    struct colour_tables tables;
    float mean[3];

    colour_mean(mean, k->target->rgb, k->target->w, k->target->h);
    colour_make(&tables, k->plan, mean);
    colour_apply(k->target->rgb, (size_t)k->target->w * (size_t)k->target->h, &tables);
}

/* Grey where a row of the target lies outside of the picture: x, y of its first pixel and steps in
 * 1/65536 px. */
WIDE static void pad_row(uint8_t *restrict rgb, uint8_t *restrict label, int n, const int start[2],
                         const int step[2], const uint32_t end[2])
{
    for (int i = 0; i < n; i++) {
        uint32_t x = (uint32_t)(start[0] + i * step[0]), y = (uint32_t)(start[1] + i * step[1]);
        if (x < end[0] && y < end[1])
            continue;
        memset(rgb + 3 * (size_t)i, AUGMENT_GREY, 3);
        if (label)
            label[i] = AUGMENT_IGNORED;
    }
}

static void pad(struct work *k)
{
    const struct warp_tables *t = &k->label_tables;
    const uint32_t end[2] = {(uint32_t)k->picture->w << 16, (uint32_t)k->picture->h << 16};
    size_t w = (size_t)k->target->w;

    for (int j = 0; j < k->target->h; j++) {
        int start[2];
        for (int axis = 0; axis < 2; axis++)
            start[axis] = (int)(t->origin[axis] + (int64_t)t->first[axis] * 65536 +
                                (int64_t)j * t->step[1][axis]);
        uint8_t *label = k->target->label ? k->target->label + (size_t)j * w : NULL;
        pad_row(k->target->rgb + 3 * (size_t)j * w, label, k->target->w, start, t->step[0], end);
    }
}

int augment_apply(const struct augment_plan *plan, const struct augment_picture *picture,
                  const struct augment_target *target, struct augment_room *room, struct err *err)
{
    struct work k = {.plan = plan, .picture = picture, .target = target};

    if (measure(&k, err))
        return -1;
    size_parts(&k);
    if (take_room(&k, room, err))
        return -1;
    uint8_t *rgb = resample(&k);
    if (has_strokes(plan))
        draw_strokes(&k, rgb);
    if (is_coarse(&k))
        enlarge(&k);
    if (plan->sigma > 0)
        blur(&k);
    if (changes_colours(plan))
        colour(&k);
    if (plan->is_grey)
        pad(&k);
    return 0;
}
