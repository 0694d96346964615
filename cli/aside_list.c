#include "cli/aside_list.h"

#include <unistd.h>

#include "queue/order.h"
#include "queue/result.h"

/* The last death on an image, as the log has it. */
struct death {
    char id[WIRE_ID_SIZE], stage[16];
    int signal;
};

struct list {
    const struct spool *spool;
    const char *target;
    enum reason reason;
    int (*visit)(void *ctx, const struct aside *aside, struct err *err);
    void *ctx;
    struct death *deaths; /* a handful */
    int n_deaths, cap_deaths;
};

static struct death *find_death(const struct list *l, const char *id)
{
    for (int i = 0; i < l->n_deaths; i++)
        if (!strcmp(l->deaths[i].id, id))
            return &l->deaths[i];
    return NULL;
}

static int grow(struct list *l, struct err *err)
{
    if (l->n_deaths < l->cap_deaths)
        return 0;
    int cap = l->cap_deaths ? 2 * l->cap_deaths : 16;
    struct death *grown = realloc(l->deaths, (size_t)cap * sizeof(*grown));
    if (!grown)
        return err_set(err, ERR_NOMEM, "deaths in the spool's log");
    l->deaths = grown;
    l->cap_deaths = cap;
    return 0;
}

static int note_death(void *ctx, const json_t *event, struct err *err)
{
    struct list *l = ctx;
    const char *word = json_text_or(event, "event", ""), *id = json_text_or(event, "image", "");

    if (strcmp(word, "crash") != 0 && strcmp(word, "unexplained") != 0)
        return 0;
    struct death *death = find_death(l, id);
    if (!death) {
        if (grow(l, err))
            return -1;
        death = &l->deaths[l->n_deaths++];
    }
    snprintf(death->id, sizeof(death->id), "%s", id);
    snprintf(death->stage, sizeof(death->stage), "%s", json_text_or(event, "stage", "none"));
    death->signal = (int)json_number_or(event, "signal", 0);
    return 0;
}

/* Only what runs into the decoder's limits or is refused by it is set aside without a death. */
static void tell_stage(const struct list *l, struct aside *a)
{
    const struct death *death = find_death(l, a->id);
    bool is_death = a->reason == REASON_CRASH || a->reason == REASON_DECODE_CRASH ||
                    a->reason == REASON_UNEXPLAINED;

    snprintf(a->stage, sizeof(a->stage), "%s", a->has_original ? "decode" : "intake");
    if (!is_death)
        return;
    snprintf(a->stage, sizeof(a->stage), "%s", death ? death->stage : "none");
    a->signal = death ? death->signal : 0;
}

static int count_retries(const char *study_dir, int n, int *out, struct err *err)
{
    char number[16], path[SPOOL_PATH_SIZE];

    snprintf(number, sizeof(number), "%d", n);
    for (*out = 0;; ++*out) {
        if (order_history_path(path, study_dir, number, *out, err))
            return -1;
        if (access(path, F_OK))
            return 0;
    }
}

static int visit_image(struct list *l, const char *study_dir, struct aside *a,
                       const struct study_image *image, struct err *err)
{
    enum result_status status;
    json_t *result = NULL;
    struct err damaged = {0}; /* `lentigo doctor` names those */

    if (result_peek(study_dir, image->n, &status, &result, &damaged))
        return 0;
    const json_t *entry = json_object_get(result, "entry");
    a->reason = reason_of(json_text_or(entry, "reason", ""));
    a->has_original = image->set_aside == REASON_NONE;
    a->signal = 0;
    snprintf(a->detail, sizeof(a->detail), "%s", json_text_or(entry, "detail", ""));
    json_decref(result);
    if (status != RESULT_SET_ASIDE || (l->reason != REASON_NONE && l->reason != a->reason))
        return 0;
    tell_stage(l, a);
    return count_retries(study_dir, image->n, &a->retries, err) ? -1 : l->visit(l->ctx, a, err);
}

/* Is `id` the target or below it? */
static bool is_below(const char *target, const char *id)
{
    size_t n = strlen(target);

    return !n || (!strncmp(target, id, n) && (!id[n] || id[n] == '/'));
}

static int visit_study(void *ctx, const char *study_dir, const struct study *study, struct err *err)
{
    struct list *l = ctx;
    struct aside aside;

    for (int i = 0; i < study->n_images; i++) {
        snprintf(aside.id, sizeof(aside.id), "%s/%s/%d", study->upload, study->key,
                 study->images[i].n);
        if (is_below(l->target, aside.id) &&
            visit_image(l, study_dir, &aside, &study->images[i], err))
            return -1;
    }
    return 0;
}

int aside_each(const struct spool *s, const char *target, enum reason reason,
               int (*visit)(void *ctx, const struct aside *aside, struct err *err), void *ctx,
               struct err *err)
{
    struct list l = {.spool = s, .target = target, .reason = reason, .visit = visit, .ctx = ctx};
    int64_t at = 0;
    int ret =
        spool_log_each(s, &at, note_death, &l, err) || spool_each_study(s, visit_study, &l, err)
            ? -1
            : 0;

    free(l.deaths);
    return ret;
}
