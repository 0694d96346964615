#include "train/bank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/random.h"
#include "engine/safetensors.h"

enum {
    ALIGN = 16 /* values */,
    PATH_SIZE = 4096,
    USE_WEIGHTS = 1000 /* of chance; see random_use */
};

int bank_init(struct bank *b, struct err *err)
{
    size_t total = 0, offset[PARAM_COUNT];

    *b = (struct bank){0};
    b->table = calloc(PARAM_COUNT, sizeof(*b->table));
    if (!b->table)
        return err_set(err, ERR_NOMEM, "out of memory for the table of weights");
    network_params(b->table);
    for (int i = 0; i < PARAM_COUNT; i++) {
        b->count[i] = param_count(&b->table[i]);
        offset[i] = total;
        total += (b->count[i] + ALIGN - 1) / ALIGN * ALIGN;
    }
    b->total = (total + BANK_PART - 1) / BANK_PART * BANK_PART;
    b->block = aligned_alloc(64, b->total * sizeof(*b->block));
    if (!b->block) {
        bank_release(b);
        return err_set(err, ERR_NOMEM, "%zu bytes for weights", total * sizeof(float));
    }
    for (int i = 0; i < PARAM_COUNT; i++)
        b->params.at[i] = b->block + offset[i];
    bank_clear(b);
    return 0;
}

void bank_release(struct bank *b)
{
    free(b->block);
    free(b->table);
    *b = (struct bank){0};
}

void bank_copy(struct bank *to, const struct bank *from)
{
    memcpy(to->block, from->block, from->total * sizeof(*from->block));
}

void bank_clear(struct bank *b)
{
    memset(b->block, 0, b->total * sizeof(*b->block));
}

bool bank_is_finite(const struct bank *b, bool only_statistics)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        enum role role = b->table[i].role;
        if (only_statistics && role != ROLE_MEAN && role != ROLE_VARIANCE)
            continue;
        float sum = 0; /* 0 times what is not finite is no number, and stays so */
        for (size_t k = 0; k < b->count[i]; k++)
            sum += 0 * b->params.at[i][k];
        if (sum != 0)
            return false;
    }
    return true;
}

bool param_is_norm_or_bias(const struct param *p)
{
    return p->role == ROLE_GAMMA || p->role == ROLE_BETA || p->role == ROLE_BIAS;
}

/* Box and Muller's pair, one of the two. */
static float draw_normal(struct random *r)
{
    float u = 1 - random_between(r, 0, 1), v = random_between(r, 0, 1);

    return sqrtf(-2 * logf(u)) * cosf(6.28318531F * v);
}

void bank_draw(struct bank *b, uint64_t seed)
{
    bank_clear(b);
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct param *p = &b->table[i];
        float *at = b->params.at[i];
        if (p->role == ROLE_WEIGHT) {
            struct random r;
            float inputs = (float)(p->shape[1] * p->shape[2] * p->shape[3]);
            random_begin(&r, seed, 0, (uint32_t)i, USE_WEIGHTS);
            for (size_t k = 0; k < b->count[i]; k++)
                at[k] = draw_normal(&r) * sqrtf(2 / inputs);
        } else if (p->role == ROLE_GAMMA || p->role == ROLE_VARIANCE || p->role == ROLE_SCALE) {
            for (size_t k = 0; k < b->count[i]; k++)
                at[k] = 1;
        }
    }
}

static int read_tensor(struct bank *b, int i, const struct tensor *t, struct err *err)
{
    const struct param *p = &b->table[i];
    char want[64], have[64];

    if (!tensor_has_shape(t, p->shape, p->rank))
        return err_set(err, ERR_CONFIG, "tensor %s has shape %s, not %s", p->name,
                       shape_text(have, sizeof(have), t->shape, t->rank),
                       shape_text(want, sizeof(want), p->shape, p->rank));
    return tensor_read(t, b->params.at[i], err);
}

static int read_set(struct bank *b, const struct tensor_set *set, int *missing, struct err *err)
{
    *missing = 0;
    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct tensor *t = tensor_find(set, b->table[i].name);
        if (t && read_tensor(b, i, t, err))
            return -1;
        if (!t && i < PARAM_COUNT_INFERENCE && b->table[i].role != ROLE_SCALE)
            return err_set(err, ERR_CONFIG, "tensor %s is missing", b->table[i].name);
        *missing += !t && i >= PARAM_COUNT_INFERENCE;
    }
    return 0;
}

int bank_read_model(struct bank *b, const char *path, int *missing, struct err *err)
{
    struct tensor_set set = {0};
    char file[PATH_SIZE];
    struct stat st;

    if (stat(path, &st))
        return err_set(err, ERR_CONFIG, "%s: no such model", path);
    if (path_format(file, sizeof(file), err, "%s%s", path,
                    S_ISDIR(st.st_mode) ? "/weights.safetensors" : ""))
        return -1;
    int ret = safetensors_read(&set, file, err);
    if (!ret && read_set(b, &set, missing, err))
        ret = err_wrap(err, "%s", file);
    tensor_set_release(&set);
    if (ret && err->code == ERR_INPUT)
        err->code = ERR_CONFIG;
    return ret;
}

int bank_write(const struct bank *b, const char *path, bool is_bf16, struct err *err)
{
    struct tensor items[PARAM_COUNT];

    for (int i = 0; i < PARAM_COUNT; i++) {
        const struct param *p = &b->table[i];
        items[i] = (struct tensor){.name = p->name,
                                   .dtype = DTYPE_F32,
                                   .rank = p->rank,
                                   .data = (const unsigned char *)b->params.at[i],
                                   .count = b->count[i]};
        memcpy(items[i].shape, p->shape, sizeof(p->shape));
    }
    return safetensors_write(path, items, PARAM_COUNT, is_bf16 ? DTYPE_BF16 : DTYPE_F32, err);
}
