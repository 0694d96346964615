#include "worker/analyst.h"

#include <math.h>

#include "lesion/field.h"
#include "preprocess/refine.h"
#include "worker/flips.h"

_Static_assert((int)ENGINE_CLASSES == (int)LESION_CLASSES, "one list of classes");
_Static_assert((int)DECODE_FIELD_MAX == (int)FIELD_SIDE, "decoding makes what is measured");

int analyst_open(struct analyst *a, struct subject *subject, struct err *err)
{
    *a = (struct analyst){.subject = subject};
    if (engine_stream_open(&a->stream, subject->engine, err) ||
        lesion_scratch_new(&a->scratch, err)) {
        analyst_close(a);
        return -1;
    }
    return 0;
}

void analyst_close(struct analyst *a)
{
    engine_stream_close(a->stream);
    if (a->maps)
        engine_unpin(a->subject->engine, a->maps);
    lesion_scratch_free(a->scratch);
    free(a->maps);
    free(a->inputs);
    free(a->mirrored);
    *a = (struct analyst){0};
}

static int reserve(uint8_t **bytes, size_t *capacity, size_t size, struct err *err)
{
    if (size <= *capacity)
        return 0;
    uint8_t *grown = realloc(*bytes, size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "%zu bytes for inputs or class maps", size);
    *bytes = grown;
    *capacity = size;
    return 0;
}

static int check_batch(int n, struct err *err)
{
    if (n > ANALYST_BATCH_MAX)
        return err_set(err, ERR_BUG, "batch of %d, at most %d", n, ANALYST_BATCH_MAX);
    return 0;
}

/* Room for the maps, where a GPU may write them itself. */
static int reserve_maps(struct analyst *a, size_t size, struct err *err)
{
    struct err unpinned = {0}; /* then they are copied */

    if (size <= a->maps_capacity)
        return 0;
    if (a->maps)
        engine_unpin(a->subject->engine, a->maps);
    if (reserve(&a->maps, &a->maps_capacity, size, err))
        return -1;
    (void)engine_pin(a->subject->engine, a->maps, size, &unpinned);
    return 0;
}

/* The inputs and contents of batch[0..n-1] are there. */
static int run_pass(struct analyst *a, int n, int size, struct err *err)
{
    size_t map = (size_t)a->w * (size_t)a->h;

    if (reserve_maps(a, map * (size_t)n, err))
        return -1;
    a->size = size;
    for (int i = 0; i < n; i++)
        a->batch[i].class_map = a->maps + map * (size_t)i;
    return engine_run(a->stream, a->w, a->h, a->batch, n, err);
}

int analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                    struct err *err)
{
    if (check_batch(n, err))
        return -1;
    a->w = pictures[0]->network.w;
    a->h = pictures[0]->network.h;
    for (int i = 0; i < n; i++)
        a->batch[i] = (struct engine_image){
            .rgb = pictures[i]->network.rgb,
            .content_w = pictures[i]->content_w,
            .content_h = pictures[i]->content_h,
        };
    return run_pass(a, n, a->subject->size, err);
}

int analyst_refine(struct analyst *a, const struct decoded *const *pictures, int n, int size,
                   struct err *err)
{
    struct frame first = refine_frame(pictures[0], size);
    size_t bytes = (size_t)first.padded.w * (size_t)first.padded.h * 3;

    if (check_batch(n, err) || reserve(&a->inputs, &a->inputs_capacity, bytes * (size_t)n, err))
        return -1;
    a->w = first.padded.w;
    a->h = first.padded.h;
    for (int i = 0; i < n; i++) {
        struct frame f = refine_frame(pictures[i], size);
        uint8_t *rgb = a->inputs + bytes * (size_t)i;
        if (f.padded.w != a->w || f.padded.h != a->h)
            return err_set(err, ERR_BUG, "inputs of %dx%d and %dx%d in one batch", a->w, a->h,
                           f.padded.w, f.padded.h);
        if (refine_picture(pictures[i], &f, rgb))
            return err_set(err, ERR_NOMEM, "input of %dx%d", a->w, a->h);
        a->batch[i] = (struct engine_image){
            .rgb = rgb,
            .content_w = f.content.w,
            .content_h = f.content.h,
        };
    }
    return run_pass(a, n, size, err);
}

int analyst_warm_up(struct analyst *a, int w, int h, struct err *err)
{
    enum { GREY = 128 };
    size_t bytes = (size_t)w * (size_t)h * 3;

    if (reserve(&a->inputs, &a->inputs_capacity, bytes, err))
        return -1;
    memset(a->inputs, GREY, bytes);
    a->w = w;
    a->h = h;
    a->batch[0] = (struct engine_image){.rgb = a->inputs, .content_w = w, .content_h = h};
    return run_pass(a, 1, a->size, err);
}

bool analyst_is_doubtful(const struct analyst *a, int i, const struct decoded *picture)
{
    struct lesion_input in;

    if (!a->subject->plan)
        return false;
    analyst_lesion_input(a, i, picture, NAN, &in);
    return size_plan_is_doubtful(a->subject->plan, &in);
}

/* The mirror images of the picture of the last pass, and what they say with it. */
static int add_flips(struct analyst *a, struct err *err)
{
    size_t map = (size_t)a->w * (size_t)a->h;
    struct engine_image images[FLIPS];

    if (reserve(&a->mirrored, &a->mirrored_capacity, map * (3 * (FLIPS - 1) + FLIPS), err))
        return -1;
    uint8_t *maps = a->mirrored + 3 * map * (FLIPS - 1);
    for (int flip = 0; flip < FLIPS; flip++) {
        images[flip] = a->batch[0];
        images[flip].class_map = maps + map * (size_t)flip;
        if (flip) {
            uint8_t *rgb = a->mirrored + 3 * map * (size_t)(flip - 1);
            flip_picture(&a->batch[0], a->w, a->h, flip, rgb);
            images[flip].rgb = rgb;
        }
    }
    memcpy(maps, a->batch[0].class_map, map);
    if (engine_run(a->stream, a->w, a->h, images + 1, FLIPS - 1, err))
        return -1;
    flips_merge(images, a->w);
    a->batch[0] = images[0];
    return 0;
}

int analyst_outline(struct analyst *a, const struct decoded *picture, struct err *err)
{
    if (analyst_segment(a, &picture, 1, err))
        return -1;
    if (analyst_is_doubtful(a, 0, picture) &&
        analyst_refine(a, &picture, 1, a->subject->plan->fine, err))
        return -1;
    return a->subject->has_flips ? add_flips(a, err) : 0;
}

int analyst_outline_at(struct analyst *a, const struct decoded *picture, int size, struct err *err)
{
    if (analyst_refine(a, &picture, 1, size, err))
        return -1;
    return a->subject->has_flips ? add_flips(a, err) : 0;
}

void analyst_lesion_input(const struct analyst *a, int i, const struct decoded *picture,
                          double mm_per_px, struct lesion_input *out)
{
    const struct engine_image *image = &a->batch[i];

    *out = (struct lesion_input){
        .class_map = image->class_map,
        .map_w = a->w,
        .map_h = a->h,
        .content_w = image->content_w,
        .content_h = image->content_h,
        .rgb = picture->field.rgb,
        .measure_w = picture->field.w,
        .measure_h = picture->field.h,
        .width = picture->width,
        .height = picture->height,
        .mm_per_px = mm_per_px,
        .lesion_px = image->scores.lesion_px,
        .lesion_top_sum = image->scores.lesion_top_sum,
        .content_px = image->scores.content_px,
        .is_degraded = picture->is_degraded,
    };
    memcpy(out->all_sum, image->scores.all_sum, sizeof(out->all_sum));
    memcpy(out->lesion_sum, image->scores.lesion_sum, sizeof(out->lesion_sum));
}

int analyst_judge(struct analyst *a, const struct lesion_input *in, bool is_duplicate,
                  struct lesion_measures *measures, struct risk_decision *decision, struct err *err)
{
    if (lesion_measure(a->scratch, in, measures, err))
        return -1;
    if (a->subject->policy) {
        policy_warm(a->subject->policy, measures);
        policy_decide(a->subject->policy, measures, is_duplicate, decision);
    }
    return 0;
}
