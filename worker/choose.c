/* choose.c -- `lentigo model calibrate`: a model's policy and card, from its validation split. */
#include <math.h>

#include "common/file.h"
#include "common/place.h"
#include "common/status.h"
#include "lesion/temperature.h"
#include "worker/card.h"
#include "worker/eval_priv.h"
#include "worker/tools.h"

enum { POLICY_MAX = 1 << 20, PATH_SIZE = SETTINGS_PATH_SIZE + 32 };

struct chooser {
    struct settings own; /* of the parts that are called */
    char folder[SETTINGS_PATH_SIZE], path[PATH_SIZE];
    bool is_auto;
    struct policy_facts facts;
};

static json_t *shares_json(const struct policy_facts *f)
{
    json_t *shares = json_object();

    for (int r = 0; r < RISK_COUNT; r++)
        json_put(&shares, risk_word((enum risk)r), json_rounded(f->shares[r], 4));
    return shares;
}

/* Figures of what was seen, with the scores that the new policy makes of them. */
static int record_figures(const struct chooser *c, struct evaluation *e, struct err *err)
{
    const struct judge_plan plan = evaluation_plan(e);

    for (int i = 0; i < e->judged.metrics.n; i++)
        temperature_apply(e->judged.metrics.images[i].scores, c->facts.temperature);
    if (judgement_finish(&e->judged, &plan, err))
        return -1;
    json_t *figures = evaluation_to_json(e);
    json_put(&figures, "risk_shares", shares_json(&c->facts));
    int ret = figures ? card_record(c->folder, e->settings->split, figures, err)
                      : err_set(err, ERR_NOMEM, "figures as JSON");
    json_decref(figures);
    return ret;
}

static int choose_on(struct chooser *c, struct evaluation *e, struct err *err)
{
    if (evaluation_run(e, err))
        return -1;
    if (e->trial ? size_trial_finish(e, &c->facts, err) : evaluation_fit(e, &c->facts, err)) {
        err->code = err->code == ERR_INPUT ? ERR_CONFIG : err->code; /* the set does not do */
        return err_wrap(err, "%s: split %s", c->own.data, c->own.split);
    }
    if (policy_write(&c->facts, c->path, err))
        return -1;
    return e->trial ? 0 : record_figures(c, e, err);
}

static int choose(struct chooser *c, struct err *err)
{
    struct evaluation *e;

    snprintf(c->own.split, sizeof(c->own.split), "val");
    if (evaluation_open(&e, &c->own, true, err))
        return -1;
    int ret = choose_on(c, e, err);
    evaluation_close(e);
    return ret;
}

static int record_test(struct chooser *c, struct err *err)
{
    json_t *figures;

    snprintf(c->own.split, sizeof(c->own.split), "test");
    if (eval_figures(&c->own, &figures, err))
        return -1;
    int ret = card_record(c->folder, "test", figures, err);
    json_decref(figures);
    return ret;
}

static int print_policy(const struct chooser *c, struct err *err)
{
    json_t *policy = json_read(c->path, POLICY_MAX, err);
    char *line = policy ? json_line(policy) : NULL;
    int ret = line && puts(line) >= 0 ? 0 : err_set(err, ERR_AGAIN, "policy could not be printed");

    free(line);
    json_decref(policy);
    return ret;
}

static int calibrate_model(struct chooser *c, struct err *err)
{
    c->is_auto = c->own.size == SETTINGS_AUTO;
    if (place_model(c->folder, c->own.model, err) ||
        path_format(c->path, sizeof(c->path), err, "%s/%s", c->folder,
                    policy_file_name(c->is_auto)) ||
        choose(c, err))
        return -1;
    if (!c->is_auto &&
        ((c->own.with_test && record_test(c, err)) || card_write_text(c->folder, err)))
        return -1;
    return print_policy(c, err);
}

int tool_calibrate(const struct settings *s)
{
    struct chooser *c = calloc(1, sizeof(*c));
    struct err err = {0};
    int ret = -1;

    if (!c)
        return STATUS_AGAIN;
    c->own = *s;
    if (!s->data[0] || !s->model[0])
        err_set(&err, ERR_INPUT, "model calibrate: --data DIR and -m MODEL are needed");
    else if (s->replicates < 1)
        err_set(&err, ERR_INPUT, "model calibrate: --replicates: at least 1, for the intervals");
    else
        ret = calibrate_model(c, &err);
    free(c);
    return ret ? tool_fail(&err) : 0;
}
