#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "common/file.h"
#include "common/status.h"
#include "dataset/mask.h"
#include "worker/eval_priv.h"
#include "worker/tools.h"

enum { IMAGE, MASK };

/* Passes at other sizes, and changes, begin with the measuring image. From 1024 px on it has an effect
 * on the input itself (preprocess/jpeg.h), so it is not made for nothing. */
static bool needs_measure(const struct evaluation *e)
{
    return e->subject.plan || e->trial || e->robust ||
           (e->other && !e->other->is_table && e->other->subject.size != e->subject.size);
}

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
        .want_measure = slot == IMAGE && needs_measure(e),
        .want_display = slot == MASK || e->want_display,
        .is_mask = slot == MASK,
    };
    int ret = decoder_wait(e->decoder, &request, out, err);
    close(fd);
    if (!ret && out->reason != REASON_NONE)
        ret = err_set(err, ERR_CONFIG, "%s: %s: %s", path, reason_word(out->reason), out->err.msg);
    return ret;
}

static int reserve(uint8_t **bytes, size_t *capacity, size_t size, struct err *err)
{
    if (size <= *capacity)
        return 0;
    free(*bytes);
    *bytes = malloc(size);
    *capacity = *bytes ? size : 0;
    return *bytes ? 0 : err_set(err, ERR_NOMEM, "%zu bytes for a mask", size);
}

struct robust_mask evaluation_truth(const struct evaluation *e)
{
    return (struct robust_mask){e->truth, e->mask.display.w, e->mask.display.h};
}

int evaluation_lay(struct evaluation *e, const struct lesion_input *in,
                   const struct robust_mask *truth, int class, const double *scores,
                   struct metrics_case *out, struct err *err)
{
    struct lesion_input laid = *in;

    if (reserve(&e->predicted, &e->predicted_capacity, (size_t)truth->w * (size_t)truth->h, err))
        return -1;
    laid.width = truth->w;
    laid.height = truth->h;
    lesion_full_map(&laid, e->predicted);
    *out = (struct metrics_case){
        .predicted = e->predicted,
        .is_lesion = truth->is_lesion,
        .w = truth->w,
        .h = truth->h,
        .truth = class,
        .scores = scores,
    };
    return 0;
}

int evaluation_see(struct evaluation *e, const struct label *label, struct metrics_case *out,
                   struct err *err)
{
    const struct robust_mask truth = evaluation_truth(e);
    struct risk_decision decision = {.risk = RISK_REVIEW};
    struct lesion_input in;

    analyst_lesion_input(&e->analyst, 0, &e->image, NAN, &in);
    if (analyst_judge(&e->analyst, &in, false, &e->measures, &decision, err))
        return -1;
    e->risks[decision.risk]++;
    return evaluation_lay(e, &in, &truth, label->class, e->measures.classes, out, err);
}

static int count_image(struct evaluation *e, const struct label *label, struct err *err)
{
    struct metrics_case seen;

    if (e->is_calibration)
        e->lesions[e->n_samples] = label->lesion_id;
    if (e->trial) {
        e->n_samples++;
        return size_trial_add(e, label, err);
    }
    if (analyst_outline(&e->analyst, &e->image, err) || evaluation_see(e, label, &seen, err) ||
        judgement_add(&e->judged, &seen, label, err))
        return -1;
    e->fine += e->subject.plan && e->analyst.size == e->subject.plan->fine;
    if (e->is_calibration)
        e->samples[e->n_samples++] = policy_sample_of(&e->measures, label->class);
    return eval_more_see(e, label, err);
}

/* Sets of small pictures say little about a programme's uploads (--min-side). */
static bool is_left_out(const struct evaluation *e)
{
    return e->image.width < e->settings->min_side && e->image.height < e->settings->min_side;
}

static int load_image(struct evaluation *e, const struct label *label, struct err *err)
{
    char path[SETTINGS_PATH_SIZE];

    return labels_image_path(path, sizeof(path), e->settings->data, label->id, err) ||
                   decode_file(e, IMAGE, path, &e->image, err)
               ? -1
               : 0;
}

/* Of a class map the row gets the class that covers most, as training takes it. */
static int read_mask(struct evaluation *e, long row, const char *path, struct err *err)
{
    const struct picture *mask = &e->mask.display;
    size_t size = (size_t)mask->w * (size_t)mask->h;
    int *class = &e->labels.rows[row].class;
    struct err why = {0};

    if (mask_read(e->truth, mask->rgb, mask->w, mask->h, e->is_map[row] ? 0 : *class, &why))
        return err_set(err, ERR_CONFIG, "%s: %s", path, why.msg);
    if (e->is_map[row])
        *class = mask_main_class(e->truth, size);
    if (!*class)
        return err_set(err, ERR_CONFIG, "%s: a class map without a lesion says no diagnosis", path);
    for (size_t i = 0; i < size; i++)
        e->truth[i] = e->truth[i] != 0;
    return 0;
}

static int load_mask(struct evaluation *e, const struct label *label, struct err *err)
{
    const struct picture *mask = &e->mask.display;
    char path[SETTINGS_PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/masks/%s.png", e->settings->data, label->id) ||
        decode_file(e, MASK, path, &e->mask, err))
        return -1;
    if (reserve(&e->truth, &e->truth_capacity, (size_t)mask->w * (size_t)mask->h, err))
        return -1;
    return read_mask(e, label - e->labels.rows, path, err);
}

int evaluation_load(struct evaluation *e, const struct label *label, struct err *err)
{
    return load_image(e, label, err) || load_mask(e, label, err) ? -1 : 0;
}

static int evaluate_row(struct evaluation *e, const struct label *label, struct err *err)
{
    if (load_image(e, label, err))
        return -1;
    if (is_left_out(e))
        return 0;
    if (load_mask(e, label, err))
        return -1;
    return count_image(e, label, err) ? err_wrap(err, "image %s", label->id) : 0;
}

static json_t *risk_shares(const struct evaluation *e)
{
    json_t *shares = json_object();
    double n = e->judged.metrics.n ? e->judged.metrics.n : 1;

    for (int r = 0; r < RISK_COUNT; r++)
        json_put(&shares, risk_word((enum risk)r), json_rounded(e->risks[r] / n, 4));
    return shares;
}

static void put_sizes(json_t **to, const struct evaluation *e)
{
    const struct size_plan *plan = e->subject.plan;

    json_put(to, "size", plan ? json_string("auto") : json_integer(e->subject.size));
    json_put(to, "min_side", json_integer(e->settings->min_side));
    if (!plan)
        return;
    json_put(to, "coarse", json_integer(plan->coarse));
    json_put(to, "fine", json_integer(plan->fine));
    json_put(to, "fine_share", json_rounded(e->fine / fmax(e->judged.metrics.n, 1), 4));
}

json_t *evaluation_to_json(const struct evaluation *e)
{
    const struct engine_facts *facts = engine_facts(e->subject.engine);
    json_t *object = judgement_to_json(&e->judged);

    if (e->subject.policy)
        json_put(&object, "risk_shares", risk_shares(e));
    put_sizes(&object, e);
    json_put(&object, "split", json_string(e->settings->split));
    json_put(&object, "model", json_string(model_card(e->subject.model)->name));
    json_put(&object, "precision", json_string(facts->precision));
    json_put(&object, "backend", json_string(facts->backend));
    return object;
}

int evaluation_fit(struct evaluation *e, struct policy_facts *out, struct err *err)
{
    const struct judge_plan plan = evaluation_plan(e);
    const struct thresholds_set set = {
        .model = model_card(e->subject.model)->name,
        .samples = e->samples,
        .lesions = e->lesions,
        .n = e->n_samples,
        .replicates = plan.replicates,
        .seed = plan.seed,
    };

    return thresholds_fit(out, &set, err);
}

struct judge_plan evaluation_plan(const struct evaluation *e)
{
    return (struct judge_plan){(int)e->settings->replicates, (uint64_t)e->settings->seed};
}

int evaluation_run(struct evaluation *e, struct err *err)
{
    int ret = 0, n = e->labels.n;

    for (int i = 0; i < n && !ret; i++) {
        ret = evaluate_row(e, &e->labels.rows[i], err);
        if (isatty(STDERR_FILENO) && (i % 20 == 19 || i + 1 == n))
            fprintf(stderr, "\r%d of %d%s", i + 1, n, i + 1 == n ? "\n" : "");
    }
    return ret;
}

static int find_maps(struct evaluation *e, struct err *err)
{
    e->is_map = calloc((size_t)e->labels.n + 1, sizeof(*e->is_map));
    if (!e->is_map)
        return err_set(err, ERR_NOMEM, "labels of %d images", e->labels.n);
    for (int i = 0; i < e->labels.n; i++)
        e->is_map[i] = !e->labels.rows[i].class;
    return 0;
}

static int prepare_calibration(struct evaluation *e, struct err *err)
{
    size_t room = (size_t)e->labels.n + 1;

    e->samples = calloc(room, sizeof(*e->samples));
    e->lesions = calloc(room, sizeof(*e->lesions));
    if (!e->samples || !e->lesions)
        return err_set(err, ERR_NOMEM, "%d samples", e->labels.n);
    return e->settings->size == SETTINGS_AUTO ? size_trial_new(&e->trial, e->labels.n, err) : 0;
}

int evaluation_open(struct evaluation **out, const struct settings *s, bool is_calibration,
                    struct err *err)
{
    const struct worker_shape shape = {.lanes = 1,
                                       .decoders = 1,
                                       .slots = EVAL_SLOTS,
                                       .batch = 1,
                                       .policy = is_calibration ? POLICY_NONE : POLICY_IF_THERE};
    struct evaluation *e = calloc(1, sizeof(*e));

    if (!e)
        return err_set(err, ERR_NOMEM, "out of memory for an evaluation");
    e->settings = s;
    e->is_calibration = is_calibration;
    if (!subject_open(&e->subject, &e->decoder, &shape, s, err) &&
        !analyst_open(&e->analyst, &e->subject, err) &&
        !labels_read(&e->labels, s->data, s->split, s->limit, err) && !find_maps(e, err)) {
        if (!e->labels.n)
            err_set(err, ERR_CONFIG, "%s: no image of split %s", s->data, s->split);
        else if (!(is_calibration ? prepare_calibration(e, err) : eval_more_open(e, err))) {
            *out = e;
            return 0;
        }
    }
    evaluation_close(e);
    return -1;
}

void evaluation_close(struct evaluation *e)
{
    if (!e)
        return;
    eval_more_close(e);
    judgement_release(&e->judged);
    labels_release(&e->labels);
    free(e->predicted);
    free(e->truth);
    free(e->is_map);
    free(e->samples);
    free(e->lesions);
    size_trial_free(e->trial);
    analyst_close(&e->analyst);
    subject_close(&e->subject, e->decoder);
    free(e);
}

int eval_figures(const struct settings *s, json_t **out, struct err *err)
{
    struct evaluation *e;
    int ret = -1;

    if (evaluation_open(&e, s, false, err))
        return -1;
    const struct judge_plan plan = evaluation_plan(e);
    json_t *figures = NULL;
    if (!evaluation_run(e, err) && !judgement_finish(&e->judged, &plan, err)) {
        figures = evaluation_to_json(e);
        ret = eval_more_finish(e, &figures, err);
    }
    if (!ret && !figures)
        ret = err_set(err, ERR_NOMEM, "figures as JSON");
    if (ret)
        json_decref(figures);
    else
        *out = figures;
    evaluation_close(e);
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
