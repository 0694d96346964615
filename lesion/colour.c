/* colour.c -- see colour.h. */
#include "lesion/colour.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* With the reference masks of 4,000 pictures of the train split: the means are 2.4 for naevi and 2.7
 * for melanomas; area under the ROC curve of melanoma against naevus 0.58 (0.52 when 5 % were asked
 * for). */
#define COLOUR_SHARE 0.02
#define SKIN_SHARE   0.02 /* of the field */
#define ADAPT_MAX    1.10
#define WHITE_OVER   3.0 /* L* above the skin around */

enum { SKIN = COLOUR_COUNT, PROTOTYPES, RIM = 2 /* px */ };

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

/* The factors that bring the skin around to the reference; `skin_l` is its lightness afterwards. */
static struct roots adaptation(const struct field *f, float *skin_l)
{
    double l = 0, a = 0, b = 0;
    int n = 0;

    for (int i = 0; i < f->w * f->h; i++) {
        int is_skin = !f->any[i] && f->l[i] > FIELD_DARK_L;
        n += is_skin;
        l += is_skin ? f->l[i] : 0;
        a += is_skin ? f->a[i] : 0;
        b += is_skin ? f->b[i] : 0;
    }
    *skin_l = prototypes[SKIN].l;
    if (n < SKIN_SHARE * f->w * f->h)
        return (struct roots){1, 1, 1};
    struct roots seen = roots_of((struct lab){(float)(l / n), (float)(a / n), (float)(b / n)});
    struct roots wanted = roots_of(prototypes[SKIN]);
    struct roots by = {factor(wanted.x, seen.x), factor(wanted.y, seen.y),
                       factor(wanted.z, seen.z)};
    *skin_l = 116 * seen.y * by.y - 16;
    return by;
}

static int nearest_prototype(struct lab c)
{
    int best = 0;
    float best_distance = INFINITY;

    for (int k = 0; k < PROTOTYPES; k++) {
        float dl = c.l - prototypes[k].l, da = c.a - prototypes[k].a, db = c.b - prototypes[k].b;
        float distance = dl * dl + da * da + db * db;
        if (distance < best_distance) {
            best_distance = distance;
            best = k;
        }
    }
    return best;
}

/* Two pixels away from the margin, where skin and lesion mix to colours that are neither's. */
static bool is_inner(const struct field *f, int x, int y)
{
    const uint8_t *p = f->lesion + field_at(f, x, y);
    ptrdiff_t up = (ptrdiff_t)RIM * f->w;

    return (x < RIM || p[-RIM]) && (x + RIM >= f->w || p[RIM]) && (y < RIM || p[-up]) &&
           (y + RIM >= f->h || p[up]);
}

/* Count the lesion's pixels by prototype; returns how many there are. */
static int count_colours(int counts[PROTOTYPES], const struct field *f, bool with_rim)
{
    float skin_l;
    struct roots by = adaptation(f, &skin_l);
    int n = 0;

    memset(counts, 0, PROTOTYPES * sizeof(*counts));
    for (int i = 0; i < f->w * f->h; i++) {
        if (!f->lesion[i] || !(with_rim || is_inner(f, i % f->w, i / f->w)))
            continue;
        struct roots r = roots_of((struct lab){f->l[i], f->a[i], f->b[i]});
        struct lab c = {116 * r.y * by.y - 16, 500 * (r.x * by.x - r.y * by.y),
                        200 * (r.y * by.y - r.z * by.z)};
        int k = nearest_prototype(c);
        counts[k == COLOUR_WHITE && c.l < skin_l + (float)WHITE_OVER ? SKIN : k]++;
        n++;
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
