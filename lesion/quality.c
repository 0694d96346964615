/* quality.c -- see quality.h. */
#include "lesion/quality.h"

#include <math.h>
#include <string.h>

#include "common/wide.h"
#include "lesion/view.h"

/* Chosen on 4,000 pictures of the train split and on spoilt copies of 200 of the val split.
 * Sharpness: after a Gaussian blur of sigma 1.5 field pixels (0.6 % of the width) five of six fall
 * below 0.85, after one of 4 pixels two of three fall below 0.45, where none is that was not spoilt.
 * The other thresholds leave out the darkest, brightest and hairiest 0.5 to 2 %. */
#define BLUR_DEGRADED  0.85
#define BLUR_UNUSABLE  0.45
#define DARK_DEGRADED  42.0 /* mean L* */
#define DARK_UNUSABLE  15.0
#define LIGHT_DEGRADED 87.0
#define LIGHT_UNUSABLE 96.0
#define HAIR_DEGRADED  0.08
#define VIGNETTE       0.15

/* px. The smallest pictures of the data are 200 x 150; below half of the network's 256 nothing was
 * measured, and a thumbnail of a quarter shows no pattern to anybody. */
#define SIDE_DEGRADED 128
#define SIDE_UNUSABLE 64

WIDE static void mark_dark(uint8_t *restrict dark, const float *restrict l, int n)
{
    for (int i = 0; i < n; i++)
        dark[i] = l[i] < FIELD_DARK_L;
}

/* Mark the dark parts that hold a corner; returns the number of their pixels. */
static int mark_outside(struct quality_scratch *s, struct components *parts, const struct field *f)
{
    int n = f->w * f->h, sum = 0;

    mark_dark(s->dark, f->l, n);
    memset(s->outside, 0, (size_t)n);
    components_find(parts, s->dark, f->w, f->w, f->h);
    for (int i = 0; i < parts->n_runs; i++) { /* a part that holds a corner gets area 0 */
        const struct run *run = parts->runs + i;
        if ((run->y == 0 || run->y == f->h - 1) && (run->x0 == 0 || run->x1 == f->w))
            parts->runs[run->root].area = 0;
    }
    for (int i = 0; i < parts->n_runs; i++) {
        const struct run *run = parts->runs + i;
        if (parts->runs[run->root].area)
            continue;
        memset(s->outside + field_at(f, run->x0, run->y), 1, (size_t)(run->x1 - run->x0));
        sum += run->x1 - run->x0;
    }
    return sum;
}

static void say(struct lesion_quality *q, bool is_so, const char *word, enum quality_verdict v)
{
    size_t n = strlen(q->why);

    if (!is_so)
        return;
    snprintf(q->why + n, sizeof(q->why) - n, "%s%s", n ? "+" : "", word);
    q->verdict = v > q->verdict ? v : q->verdict;
}

/* NAN (not known) is never below a threshold. */
static void judge(struct lesion_quality *q, const struct lesion_input *in, double border_share)
{
    int side = in->width < in->height ? in->width : in->height;
    bool is_black = q->exposure<DARK_UNUSABLE, is_white = q->exposure> LIGHT_UNUSABLE;

    q->verdict = QUALITY_OK;
    q->why[0] = 0;
    say(q, side < SIDE_DEGRADED, "small",
        side < SIDE_UNUSABLE ? QUALITY_UNUSABLE : QUALITY_DEGRADED);
    say(q, q->dermoscopy < 0.5, "not_dermoscopy", QUALITY_UNUSABLE);
    say(q, q->blur < BLUR_DEGRADED, "blur",
        q->blur < BLUR_UNUSABLE ? QUALITY_UNUSABLE : QUALITY_DEGRADED);
    say(q, q->exposure < DARK_DEGRADED, "dark", is_black ? QUALITY_UNUSABLE : QUALITY_DEGRADED);
    say(q, q->exposure > LIGHT_DEGRADED, "bright", is_white ? QUALITY_UNUSABLE : QUALITY_DEGRADED);
    say(q, q->hair_fraction > HAIR_DEGRADED, "hair", QUALITY_DEGRADED);
    say(q, border_share >= LESION_CUT_OFF, "cut_off", QUALITY_DEGRADED);
    say(q, q->vignette > VIGNETTE, "vignette", QUALITY_DEGRADED);
    say(q, in->is_degraded, "file_damage", QUALITY_DEGRADED);
}

void quality_measure(struct lesion_quality *out, struct quality_scratch *s,
                     struct components *parts, const struct field *f, const struct lesion_input *in,
                     double border_share)
{
    struct view view;
    int size = f->w * f->h, n_outside;

    view_measure(&view, f);
    n_outside = mark_outside(s, parts, f);
    out->vignette = (double)n_outside / size;
    out->exposure = n_outside < size ? field_sum(f->l, s->outside, size) / (size - n_outside) : 0;
    out->hair_fraction = hair_measure(&s->hair, parts, f, s->outside);
    out->blur = view.blocks < VIEW_BLOCKS_MIN ? NAN : view.value[VIEW_SHARPNESS];
    out->dermoscopy = view.score;
    judge(out, in, border_share);
}
