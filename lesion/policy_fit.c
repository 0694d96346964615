/* policy_fit.c -- see policy_fit.h. */
#include "lesion/policy_fit.h"

#include <math.h>
#include <string.h>

#include "common/classes.h"

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
        if (samples[i].lesion < 0 || (size_t)samples[i].lesion >= n)
            return err_set(err, ERR_INPUT, "sample %zu: lesion %d is not 0..%zu", i,
                           samples[i].lesion, n - 1);
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

/* Malignant or benign pictures (unusable ones too) that come out as one of two risks. */
static double share_of(const struct policy_facts *f, const struct policy_sample *samples, size_t n,
                       bool want_malignant, enum risk one, enum risk other)
{
    size_t all = 0, hit = 0;

    for (size_t i = 0; i < n; i++)
        if (is_malignant(samples + i) == want_malignant) {
            enum risk r = risk_of_sample(f, samples + i);
            all++;
            hit += r == one || r == other;
        }
    return all ? (double)hit / (double)all : 0;
}

void policy_expect(struct policy_facts *f, const struct policy_sample *samples, size_t n)
{
    const double of = 10000;
    double urgent[2], referred[2];
    double missed = share_of(f, samples, n, true, RISK_ROUTINE, RISK_ROUTINE);

    for (int kind = 0; kind < 2; kind++) {
        urgent[kind] = share_of(f, samples, n, kind, RISK_URGENT, RISK_URGENT);
        referred[kind] = share_of(f, samples, n, kind, RISK_URGENT, RISK_REVIEW);
    }
    for (int i = 0; i < POLICY_PREVALENCES; i++) {
        double p = prevalences[i];
        f->expected[i].urgent = of * (p * urgent[1] + (1 - p) * urgent[0]);
        f->expected[i].referred = of * (p * referred[1] + (1 - p) * referred[0]);
        f->expected[i].missed = of * p * missed;
    }
}

enum { HAS_PICTURE = 1, IS_BEYOND = 2 };

/* Lesions whose `seen` has `bits`. */
static int count_lesions(const uint8_t *seen, size_t n, int bits)
{
    int count = 0;

    for (size_t i = 0; i < n; i++)
        count += (seen[i] & bits) == bits;
    return count;
}

static int find_support(struct policy_facts *f, const struct policy_sample *samples, size_t n,
                        struct err *err)
{
    uint8_t *seen = calloc(n + 1, 2);

    if (!seen)
        return err_set(err, ERR_NOMEM, "no memory for %zu lesions", n);
    uint8_t *benign = seen + n;
    for (size_t i = 0; i < n; i++) {
        const struct policy_sample *s = samples + i;
        unsigned said = policy_score(f, s->classes);
        if (s->is_unusable)
            continue;
        if (is_malignant(s))
            seen[s->lesion] |= HAS_PICTURE | (said & POLICY_MALIGNANT_RAISED ? 0 : IS_BEYOND);
        else
            benign[s->lesion] |= HAS_PICTURE | (said & POLICY_URGENT ? IS_BEYOND : 0);
    }
    f->support = (struct policy_support){
        .malignant = count_lesions(seen, n, HAS_PICTURE),
        .benign = count_lesions(benign, n, HAS_PICTURE),
        .below_review = count_lesions(seen, n, IS_BEYOND),
        .above_urgent = count_lesions(benign, n, IS_BEYOND),
    };
    free(seen);
    return 0;
}

/* Wilson's lower end for a share of pictures, as if each lesion had one. */
static double lower_end(double share, int lesions)
{
    return lesions ? policy_rate_of((size_t)lround(share * lesions), (size_t)lesions).low : 0;
}

int policy_check_support(const struct policy_facts *f, struct err *err)
{
    const struct policy_support *s = &f->support;
    const struct {
        const char *threshold, *lesions, *rate;
        int n, beyond;
        double share, low;
    } sides[] = {
        {"review", "malignant", "sensitivity", s->malignant, s->below_review, f->sensitivity.value,
         POLICY_FIT_SENSITIVITY_LOW},
        {"urgent", "benign",    "specificity", s->benign,    s->above_urgent, f->specificity.value,
         POLICY_FIT_SPECIFICITY_LOW},
    };

    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        double low = lower_end(sides[i].share, sides[i].n);
        if (sides[i].beyond < POLICY_FIT_BEYOND)
            return err_set(
                err, ERR_INPUT,
                "too few pictures for the %s threshold: it stands on %d %s lesions beyond "
                "it, at least %d are needed (there are %d in all)",
                sides[i].threshold, sides[i].beyond, sides[i].lesions, POLICY_FIT_BEYOND,
                sides[i].n);
        if (low < sides[i].low)
            return err_set(
                err, ERR_INPUT,
                "too few pictures for the %s threshold: with %d %s lesions a %s of %.3f may "
                "be %.3f, and %.2f is the least",
                sides[i].threshold, sides[i].n, sides[i].lesions, sides[i].rate, sides[i].share,
                low, sides[i].low);
    }
    return 0;
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
    policy_expect(f, samples, n);
}

int policy_fit(struct policy_facts *out, const char *model, const struct policy_sample *samples,
               size_t n, struct err *err)
{
    struct policy_facts f = {.temperature = 1};

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
    if (find_support(&f, samples, n, err))
        return -1;
    *out = f;
    return 0;
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
