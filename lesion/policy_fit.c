/* policy_fit.c -- see policy_fit.h. */
#include "lesion/policy_fit.h"

#include <math.h>
#include <string.h>

#include "common/classes.h"
#include "common/json.h"

enum { MEL = 1, BCC = 3, AKIEC = 4 };

static const double prevalences[POLICY_PREVALENCES] = {0.01, 0.07};

static bool is_malignant(const struct policy_sample *s)
{
    return class_is_malignant(s->truth);
}

static double malignant_of(const struct policy_sample *s)
{
    return s->classes[MEL] + s->classes[BCC] + s->classes[AKIEC];
}

/* malignant where it can make urgent: 0 where basal-cell carcinoma leads */
static double urgent_malignant_of(const struct policy_sample *s)
{
    bool is_bcc = s->classes[BCC] > s->classes[MEL] && s->classes[BCC] > s->classes[AKIEC];

    return is_bcc ? 0 : malignant_of(s);
}

static int by_value(const void *p, const void *q)
{
    const double *a = p, *b = q;

    return (*a > *b) - (*a < *b);
}

struct policy_rate policy_rate_of(size_t k, size_t n)
{
    const double z = 1.959963984540054; /* 97.5 % of the normal distribution */
    double m = (double)n, share = (double)k / m;
    double middle = (share + z * z / (2 * m)) / (1 + z * z / m);
    double half = z / (1 + z * z / m) * sqrt(share * (1 - share) / m + z * z / (4 * m * m));

    return (struct policy_rate){share, fmax(0, middle - half), fmin(1, middle + half)};
}

static int check_samples(const struct policy_sample *samples, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (samples[i].truth < 1 || samples[i].truth >= LESION_CLASSES)
            return err_set(err, ERR_INPUT, "sample %zu: class %d is not 1..7", i, samples[i].truth);
        for (int k = 1; k < LESION_CLASSES; k++)
            if (!(samples[i].classes[k] >= 0 && samples[i].classes[k] <= 1))
                return err_set(err, ERR_INPUT, "sample %zu: score %d is not 0..1", i, k);
    }
    return 0;
}

/* One value of each usable sample that is (not) malignant, sorted; returns their number. */
static size_t collect(double *values, const struct policy_sample *samples, size_t n,
                      bool want_malignant, double (*value_of)(const struct policy_sample *))
{
    size_t made = 0;

    for (size_t i = 0; i < n; i++)
        if (!samples[i].is_unusable && is_malignant(samples + i) == want_malignant)
            values[made++] = value_of(samples + i);
    qsort(values, made, sizeof(*values), by_value);
    return made;
}

static double melanoma_of(const struct policy_sample *s)
{
    return s->classes[MEL];
}

/* Just above the value that `above` of the `n` sorted ones exceed. */
static double over(const double *sorted, size_t n, size_t above)
{
    return fmin(1, nextafter(sorted[n - 1 - above], 2));
}

static size_t count_said(const struct policy_facts *facts, const struct policy_sample *samples,
                         size_t n, bool want_malignant, unsigned bits)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += !samples[i].is_unusable && is_malignant(samples + i) == want_malignant &&
                 (policy_score(facts, samples[i].classes) & bits) != 0;
    return count;
}

static void fit_urgent(struct policy_facts *f, const struct policy_sample *samples, size_t n,
                       double *values, size_t n_benign)
{
    double *melanoma = values, *malignant = values + n;
    size_t allowed = (size_t)floor((1 - POLICY_FIT_SPECIFICITY) * (double)n_benign + 1e-9);

    collect(melanoma, samples, n, false, melanoma_of);
    collect(malignant, samples, n, false, urgent_malignant_of);
    for (size_t above = allowed + 1; above-- > 0;) { /* the union of both rules only grows */
        f->urgent_melanoma = over(melanoma, n_benign, above);
        f->urgent_malignant = over(malignant, n_benign, above);
        if (count_said(f, samples, n, false, POLICY_URGENT) <= allowed)
            break;
    }
}

static void fit_review(struct policy_facts *f, const struct policy_sample *samples, size_t n,
                       double *values, size_t n_malignant)
{
    size_t lost = (size_t)floor((1 - POLICY_FIT_SENSITIVITY) * (double)n_malignant + 1e-9);

    collect(values, samples, n, true, malignant_of);
    f->review_malignant = fmin(fmin(values[lost], 1), f->urgent_malignant);
}

static void fit_confidence(struct policy_facts *f, const struct policy_sample *samples, size_t n,
                           double *values)
{
    size_t made = 0;

    for (size_t i = 0; i < n; i++)
        if (!samples[i].is_unusable && isfinite(samples[i].confidence))
            values[made++] = samples[i].confidence;
    qsort(values, made, sizeof(*values), by_value);
    f->confidence_min = made ? values[(size_t)(POLICY_FIT_FLAT * (double)made)] : 0;
}

static enum risk risk_of_sample(const struct policy_facts *f, const struct policy_sample *s)
{
    unsigned said = policy_score(f, s->classes);

    if (s->is_unusable)
        return RISK_RETAKE;
    if (said & POLICY_URGENT)
        return RISK_URGENT;
    return said || s->is_doubtful || policy_is_flat(f, s->confidence) ? RISK_REVIEW : RISK_ROUTINE;
}

/* Area under the ROC curve of 13 A + B + 5 C: the share of pairs in the right order. */
static double abcd_accuracy(const struct policy_sample *samples, size_t n)
{
    double right = 0, pairs = 0;

    for (size_t i = 0; i < n; i++) {
        const struct policy_sample *m = samples + i;
        double score = 13 * m->asymmetry + m->border + 5 * m->colour;
        if (m->is_unusable || !is_malignant(m) || !isfinite(score))
            continue;
        for (size_t k = 0; k < n; k++) {
            const struct policy_sample *b = samples + k;
            double other = 13 * b->asymmetry + b->border + 5 * b->colour;
            if (b->is_unusable || is_malignant(b) || !isfinite(other))
                continue;
            pairs++;
            right += score > other ? 1 : score < other ? 0 : 0.5;
        }
    }
    return pairs > 0 ? right / pairs : NAN;
}

static double predictive_value(double sensitivity, double specificity, double prevalence)
{
    double hits = sensitivity * prevalence, alarms = (1 - specificity) * (1 - prevalence);

    return hits + alarms > 0 ? hits / (hits + alarms) : 0;
}

static void sum_up(struct policy_facts *f, const struct policy_sample *samples, size_t n,
                   size_t n_malignant, size_t n_benign)
{
    unsigned any = POLICY_URGENT | POLICY_MALIGNANT_RAISED;
    size_t urgent = count_said(f, samples, n, true, POLICY_URGENT);
    size_t flagged_benign = count_said(f, samples, n, false, any);

    f->specificity =
        policy_rate_of(n_benign - count_said(f, samples, n, false, POLICY_URGENT), n_benign);
    f->sensitivity = policy_rate_of(count_said(f, samples, n, true, any), n_malignant);
    for (int i = 0; i < POLICY_PREVALENCES; i++) {
        f->ppv_urgent[i] = predictive_value((double)urgent / (double)n_malignant,
                                            f->specificity.value, prevalences[i]);
        f->ppv_flagged[i] = predictive_value(
            f->sensitivity.value, 1 - (double)flagged_benign / (double)n_benign, prevalences[i]);
    }
    for (size_t i = 0; i < n; i++)
        f->shares[risk_of_sample(f, samples + i)] += 1.0 / (double)n;
    f->abcd_field_accuracy = abcd_accuracy(samples, n);
}

int policy_fit(struct policy_facts *out, const char *model, const struct policy_sample *samples,
               size_t n, struct err *err)
{
    struct policy_facts f = {0};

    if (check_samples(samples, n, err))
        return -1;
    double *values = calloc(n ? n : 1, 2 * sizeof(*values));
    if (!values)
        return err_set(err, ERR_NOMEM, "no memory to fit a policy to %zu samples", n);
    size_t n_malignant = collect(values, samples, n, true, malignant_of);
    size_t n_benign = collect(values, samples, n, false, malignant_of);
    if (!n_malignant || !n_benign) {
        free(values);
        return err_set(err, ERR_INPUT,
                       "a policy needs malignant and benign pictures, not %zu and %zu", n_malignant,
                       n_benign);
    }
    snprintf(f.model, sizeof(f.model), "%s", model);
    fit_urgent(&f, samples, n, values, n_benign);
    fit_review(&f, samples, n, values, n_malignant);
    fit_confidence(&f, samples, n, values);
    free(values);
    sum_up(&f, samples, n, n_malignant, n_benign);
    *out = f;
    return 0;
}

static json_t *interval(const struct policy_rate *rate)
{
    return json_pack("[o,o]", json_rounded(rate->low, 4), json_rounded(rate->high, 4));
}

int policy_write(const struct policy_facts *f, const char *path, struct err *err)
{
    json_t *top = json_pack(
        "{s:i,s:s,s:{s:f,s:f,s:o,s:o},s:{s:f,s:o,s:o},s:{s:f},s:{s:o,s:o,s:o,s:o},"
        "s:{s:{s:o,s:o},s:{s:o,s:o}},s:o}",
        "version", 1, "model", f->model, "urgent", "malignant", f->urgent_malignant, "melanoma",
        f->urgent_melanoma, "specificity", json_rounded(f->specificity.value, 4), "ci",
        interval(&f->specificity), "review", "malignant", f->review_malignant, "sensitivity",
        json_rounded(f->sensitivity.value, 4), "ci", interval(&f->sensitivity), "flat_scores",
        "confidence_min", f->confidence_min, "shares", "urgent",
        json_rounded(f->shares[RISK_URGENT], 4), "review", json_rounded(f->shares[RISK_REVIEW], 4),
        "routine", json_rounded(f->shares[RISK_ROUTINE], 4), "retake",
        json_rounded(f->shares[RISK_RETAKE], 4), "ppv", "0.01", "urgent",
        json_rounded(f->ppv_urgent[0], 4), "flagged", json_rounded(f->ppv_flagged[0], 4), "0.07",
        "urgent", json_rounded(f->ppv_urgent[1], 4), "flagged", json_rounded(f->ppv_flagged[1], 4),
        "abcd_field_accuracy", json_rounded(f->abcd_field_accuracy, 4));

    if (top && f->sizes.coarse && json_object_set_new(top, "sizes", size_plan_to_json(&f->sizes))) {
        json_decref(top);
        top = NULL;
    }
    if (!top)
        return err_set(err, ERR_NOMEM, "%s: policy could not be put together", path);
    int ret = json_write(path, top, err);
    json_decref(top);
    return ret;
}

struct policy_sample policy_sample_of(const struct lesion_measures *m, int truth)
{
    struct policy_sample sample = {
        .confidence = m->is_found ? m->confidence : NAN,
        .asymmetry = m->is_found ? m->asymmetry : NAN,
        .border = m->is_found ? m->border : NAN,
        .colour = m->is_found ? m->colour : NAN,
        .truth = truth,
        .is_unusable = m->quality.verdict == QUALITY_UNUSABLE,
        .is_doubtful = policy_is_doubtful(m),
    };

    memcpy(sample.classes, m->classes, sizeof(sample.classes));
    return sample;
}
