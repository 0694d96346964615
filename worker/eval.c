#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "common/status.h"
#include "worker/eval_priv.h"
#include "worker/tools.h"

enum { IMAGE, MASK }; /* slots */

static int decode_file(struct evaluation *e, int slot, const char *path, struct decoded *out,
                       struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set(err, ERR_CONFIG, "%s: %s", path, strerror(errno));
    struct decode_request request = {
        .slot = slot,
        .fd = fd,
        .size = e->subject.size,
        .want_measure = slot == IMAGE && (e->subject.plan || e->settings->fit_size[0]),
        .want_display = slot == MASK,
    };
    int ret = decoder_wait(e->decoder, &request, out, err);
    close(fd);
    if (!ret && out->reason != REASON_NONE)
        ret = err_set(err, ERR_CONFIG, "%s: %s: %s", path, reason_word(out->reason), out->err.msg);
    return ret;
}

static int reserve_maps(struct evaluation *e, size_t size, struct err *err)
{
    if (size <= e->capacity)
        return 0;
    free(e->predicted);
    free(e->truth);
    e->predicted = malloc(size);
    e->truth = malloc(size);
    e->capacity = e->predicted && e->truth ? size : 0;
    return e->capacity ? 0 : err_set(err, ERR_NOMEM, "%zu bytes for two masks", size);
}

int evaluation_see(struct evaluation *e, const struct label *label, struct metrics_case *out,
                   struct err *err)
{
    const struct picture *mask = &e->mask.display;
    size_t size = (size_t)mask->w * (size_t)mask->h;
    struct risk_decision decision = {.risk = RISK_REVIEW};
    struct lesion_input in;

    analyst_lesion_input(&e->analyst, 0, &e->image, NAN, &in);
    if (reserve_maps(e, size, err) ||
        analyst_judge(&e->analyst, &in, false, &e->measures, &decision, err))
        return -1;
    e->risks[decision.risk]++;
    in.width = mask->w;
    in.height = mask->h;
    lesion_full_map(&in, e->predicted);
    for (size_t i = 0; i < size; i++)
        e->truth[i] = mask->rgb[3 * i] > 127;
    *out = (struct metrics_case){
        .predicted = e->predicted,
        .is_lesion = e->truth,
        .w = mask->w,
        .h = mask->h,
        .truth = label->class,
        .scores = e->measures.classes,
    };
    return 0;
}

static int count_image(struct evaluation *e, const struct label *label, struct err *err)
{
    struct metrics_case seen;

    if (e->trial)
        return size_trial_add(e, label, err);
    if (analyst_outline(&e->analyst, &e->image, err) || evaluation_see(e, label, &seen, err) ||
        judgement_add(&e->judged, &seen, label, err))
        return -1;
    e->fine += e->subject.plan && e->analyst.size == e->subject.plan->fine;
    if (e->samples)
        e->samples[e->judged.metrics.n - 1] = policy_sample_of(&e->measures, label->class);
    return 0;
}

/* Sets of small pictures say little about a programme's uploads (--min-side). */
static bool is_left_out(const struct evaluation *e)
{
    return e->image.width < e->settings->min_side && e->image.height < e->settings->min_side;
}

static int evaluate_row(struct evaluation *e, const struct label *label, struct err *err)
{
    const char *dir = e->settings->data;
    char path[SETTINGS_PATH_SIZE];

    if (labels_image_path(path, sizeof(path), dir, label->id, err) ||
        decode_file(e, IMAGE, path, &e->image, err))
        return -1;
    if (is_left_out(e))
        return 0;
    if (path_format(path, sizeof(path), err, "%s/masks/%s.png", dir, label->id) ||
        decode_file(e, MASK, path, &e->mask, err))
        return -1;
    return count_image(e, label, err);
}

static json_t *risk_shares(const struct evaluation *e)
{
    json_t *shares = json_object();
    double n = e->judged.metrics.n ? e->judged.metrics.n : 1;

    for (int r = 0; r < RISK_COUNT; r++)
        json_object_set_new(shares, risk_word((enum risk)r), json_rounded(e->risks[r] / n, 4));
    return shares;
}

static void add_sizes(json_t *object, const struct evaluation *e)
{
    const struct size_plan *plan = e->subject.plan;

    json_object_set_new(object, "size", plan ? json_string("auto") : json_integer(e->subject.size));
    json_object_set_new(object, "min_side", json_integer(e->settings->min_side));
    if (!plan)
        return;
    json_object_set_new(object, "coarse", json_integer(plan->coarse));
    json_object_set_new(object, "fine", json_integer(plan->fine));
    json_object_set_new(object, "fine_share",
                        json_rounded(e->fine / fmax(e->judged.metrics.n, 1), 4));
}

static json_t *figures_of(const struct evaluation *e)
{
    const struct engine_facts *facts = engine_facts(e->subject.engine);
    json_t *object = judgement_to_json(&e->judged);

    if (e->subject.policy)
        json_object_set_new(object, "risk_shares", risk_shares(e));
    add_sizes(object, e);
    json_object_set_new(object, "split", json_string(e->settings->split));
    json_object_set_new(object, "model", json_string(model_card(e->subject.model)->name));
    json_object_set_new(object, "precision", json_string(facts->precision));
    json_object_set_new(object, "backend", json_string(facts->backend));
    return object;
}

static int fit_policy(const struct evaluation *e, struct err *err)
{
    struct policy_facts facts;

    if (policy_fit(&facts, model_card(e->subject.model)->name, e->samples,
                   (size_t)e->judged.metrics.n, err))
        return err_wrap(err, "%s: split %s", e->settings->data, e->settings->split);
    return policy_write(&facts, e->settings->fit_policy, err);
}

static int evaluate_rows(struct evaluation *e, struct err *err)
{
    const struct labels *labels = &e->labels;
    int ret = 0;

    if (e->settings->fit_size[0] && size_trial_new(&e->trial, labels->n, err))
        return -1;
    if (e->settings->fit_policy[0]) {
        e->samples = calloc((size_t)labels->n + 1, sizeof(*e->samples));
        if (!e->samples)
            return err_set(err, ERR_NOMEM, "%d samples", labels->n);
    }
    for (int i = 0; i < labels->n && !ret; i++) {
        ret = evaluate_row(e, &labels->rows[i], err);
        if (isatty(STDERR_FILENO) && (i % 20 == 19 || i + 1 == labels->n))
            fprintf(stderr, "\r%d of %d%s", i + 1, labels->n, i + 1 == labels->n ? "\n" : "");
    }
    return ret;
}

static int evaluate(struct evaluation *e, json_t **out, struct err *err)
{
    const struct settings *s = e->settings;
    const struct judge_plan plan = {(int)s->replicates, (uint64_t)s->seed};

    if (labels_read(&e->labels, s->data, s->split, s->limit, err))
        return -1;
    if (!e->labels.n)
        return err_set(err, ERR_CONFIG, "%s: no image of split %s", s->data, s->split);
    if (evaluate_rows(e, err) || (e->samples && fit_policy(e, err)))
        return -1;
    if (e->trial)
        return size_trial_finish(e, err);
    if (judgement_finish(&e->judged, &plan, err))
        return -1;
    *out = figures_of(e);
    return *out ? 0 : err_set(err, ERR_NOMEM, "figures as JSON");
}

int eval_figures(const struct settings *s, json_t **out, struct err *err)
{
    const struct worker_shape shape = {.lanes = 1, .decoders = 1, .slots = 2, .batch = 1};
    struct evaluation *e = calloc(1, sizeof(*e));
    int ret = -1;

    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for an evaluation");
    e->settings = s;
    if (!subject_open(&e->subject, &e->decoder, &shape, s, err) &&
        !analyst_open(&e->analyst, &e->subject, err))
        ret = evaluate(e, out, err);
    judgement_release(&e->judged);
    labels_release(&e->labels);
    free(e->predicted);
    free(e->truth);
    free(e->samples);
    size_trial_free(e->trial);
    analyst_close(&e->analyst);
    subject_close(&e->subject, e->decoder);
    free(e);
    return ret;
}

int tool_eval(const struct settings *s)
{
    struct err err = {0};
    json_t *figures = NULL;

    if (!s->data[0])
        err_set(&err, ERR_INPUT, "eval: --data DIR is needed (see lentigo eval --help)");
    else
        eval_figures(s, &figures, &err);
    char *line = figures ? json_line(figures) : NULL;
    if (figures && (!line || puts(line) < 0))
        err_set(&err, ERR_AGAIN, "figures could not be printed");
    free(line);
    json_decref(figures);
    return err.code ? tool_fail(&err) : 0;
}
