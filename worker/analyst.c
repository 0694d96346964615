#include "worker/analyst.h"

#include "lesion/field.h"

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
    lesion_scratch_free(a->scratch);
    free(a->maps);
    *a = (struct analyst){0};
}

static int reserve_maps(struct analyst *a, size_t size, struct err *err)
{
    if (size <= a->maps_capacity)
        return 0;
    uint8_t *grown = realloc(a->maps, size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "%zu bytes for class maps", size);
    a->maps = grown;
    a->maps_capacity = size;
    return 0;
}

int analyst_segment(struct analyst *a, const struct decoded *const *pictures, int n,
                    struct err *err)
{
    int w = pictures[0]->network.w, h = pictures[0]->network.h;
    size_t size = (size_t)w * (size_t)h;

    if (n > ANALYST_BATCH_MAX)
        return err_set(err, ERR_BUG, "batch of %d, at most %d", n, ANALYST_BATCH_MAX);
    if (reserve_maps(a, size * (size_t)n, err))
        return -1;
    for (int i = 0; i < n; i++)
        a->batch[i] = (struct engine_image){
            .rgb = pictures[i]->network.rgb,
            .content_w = pictures[i]->content_w,
            .content_h = pictures[i]->content_h,
            .class_map = a->maps + size * (size_t)i,
        };
    return engine_run(a->stream, w, h, a->batch, n, err);
}

void analyst_lesion_input(const struct analyst *a, int i, const struct decoded *picture,
                          double mm_per_px, struct lesion_input *out)
{
    const struct engine_image *image = &a->batch[i];

    *out = (struct lesion_input){
        .class_map = image->class_map,
        .map_w = picture->network.w,
        .map_h = picture->network.h,
        .content_w = picture->content_w,
        .content_h = picture->content_h,
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
    if (a->subject->policy)
        policy_decide(a->subject->policy, measures, is_duplicate, decision);
    return 0;
}
