#include "worker/subject.h"

#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/place.h"
#include "common/process.h"
#include "engine/wish.h"
#include "worker/analyst.h"

/* The network size is not known before the model is open, and the slots are shared with the zygote
 * before that. Slots are sparse, so room for a larger size costs address space only. */
enum { SIZE_MAX_UNKNOWN = 1024 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

void worker_shape_of(struct worker_shape *out, const struct settings *s)
{
    int cores = process_cores();

    *out = (struct worker_shape){0};
    /* What is worked out here keeps to the limits; a machine may have more cores than that. */
    out->batch = least((int)s->batch, ANALYST_BATCH_MAX);
    out->lanes = s->jobs ? (int)s->jobs : cores;
    out->decoders = s->decoders ? (int)s->decoders : least(cores, DECODE_CHILDREN_MAX);
    /* A batch at work and one in line for each lane. Measured: half of it is as fast, a quarter costs
     * 8 % (docs/figures.md). */
    out->slots = s->slots ? (int)s->slots
                          : least(out->decoders + 2 * out->lanes * out->batch, DECODE_SLOTS_MAX);
    out->urgent_slots = out->slots > 2 * out->lanes * out->batch;
}

static int open_decoder(struct decoder **decoder, const struct worker_shape *shape,
                        const struct settings *s, struct err *err)
{
    struct decoder_config config = {
        .slots = shape->slots,
        .children = shape->decoders,
        .size_max = s->size > 0 ? (int)s->size : SIZE_MAX_UNKNOWN,
        .seconds = (int)s->decode_seconds,
        .memory_mb = (int)s->decode_mb,
        .megapixels_max = (int)s->pixels_max,
        .wants_nvjpeg = !strcmp(s->decode, "nvjpeg") && wish_gpu(s->device) >= 0,
        .nvjpeg_device = wish_gpu(s->device),
    };

    return decoder_open(decoder, &config, err);
}

static int open_policy(struct policy **out, const struct worker_shape *shape,
                       const struct settings *s, const char *dir, struct err *err)
{
    bool is_auto = s->size == SETTINGS_AUTO;
    char path[SETTINGS_PATH_SIZE];

    if (shape->policy == POLICY_NONE || s->calibrate[0]) /* --calibrate: ranges are chosen */
        return 0;
    if (path_format(path, sizeof(path), err, "%s/%s", dir, policy_file_name(is_auto)))
        return -1;
    if (shape->policy == POLICY_IF_THERE && !is_auto && access(path, F_OK))
        return 0;
    return policy_open_in(out, dir, is_auto, err);
}

static int open_subject(struct subject *out, const struct worker_shape *shape,
                        const struct settings *s, struct err *err)
{
    const struct engine_config config = {.backend = s->backend,
                                         .precision = s->precision,
                                         .device = s->device,
                                         .threads = shape->threads};
    bool is_auto = s->size == SETTINGS_AUTO;
    char dir[SETTINGS_PATH_SIZE];

    if (place_model(dir, s->model, err) || model_open(&out->model, dir, err))
        return -1;
    out->size = s->size > 0 ? (int)s->size : model_card(out->model)->size;
    if (!s->size && out->size > SIZE_MAX_UNKNOWN)
        return err_set(err, ERR_CONFIG, "%s: trained for %d px; give --size %d", dir, out->size,
                       out->size);
    if (open_policy(&out->policy, shape, s, dir, err))
        return -1;
    out->has_flips = !strcmp(s->tta, "flips");
    if (is_auto && out->policy) {
        out->plan = &policy_facts(out->policy)->sizes;
        out->size = out->plan->coarse;
    }
    /* Its answer is worked out while the engine opens. */
    if (shape->has_probe && probe_open(&out->probe, out->model, err))
        return -1;
    return engine_open(&out->engine, out->model, &config, err);
}

int subject_open(struct subject *out, struct decoder **decoder, const struct worker_shape *shape,
                 const struct settings *s, struct err *err)
{
    *out = (struct subject){0};
    *decoder = NULL;
    if (open_decoder(decoder, shape, s, err) || open_subject(out, shape, s, err)) {
        subject_close(out, *decoder);
        *decoder = NULL;
        return -1;
    }
    return 0;
}

int subject_open_beside(struct subject *out, const struct worker_shape *shape,
                        const struct settings *s, struct err *err)
{
    *out = (struct subject){0};
    if (!open_subject(out, shape, s, err))
        return 0;
    subject_close(out, NULL);
    return -1;
}

void subject_close(struct subject *subject, struct decoder *decoder)
{
    engine_close(subject->engine);
    probe_close(subject->probe);
    policy_close(subject->policy);
    model_close(subject->model);
    decoder_close(decoder);
    *subject = (struct subject){0};
}
