#include "cli/give_order.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "common/clock.h"

enum { WAIT_US = 5000000, LOOK_US = 20000 };

struct search {
    const char *beginning;
    size_t length;
    char found[WIRE_ID_SIZE];
    bool is_whole;
    int n;
};

static int note_upload(void *ctx, const char *upload, struct err *err)
{
    struct search *search = ctx;

    (void)err;
    if (search->is_whole || strncmp(upload, search->beginning, search->length) != 0)
        return 0;
    search->is_whole = !upload[search->length]; /* then it counts alone */
    search->n = search->is_whole ? 1 : search->n + 1;
    snprintf(search->found, sizeof(search->found), "%s", upload);
    return 0;
}

static int find_upload(struct search *search, const struct spool *s, const char *given,
                       struct err *err)
{
    *search = (struct search){.beginning = given, .length = strcspn(given, "/")};
    if (search->length && spool_each_upload(s, note_upload, search, err))
        return -1;
    if (search->n > 1)
        return err_set(err, ERR_INPUT, "\"%.80s\": %d uploads begin so", given, search->n);
    if (!search->n)
        return err_set(err, ERR_INPUT, "\"%.80s\": no upload begins so", given);
    return 0;
}

/* Is there a study of this key, and an image of this number? `rest` is "<key>" or "<key>/<n>". */
static int check_rest(const struct spool *s, const char *upload, const char *rest, struct err *err)
{
    const char *slash = strchr(rest, '/');
    char key[64], dir[SPOOL_PATH_SIZE], *end;
    struct study study;
    struct err why = {0};

    snprintf(key, sizeof(key), "%.*s", slash ? (int)(slash - rest) : INT_MAX, rest);
    if (spool_study_dir(s, upload, key, dir, &why) || spool_study_read(dir, &study, &why))
        return err_set(err, ERR_INPUT, "\"%.80s\": upload %.64s has no such study", rest, upload);
    int n_images = study.n_images;
    study_release(&study);
    if (!slash)
        return 0;
    errno = 0;
    long n = strtol(slash + 1, &end, 10);
    if (errno || end == slash + 1 || *end || n < 0 || n >= n_images)
        return err_set(err, ERR_INPUT, "\"%.80s\": the study has images 0 to %d", rest,
                       n_images - 1);
    return 0;
}

int order_target(char out[WIRE_ID_SIZE], const struct spool *s, const char *given, struct err *err)
{
    struct search search;
    const char *rest = strchr(given, '/');

    if (find_upload(&search, s, given, err) || (rest && check_rest(s, search.found, rest + 1, err)))
        return -1;
    int n = snprintf(out, WIRE_ID_SIZE, "%s%s", search.found, rest ? rest : "");
    return n < WIRE_ID_SIZE ? 0 : err_set(err, ERR_INPUT, "\"%.80s\" is too long", given);
}

struct outcome {
    const char *id;
    int changed;
};

static int note_outcome(void *ctx, const json_t *event, struct err *err)
{
    struct outcome *outcome = ctx;

    (void)err;
    if (!strcmp(json_text_or(event, "event", ""), order_word(ORDER_CARRIED_OUT)) &&
        !strcmp(json_text_or(event, "order", ""), outcome->id))
        outcome->changed = (int)json_number_or(event, "images", 0);
    return 0;
}

int order_give(struct spool *s, struct order *o, const char *why, int *changed, struct err *err)
{
    struct outcome outcome = {o->id, -1};
    int64_t until = clock_mono_us() + WAIT_US, at = spool_log_size(s);

    if (order_sign(o, why, err) || order_append(s, o, err))
        return -1;
    while (changed && outcome.changed < 0 && spool_holder(s) && clock_mono_us() < until) {
        usleep(LOOK_US);
        if (spool_log_each(s, &at, note_outcome, &outcome, err))
            return -1;
    }
    if (changed)
        *changed = outcome.changed;
    return 0;
}

const char *order_pending(const struct spool *s)
{
    return spool_holder(s) ? "noted; the scheduler is still at it"
                           : "noted; it is carried out when the scheduler starts, or the same run "
                             "is started again";
}
