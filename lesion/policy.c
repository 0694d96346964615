/* policy.c -- see policy.h. */
#include "lesion/policy.h"

#include <math.h>
#include <string.h>

#include "common/file.h"
#include "common/json.h"

enum { POLICY_BYTES_MAX = 1 << 20, MEL = 1, BCC = 3, AKIEC = 4 };

struct policy {
    struct policy_facts facts;
    char sha256[SHA256_HEX_SIZE];
};

/* ---- reading ---- */

/* Each number of the file: the objects on the way, the key, and where it goes. */
#define AT(member) offsetof(struct policy_facts, member)
static const struct {
    const char *outer, *inner, *key;
    size_t at;
} numbers[] = {
    {"urgent",      NULL,   "malignant",      AT(urgent_malignant)    },
    {"urgent",      NULL,   "melanoma",       AT(urgent_melanoma)     },
    {"urgent",      NULL,   "specificity",    AT(specificity.value)   },
    {"review",      NULL,   "malignant",      AT(review_malignant)    },
    {"review",      NULL,   "sensitivity",    AT(sensitivity.value)   },
    {"flat_scores", NULL,   "confidence_min", AT(confidence_min)      },
    {"shares",      NULL,   "urgent",         AT(shares[RISK_URGENT]) },
    {"shares",      NULL,   "review",         AT(shares[RISK_REVIEW]) },
    {"shares",      NULL,   "routine",        AT(shares[RISK_ROUTINE])},
    {"shares",      NULL,   "retake",         AT(shares[RISK_RETAKE]) },
    {"ppv",         "0.01", "urgent",         AT(ppv_urgent[0])       },
    {"ppv",         "0.01", "flagged",        AT(ppv_flagged[0])      },
    {"ppv",         "0.07", "urgent",         AT(ppv_urgent[1])       },
    {"ppv",         "0.07", "flagged",        AT(ppv_flagged[1])      },
};

/* The keys that each object may hold; "" is the top. */
static const struct {
    const char *object, *keys;
} known[] = {
    {"",            " version model urgent review flat_scores shares ppv abcd_field_accuracy sizes "},
    {"urgent",      " malignant melanoma specificity ci "                                           },
    {"review",      " malignant sensitivity ci "                                                    },
    {"flat_scores", " confidence_min "                                                              },
    {"shares",      " urgent review routine retake "                                                },
    {"ppv",         " 0.01 0.07 "                                                                   },
    {"sizes",       " coarse fine expected_jaccard_min score fine_share "                           },
};

static bool is_share(const json_t *value)
{
    return json_is_number(value) && json_number_value(value) >= 0 && json_number_value(value) <= 1;
}

static int read_numbers(struct policy_facts *facts, const json_t *top, struct err *err)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        const json_t *object = json_object_get(top, numbers[i].outer);
        if (numbers[i].inner)
            object = json_object_get(object, numbers[i].inner);
        const json_t *value = json_object_get(object, numbers[i].key);
        if (!is_share(value))
            return err_set(err, ERR_CONFIG, "key \"%s%s%s.%s\" is missing or no number 0..1",
                           numbers[i].outer, numbers[i].inner ? "." : "",
                           numbers[i].inner ? numbers[i].inner : "", numbers[i].key);
        *(double *)((char *)facts + numbers[i].at) = json_number_value(value);
    }
    return 0;
}

static int read_interval(struct policy_rate *rate, const json_t *top, const char *key,
                         struct err *err)
{
    const json_t *ci = json_object_get(json_object_get(top, key), "ci");
    const json_t *low = json_array_get(ci, 0), *high = json_array_get(ci, 1);

    if (json_array_size(ci) != 2 || !is_share(low) || !is_share(high) ||
        json_number_value(low) > json_number_value(high))
        return err_set(err, ERR_CONFIG, "key \"%s.ci\" is missing or no [low, high] within 0..1",
                       key);
    rate->low = json_number_value(low);
    rate->high = json_number_value(high);
    return 0;
}

static int refuse_unknown_keys(json_t *top, struct err *err)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        json_t *object = *known[i].object ? json_object_get(top, known[i].object) : top, *value;
        const char *key;
        char word[80];
        json_object_foreach(object, key, value)
        {
            snprintf(word, sizeof(word), " %s ", key);
            if (!strstr(known[i].keys, word))
                return err_set(err, ERR_CONFIG, "key \"%s%s%s\" is unknown", known[i].object,
                               *known[i].object ? "." : "", key);
        }
    }
    return 0;
}

static int read_facts(struct policy_facts *facts, json_t *top, struct err *err)
{
    const json_t *version = json_object_get(top, "version"), *model = json_object_get(top, "model");
    const json_t *accuracy = json_object_get(top, "abcd_field_accuracy");
    const json_t *sizes = json_object_get(top, "sizes");

    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return err_set(err, ERR_CONFIG, "key \"version\" is missing or not 1");
    if (!json_is_string(model) || json_string_length(model) >= sizeof(facts->model))
        return err_set(err, ERR_CONFIG, "key \"model\" is missing, no text or too long");
    if (!json_is_null(accuracy) && !is_share(accuracy))
        return err_set(err, ERR_CONFIG,
                       "key \"abcd_field_accuracy\" is missing or neither null nor 0..1");
    snprintf(facts->model, sizeof(facts->model), "%s", json_string_value(model));
    facts->abcd_field_accuracy = json_is_null(accuracy) ? NAN : json_number_value(accuracy);
    if (read_numbers(facts, top, err) || read_interval(&facts->specificity, top, "urgent", err) ||
        read_interval(&facts->sensitivity, top, "review", err) || refuse_unknown_keys(top, err) ||
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

/* ---- deciding ---- */

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
