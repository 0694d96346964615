#include "reports/facts.h"

#include <math.h>
#include <unistd.h>

#include "common/file.h"

enum { POLICY_SIZE_MAX = 1 << 20, PATH_SIZE = 4096 };

static void read_pair(const json_t *object, const char *key, double out[2])
{
    const json_t *pair = json_object_get(object, key);

    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_array_get(pair, i);
        out[i] = json_is_number(value) ? json_number_value(value) : NAN;
    }
}

/* {"urgent":…,"review":…,"retake":…,"routine":…}, each optional; a value may be {"ppv":…} too. */
static void read_by_risk(const json_t *object, double out[RISK_COUNT])
{
    for (int r = 0; r < RISK_COUNT; r++) {
        const char *word = risk_word((enum risk)r);
        const json_t *value = json_object_get(object, word);
        out[r] = json_is_object(value) ? json_number_or(value, "ppv", NAN)
                                       : json_number_or(object, word, NAN);
    }
}

static void read_policy(struct policy_facts *out, const json_t *root)
{
    const json_t *urgent = json_object_get(root, "urgent");
    const json_t *review = json_object_get(root, "review");
    const json_t *ppv = json_object_get(root, "ppv");

    out->urgent = json_number_or(urgent, "malignant", NAN);
    out->melanoma = json_number_or(urgent, "melanoma", NAN);
    out->specificity = json_number_or(urgent, "specificity", NAN);
    read_pair(urgent, "ci", out->urgent_ci);
    out->review = json_number_or(review, "malignant", NAN);
    out->sensitivity = json_number_or(review, "sensitivity", NAN);
    read_pair(review, "ci", out->review_ci);
    read_by_risk(json_object_get(ppv, "0.01"), out->ppv_1);
    read_by_risk(json_object_get(ppv, "0.07"), out->ppv_7);
    read_by_risk(json_object_get(root, "shares"), out->share);
    out->is_known = isfinite(out->urgent) && isfinite(out->review);
}

int policy_facts_read(struct policy_facts *out, const char *model_dir, struct err *err)
{
    struct policy_facts facts = {0};
    char path[PATH_SIZE];
    struct buf bytes;
    json_t *root = NULL;
    int ret = -1;

    buf_init(&bytes, POLICY_SIZE_MAX);
    if (path_format(path, sizeof(path), err, "%s/policy.json", model_dir))
        return -1;
    if (!model_dir[0] || access(path, F_OK)) {
        *out = facts;
        return 0;
    }
    if (file_read(path, &bytes, err))
        goto done;
    root = json_parse(bytes.data ? bytes.data : "", bytes.len, path, err);
    if (!root)
        goto done;
    sha256_hex(facts.sha256, bytes.data, bytes.len);
    read_policy(&facts, root);
    *out = facts;
    ret = 0;
done:
    json_decref(root);
    buf_release(&bytes);
    return ret;
}

bool policy_facts_fit(const struct policy_facts *f, const json_t *model)
{
    return f->is_known && !strcmp(json_text_or(model, "policy_sha256", ""), f->sha256);
}
