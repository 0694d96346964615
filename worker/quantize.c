/* quantize.c -- `lentigo model quantize`: a model folder that precision int8 can run.
 *
 * Ranges are measured (calibrate.h) and lie beside the weights, which stay as they are. A labelled
 * set then says what each precision costs on its validation split, at the size of the calibration;
 * the card gets these figures, and in "precisions" those that lose no more than the tolerance. */
#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "common/place.h"
#include "common/status.h"
#include "worker/calibrate.h"
#include "worker/tools.h"

enum { PICTURES_DEFAULT = 128, CARD_MAX = 1 << 20, PATH_SIZE = SETTINGS_PATH_SIZE + 32 };

/* By how much a precision may fall behind f32. */
static const struct {
    const char *figure;
    double loss;
} tolerances[] = {
    {"mean_jaccard",  0.003},
    {"auc_malignant", 0.005},
};
enum { TOLERANCES = sizeof(tolerances) / sizeof(*tolerances) };

static const char *const kept_figures[] = {"n", "mean_jaccard", "failure_rate", "auc_malignant"};
static const char *const measured[] = {"f32", "bf16", "int8"}; /* f32 first */

struct quantizer {
    const struct settings *settings;
    struct settings own; /* of the parts that are called */
    char folder[SETTINGS_PATH_SIZE];
    struct subject subject;
    struct decoder *decoder;
    struct sample sample;
    json_t *about, *figures; /* figures: NULL for a set without labels */
    bool allowed[sizeof(measured) / sizeof(*measured)];
};

static int copy_file(const char *from, const char *to, const char *name, struct err *err)
{
    char source[PATH_SIZE], target[PATH_SIZE];
    struct buf bytes;
    int ret = -1;

    buf_init(&bytes, (size_t)1 << 30);
    if (!path_format(source, sizeof(source), err, "%s/%s", from, name) &&
        !path_format(target, sizeof(target), err, "%s/%s", to, name))
        ret = access(source, F_OK) ? 0
                                   : file_read(source, &bytes, err) ||
                                         file_write(target, bytes.data, bytes.len, err);
    buf_release(&bytes);
    return ret ? -1 : 0;
}

/* The folder to quantise: the model's own, or a copy of it in -o. */
static int make_folder(struct quantizer *q, struct err *err)
{
    static const char *const files[] = {"weights.safetensors", "policy.json", "policy-auto.json",
                                        "card.json"};
    char source[SETTINGS_PATH_SIZE];

    if (place_model(source, q->settings->model, err))
        return -1;
    if (path_format(q->folder, sizeof(q->folder), err, "%s",
                    *q->settings->output ? q->settings->output : source))
        return -1;
    if (*q->settings->output && dir_make(q->folder, err))
        return -1;
    for (size_t i = 0; *q->settings->output && i < sizeof(files) / sizeof(*files); i++)
        if (copy_file(source, q->folder, files[i], err))
            return -1;
    return path_format(q->own.model, sizeof(q->own.model), err, "%s", q->folder);
}

static int measure_ranges(struct quantizer *q, struct err *err)
{
    const struct worker_shape shape = {.lanes = 1, .decoders = 1, .slots = 1, .batch = 1};

    snprintf(q->own.precision, sizeof(q->own.precision), "f32");
    if (subject_open(&q->subject, &q->decoder, &shape, &q->own, err))
        return -1;
    const struct sample_request request = {
        .dir = q->settings->calibrate,
        .decoder = q->decoder,
        .size = q->subject.size,
        .count = q->settings->limit ? (int)q->settings->limit : PICTURES_DEFAULT,
    };
    if (sample_take(&q->sample, &request, err))
        return -1;
    return calibrate(&q->subject, &q->sample, q->folder, &q->about, err);
}

static bool is_within(const json_t *figures, const json_t *f32)
{
    for (int i = 0; i < TOLERANCES; i++) {
        double have = json_number_or(figures, tolerances[i].figure, NAN);
        double want = json_number_or(f32, tolerances[i].figure, NAN);
        if (!(have >= want - tolerances[i].loss))
            return false;
    }
    return true;
}

/* bf16 may be lacking here; int8 is not, the ranges were chosen with it. */
static bool is_here(const struct quantizer *q, const char *precision)
{
    const struct engine_config config = {.precision = precision};
    struct engine_facts facts;
    struct err none = {0};

    return !strcmp(precision, "int8") || !engine_choose(&config, q->subject.model, &facts, &none);
}

static int measure_precision(struct quantizer *q, int k, struct err *err)
{
    json_t *all, *kept;

    if (!is_here(q, measured[k]))
        return 0;
    snprintf(q->own.precision, sizeof(q->own.precision), "%s", measured[k]);
    if (eval_figures(&q->own, &all, err))
        return err_wrap(err, "%s", measured[k]);
    kept = json_object();
    for (size_t i = 0; i < sizeof(kept_figures) / sizeof(*kept_figures); i++)
        if (json_object_get(all, kept_figures[i]))
            json_put(&kept, kept_figures[i], json_incref(json_object_get(all, kept_figures[i])));
    json_put(&q->figures, measured[k], kept);
    json_decref(all);
    if (!q->figures)
        return err_set(err, ERR_NOMEM, "figures as JSON");
    q->allowed[k] = is_within(kept, json_object_get(q->figures, measured[0]));
    return 0;
}

static int measure_figures(struct quantizer *q, struct err *err)
{
    sample_release(&q->sample); /* hundreds of MB that the decoder's zygote would inherit */
    q->figures = json_object();
    for (size_t i = 0; i < sizeof(measured) / sizeof(*measured); i++)
        if (measure_precision(q, (int)i, err))
            return -1;
    return 0;
}

/* Without figures nobody knows, so "auto" will not take int8. */
static json_t *list_precisions(const struct quantizer *q)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(measured) / sizeof(*measured); i++)
        if (q->allowed[i] || (!q->figures && strcmp(measured[i], "int8") != 0))
            json_add(&list, json_string(measured[i]));
    return list;
}

static int write_card(struct quantizer *q, struct err *err)
{
    char path[PATH_SIZE];
    bool is_measured = q->figures != NULL;

    if (path_format(path, sizeof(path), err, "%s/card.json", q->folder))
        return -1;
    json_t *card = json_read(path, CARD_MAX, err), *limits = json_object();
    if (!card) {
        json_decref(limits);
        return -1;
    }
    for (int i = 0; i < TOLERANCES; i++)
        json_put(&limits, tolerances[i].figure, json_rounded(tolerances[i].loss, 4));
    json_put(&q->about, "tolerance", limits);
    if (is_measured) {
        json_put(&q->figures, "split", json_string("val"));
        json_put(&q->about, "figures", json_incref(q->figures));
    }
    json_put(&q->about, "within_tolerance",
             is_measured ? json_boolean(q->allowed[2]) : json_null());
    json_put(&card, "int8", json_incref(q->about));
    json_put(&card, "precisions", list_precisions(q));
    int ret = json_write(path, card, err);
    json_decref(card);
    return ret;
}

static int quantize(struct quantizer *q, struct err *err)
{
    if (make_folder(q, err) || measure_ranges(q, err))
        return -1;
    if (q->sample.is_labelled && measure_figures(q, err))
        return -1;
    if (write_card(q, err))
        return -1;
    json_put(&q->about, "model", json_text(q->folder));
    char *line = json_line(q->about);
    int ret = line && puts(line) >= 0 ? 0 : err_set(err, ERR_AGAIN, "figures could not be printed");
    free(line);
    return ret;
}

int tool_quantize(const struct settings *s)
{
    struct quantizer *q = calloc(1, sizeof(*q));
    struct err err = {0};
    int ret = -1;

    if (!q)
        return STATUS_AGAIN;
    q->settings = s;
    q->own = *s;
    q->own.limit = 0;
    q->own.replicates = 0;
    memcpy(q->own.data, s->calibrate, sizeof(q->own.data));
    snprintf(q->own.split, sizeof(q->own.split), "val");
    if (!s->calibrate[0])
        err_set(&err, ERR_INPUT, "model quantize: --calibrate DIR is needed");
    else
        ret = quantize(q, &err);
    json_decref(q->about);
    json_decref(q->figures);
    sample_release(&q->sample);
    subject_close(&q->subject, q->decoder);
    free(q);
    return ret ? tool_fail(&err) : 0;
}
