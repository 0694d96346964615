/* colour.c -- see colour.h. */
#include "lesion/colour.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/wide.h"

/* With the reference masks of 4,000 pictures of the train split: the means are 2.4 for naevi and 2.7
 * for melanomas; area under the ROC curve of melanoma against naevus 0.58 (0.52 when 5 % were asked
 * for). */
#define COLOUR_SHARE 0.02
#define SKIN_SHARE   0.02 /* of the field */
#define ADAPT_MAX    1.10
#define WHITE_OVER   3.0 /* L* above the skin around */

enum {
    SKIN = COLOUR_COUNT,
    PROTOTYPES,
    RIM = 2, /* px */
};

/* L*, a*, b* after adaptation to the reference skin, which is the last row. */
static const struct lab prototypes[PROTOTYPES] = {
    [COLOUR_WHITE] = {86, 4,  7 },
    [COLOUR_RED] = {48, 40, 18},
    [COLOUR_LIGHT_BROWN] = {52, 17, 27},
    [COLOUR_DARK_BROWN] = {31, 18, 18},
    [COLOUR_BLUE_GREY] = {44, 3,  -3},
    [COLOUR_BLACK] = {12, 5,  3 },
    [SKIN] = {70, 16, 14},
};

static const char *const words[COLOUR_COUNT] = {"white",      "red",       "light_brown",
                                                "dark_brown", "blue_grey", "black"};

const char *colour_word(enum colour c)
{
    return words[c];
}

/* f(X), f(Y), f(Z) of CIELAB. */
struct roots {
    float x, y, z;
};

static struct roots roots_of(struct lab c)
{
    float y = (c.l + 16) / 116;

    return (struct roots){y + c.a / 500, y, y - c.b / 200};
}

static float factor(float wanted, float seen)
{
    return fminf(fmaxf(wanted / fmaxf(seen, 0.01f), 1 / (float)ADAPT_MAX), (float)ADAPT_MAX);
}

/* Leave out what is lesion or dark; returns how many pixels remain. */
WIDE static int keep_skin(uint8_t *restrict left_out, const struct field *f)
{
    int n = 0, size = f->w * f->h;

    for (int i = 0; i < size; i++) {
        left_out[i] = (f->any[i] != 0) | !(f->l[i] > FIELD_DARK_L);
        n += !left_out[i];
    }
    return n;
}

/* The factors that bring the skin around to the reference; `skin_l` is its lightness afterwards. */
static struct roots adaptation(const struct field *f, float *skin_l)
{
    uint8_t left_out[FIELD_PX];
    int n = keep_skin(left_out, f), size = f->w * f->h;

    *skin_l = prototypes[SKIN].l;
    if (n < SKIN_SHARE * f->w * f->h)
        return (struct roots){1, 1, 1};
    struct roots seen = roots_of((struct lab){(float)(field_sum(f->l, left_out, size) / n),
                                              (float)(field_sum(f->a, left_out, size) / n),
                                              (float)(field_sum(f->b, left_out, size) / n)});
    struct roots wanted = roots_of(prototypes[SKIN]);
    struct roots by = {factor(wanted.x, seen.x), factor(wanted.y, seen.y),
                       factor(wanted.z, seen.z)};
    *skin_l = 116 * seen.y * by.y - 16;
    return by;
}

/* One row of the lesion on its way to colour names. */
struct row {
    float l[FIELD_SIDE], a[FIELD_SIDE], b[FIELD_SIDE]; /* adapted */
    float least[FIELD_SIDE];                           /* squared distance to `name` */
    int name[FIELD_SIDE];
};

WIDE static void row_adapt(struct row *row, const struct field *f, size_t at, int n,
                           const struct roots *by)
{
    const float *l = f->l + at, *a = f->a + at, *b = f->b + at;

    for (int x = 0; x < n; x++) {
        struct roots r = roots_of((struct lab){l[x], a[x], b[x]});
        row->l[x] = 116 * r.y * by->y - 16;
        row->a[x] = 500 * (r.x * by->x - r.y * by->y);
        row->b[x] = 200 * (r.y * by->y - r.z * by->z);
        row->least[x] = INFINITY;
    }
}

WIDE static void row_try(struct row *row, int n, int name)
{
    struct lab p = prototypes[name];

    for (int x = 0; x < n; x++) {
        float dl = row->l[x] - p.l, da = row->a[x] - p.a, db = row->b[x] - p.b;
        float distance = dl * dl + da * da + db * db, least = row->least[x];
        row->name[x] = distance < least ? name : row->name[x];
        row->least[x] = distance < least ? distance : least;
    }
}

WIDE static void keep_common(uint8_t *restrict row, const uint8_t *restrict other, int n)
{
    for (int x = 0; x < n; x++)
        row[x] &= other[x];
}

/* The lesion's pixels of a row; without its rim, where skin and lesion mix to colours that are
 * neither's. */
static void lesion_row(uint8_t *row, const struct field *f, int y, bool with_rim)
{
    const uint8_t *lesion = f->lesion + field_at(f, 0, y);

    memcpy(row, lesion, (size_t)f->w);
    if (with_rim)
        return;
    if (y >= RIM)
        keep_common(row, lesion - (ptrdiff_t)RIM * f->w, f->w);
    if (y + RIM < f->h)
        keep_common(row, lesion + (ptrdiff_t)RIM * f->w, f->w);
    if (f->w > RIM) {
        keep_common(row, lesion + RIM, f->w - RIM);
        keep_common(row + RIM, lesion, f->w - RIM);
    }
}

static void row_name(struct row *row, const struct field *f, size_t at, int n,
                     const struct roots *by)
{
    row_adapt(row, f, at, n, by);
    for (int k = 0; k < PROTOTYPES; k++)
        row_try(row, n, k);
}

/* Count the lesion's pixels by prototype; returns how many there are. */
static int count_colours(int counts[PROTOTYPES], const struct field *f, bool with_rim)
{
    float skin_l, white_l;
    struct roots by = adaptation(f, &skin_l);
    uint8_t inside[FIELD_SIDE];
    struct row row = {.name = {0}};
    int n = 0;

    white_l = skin_l + (float)WHITE_OVER;
    memset(counts, 0, PROTOTYPES * sizeof(*counts));
    for (int y = 0; y < f->h; y++) {
        int from = 0, to = f->w;
        lesion_row(inside, f, y, with_rim);
        while (from < to && !inside[from])
            from++;
        while (to > from && !inside[to - 1])
            to--;
        row_name(&row, f, field_at(f, from, y), to - from, &by);
        for (int x = from; x < to; x++) {
            int k = row.name[x - from];
            counts[k == COLOUR_WHITE && row.l[x - from] < white_l ? SKIN : k] += inside[x];
            n += inside[x];
        }
    }
    return n;
}

unsigned colour_measure(const struct field *f, double shares[COLOUR_COUNT])
{
    int counts[PROTOTYPES], most = COLOUR_LIGHT_BROWN, n = count_colours(counts, f, false);
    unsigned set = 0;

    if (n * 4 < f->lesion_px)
        n = count_colours(counts, f, true);
    for (int k = 0; k < COLOUR_COUNT; k++) {
        double share = (double)counts[k] / n;
        if (share >= COLOUR_SHARE)
            set |= 1u << k;
        if (counts[k] > counts[most])
            most = k;
        if (shares)
            shares[k] = share;
    }
    return set ? set : 1u << most;
}
