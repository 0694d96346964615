#include "train/plan.h"

#include <stdlib.h>
#include <string.h>

#include "common/process.h"
#include "train/spread.h"

#define WARM_UP_FROM   1e-5 /* specification 5.1 */
#define POLY_POWER     0.9
#define BETA2          0.999
#define OHEM_THRESHOLD 0.7 /* specification 5.2 */

static const char *const counted[] = {
    "data",           "size",         "sizes",         "batch",          "accumulate",
    "iters",          "lr",           "schedule",      "warm-up",        "seed",
    "init",           "precision",    "backend",       "device",         "optimiser",
    "momentum",       "weight-decay", "spare-norms",   "clip",           "ema",
    "loss",           "heads",        "class-weights", "ohem-kept",      "augment",
    "sampling",       "weights",      "save-every",    "validate-every", "teacher",
    "teacher-weight",
};
enum { COUNTED = sizeof(counted) / sizeof(*counted) };

static int clamp(int n, int low, int high)
{
    return n < low ? low : n > high ? high : n;
}

static int read_sizes(struct plan *p, const struct settings *s, struct err *err)
{
    const char *at = s->sizes;
    int largest;

    p->size = s->size ? (int)s->size : PLAN_SIZE;
    if (s->size < 0 || p->size < 32)
        return err_set(err, ERR_INPUT, "--size: 32 px at least, and no auto, to train");
    p->sizes[p->n_sizes++] = largest = p->size;
    if (*at)
        p->n_sizes = 0;
    while (*at) {
        char *end;
        long side = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || side < 32 || side > AUGMENT_SIDE_MAX ||
            p->n_sizes == LOADER_SIZES_MAX)
            return err_set(err, ERR_INPUT,
                           "--sizes \"%.40s\": up to %d whole numbers from 32 to %d with commas",
                           s->sizes, LOADER_SIZES_MAX, AUGMENT_SIDE_MAX);
        p->sizes[p->n_sizes++] = (int)side;
        largest = side > largest ? (int)side : largest;
        at = *end ? end + 1 : end;
        if (*end && !*at)
            return err_set(err, ERR_INPUT, "--sizes \"%.40s\" ends with a comma", s->sizes);
    }
    p->bound = clamp(2 * largest, 256, 1600); /* pictures are scaled up by 2 at most */
    return 0;
}

static int read_loss(struct plan *p, const struct settings *s, struct err *err)
{
    double weights[LOSS_CLASSES];

    if (loss_parse(p->loss.part, s->loss, err) ||
        loss_parse_list(p->loss.head, LEARN_HEADS, s->heads, "heads", err) ||
        (s->class_weights[0] &&
         loss_parse_list(weights, LOSS_CLASSES, s->class_weights, "class-weights", err)))
        return -1;
    for (int c = 0; c < LOSS_CLASSES; c++)
        p->loss.class_weight[c] = s->class_weights[0] ? (float)weights[c] : 1;
    if (p->loss.head[0] + p->loss.head[1] + p->loss.head[2] <= 0)
        return err_set(err, ERR_INPUT, "--heads: one coefficient at least is more than 0");
    p->loss.ohem_threshold = OHEM_THRESHOLD;
    p->loss.ohem_kept = s->ohem_kept;
    p->loss.threads = p->threads;
    return 0;
}

static int read_optimiser(struct plan *p, const struct settings *s, struct err *err)
{
    static const struct {
        const char *word;
        enum schedule_kind kind;
    } schedules[] = {
        {"poly",     SCHEDULE_POLY    },
        {"cosine",   SCHEDULE_COSINE  },
        {"constant", SCHEDULE_CONSTANT},
    };

    if (s->momentum >= 1 || s->ema >= 1)
        return err_set(err, ERR_INPUT, "--momentum and --ema are less than 1");
    if (s->warm_up >= s->iters)
        return err_set(err, ERR_INPUT, "--warm-up %ld is not shorter than --iters %ld", s->warm_up,
                       s->iters);
    if (s->stop_at > s->iters)
        return err_set(err, ERR_INPUT, "stop-at %ld is behind the last of --iters %ld", s->stop_at,
                       s->iters);
    p->end = s->stop_at ? s->stop_at : s->iters;
    p->optimiser = (struct optimiser_config){
        .kind = strcmp(s->optimiser, "adamw") ? OPTIMISER_SGD : OPTIMISER_ADAMW,
        .momentum = s->momentum,
        .beta2 = BETA2,
        .decay = s->weight_decay,
        .spares_norms = s->spare_norms,
        .clip = s->clip,
        .ema = s->ema,
        .threads = p->threads,
    };
    p->schedule = (struct schedule){
        .base = s->lr,
        .power = POLY_POWER,
        .warm_from = s->lr < WARM_UP_FROM ? s->lr : WARM_UP_FROM,
        .warm = s->warm_up,
        .total = s->iters,
    };
    for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++)
        if (!strcmp(s->schedule, schedules[i].word))
            p->schedule.kind = schedules[i].kind;
    return 0;
}

int plan_make(struct plan *out, const struct settings *s, struct err *err)
{
    *out = (struct plan){.settings = s};
    out->threads = clamp(s->threads ? (int)s->threads : process_cores(), 1, SPREAD_THREADS_MAX);
    out->samples_by_file = !strcmp(s->sampling, "file");
    out->loaders = clamp(s->loaders ? (int)s->loaders : out->threads, 1, LOADER_THREADS_MAX);
    out->learner = (struct learner_config){
        .backend = s->backend,
        .precision = s->precision,
        .device = s->device,
        .threads = out->threads,
    };
    if (!s->data[0] || !s->output[0])
        return err_set(err, ERR_INPUT,
                       "train: --data DIR and -o RUN are needed (see lentigo train --help)");
    if (read_sizes(out, s, err) || read_loss(out, s, err) || read_optimiser(out, s, err) ||
        augment_parse(&out->augment, s->augment, err) ||
        (!out->samples_by_file && sampling_rule_of(&out->sampling, s->sampling, err))) {
        err->code = err->code == ERR_CONFIG ? ERR_INPUT : err->code; /* a flag: status 64 */
        return -1;
    }
    return 0;
}

json_t *plan_settings(const struct plan *p)
{
    json_t *object = json_object();
    struct buf text;

    buf_init(&text, SETTINGS_PATH_SIZE);
    for (int i = 0; i < COUNTED; i++) {
        buf_clear(&text);
        settings_value(p->settings, counted[i], &text);
        json_put(&object, counted[i], json_text(text.data ? text.data : ""));
    }
    buf_release(&text);
    json_put(&object, "threads", json_integer(p->threads));
    return object;
}

/* The first key of `a` that `b` lacks or has with another value. */
static const char *first_other(json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value) if (!json_equal(value, json_object_get(b, key))) return key;
    return NULL;
}

const char *plan_difference(json_t *a, json_t *b)
{
    const char *key = first_other(a, b);

    return key ? key : first_other(b, a);
}
