#include "engine/model.h"

#include <math.h>

#include "common/file.h"
#include "common/json.h"
#include "engine/network.h"
#include "engine/safetensors.h"
#include "engine/tensor.h"
#include "engine/weights.h"

enum { PATH_SIZE = 4096, CARD_MAX = 1 << 20, SIDE_MAX = 4096, ROLES = ROLE_SCALE + 1 };

static const char *const precision_words[] = {"f32", "bf16", "fp16", "int8"};
enum { PRECISIONS = sizeof(precision_words) / sizeof(*precision_words), F32 = 1, BF16 = 2 };

struct model {
    struct model_card card;
    unsigned precisions; /* a bit for each word above */
    bool has_ranges;
    struct ranges ranges;
    struct tensor_set set;
    const struct tensor *of[LAYER_COUNT][ROLES]; /* NULL where a layer has none */
};

static int copy_text(char *out, size_t size, const json_t *card, const char *key, struct err *err)
{
    const char *text;

    if (json_get_text(card, key, &text, err))
        return -1;
    if (!*text || strlen(text) >= size)
        return err_set(err, ERR_CONFIG, "key \"%s\" is empty or longer than %zu bytes", key,
                       size - 1);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static unsigned bit_of_precision(const char *word)
{
    for (unsigned i = 0; word && i < PRECISIONS; i++)
        if (!strcmp(word, precision_words[i]))
            return 1U << i;
    return 0; /* of a later version: nothing that this one could run */
}

static unsigned read_precisions(const json_t *card)
{
    const json_t *list = json_object_get(card, "precisions");
    unsigned bits = list ? F32 : F32 | BF16;

    for (size_t i = 0; i < json_array_size(list); i++)
        bits |= bit_of_precision(json_string_value(json_array_get(list, i)));
    return bits;
}

static int read_card(struct model *m, const char *dir, struct err *err)
{
    struct model_card *card = &m->card;
    char path[PATH_SIZE];
    int64_t size;

    if (path_format(path, sizeof(path), err, "%s/card.json", dir))
        return -1;
    json_t *json = json_read(path, CARD_MAX, err);
    if (!json)
        return -1;
    int ret = copy_text(card->name, sizeof(card->name), json, "name", err) ||
              copy_text(card->version, sizeof(card->version), json, "version", err) ||
              copy_text(card->licence, sizeof(card->licence), json, "licence", err) ||
              json_get_int(json, "size", 1, SIDE_MAX, &size, err);
    m->precisions = read_precisions(json);
    json_decref(json);
    if (ret)
        return err_wrap(err, "%s", path);
    card->size = (int)size;
    return 0;
}

static int check_values(const struct tensor *t, enum role role, struct err *err)
{
    float *values = malloc(t->count * sizeof(*values) + 1);
    int ret;

    if (!values)
        return err_set(err, ERR_NOMEM, "tensor %s: out of memory", t->name);
    ret = tensor_read(t, values, err);
    for (size_t i = 0; i < t->count && !ret && role == ROLE_VARIANCE; i++)
        if (values[i] < 0)
            ret = err_set(err, ERR_INPUT, "tensor %s: value %zu is negative", t->name, i);
    free(values);
    return ret;
}

static int find_tensor(struct model *m, const struct param *p, struct err *err)
{
    const struct tensor *t = tensor_find(&m->set, p->name);
    char want[64], have[64];

    if (!t)
        return err_set(err, ERR_INPUT, "tensor %s is missing", p->name);
    if (!tensor_has_shape(t, p->shape, p->rank))
        return err_set(err, ERR_INPUT, "tensor %s has shape %s, not %s", p->name,
                       shape_text(have, sizeof(have), t->shape, t->rank),
                       shape_text(want, sizeof(want), p->shape, p->rank));
    m->of[p->layer][p->role] = t;
    return check_values(t, p->role, err);
}

static int read_weights(struct model *m, const char *dir, struct err *err)
{
    struct param params[PARAM_COUNT];
    char path[PATH_SIZE];

    if (path_format(path, sizeof(path), err, "%s/weights.safetensors", dir) ||
        safetensors_read(&m->set, path, err))
        return -1;
    sha256_hex(m->card.sha256, m->set.file.data, m->set.file.len);
    network_params(params);
    for (int i = 0; i < PARAM_COUNT_INFERENCE; i++)
        if (find_tensor(m, &params[i], err))
            return err_wrap(err, "%s", path);
    return 0;
}

static int read_ranges(struct model *m, const char *dir, struct err *err)
{
    int got = ranges_read(&m->ranges, dir, err);

    m->has_ranges = got == 1;
    if (got == 1 && strcmp(m->ranges.weights_sha256, m->card.sha256) != 0)
        return err_set(err, ERR_CONFIG,
                       "%s/int8.json belongs to other weights (%.8s, not %.8s); remove it and run "
                       "lentigo model quantize again",
                       dir, m->ranges.weights_sha256, m->card.sha256);
    return got < 0 ? -1 : 0;
}

int model_open(struct model **out, const char *dir, struct err *err)
{
    struct model *m = calloc(1, sizeof(*m));
    struct err why = {0};

    if (!m)
        return err_set(err, ERR_NOMEM, "%s: out of memory", dir);
    if (!read_card(m, dir, &why) && !read_weights(m, dir, &why) && !read_ranges(m, dir, &why)) {
        *out = m;
        return 0;
    }
    model_close(m);
    /* a model is configuration: whatever is wrong with it, no image is to blame */
    return err_set(err, why.code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG, "%s", why.msg);
}

void model_close(struct model *m)
{
    if (!m)
        return;
    tensor_set_release(&m->set);
    free(m);
}

const struct model_card *model_card(const struct model *m)
{
    return &m->card;
}

bool model_allows(const struct model *m, const char *precision)
{
    unsigned bits = bit_of_precision(precision);

    if (!strcmp(precision, "fp16"))
        bits |= bit_of_precision("bf16");
    return m->precisions & bits;
}

const struct ranges *model_ranges(const struct model *m)
{
    return m->has_ranges ? &m->ranges : NULL;
}

size_t weights_count(int layer)
{
    const struct layer *l = &network[layer];

    return (size_t)l->channels * (size_t)(network[l->in[0]].channels / l->groups) *
           (size_t)(l->kernel * l->kernel);
}

static int read_role(const struct model *m, int layer, enum role role, float *out, struct err *err)
{
    const struct tensor *t = m->of[layer][role];

    return t ? tensor_read(t, out, err) : 0; /* a missing one leaves its default */
}

enum { CHANNELS_MAX = 1024 };

/* What the norm does to output channel c: y * scale[c] + shift[c]. */
static int fold_norm(const struct model *m, int layer, double *scale, double *shift,
                     struct err *err)
{
    float gamma[CHANNELS_MAX] = {0}, beta[CHANNELS_MAX] = {0}, bias[CHANNELS_MAX] = {0};
    float mean[CHANNELS_MAX] = {0}, variance[CHANNELS_MAX] = {0};
    bool norm = network[layer].norm;

    if (read_role(m, layer, ROLE_BIAS, bias, err))
        return -1;
    if (norm &&
        (read_role(m, layer, ROLE_GAMMA, gamma, err) || read_role(m, layer, ROLE_BETA, beta, err) ||
         read_role(m, layer, ROLE_MEAN, mean, err) ||
         read_role(m, layer, ROLE_VARIANCE, variance, err)))
        return -1;
    for (int c = 0; c < network[layer].channels; c++) {
        scale[c] = norm ? gamma[c] / sqrt((double)variance[c] + BATCH_NORM_EPSILON) : 1;
        shift[c] = norm ? beta[c] + ((double)bias[c] - mean[c]) * scale[c] : bias[c];
    }
    return 0;
}

int weights_fold(const struct model *m, int layer, double *weight, double *bias, struct err *err)
{
    const struct tensor *t = m->of[layer][ROLE_WEIGHT];
    double scale[CHANNELS_MAX] = {0};
    float *raw = malloc(t->count * sizeof(*raw));
    size_t per_channel = t->count / (size_t)network[layer].channels;

    if (!raw)
        return err_set(err, ERR_NOMEM, "tensor %s: out of memory", t->name);
    int ret = tensor_read(t, raw, err) || fold_norm(m, layer, scale, bias, err) ? -1 : 0;
    for (size_t i = 0; i < t->count && !ret; i++)
        weight[i] = raw[i] * scale[i / per_channel];
    free(raw);
    return ret;
}

double weights_scale(const struct model *m, int layer)
{
    struct err never = {0}; /* its value was checked by model_open */
    float scale = 1;

    read_role(m, layer, ROLE_SCALE, &scale, &never);
    return scale;
}
