#include "lesion/thresholds.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lesion/temperature.h"

/* What intervals are of: where the figure stands, where its interval goes. Counts are those of the
 * policy itself on other lesions; the rest is chosen anew for them. */
#define AT(member) offsetof(struct policy_facts, member)
static const struct {
    size_t value, range;
    bool is_count;
} ranged[] = {
    {AT(temperature),          AT(temperature_range),          false},
    {AT(urgent_malignant),     AT(urgent_malignant_range),     false},
    {AT(urgent_melanoma),      AT(urgent_melanoma_range),      false},
    {AT(review_malignant),     AT(review_range),               false},
    {AT(expected[0].referred), AT(expected[0].referred_range), true },
    {AT(expected[0].missed),   AT(expected[0].missed_range),   true },
    {AT(expected[1].referred), AT(expected[1].referred_range), true },
    {AT(expected[1].missed),   AT(expected[1].missed_range),   true },
};
enum { RANGED = sizeof(ranged) / sizeof(*ranged) };

/* Room for one fit of n samples. */
struct fitting {
    struct policy_sample *samples; /* n */
    double *scores;                /* n,LESION_CLASSES */
    int *truth;                    /* n */
};

static void fitting_release(struct fitting *f)
{
    free(f->samples);
    free(f->scores);
    free(f->truth);
}

static int fitting_init(struct fitting *f, int n, struct err *err)
{
    size_t room = (size_t)n + 1;

    f->samples = calloc(room, sizeof(*f->samples));
    f->scores = calloc(room, LESION_CLASSES * sizeof(*f->scores));
    f->truth = calloc(room, sizeof(*f->truth));
    if (f->samples && f->scores && f->truth)
        return 0;
    fitting_release(f);
    return err_set(err, ERR_NOMEM, "no memory to fit a policy to %d pictures", n);
}

/* Of f->samples, which then have the scores that the temperature makes. */
static int fit_once(struct policy_facts *out, struct fitting *f, const char *model, int n,
                    struct err *err)
{
    int usable = 0;

    for (int i = 0; i < n; i++) {
        const struct policy_sample *s = f->samples + i;
        if (s->is_unusable)
            continue; /* no score of it is ever shown */
        memcpy(f->scores + (long)usable * LESION_CLASSES, s->classes, sizeof(s->classes));
        f->truth[usable++] = s->truth;
    }
    double temperature = temperature_fit(f->scores, f->truth, usable);
    for (int i = 0; i < n; i++)
        temperature_apply(f->samples[i].classes, temperature);
    if (policy_fit(out, model, f->samples, (size_t)n, err))
        return -1;
    out->temperature = temperature;
    return 0;
}

/* The drawn pictures as the network scored them. */
static void take_drawn(struct fitting *f, const struct resampler *r, int n,
                       const struct thresholds_set *set)
{
    for (int i = 0; i < n; i++) {
        f->samples[i] = set->samples[r->drawn[i]];
        f->samples[i].lesion = 0; /* not counted here */
    }
}

/* One replicate's figures into column k of `values`; NAN when the draw lacks malignant or benign ones. */
static int fit_replicate(double *values, int k, const struct policy_facts *chosen,
                         struct fitting *f, struct resampler *r, const struct thresholds_set *set,
                         struct err *err)
{
    struct policy_facts same = *chosen, anew;
    struct err own = {0};
    int n = resampler_draw(r, (uint32_t)k);

    take_drawn(f, r, n, set);
    for (int i = 0; i < n; i++)
        temperature_apply(f->samples[i].classes, chosen->temperature);
    policy_expect(&same, f->samples, (size_t)n);
    take_drawn(f, r, n, set);
    int failed = fit_once(&anew, f, set->model, n, &own);
    if (failed && own.code != ERR_INPUT)
        return err_set(err, own.code, "%s", own.msg);
    for (int q = 0; q < RANGED; q++) {
        const char *facts = (const char *)(ranged[q].is_count ? &same : &anew);
        values[q * set->replicates + k] = failed ? NAN : *(const double *)(facts + ranged[q].value);
    }
    return 0;
}

static int fill_ranges(struct policy_facts *out, struct resampler *r,
                       const struct thresholds_set *set, struct err *err)
{
    struct fitting f = {0};
    double *values = calloc((size_t)set->replicates, RANGED * sizeof(*values));
    int largest = resampler_rows_max(r), ret = -1;

    if (!values)
        return err_set(err, ERR_NOMEM, "thresholds of %d replicates", set->replicates);
    if (!fitting_init(&f, largest, err)) {
        ret = 0;
        for (int k = 0; k < set->replicates && !ret; k++)
            ret = fit_replicate(values, k, out, &f, r, set, err);
        for (int q = 0; q < RANGED && !ret; q++) {
            struct interval range =
                interval_of(values + (long)q * set->replicates, set->replicates);
            *(struct policy_range *)((char *)out + ranged[q].range) =
                (struct policy_range){range.low, range.high};
        }
        fitting_release(&f);
    }
    free(values);
    return ret;
}

static int fit_all(struct policy_facts *out, struct resampler *r, const struct thresholds_set *set,
                   struct err *err)
{
    struct fitting f = {0};

    for (int g = 0; g < r->n_groups; g++)
        for (int m = r->starts[g]; m < r->starts[g + 1]; m++)
            set->samples[r->members[m]].lesion = g;
    if (fitting_init(&f, set->n, err))
        return -1;
    memcpy(f.samples, set->samples, (size_t)set->n * sizeof(*f.samples));
    int ret = fit_once(out, &f, set->model, set->n, err);
    fitting_release(&f);
    return ret;
}

int thresholds_fit(struct policy_facts *out, const struct thresholds_set *set, struct err *err)
{
    struct policy_facts facts;
    struct resampler r;
    int ret = -1;

    if (resampler_init(&r, NULL, set->n, set->lesions, set->seed, err))
        return -1;
    if (!fit_all(&facts, &r, set, err) && !policy_check_support(&facts, err) &&
        !fill_ranges(&facts, &r, set, err)) {
        *out = facts;
        ret = 0;
    }
    resampler_release(&r);
    return ret;
}
