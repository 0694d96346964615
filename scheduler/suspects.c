#include "scheduler/suspects.h"

#include "common/clock.h"
#include "queue/order.h"

enum { SIGNAL_MAX = 64 };

void suspects_release(struct suspects *s)
{
    free(s->rows);
    *s = (struct suspects){0};
}

static struct suspect *find(const struct suspects *s, uint32_t image)
{
    for (int i = 0; i < s->n; i++)
        if (s->rows[i].image == image)
            return &s->rows[i];
    return NULL;
}

static struct suspect *find_or_add(struct suspects *s, uint32_t image, struct err *err)
{
    struct suspect *row = find(s, image);

    if (row)
        return row;
    if (s->n == s->cap) {
        int cap = s->cap ? 2 * s->cap : 16;
        struct suspect *grown = realloc(s->rows, (size_t)cap * sizeof(*grown));
        if (!grown) {
            err_set(err, ERR_NOMEM, "suspects");
            return NULL;
        }
        s->rows = grown;
        s->cap = cap;
    }
    row = &s->rows[s->n++];
    *row = (struct suspect){.image = image, .stage = STAGE_COUNT};
    return row;
}

static int count(struct suspects *s, struct index *x, enum verdict verdict,
                 const struct suspect *death, struct err *err)
{
    struct suspect *row = find_or_add(s, death->image, err);

    if (!row)
        return -1;
    row->crashes += verdict == VERDICT_CRASH;
    row->deaths += verdict == VERDICT_UNEXPLAINED;
    row->signal = death->signal;
    row->stage = death->stage;
    x->images[death->image].is_suspect = true;
    return 0;
}

struct loading {
    struct suspects *suspects;
    struct index *index;
};

void suspects_retry(struct suspects *s, uint32_t image, int retries)
{
    struct suspect *row = find(s, image);

    if (!row || retries < row->retries)
        return;
    row->crashes = row->deaths = 0;
    row->retries = retries + 1;
}

static int load_retry(const struct loading *loading, const json_t *event, struct err *err)
{
    struct order order;
    int ret = order_read(&order, event, err);

    for (int i = 0; ret > 0 && order.kind == ORDER_RETRY && i < order.n_images; i++) {
        uint32_t image = index_image_of_id(loading->index, order.images[i].id);
        if (image != INDEX_NONE)
            suspects_retry(loading->suspects, image, order.images[i].retries);
    }
    if (ret > 0)
        order_release(&order);
    return ret < 0 ? -1 : 0;
}

static int load_event(void *ctx, const json_t *event, struct err *err)
{
    const struct loading *loading = ctx;
    const char *word = json_text_or(event, "event", "");
    const char *stage = json_text_or(event, "stage", "");
    struct suspect death = {
        .image = index_image_of_id(loading->index, json_text_or(event, "image", "")),
        .signal = (int)json_number_or(event, "signal", 0),
        .stage = STAGE_COUNT,
    };
    bool is_crash = !strcmp(word, "crash");

    if (!strcmp(word, order_word(ORDER_RETRY)))
        return load_retry(loading, event, err);
    if (death.image == INDEX_NONE || (!is_crash && strcmp(word, "unexplained") != 0))
        return 0;
    for (int i = 0; i < STAGE_COUNT; i++)
        if (!strcmp(stage, wire_stage_word((enum wire_stage)i)))
            death.stage = (enum wire_stage)i;
    if (death.signal < 0 || death.signal > SIGNAL_MAX)
        death.signal = 0;
    return count(loading->suspects, loading->index, is_crash ? VERDICT_CRASH : VERDICT_UNEXPLAINED,
                 &death, err);
}

int suspects_load(struct suspects *s, struct index *x, const struct spool *spool, struct err *err)
{
    struct loading loading = {s, x};
    int64_t at = 0;

    s->n = 0;
    return spool_log_each(spool, &at, load_event, &loading, err);
}

int suspects_count(struct suspects *s, struct index *x, struct spool *spool, enum verdict verdict,
                   const struct suspect *death, struct err *err)
{
    char id[WIRE_ID_SIZE], iso[CLOCK_ISO_SIZE];

    index_format_image(x, death->image, id);
    json_t *event = json_pack("{s:s,s:s,s:i,s:s,s:s}", "event",
                              verdict == VERDICT_CRASH ? "crash" : "unexplained", "image", id,
                              "signal", death->signal, "stage", wire_stage_word(death->stage), "at",
                              clock_iso(iso, clock_wall_ms()));
    if (!event)
        return err_set(err, ERR_NOMEM, "suspects: event");
    int ret = spool_log_append(spool, event, err);
    json_decref(event);
    return ret ? -1 : count(s, x, verdict, death, err);
}

enum reason suspects_judge(const struct suspects *s, uint32_t image, char detail[240])
{
    const struct suspect *row = find(s, image);

    detail[0] = 0;
    if (!row)
        return REASON_NONE;
    if (row->crashes >= VERDICT_CRASHES_MAX) {
        snprintf(detail, 240, "%d crashes while alone, the last by signal %d, stage %s",
                 row->crashes, row->signal, wire_stage_word(row->stage));
        return row->stage == STAGE_DECODE ? REASON_DECODE_CRASH : REASON_CRASH;
    }
    if (row->deaths >= VERDICT_DEATHS_MAX) {
        snprintf(detail, 240, "%d unexplained deaths while alone, the last by signal %d",
                 row->deaths, row->signal);
        return REASON_UNEXPLAINED;
    }
    return REASON_NONE;
}
