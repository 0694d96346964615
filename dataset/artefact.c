#include "dataset/artefact.h"

#include <assert.h>
#include <math.h>

#include "dataset/artefact_stroke.h"

#define TURN 6.2831853F

/* Units are 1/450 of the shorter side, as in the synthetic upload. */
enum { UNITS = 450 };

struct easel {
    struct stroke_canvas canvas;
    float wide, high;   /* of the picture, in units */
    float x, y, radius; /* of the lesion, in units */
    float strength;
    struct random *r;
};

static float mix(float weak, float strong, float share)
{
    return weak + (strong - weak) * share;
}

/* A colour between two, with a little of its own in each channel. */
static void choose_colour(float colour[3], const float pair[2][3], struct random *r)
{
    float share = random_between(r, 0, 1);

    for (int k = 0; k < 3; k++) {
        colour[k] = mix(pair[0][k], pair[1][k], share) + random_between(r, -0.02F, 0.02F);
        colour[k] = colour[k] < 0 ? 0 : colour[k];
    }
}

/* Hairs lie in one direction more or less; a few strays do not. */
static void draw_hair(struct easel *e)
{
    static const float dark[2][3] = {
        {0.06F, 0.04F, 0.04F},
        {0.26F, 0.17F, 0.12F}
    };
    static const float fair[2][3] = {
        {0.50F, 0.36F, 0.22F},
        {0.78F, 0.66F, 0.48F}
    };
    struct random *r = e->r;
    bool is_fair = random_chance(r, 0.2F);
    float lean = random_between(r, 0, TURN), thick = random_between(r, 0.5F, 1.6F), colour[3];
    int most = (int)(28 * e->strength + 12 * e->strength * e->strength);
    int hairs = 1 + (int)((float)most * random_between(r, 0.3F, 1));

    for (int i = 0; i < hairs; i++) {
        struct stroke_hair hair = {.length = random_between(r, 90, 480)};
        hair.at = random_chance(r, 0.15F) ? random_between(r, 0, TURN)
                                          : lean + random_between(r, -0.45F, 0.45F);
        hair.x = random_between(r, -0.3F, 1) * e->wide;
        hair.y = random_between(r, -0.3F, 1) * e->high;
        hair.bend = random_between(r, -0.3F, 0.3F) * hair.length;
        hair.half = thick * random_between(r, 0.6F, 1.4F);
        stroke_draw_hair(&e->canvas, &hair);
    }
    choose_colour(colour, is_fair ? fair : dark, r);
    stroke_lay(&e->canvas, colour, random_between(r, 0.65F, 0.95F), false);
}

/* A scale along one of the four edges, often cut by it. */
static void draw_ruler(struct easel *e)
{
    static const float black[2][3] = {
        {0.05F, 0.05F, 0.06F},
        {0.24F, 0.22F, 0.24F}
    };
    struct random *r = e->r;
    int edge = random_below(r, 4);
    float in = random_between(r, 12, mix(40, 110, e->strength)), colour[3];
    float mm = random_between(r, 26, mix(34, 60, e->strength));
    float begin = random_between(r, -3 * mm, 3 * mm), lean = random_between(r, -0.1F, 0.1F);
    /* Where the scale begins and where it points, edge by edge: its marks point inwards. */
    float thick = random_between(r, 1, mix(2.5F, 4, e->strength));
    const struct stroke_ruler rulers[4] = {
        {begin,           e->high - in,    lean,            mm, thick},
        {e->wide - in,    e->high - begin, lean - TURN / 4, mm, thick},
        {e->wide - begin, in,              lean + TURN / 2, mm, thick},
        {in,              begin,           lean + TURN / 4, mm, thick},
    };

    stroke_draw_ruler(&e->canvas, &rulers[edge]);
    choose_colour(colour, black, r);
    stroke_lay(&e->canvas, colour, mix(0.55F, 0.95F, e->strength), false);
}

/* A dot, a thick line or a hatch of a surgical pen around (x, y). */
static void draw_mark(struct easel *e, int kind, float x, float y, float at)
{
    struct random *r = e->r;
    float half = random_between(r, 2, 6);

    if (kind == 0) {
        stroke_dab(&e->canvas, x * e->canvas.unit, y * e->canvas.unit,
                   random_between(r, 8, 18) * e->canvas.unit);
    } else if (kind == 1) {
        struct stroke_hair line = {.x = x, .y = y, .half = half};
        line.at = at + random_between(r, 1, 2);
        line.length = random_between(r, 60, 160);
        line.bend = random_between(r, -0.25F, 0.25F) * line.length;
        stroke_draw_hair(&e->canvas, &line);
    } else {
        for (int k = 0; k < 9; k++) {
            float from[2] = {x + random_between(r, -20, 20), y + random_between(r, -20, 20)};
            float to[2] = {x + random_between(r, -20, 20), y + random_between(r, -20, 20)};
            stroke_line(&e->canvas, from, to, 0.25F * half, 0.4F * half);
        }
    }
}

static void draw_ink(struct easel *e)
{
    static const float pens[2][2][3] = {
        {{0.30F, 0.20F, 0.58F}, {0.52F, 0.34F, 0.78F}}, /* gentian violet */
        {{0.16F, 0.30F, 0.62F}, {0.30F, 0.46F, 0.80F}}, /* blue */
    };
    struct random *r = e->r;
    int marks = 1 + random_below(r, 2) + (int)lroundf(3 * e->strength), kind = random_below(r, 3);
    float turn = random_between(r, 0, TURN), colour[3];
    float least = mix(1.5F, 1, e->strength) * e->radius;

    for (int i = 0; i < marks; i++) {
        float at = turn + TURN * ((float)i + random_between(r, -0.25F, 0.25F)) / (float)marks;
        float out = least + random_between(r, 15, 60);
        draw_mark(e, kind, e->x + out * cosf(at), e->y + out * sinf(at), at);
    }
    choose_colour(colour, pens[random_chance(r, 0.25F)], r);
    stroke_lay(&e->canvas, colour, random_between(r, 0.55F, 0.9F), true);
}

/* Bubbles come in clusters, of all sizes. */
static void draw_bubbles(struct easel *e)
{
    struct random *r = e->r;
    float x = 0, y = 0, u = e->canvas.unit, largest = mix(8, 22, e->strength);
    int most = (int)(24 * e->strength + 16 * e->strength * e->strength);
    int bubbles = 1 + random_below(r, most > 0 ? most : 1);

    for (int i = 0; i < bubbles; i++) {
        bool starts_cluster = i == 0 || random_chance(r, 0.25F);
        x = starts_cluster ? random_between(r, 0, e->wide) : x + random_between(r, -45, 45);
        y = starts_cluster ? random_between(r, 0, e->high) : y + random_between(r, -45, 45);
        float size = random_between(r, 0, 1);
        stroke_bubble(&e->canvas, x * u, y * u, mix(2.5F, largest, size * size) * u,
                      random_between(r, 0.4F, 1));
    }
}

static void draw_vignette(struct easel *e)
{
    struct random *r = e->r;
    float u = e->canvas.unit, half = 0.5F * hypotf(e->wide, e->high);
    float inner = half * random_between(r, mix(1, 0.66F, e->strength), mix(1, 0.82F, e->strength));
    float outer = inner + random_between(r, 6, mix(60, 30, e->strength));
    float x = (0.5F * e->wide + random_between(r, -15, 15)) * u;
    float y = (0.5F * e->high + random_between(r, -15, 15)) * u;

    stroke_vignette(&e->canvas, x, y, inner * u, outer * u);
}

static const struct {
    const char *word;
    void (*draw)(struct easel *e); /* NULL: the blur, which has no strokes */
} artefacts[ARTEFACT_COUNT] = {
    [ARTEFACT_HAIR] = {"hair",     draw_hair    },
    [ARTEFACT_RULER] = {"ruler",    draw_ruler   },
    [ARTEFACT_INK] = {"ink",      draw_ink     },
    [ARTEFACT_BUBBLES] = {"bubbles",  draw_bubbles },
    [ARTEFACT_VIGNETTE] = {"vignette", draw_vignette},
    [ARTEFACT_BLUR] = {"blur",     NULL         },
};

const char *artefact_word(enum artefact kind)
{
    assert(kind < ARTEFACT_COUNT);
    return artefacts[kind].word;
}

void artefact_circle(struct artefact_canvas *c, const uint8_t *label, int w, int h)
{
    int64_t n = 0, sx = 0, sy = 0;

    for (int j = 0; j < h; j++) {
        int64_t in_row = 0;
        for (int i = 0; i < w; i++) {
            uint8_t l = label[(size_t)j * (size_t)w + (size_t)i];
            bool is_lesion = l != 0 && l != 255;
            in_row += is_lesion;
            sx += is_lesion ? i : 0;
        }
        n += in_row;
        sy += in_row * j;
    }
    /* `label` may have another size than the picture. */
    float kx = (float)c->w / (float)w, ky = (float)c->h / (float)h;
    c->x = n ? ((float)sx / (float)n + 0.5F) * kx : 0;
    c->y = n ? ((float)sy / (float)n + 0.5F) * ky : 0;
    c->radius = sqrtf((float)n * kx * ky / 3.1415927F);
}

void artefact_draw(const struct artefact_canvas *c, enum artefact kind, float strength,
                   struct random *r)
{
    int side = c->w < c->h ? c->w : c->h;
    float unit = (float)side / UNITS;

    assert(kind < ARTEFACT_COUNT);
    if (!(strength > 0))
        return;
    if (kind == ARTEFACT_BLUR) {
        artefact_blur(c, 0.012F * strength * (float)side);
        return;
    }
    struct easel e = {
        .canvas = {.rgb = c->rgb, .layer = c->room, .w = c->w, .h = c->h, .unit = unit},
        .wide = (float)c->w / unit,
        .high = (float)c->h / unit,
        .x = (c->radius > 0 ? c->x : 0.5F * (float)c->w) / unit,
        .y = (c->radius > 0 ? c->y : 0.5F * (float)c->h) / unit,
        .radius = (c->radius > 0 ? c->radius : 0.25F * (float)side) / unit,
        .strength = strength < 1 ? strength : 1,
        .r = r,
    };
    stroke_begin(&e.canvas);
    artefacts[kind].draw(&e);
}
