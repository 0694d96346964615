/* policy.c -- see policy.h. */
#include "lesion/policy.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/json.h"
#include "lesion/temperature.h"

enum { POLICY_VERSION = 2, POLICY_BYTES_MAX = 1 << 20, MEL = 1, BCC = 3, AKIEC = 4 };

struct policy {
    struct policy_facts facts;
    char sha256[SHA256_HEX_SIZE];
};

/* ---- reading ---- */

/* Each number of the file: the objects on the way, the key, where it goes, its limits, and the version of
 * the file that brought it. */
#define AT(member) offsetof(struct policy_facts, member)
enum { PER = 10000 };
/* clang-format off */
static const struct {
    const char *outer, *inner, *key;
    size_t at;
    double min, max;
    int since;
} numbers[] = {
    {"temperature", NULL,   "value",          AT(temperature),           0.01, 100, 2},
    {"urgent",      NULL,   "malignant",      AT(urgent_malignant),      0, 1, 1},
    {"urgent",      NULL,   "melanoma",       AT(urgent_melanoma),       0, 1, 1},
    {"urgent",      NULL,   "specificity",    AT(specificity.value),     0, 1, 1},
    {"review",      NULL,   "malignant",      AT(review_malignant),      0, 1, 1},
    {"review",      NULL,   "sensitivity",    AT(sensitivity.value),     0, 1, 1},
    {"flat_scores", NULL,   "confidence_min", AT(confidence_min),        0, 1, 1},
    {"shares",      NULL,   "urgent",         AT(shares[RISK_URGENT]),   0, 1, 1},
    {"shares",      NULL,   "review",         AT(shares[RISK_REVIEW]),   0, 1, 1},
    {"shares",      NULL,   "routine",        AT(shares[RISK_ROUTINE]),  0, 1, 1},
    {"shares",      NULL,   "retake",         AT(shares[RISK_RETAKE]),   0, 1, 1},
    {"ppv",         "0.01", "urgent",         AT(ppv_urgent[0]),         0, 1, 1},
    {"ppv",         "0.01", "flagged",        AT(ppv_flagged[0]),        0, 1, 1},
    {"ppv",         "0.07", "urgent",         AT(ppv_urgent[1]),         0, 1, 1},
    {"ppv",         "0.07", "flagged",        AT(ppv_flagged[1]),        0, 1, 1},
    {"per_10000",   "0.01", "urgent",         AT(expected[0].urgent),    0, PER, 2},
    {"per_10000",   "0.01", "referred",       AT(expected[0].referred),  0, PER, 2},
    {"per_10000",   "0.01", "missed",         AT(expected[0].missed),    0, PER, 2},
    {"per_10000",   "0.07", "urgent",         AT(expected[1].urgent),    0, PER, 2},
    {"per_10000",   "0.07", "referred",       AT(expected[1].referred),  0, PER, 2},
    {"per_10000",   "0.07", "missed",         AT(expected[1].missed),    0, PER, 2},
};

/* Each interval likewise: two doubles, low first. */
static const struct {
    const char *outer, *inner, *key;
    size_t at;
    double min, max;
    int since;
} intervals[] = {
    {"temperature", NULL,   "ci",           AT(temperature_range.low),           0.01, 100, 2},
    {"urgent",      NULL,   "malignant_ci", AT(urgent_malignant_range.low),      0, 1, 2},
    {"urgent",      NULL,   "melanoma_ci",  AT(urgent_melanoma_range.low),       0, 1, 2},
    {"urgent",      NULL,   "ci",           AT(specificity.low),                 0, 1, 1},
    {"review",      NULL,   "malignant_ci", AT(review_range.low),                0, 1, 2},
    {"review",      NULL,   "ci",           AT(sensitivity.low),                 0, 1, 1},
    {"per_10000",   "0.01", "referred_ci",  AT(expected[0].referred_range.low),  0, PER, 2},
    {"per_10000",   "0.01", "missed_ci",    AT(expected[0].missed_range.low),    0, PER, 2},
    {"per_10000",   "0.07", "referred_ci",  AT(expected[1].referred_range.low),  0, PER, 2},
    {"per_10000",   "0.07", "missed_ci",    AT(expected[1].missed_range.low),    0, PER, 2},
};

static const struct {
    const char *key;
    size_t at;
} lesions[] = {
    {"malignant",    AT(support.malignant)},
    {"benign",       AT(support.benign)},
    {"below_review", AT(support.below_review)},
    {"above_urgent", AT(support.above_urgent)},
};

/* The keys that each object may hold; "" is the top. */
static const struct {
    const char *outer, *inner, *keys, *since_2;
} known[] = {
    {"",            NULL,   " version model urgent review flat_scores shares ppv abcd_field_accuracy sizes ", " temperature per_10000 support "},
    {"temperature", NULL,   " value ci ", ""},
    {"urgent",      NULL,   " malignant melanoma specificity ci ", " malignant_ci melanoma_ci "},
    {"review",      NULL,   " malignant sensitivity ci ", " malignant_ci "},
    {"flat_scores", NULL,   " confidence_min ", ""},
    {"shares",      NULL,   " urgent review routine retake ", ""},
    {"ppv",         NULL,   " 0.01 0.07 ", ""},
    {"ppv",         "0.01", " urgent flagged ", ""},
    {"ppv",         "0.07", " urgent flagged ", ""},
    {"per_10000",   NULL,   " 0.01 0.07 ", ""},
    {"per_10000",   "0.01", " urgent referred referred_ci missed missed_ci ", ""},
    {"per_10000",   "0.07", " urgent referred referred_ci missed missed_ci ", ""},
    {"support",     NULL,   " malignant benign below_review above_urgent ", ""},
    {"sizes",       NULL,   " coarse fine expected_jaccard_min score fine_share ", ""},
};
/* clang-format on */

#define LENGTH(table) (sizeof(table) / sizeof(*(table)))

static json_t *object_at(const json_t *top, const char *outer, const char *inner)
{
    json_t *object = json_object_get(top, outer);

    return inner ? json_object_get(object, inner) : object;
}

static bool is_within(const json_t *value, double min, double max)
{
    return json_is_number(value) && json_number_value(value) >= min &&
           json_number_value(value) <= max;
}

static int refuse(const char *outer, const char *inner, const char *key, const char *why,
                  struct err *err)
{
    return err_set(err, ERR_CONFIG, "key \"%s%s%s%s%s\" is %s", outer, inner ? "." : "",
                   inner ? inner : "", *outer ? "." : "", key, why);
}

static int read_numbers(struct policy_facts *facts, const json_t *top, int version, struct err *err)
{
    char why[64];

    for (size_t i = 0; i < LENGTH(numbers); i++) {
        const json_t *object = object_at(top, numbers[i].outer, numbers[i].inner);
        const json_t *value = json_object_get(object, numbers[i].key);
        snprintf(why, sizeof(why), "missing or no number %g..%g", numbers[i].min, numbers[i].max);
        if (numbers[i].since > version)
            continue;
        if (!is_within(value, numbers[i].min, numbers[i].max))
            return refuse(numbers[i].outer, numbers[i].inner, numbers[i].key, why, err);
        *(double *)((char *)facts + numbers[i].at) = json_number_value(value);
    }
    return 0;
}

static int read_intervals(struct policy_facts *facts, const json_t *top, int version,
                          struct err *err)
{
    char why[64];

    for (size_t i = 0; i < LENGTH(intervals); i++) {
        const json_t *object = object_at(top, intervals[i].outer, intervals[i].inner);
        const json_t *ci = json_object_get(object, intervals[i].key);
        const json_t *low = json_array_get(ci, 0), *high = json_array_get(ci, 1);
        double min = intervals[i].min, max = intervals[i].max;
        double *out = (double *)((char *)facts + intervals[i].at);
        out[0] = out[1] = NAN;
        if (intervals[i].since > version)
            continue;
        snprintf(why, sizeof(why), "missing or no [low, high] within %g..%g", min, max);
        if (json_array_size(ci) != 2 || !is_within(low, min, max) || !is_within(high, min, max) ||
            json_number_value(low) > json_number_value(high))
            return refuse(intervals[i].outer, intervals[i].inner, intervals[i].key, why, err);
        out[0] = json_number_value(low);
        out[1] = json_number_value(high);
    }
    return 0;
}

static int read_support(struct policy_facts *facts, const json_t *top, struct err *err)
{
    const json_t *object = json_object_get(top, "support");

    for (size_t i = 0; i < LENGTH(lesions); i++) {
        const json_t *value = json_object_get(object, lesions[i].key);
        if (!json_is_integer(value) || !is_within(value, 0, INT32_MAX))
            return refuse("support", NULL, lesions[i].key, "missing or no number of lesions", err);
        *(int *)((char *)facts + lesions[i].at) = (int)json_integer_value(value);
    }
    return 0;
}

static int refuse_unknown_keys(json_t *top, int version, struct err *err)
{
    for (size_t i = 0; i < LENGTH(known); i++) {
        json_t *object = *known[i].outer ? object_at(top, known[i].outer, known[i].inner) : top;
        json_t *value;
        const char *key;
        char word[80];
        json_object_foreach(object, key, value)
        {
            snprintf(word, sizeof(word), " %s ", key);
            if (!strstr(known[i].keys, word) && !(version >= 2 && strstr(known[i].since_2, word)))
                return refuse(known[i].outer, known[i].inner, key, "unknown", err);
        }
    }
    return 0;
}

static int read_facts(struct policy_facts *facts, json_t *top, struct err *err)
{
    const json_t *version = json_object_get(top, "version"), *model = json_object_get(top, "model");
    const json_t *accuracy = json_object_get(top, "abcd_field_accuracy");
    const json_t *sizes = json_object_get(top, "sizes");

    if (!json_is_integer(version) || !is_within(version, 1, POLICY_VERSION))
        return err_set(err, ERR_CONFIG, "key \"version\" is missing or not 1..%d", POLICY_VERSION);
    if (!json_is_string(model) || json_string_length(model) >= sizeof(facts->model))
        return err_set(err, ERR_CONFIG, "key \"model\" is missing, no text or too long");
    if (!json_is_null(accuracy) && !is_within(accuracy, 0, 1))
        return err_set(err, ERR_CONFIG,
                       "key \"abcd_field_accuracy\" is missing or neither null nor 0..1");
    snprintf(facts->model, sizeof(facts->model), "%s", json_string_value(model));
    facts->abcd_field_accuracy = json_is_null(accuracy) ? NAN : json_number_value(accuracy);
    int v = (int)json_integer_value(version);
    facts->temperature = 1; /* what version 1 meant */
    if (read_numbers(facts, top, v, err) || read_intervals(facts, top, v, err) ||
        (v >= 2 && read_support(facts, top, err)) || refuse_unknown_keys(top, v, err) ||
        (sizes && size_plan_from_json(&facts->sizes, sizes, err)))
        return -1;
    if (facts->review_malignant > facts->urgent_malignant)
        return err_set(err, ERR_CONFIG, "\"review.malignant\" is above \"urgent.malignant\"");
    return 0;
}

int policy_open(struct policy **out, const char *path, struct err *err)
{
    struct buf bytes;
    struct err why = {0};
    struct policy *p = calloc(1, sizeof(*p));
    json_t *top = NULL;
    int ret = -1;

    buf_init(&bytes, POLICY_BYTES_MAX);
    if (!p) {
        err_set(err, ERR_NOMEM, "%s: no memory", path);
        goto done;
    }
    if (!file_read(path, &bytes, &why))
        top = json_parse(bytes.data ? bytes.data : "", bytes.len, "not JSON", &why);
    if (!top || read_facts(&p->facts, top, &why)) {
        err_set(err, why.code == ERR_NOMEM || why.code == ERR_AGAIN ? why.code : ERR_CONFIG,
                "%s: %s", path, why.msg);
        goto done;
    }
    sha256_hex(p->sha256, bytes.data, bytes.len);
    *out = p;
    p = NULL;
    ret = 0;
done:
    json_decref(top);
    buf_release(&bytes);
    free(p);
    return ret;
}

const char *policy_file_name(bool is_auto)
{
    return is_auto ? "policy-auto.json" : "policy.json";
}

int policy_open_in(struct policy **out, const char *model_dir, bool is_auto, struct err *err)
{
    struct policy *p = NULL;
    char path[4096];

    if (path_format(path, sizeof(path), err, "%s/%s", model_dir, policy_file_name(is_auto)))
        return -1;
    if (access(path, F_OK) && errno == ENOENT)
        return err_set(err, ERR_CONFIG,
                       "%s is not there: this model has no thresholds%s (lentigo model calibrate "
                       "chooses them)",
                       path, is_auto ? " for --size auto" : "");
    if (policy_open(&p, path, err))
        return is_auto ? err_wrap(err, "--size auto") : -1;
    if (is_auto != (p->facts.sizes.coarse > 0)) {
        policy_close(p);
        return err_set(err, ERR_CONFIG, "%s: %s", path,
                       is_auto ? "key \"sizes\" is missing" : "is for --size auto");
    }
    *out = p;
    return 0;
}

void policy_close(struct policy *p)
{
    free(p);
}

const char *policy_sha256(const struct policy *p)
{
    return p->sha256;
}

const struct policy_facts *policy_facts(const struct policy *p)
{
    return &p->facts;
}

/* ---- writing ---- */

/* The object at outer.inner, made where it is not there yet. */
static json_t *make_object(json_t *top, const char *outer, const char *inner)
{
    json_t *object = json_object_get(top, outer);

    if (!object && !json_object_set_new(top, outer, json_object()))
        object = json_object_get(top, outer);
    if (!inner)
        return object;
    json_t *within = json_object_get(object, inner);
    if (!within && !json_object_set_new(object, inner, json_object()))
        within = json_object_get(object, inner);
    return within;
}

/* Thresholds in full: rounded, one could fall on the other side of a picture's score. */
static bool is_exact(size_t at)
{
    static const size_t exact[] = {AT(temperature), AT(urgent_malignant), AT(urgent_melanoma),
                                   AT(review_malignant), AT(confidence_min)};

    for (size_t i = 0; i < LENGTH(exact); i++)
        if (exact[i] == at)
            return true;
    return false;
}

static int fill(json_t *top, const struct policy_facts *f)
{
    int failed = 0;

    for (size_t i = 0; i < LENGTH(numbers); i++) {
        double value = *(const double *)((const char *)f + numbers[i].at);
        failed |= json_object_set_new(
            make_object(top, numbers[i].outer, numbers[i].inner), numbers[i].key,
            is_exact(numbers[i].at) ? json_real(value)
                                    : json_rounded(value, numbers[i].max == PER ? 1 : 4));
    }
    for (size_t i = 0; i < LENGTH(intervals); i++) {
        const double *range = (const double *)((const char *)f + intervals[i].at);
        int decimals = intervals[i].max == PER ? 1 : 4;
        failed |= json_object_set_new(
            make_object(top, intervals[i].outer, intervals[i].inner), intervals[i].key,
            json_pack("[o,o]", json_rounded(range[0], decimals), json_rounded(range[1], decimals)));
    }
    for (size_t i = 0; i < LENGTH(lesions); i++)
        failed |=
            json_object_set_new(make_object(top, "support", NULL), lesions[i].key,
                                json_integer(*(const int *)((const char *)f + lesions[i].at)));
    failed |= json_object_set_new(top, "version", json_integer(POLICY_VERSION));
    failed |= json_object_set_new(top, "model", json_string(f->model));
    failed |=
        json_object_set_new(top, "abcd_field_accuracy", json_rounded(f->abcd_field_accuracy, 4));
    if (f->sizes.coarse)
        failed |= json_object_set_new(top, "sizes", size_plan_to_json(&f->sizes));
    return failed ? -1 : 0;
}

/* What is written was read before, so that nobody finds at night that a policy cannot be opened. */
static int write_checked(json_t *top, const char *path, struct err *err)
{
    struct policy_facts read = {0};
    struct err why = {0};

    if (!read_facts(&read, top, &why))
        return json_write(path, top, err);
    return err_set(err, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_BUG, "%s: not written: %s", path,
                   why.msg);
}

int policy_write(const struct policy_facts *f, const char *path, struct err *err)
{
    json_t *top = json_object();
    int ret = top && !fill(top, f) ? write_checked(top, path, err)
                                   : err_set(err, ERR_NOMEM, "%s: no memory for a policy", path);

    json_decref(top);
    return ret;
}

/* ---- deciding ---- */

void policy_warm(const struct policy *p, struct lesion_measures *m)
{
    temperature_apply(m->classes, p->facts.temperature);
    m->malignant_probability = m->classes[MEL] + m->classes[BCC] + m->classes[AKIEC];
}

unsigned policy_score(const struct policy_facts *facts, const double classes[LESION_CLASSES])
{
    double malignant = classes[MEL] + classes[BCC] + classes[AKIEC];
    bool is_bcc = classes[BCC] > classes[MEL] && classes[BCC] > classes[AKIEC];
    unsigned said = 0;

    if (classes[MEL] >= facts->urgent_melanoma)
        said |= POLICY_MELANOMA_HIGH;
    if (malignant >= facts->urgent_malignant && !is_bcc)
        said |= POLICY_MALIGNANT_HIGH;
    if (malignant >= facts->review_malignant)
        said |= POLICY_MALIGNANT_RAISED | (is_bcc ? POLICY_BCC : 0);
    return said;
}

bool policy_is_flat(const struct policy_facts *facts, double confidence)
{
    return !(confidence >= facts->confidence_min); /* NAN is flat */
}

static void say(struct risk_decision *d, bool is_so, const char *word)
{
    size_t n = strlen(d->reason);

    if (is_so)
        snprintf(d->reason + n, sizeof(d->reason) - n, "%s%s", n ? "+" : "", word);
}

/* Degraded by more than the cut-off, which has a word of its own. */
static bool is_poor(const struct lesion_quality *q)
{
    return q->verdict == QUALITY_DEGRADED && strcmp(q->why, "cut_off") != 0;
}

static bool has_lesion(const struct lesion_measures *m)
{
    return m->is_found && m->area_fraction >= POLICY_LESION_MIN;
}

bool policy_is_doubtful(const struct lesion_measures *m)
{
    return !has_lesion(m) || m->border_share >= LESION_CUT_OFF || m->components > 1 ||
           is_poor(&m->quality);
}

void policy_decide(const struct policy *p, const struct lesion_measures *m, bool is_duplicate,
                   struct risk_decision *out)
{
    unsigned said = policy_score(&p->facts, m->classes);
    bool is_found = has_lesion(m);

    out->reason[0] = 0;
    if (m->quality.verdict == QUALITY_UNUSABLE) {
        out->risk = RISK_RETAKE;
        say(out, true, "unusable");
        return;
    }
    say(out, said & POLICY_MALIGNANT_HIGH, "malignant_high");
    say(out, said & POLICY_MELANOMA_HIGH, "melanoma_high");
    say(out, (said & POLICY_MALIGNANT_RAISED) && !(said & (POLICY_URGENT | POLICY_BCC)),
        "malignant_raised");
    say(out, said & POLICY_BCC, "bcc");
    say(out, !is_found, "no_lesion");
    say(out, m->border_share >= LESION_CUT_OFF, "cut_off");
    say(out, m->components > 1, "several");
    say(out, is_found && policy_is_flat(&p->facts, m->confidence), "flat_scores");
    say(out, is_poor(&m->quality), "quality");
    say(out, is_duplicate, "duplicate");
    out->risk = said & POLICY_URGENT ? RISK_URGENT : *out->reason ? RISK_REVIEW : RISK_ROUTINE;
    say(out, !*out->reason, "below_threshold");
}

static const char *const words[] = {"urgent", "review", "retake", "routine"};

const char *risk_word(enum risk r)
{
    return words[r];
}

enum risk risk_of(const char *word)
{
    for (int i = 0; i < 4; i++)
        if (word && !strcmp(words[i], word))
            return (enum risk)i;
    return RISK_REVIEW;
}
