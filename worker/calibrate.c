#include "worker/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_debug.h"
#include "engine/histogram.h"

enum { U8_STEPS = 255, S8_STEPS = 127 };

struct calibration {
    const struct subject *f32;
    const struct sample *sample;
    const char *folder;
    struct histogram *histograms; /* LAYER_COUNT_INFERENCE; of the layers that own a range */
    float **logits;               /* f32's, for each picture */
    float *map;                   /* room for any layer of the picture at hand */
    uint8_t *class_map;
    double errors[RANGE_RULES]; /* squared, of the logits, over their own squares */
};

static size_t values_of(int layer, const struct sample_picture *p)
{
    struct shape shapes[LAYER_COUNT];

    network_shapes(shapes, p->h, p->w);
    return (size_t)shapes[layer].h * (size_t)shapes[layer].w * (size_t)shapes[layer].c;
}

static int run_picture(struct calibration *c, struct engine_stream *stream,
                       const struct sample_picture *p, struct err *err)
{
    struct engine_image image = {
        .rgb = p->rgb,
        .content_w = p->content_w,
        .content_h = p->content_h,
        .class_map = c->class_map,
    };

    return engine_run(stream, p->w, p->h, &image, 1, err);
}

static int read_maps(struct calibration *c, struct engine_stream *stream, int picture,
                     struct err *err)
{
    const struct sample_picture *p = &c->sample->pictures[picture];
    size_t logits = values_of(L_LOGITS, p);

    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++) {
        if (ranges_owner(i) != i)
            continue;
        if (engine_debug_layer(stream, i, 0, c->map, err))
            return -1;
        histogram_add(&c->histograms[i], c->map, values_of(i, p));
    }
    c->logits[picture] = malloc(logits * sizeof(float));
    if (!c->logits[picture])
        return err_set(err, ERR_NOMEM, "out of memory for logits");
    return engine_debug_layer(stream, L_LOGITS, 0, c->logits[picture], err);
}

static int measure_f32(struct calibration *c, struct err *err)
{
    struct engine_stream *stream = NULL;
    int ret = engine_stream_open(&stream, c->f32->engine, err);

    if (!ret)
        engine_debug_keep(stream);
    for (int i = 0; i < c->sample->n && !ret; i++)
        ret = run_picture(c, stream, &c->sample->pictures[i], err) || read_maps(c, stream, i, err);
    engine_stream_close(stream);
    return ret ? -1 : 0;
}

static int compare_logits(struct calibration *c, struct engine_stream *stream, double *error,
                          struct err *err)
{
    double off = 0, size = 0;

    for (int i = 0; i < c->sample->n; i++) {
        const struct sample_picture *p = &c->sample->pictures[i];
        if (run_picture(c, stream, p, err) || engine_debug_layer(stream, L_LOGITS, 0, c->map, err))
            return -1;
        for (size_t k = 0; k < values_of(L_LOGITS, p); k++) {
            double exact = c->logits[i][k], d = c->map[k] - exact;
            off += d * d;
            size += exact * exact;
        }
    }
    *error = size > 0 ? off / size : 0;
    return 0;
}

/* The int8 network as the folder now has it. */
static int measure_int8(struct calibration *c, double *error, struct err *err)
{
    const struct engine_config config = {.precision = "int8"};
    struct model *model = NULL;
    struct engine *engine = NULL;
    struct engine_stream *stream = NULL;
    int ret = model_open(&model, c->folder, err) || engine_open(&engine, model, &config, err) ||
              engine_stream_open(&stream, engine, err) || compare_logits(c, stream, error, err);

    engine_stream_close(stream);
    engine_close(engine);
    model_close(model);
    return ret ? -1 : 0;
}

static int write_ranges(const struct calibration *c, enum range_rule rule, const json_t *about,
                        struct err *err)
{
    struct ranges ranges = {0};

    memcpy(ranges.weights_sha256, model_card(c->f32->model)->sha256, SHA256_HEX_SIZE);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        if (ranges_owner(i) == i)
            ranges.of[i] = (float)histogram_range(
                &c->histograms[i], rule, ranges_kind(i) == RANGES_S8 ? S8_STEPS : U8_STEPS);
    return ranges_write(&ranges, about, c->folder, err);
}

static json_t *describe(const struct calibration *c, enum range_rule best)
{
    json_t *errors = json_object(), *about = json_object();

    for (int rule = 0; rule < RANGE_RULES; rule++)
        json_put(&errors, range_rule_word(rule), json_rounded(c->errors[rule], 6));
    json_put(&about, "rule", json_string(range_rule_word(best)));
    json_put(&about, "logits_nmse", errors);
    json_put(&about, "pictures", json_integer(c->sample->n));
    json_put(&about, "size", json_integer(c->f32->size));
    return about;
}

static int try_rules(struct calibration *c, json_t **about, struct err *err)
{
    json_t *none = json_object();
    enum range_rule best = 0;
    int ret = 0;

    for (int rule = 0; rule < RANGE_RULES && !ret; rule++) {
        ret = write_ranges(c, rule, none, err) || measure_int8(c, &c->errors[rule], err);
        if (c->errors[rule] < c->errors[best])
            best = rule;
    }
    json_decref(none);
    if (ret)
        return -1;
    *about = describe(c, best);
    return write_ranges(c, best, *about, err);
}

static int reserve(struct calibration *c, struct err *err)
{
    size_t largest = 0, pixels = 0;

    for (int i = 0; i < c->sample->n; i++) {
        const struct sample_picture *p = &c->sample->pictures[i];
        size_t here = (size_t)p->w * (size_t)p->h;
        pixels = here > pixels ? here : pixels;
        for (int layer = 0; layer < LAYER_COUNT_INFERENCE; layer++)
            largest = values_of(layer, p) > largest ? values_of(layer, p) : largest;
    }
    c->histograms = calloc(LAYER_COUNT_INFERENCE, sizeof(*c->histograms));
    c->logits = calloc((size_t)c->sample->n, sizeof(*c->logits));
    // NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): a sample is not empty (sample.h)
    c->map = malloc(largest * sizeof(*c->map));
    c->class_map = malloc(pixels);
    if (!c->histograms || !c->logits || !c->map || !c->class_map)
        return err_set(err, ERR_NOMEM, "out of memory for a calibration");
    return 0;
}

int calibrate(const struct subject *f32, const struct sample *sample, const char *folder,
              json_t **about, struct err *err)
{
    struct calibration c = {.f32 = f32, .sample = sample, .folder = folder};
    int ret = reserve(&c, err) || measure_f32(&c, err) || try_rules(&c, about, err);

    for (int i = 0; c.logits && i < sample->n; i++)
        free(c.logits[i]);
    free(c.logits);
    free(c.histograms);
    free(c.map);
    free(c.class_map);
    return ret ? -1 : 0;
}
