#include "preprocess/outputs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "preprocess/decode.h"
#include "preprocess/frame.h"

/* A side shorter than this shows nothing that could be looked at. */
enum { SIDE_MIN = 16, SIDE_MAX = 65535 };

/* px: a field is made of rows of twice its size, else there would be nothing to take means of. */
enum { FIELD_FROM = 2 * DECODE_FIELD_MAX };

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

int outputs_check(const struct outputs *o, int64_t w, int64_t h, struct verdict *v)
{
    if (w < SIDE_MIN || h < SIDE_MIN)
        return verdict_refuse(v, REASON_TOO_SMALL, "%lld x %lld pixels, each side needs %d",
                              (long long)w, (long long)h, SIDE_MIN);
    if (w > SIDE_MAX || h > SIDE_MAX || w * h > (int64_t)o->megapixels_max * 1000000)
        return verdict_refuse(v, REASON_TOO_LARGE, "%lld x %lld pixels, at most %d megapixels",
                              (long long)w, (long long)h, o->megapixels_max);
    return 0;
}

int outputs_need(const struct outputs *o, int w, int h)
{
    int longest = max_int(w, h);

    if (o->is_mask)
        return longest;
    int least = o->want_display   ? DECODE_DISPLAY_MAX
                : o->want_measure ? DECODE_MEASURE_MAX
                                  : FIELD_FROM;

    return max_int(frame_side(longest, o->network_size), min_int(longest, least));
}

static struct slot_size swapped(struct slot_size s, bool swap)
{
    return swap ? (struct slot_size){s.h, s.w} : s;
}

/* One call for all pages instead of a fault for each: 0.2 to 0.3 ms less for 600 x 450.
 * Kernels before 5.14 do not know it, and nothing is lost. */
static void touch(const struct output *out)
{
    (void)madvise(out->target, (size_t)out->frame.w * (size_t)out->frame.h * 3,
                  MADV_POPULATE_WRITE);
}

/* Is the picture flipped along the stored rows or columns? See turn(). */
static bool flips_x(int orientation)
{
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

static bool flips_y(int orientation)
{
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

static int means_begin(struct output *out, struct slot_size rows, struct slot_size stored,
                       int orientation)
{
    out->shrink = (struct shrink){.w = rows.w,
                                  .h = rows.h,
                                  .to_w = stored.w,
                                  .to_h = stored.h,
                                  .is_mirrored_x = flips_x(orientation),
                                  .is_mirrored_y = flips_y(orientation),
                                  .sums = malloc(shrink_sums(rows.w) * sizeof(uint32_t))};
    return out->shrink.sums ? 0 : -1;
}

static int pixels_begin(struct output *out, struct slot_size rows, struct slot_size stored,
                        int orientation)
{
    if (out->is_mean)
        return means_begin(out, rows, stored, orientation);
    if (!out->is_pick)
        return resizer_init(&out->resizer, rows.w, rows.h, stored.w, stored.h);
    out->pick = (struct pick){.from = rows, .to = stored};
    return 0;
}

static int output_begin(struct output *out, struct slot_size rows, int orientation)
{
    struct slot_size stored = swapped(out->size, orientation > 4);

    if (pixels_begin(out, rows, stored, orientation))
        return -1;
    touch(out);
    out->rows = out->target;
    out->stride = (size_t)out->frame.w * 3;
    if (orientation != 1) {
        out->stride = (size_t)stored.w * 3;
        out->rows = out->turned = malloc(out->stride * (size_t)stored.h);
        if (!out->turned)
            return -1;
    }
    if (!out->is_mean && !out->is_pick)
        resizer_set_output(&out->resizer, out->rows, out->stride);
    return 0;
}

/* The pixel of `from` under the middle of pixel `i` of `to`. */
static int middle_of(int i, int from, int to)
{
    return (int)((2 * (int64_t)i + 1) * from / (2 * (int64_t)to));
}

static void pick_push(struct output *out, const uint8_t *rgb)
{
    struct pick *p = &out->pick;
    uint8_t *to = out->rows + (size_t)p->made * out->stride;

    if (p->made == p->to.h || p->row++ < middle_of(p->made, p->from.h, p->to.h))
        return;
    p->made++;
    for (int i = 0; i < p->to.w; i++)
        memcpy(to + 3 * (size_t)i, rgb + 3 * (size_t)middle_of(i, p->from.w, p->to.w), 3);
}

static void output_push(struct output *out, const uint8_t *rgb)
{
    if (out->is_pick)
        pick_push(out, rgb);
    else if (out->is_mean)
        (void)shrink_push(&out->shrink, rgb, out->rows + (size_t)out->shrink.made * out->stride);
    else
        resizer_push(&out->resizer, rgb);
}

/* Does each pixel of `small` cover 2 x 2, 4 x 4 .. whole pixels? Then their mean is what the resizer
 * would work out, at a third of the cost. */
static bool is_halved(struct slot_size small, struct slot_size rows)
{
    while (small.w < rows.w && small.h < rows.h) {
        small.w *= 2;
        small.h *= 2;
    }
    return small.w == rows.w && small.h == rows.h;
}

static void outputs_plan(struct outputs *o, int longest, struct slot_size rows)
{
    struct output *n = &o->network;
    struct frame frame = frame_of(o->original, o->network_size);

    n->size = frame.content;
    n->frame = frame.padded;
    n->target = o->slot + o->layout->network;
    n->is_mean = is_halved(swapped(n->size, o->orientation > 4), rows);
    o->field.size = (struct slot_size){shrink_side(o->original.w, longest, DECODE_FIELD_MAX),
                                       shrink_side(o->original.h, longest, DECODE_FIELD_MAX)};
    o->field.frame = o->field.size;
    o->field.target = o->slot + o->layout->field;
    o->field.is_mean = true;
    o->measure.size = frame_fit(o->original, min_int(longest, DECODE_MEASURE_MAX));
    o->measure.frame = o->measure.size;
    o->measure.target = o->slot + o->layout->measure;
    o->display.size = frame_fit(o->original, min_int(longest, DECODE_DISPLAY_MAX));
    o->display.frame = o->display.size;
    o->display.target = o->slot + o->layout->display;
    o->display.is_pick = o->is_mask;
}

static void list_wanted(struct outputs *o)
{
    o->n_wanted = 0;
    o->wanted[o->n_wanted++] = &o->network;
    o->wanted[o->n_wanted++] = &o->field;
    if (o->want_measure)
        o->wanted[o->n_wanted++] = &o->measure;
    if (o->want_display)
        o->wanted[o->n_wanted++] = &o->display;
}

int outputs_begin(struct outputs *o, struct slot_size original, struct slot_size rows,
                  struct verdict *v)
{
    if (o->orientation < 1 || o->orientation > 8)
        o->orientation = 1;
    o->original = swapped(original, o->orientation > 4);
    o->rows_left = rows.h;
    outputs_plan(o, max_int(original.w, original.h), rows);
    list_wanted(o);
    for (int i = 0; i < o->n_wanted; i++)
        if (output_begin(o->wanted[i], rows, o->orientation))
            return verdict_refuse(v, REASON_DECODE_MEMORY, "no memory for %d x %d pixels", rows.w,
                                  rows.h);
    return 0;
}

void outputs_push(struct outputs *o, const uint8_t *rgb)
{
    if (o->rows_left <= 0)
        return;
    o->rows_left--;
    for (int i = 0; i < o->n_wanted; i++)
        output_push(o->wanted[i], rgb);
}

/* Displayed pixel (x, y) is stored pixel (x, y) flipped and swapped as EXIF 2.3 section 4.6.4
 * defines: 2 mirrored, 3 half a turn, 4 upside-down mirror, 5 transposed, 6 to be turned right,
 * 7 transversed, 8 to be turned left. */
static void turn(const struct output *out, int orientation)
{
    struct slot_size stored = swapped(out->size, orientation > 4);
    bool flip_x = flips_x(orientation), flip_y = flips_y(orientation);

    for (int y = 0; y < out->size.h; y++) {
        uint8_t *to = out->target + (size_t)y * (size_t)out->frame.w * 3;

        for (int x = 0; x < out->size.w; x++, to += 3) {
            int sx = orientation > 4 ? y : x, sy = orientation > 4 ? x : y;

            sx = flip_x ? stored.w - 1 - sx : sx;
            sy = flip_y ? stored.h - 1 - sy : sy;
            memcpy(to, out->turned + ((size_t)sy * (size_t)stored.w + (size_t)sx) * 3, 3);
        }
    }
}

static bool is_grey(const struct output *out)
{
    size_t n = (size_t)out->size.w * (size_t)out->size.h;

    for (const uint8_t *p = out->target; n--; p += 3)
        if (p[0] != p[1] || p[1] != p[2])
            return false;
    return true;
}

void outputs_end(struct outputs *o, struct slot_head *head)
{
    for (int i = 0; i < o->n_wanted; i++) {
        struct output *out = o->wanted[i];
        if (out->turned)
            turn(out, o->orientation);
        frame_pad(&(struct frame){out->size, out->frame}, out->target);
    }
    head->original = o->original;
    head->orientation = o->orientation;
    head->content = o->network.size;
    head->network = o->network.frame;
    head->field = o->field.size;
    if (o->want_measure)
        head->measure = o->measure.size;
    if (o->want_display)
        head->display = o->display.size;
    head->is_grey = is_grey(&o->field);
}

void outputs_release(struct outputs *o)
{
    for (int i = 0; i < o->n_wanted; i++) {
        struct output *out = o->wanted[i];

        resizer_release(&out->resizer);
        free(out->shrink.sums);
        free(out->turned);
        out->shrink.sums = NULL;
        out->turned = NULL;
    }
}
