#include "queue/stats.h"

#include <limits.h>
#include <math.h>

#include "common/when.h"
#include "queue/record_priv.h"

#define AT(record, field)     offsetof(struct record, field), sizeof(((struct record *)0)->field)
#define TEXT(record, field)   RECORD_TEXT, AT(record, field), 0, 0, NULL, 0
#define INT(record, field)    RECORD_INT, AT(record, field), -1, INT_MAX, NULL, 0
#define COUNT(record, field)  RECORD_INT64, AT(record, field), -1, INT64_MAX, NULL, 0
#define NUMBER(record, field) RECORD_NUMBER, AT(record, field), 0, 0, NULL, 0

/* clang-format off */
static const struct record_field top_fields[] = {
    {"node",         TEXT(stats, node)},
    {"state",        TEXT(stats, state)},
    {"model",        TEXT(stats, model)},
    {"precision",    TEXT(stats, precision)},
    {"device",       TEXT(stats, device)},
    {"size",         INT(stats, size)},
    {"at_ms",        COUNT(stats, at_ms)},
    {"started_ms",   COUNT(stats, started_ms)},
    {"received",     COUNT(stats, received)},
    {"done",         COUNT(stats, done)},
    {"set_aside",    COUNT(stats, set_aside)},
    {"cancelled",    COUNT(stats, cancelled)},
    {"scheduled_images", COUNT(stats, scheduled_images)},
    {"studies",      COUNT(stats, studies)},
    {"reports",      COUNT(stats, reports)},
    {"urgent",       COUNT(stats, urgent)},
    {"review",       COUNT(stats, review)},
    {"routine",      COUNT(stats, routine)},
    {"retake",       COUNT(stats, retake)},
    {"images_per_s", NUMBER(stats, images_per_s)},
    {"eta_s",        NUMBER(stats, eta_s)},
    {"cpu",          NUMBER(stats, cpu)},
    {"cores",        INT(stats, cores)},
    {"memory_kb",    COUNT(stats, memory_kb)},
    {"gpu",          NUMBER(stats, gpu)},
    {"gpu_memory",   NUMBER(stats, gpu_memory)},
};

static const struct record_field class_fields[] = {
    {"name",       TEXT(stats_class, name)},
    {"ready",      COUNT(stats_class, ready)},
    {"leased",     COUNT(stats_class, leased)},
    {"oldest_ms",  COUNT(stats_class, oldest_ms)},
    {"paused_at",  TEXT(stats_class, paused_at)},
    {"paused_by",  TEXT(stats_class, paused_by)},
    {"paused_why", TEXT(stats_class, paused_why)},
};

static const struct record_field stage_fields[] = {
    {"busy",        NUMBER(stats_stage, busy)},
    {"ms_per_item", NUMBER(stats_stage, ms_per_item)},
    {"lanes",       INT(stats_stage, lanes)},
    {"waiting",     INT(stats_stage, waiting)},
};

static const struct record_field worker_fields[] = {
    {"pid",       INT(stats_worker, pid)},
    {"role",      TEXT(stats_worker, role)},
    {"state",     TEXT(stats_worker, state)},
    {"device",    TEXT(stats_worker, device)},
    {"in_flight", INT(stats_worker, in_flight)},
    {"restarts",  INT(stats_worker, restarts)},
    {"items",     COUNT(stats_worker, items)},
    {"memory_kb", COUNT(stats_worker, memory_kb)},
};

static const struct record_field gpu_fields[] = {
    {"number",        INT(stats_gpu, number)},
    {"name",          TEXT(stats_gpu, name)},
    {"state",         TEXT(stats_gpu, state)},
    {"load",          NUMBER(stats_gpu, load)},
    {"memory",        NUMBER(stats_gpu, memory)},
    {"memory_kb",     COUNT(stats_gpu, memory_kb)},
    {"temperature_c", NUMBER(stats_gpu, temperature_c)},
    {"power_w",       NUMBER(stats_gpu, power_w)},
    {"power_limit_w", NUMBER(stats_gpu, power_limit_w)},
    {"throttle",      TEXT(stats_gpu, throttle)},
    {"ecc_errors",    COUNT(stats_gpu, ecc_errors)},
};

static const struct record_field scheduled_fields[] = {
    {"upload",        TEXT(stats_scheduled, upload)},
    {"images",        COUNT(stats_scheduled, images)},
    {"not_before_ms", COUNT(stats_scheduled, not_before_ms)},
};

static const struct record_field case_fields[] = {
    {"id",                    TEXT(stats_case, id)},
    {"risk",                  TEXT(stats_case, risk)},
    {"malignant_probability", NUMBER(stats_case, malignant_probability)},
    {"reason",                TEXT(stats_case, reason)},
    {"stage",                 TEXT(stats_case, stage)},
    {"at_ms",                 COUNT(stats_case, at_ms)},
};

/* The lists of struct stats; `count` is the offset of an int, or NO_COUNT when all rows are used. */
enum { NO_COUNT = -1 };
#define ROWS(fields) fields, sizeof(fields) / sizeof(*(fields))
static const struct list {
    const char *key;
    const struct record_field *fields;
    size_t n_fields, offset, row_size;
    int max;
    long count;
} lists[] = {
    {"classes", ROWS(class_fields), offsetof(struct stats, classes), sizeof(struct stats_class), STATS_CLASSES, NO_COUNT},
    {"stages", ROWS(stage_fields), offsetof(struct stats, stages), sizeof(struct stats_stage), STAGE_COUNT, NO_COUNT},
    {"workers", ROWS(worker_fields), offsetof(struct stats, workers), sizeof(struct stats_worker), STATS_WORKERS_MAX, (long)offsetof(struct stats, n_workers)},
    {"gpus", ROWS(gpu_fields), offsetof(struct stats, gpus), sizeof(struct stats_gpu), STATS_GPUS_MAX, (long)offsetof(struct stats, n_gpus)},
    {"scheduled", ROWS(scheduled_fields), offsetof(struct stats, scheduled), sizeof(struct stats_scheduled), STATS_SCHEDULED_MAX, (long)offsetof(struct stats, n_scheduled)},
    {"flagged", ROWS(case_fields), offsetof(struct stats, flagged), sizeof(struct stats_case), STATS_CASES_MAX, (long)offsetof(struct stats, n_flagged)},
    {"aside", ROWS(case_fields), offsetof(struct stats, aside), sizeof(struct stats_case), STATS_CASES_MAX, (long)offsetof(struct stats, n_aside)},
};
/* clang-format on */
enum { TOP = sizeof(top_fields) / sizeof(*top_fields), LISTS = sizeof(lists) / sizeof(*lists) };

static void put_list(json_t **object, const struct list *l, const struct stats *s)
{
    const char *base = (const char *)s;
    int n = l->count == NO_COUNT ? l->max : *(const int *)(const void *)(base + l->count);
    json_t *rows = json_array();

    for (int i = 0; i < n && i < l->max; i++) {
        json_t *row = json_object();
        record_put(&row, l->fields, l->n_fields, 0, base + l->offset + (size_t)i * l->row_size);
        json_add(&rows, row);
    }
    json_put(object, l->key, rows);
}

json_t *stats_to_json(const struct stats *s)
{
    json_t *object = json_object(), *history = json_array();

    record_put(&object, top_fields, TOP, 0, s);
    for (size_t i = 0; i < LISTS; i++)
        put_list(&object, &lists[i], s);
    for (int i = 0; i < s->n_history && i < STATS_HISTORY; i++)
        json_add(&history, json_rounded((double)s->history[i], 1));
    json_put(&object, "history", history);
    return object;
}

static int get_list(struct stats *s, const struct list *l, const json_t *object, struct err *err)
{
    const json_t *rows = json_object_get(object, l->key), *row;
    char *base = (char *)s;
    size_t n = json_array_size(rows), i;

    if (!json_is_array(rows) || n > (size_t)l->max || (l->count == NO_COUNT && n != (size_t)l->max))
        return err_set(err, ERR_INPUT, "key \"%s\" is no list of %s%d", l->key,
                       l->count == NO_COUNT ? "" : "at most ", l->max);
    json_array_foreach(rows, i, row)
    {
        if (record_get(base + l->offset + i * l->row_size, l->fields, l->n_fields, 0, row, err))
            return err_wrap(err, "%s, row %zu", l->key, i);
    }
    if (l->count != NO_COUNT)
        *(int *)(void *)(base + l->count) = (int)n;
    return 0;
}

static int get_history(struct stats *s, const json_t *object, struct err *err)
{
    const json_t *history = json_object_get(object, "history"), *second;
    size_t i;

    if (!json_is_array(history) || json_array_size(history) > STATS_HISTORY)
        return err_set(err, ERR_INPUT, "key \"history\" is no list of at most %d", STATS_HISTORY);
    json_array_foreach(history, i, second)
    {
        s->history[i] = json_is_number(second) ? (float)json_number_value(second) : NAN;
    }
    s->n_history = (int)i;
    return 0;
}

int stats_from_json(struct stats *out, const json_t *object, struct err *err)
{
    memset(out, 0, sizeof(*out));
    if (record_get(out, top_fields, TOP, 0, object, err))
        return err_wrap(err, "stats");
    for (size_t i = 0; i < LISTS; i++)
        if (get_list(out, &lists[i], object, err))
            return err_wrap(err, "stats");
    return get_history(out, object, err) ? err_wrap(err, "stats") : 0;
}

static const char *const stage_names[STAGE_COUNT] = {
    [STAGE_DECODE] = "Decoding",        [STAGE_BATCH] = "Filling batches",
    [STAGE_NETWORK] = "The network",    [STAGE_MEASURE] = "Measuring",
    [STAGE_REPORT] = "Writing reports",
};

/* Two stages this close are equally busy; then the longer queue tells which one holds up. */
static bool is_tighter(const struct stats_stage *a, const struct stats_stage *b)
{
    const double close = 0.05;

    if (fabs(a->busy - b->busy) > close)
        return a->busy > b->busy;
    return a->waiting != b->waiting ? a->waiting > b->waiting : a->busy > b->busy;
}

static enum wire_stage say_bottleneck(const struct stats *s, char sentence[160])
{
    const double idle = 0.02;
    int worst = STAGE_COUNT;

    for (int i = 0; i < STAGE_COUNT; i++)
        if (s->stages[i].busy >= idle && /* false for NAN */
            (worst == STAGE_COUNT || is_tighter(&s->stages[i], &s->stages[worst])))
            worst = i;
    if (!strcmp(s->state, "no space")) {
        snprintf(sentence, 160, "The disk is full: nothing new is started until there is room.");
        return STAGE_COUNT;
    }
    if (worst == STAGE_COUNT) {
        snprintf(sentence, 160, "%s",
                 strcmp(s->state, "paused") ? "Nothing is at work."
                                            : "Paused: nothing is at work until it is resumed.");
        return STAGE_COUNT;
    }
    const struct stats_stage *stage = &s->stages[worst];
    const char *thing = worst == STAGE_REPORT ? (stage->waiting == 1 ? "study" : "studies")
                                              : (stage->waiting == 1 ? "image" : "images");
    snprintf(sentence, 160, "%s is the bottleneck: %.0f %% busy, %d %s wait%s.", stage_names[worst],
             100 * fmin(stage->busy, 1), stage->waiting, thing, stage->waiting == 1 ? "s" : "");
    return (enum wire_stage)worst;
}

enum wire_stage stats_bottleneck(const struct stats *s, char sentence[160])
{
    enum wire_stage worst = say_bottleneck(s, sentence);
    char when[WHEN_TEXT_SIZE];
    size_t n = strlen(sentence);

    if (s->n_scheduled)
        snprintf(sentence + n, 160 - n, " %lld images are scheduled, from %s on.",
                 (long long)s->scheduled_images, when_text(when, s->scheduled[0].not_before_ms));
    return worst;
}
