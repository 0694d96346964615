/* measure.c -- the order of things: parts of the class map, size and place, contour, field, ABCD,
 * scores, quality. */
#include "lesion/measure.h"

#include <math.h>
#include <string.h>

#include "lesion/asymmetry.h"
#include "lesion/border.h"
#include "lesion/colour.h"
#include "lesion/nearest.h"
#include "lesion/scratch.h"

enum { MEL = 1, BCC = 3, AKIEC = 4 };

static bool is_side(int n)
{
    return n > 0 && n <= LESION_SIDE_MAX;
}

static int check_sizes(const struct lesion_input *in, struct err *err)
{
    if (!is_side(in->map_w) || !is_side(in->map_h) || in->content_w < 1 || in->content_h < 1 ||
        in->content_w > in->map_w || in->content_h > in->map_h)
        return err_set(err, ERR_BUG, "class map of %dx%d with a content of %dx%d", in->map_w,
                       in->map_h, in->content_w, in->content_h);
    if (!is_side(in->measure_w) || !is_side(in->measure_h))
        return err_set(err, ERR_BUG, "measuring image of %dx%d", in->measure_w, in->measure_h);
    if (in->width < 1 || in->height < 1)
        return err_set(err, ERR_BUG, "original of %dx%d", in->width, in->height);
    return 0;
}

/* Area, box and border contact over all parts that count, in pixels of mask.png. */
static void measure_place(struct lesion_scratch *s, const struct lesion_input *in,
                          struct lesion_measures *out)
{
    int x0 = in->content_w, y0 = in->content_h, x1 = 0, y1 = 0;

    nearest_starts(s->columns, in->content_w, in->width);
    nearest_starts(s->rows, in->content_h, in->height);
    for (int i = 0; i < s->parts.n_runs; i++) {
        const struct run *run = s->parts.runs + i;
        if (!components_is_kept(&s->parts, i))
            continue;
        out->area_px += (double)(s->columns[run->x1] - s->columns[run->x0]) *
                        (s->rows[run->y + 1] - s->rows[run->y]);
        x0 = run->x0 < x0 ? run->x0 : x0;
        x1 = run->x1 > x1 ? run->x1 : x1;
        y0 = run->y < y0 ? run->y : y0;
        y1 = run->y + 1 > y1 ? run->y + 1 : y1;
    }
    out->touches_border = x0 == 0 || y0 == 0 || x1 == in->content_w || y1 == in->content_h;
    out->bbox[0] = s->columns[x0];
    out->bbox[1] = s->rows[y0];
    out->bbox[2] = s->columns[x1] - s->columns[x0];
    out->bbox[3] = s->rows[y1] - s->rows[y0];
    out->area_fraction = out->area_px / ((double)in->width * in->height);
    out->area_mm2 = out->area_px * in->mm_per_px * in->mm_per_px;
    out->components = s->parts.n_kept;
}

static void fill_shape(struct lesion_scratch *s, int w, int h)
{
    size_t stride = (size_t)w + 2;

    memset(s->shape, 0, stride * ((size_t)h + 2));
    for (int i = 0; i < s->parts.n_runs; i++) {
        const struct run *run = s->parts.runs + i;
        if (run->root == s->parts.largest)
            memset(s->shape + (size_t)(run->y + 1) * stride + (size_t)run->x0 + 1, 1,
                   (size_t)(run->x1 - run->x0));
    }
}

static double share_on_frame(const struct edge_middle *edges, int n, int w, int h)
{
    int on_frame = 0;

    for (int i = 0; i < n; i++)
        on_frame +=
            edges[i].x2 == 0 || edges[i].y2 == 0 || edges[i].x2 == 2 * w || edges[i].y2 == 2 * h;
    return (double)on_frame / n;
}

/* Contour of the largest part, in pixels of the original and of the field. Returns the number of
 * points of the latter. */
static int measure_contour(struct lesion_scratch *s, const struct lesion_input *in,
                           struct lesion_measures *out)
{
    const struct run *first = s->parts.runs + s->parts.largest;
    int w = in->content_w, h = in->content_h;
    int n = contour_walk(s->shape, w, h, first->x0, first->y, s->edges);

    out->border_share = share_on_frame(s->edges, n, w, h);
    out->n_contour =
        contour_simplify(s->edges, n, (double)in->width / w, (double)in->height / h, out->contour);
    return contour_simplify(s->edges, n, (double)s->field.w / w, (double)s->field.h / h,
                            s->contour);
}

/* Shape, margin and colours. A lesion so small that it falls between the field's pixels has none. */
static void measure_abc(struct lesion_scratch *s, int n_contour, struct lesion_measures *out)
{
    struct asymmetry asymmetry;

    if (!s->field.lesion_px)
        return;
    asymmetry_measure(&asymmetry, &s->field);
    out->asymmetry = asymmetry.score;
    out->border = border_measure(&s->field, s->contour, n_contour, NULL);
    out->colours = colour_measure(&s->field, NULL);
    out->colour = __builtin_popcount(out->colours);
}

void lesion_scores(const struct lesion_input *in, double classes[LESION_CLASSES])
{
    const double *sums = in->lesion_px ? in->lesion_sum : in->all_sum;
    double total = 0;

    classes[0] = 0;
    for (int k = 1; k < LESION_CLASSES; k++)
        total += sums[k];
    for (int k = 1; k < LESION_CLASSES; k++)
        classes[k] = total > 0 ? sums[k] / total : NAN;
}

static void take_scores(const struct lesion_input *in, struct lesion_measures *out)
{
    lesion_scores(in, out->classes);
    out->malignant_probability = out->classes[MEL] + out->classes[BCC] + out->classes[AKIEC];
    out->confidence = in->lesion_px ? in->lesion_top_sum / in->lesion_px : NAN;
}

static void measures_clear(struct lesion_measures *out)
{
    memset(out, 0, offsetof(struct lesion_measures, contour)); /* the points are not read */
    out->area_mm2 = NAN;
    out->asymmetry = out->border = out->colour = NAN;
    out->colours = 0;
    memset(out->classes, 0, sizeof(out->classes));
    memset(&out->quality, 0, sizeof(out->quality));
}

int lesion_measure(struct lesion_scratch *s, const struct lesion_input *in,
                   struct lesion_measures *out, struct err *err)
{
    if (check_sizes(in, err) ||
        lesion_scratch_reserve(s, in->content_w, in->content_h, in->measure_w, err))
        return -1;
    measures_clear(out);
    field_make(&s->field, &s->lab, in->rgb, in->measure_w, in->measure_h, s->sums);
    components_find(&s->parts, in->class_map, in->map_w, in->content_w, in->content_h);
    out->is_found = s->parts.largest >= 0;
    if (out->is_found) {
        measure_place(s, in, out);
        fill_shape(s, in->content_w, in->content_h);
        field_mark_lesion(&s->field, s->shape, in->class_map, in->map_w, in->content_w,
                          in->content_h);
        measure_abc(s, measure_contour(s, in, out), out);
    }
    take_scores(in, out);
    quality_measure(&out->quality, &s->quality, &s->parts, &s->field, in, out->border_share);
    return 0;
}
