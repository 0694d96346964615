#include "engine/tensor.h"

#include <math.h>

void tensor_set_release(struct tensor_set *s)
{
    for (size_t i = 0; i < s->owned_count; i++)
        free(s->owned[i]);
    free(s->owned);
    free(s->items);
    buf_release(&s->file);
    *s = (struct tensor_set){0};
}

int tensor_set_own(struct tensor_set *s, char *bytes, struct err *err)
{
    if (s->owned_count == s->owned_cap) {
        size_t cap = s->owned_cap ? 2 * s->owned_cap : 64;
        char **grown = realloc(s->owned, cap * sizeof(*grown));
        if (!grown) {
            free(bytes);
            return err_set(err, ERR_NOMEM, "out of memory for %zu tensors", cap);
        }
        s->owned = grown;
        s->owned_cap = cap;
    }
    s->owned[s->owned_count++] = bytes;
    return 0;
}

int tensor_set_add(struct tensor_set *s, const struct tensor *t, struct err *err)
{
    if (tensor_find(s, t->name))
        return err_set(err, ERR_INPUT, "tensor %s stands in the file twice", t->name);
    if (s->count == TENSOR_COUNT_MAX)
        return err_set(err, ERR_INPUT, "more than %d tensors", TENSOR_COUNT_MAX);
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct tensor *grown = realloc(s->items, cap * sizeof(*grown));
        if (!grown)
            return err_set(err, ERR_NOMEM, "out of memory for %zu tensors", cap);
        s->items = grown;
        s->cap = cap;
    }
    char *name = strdup(t->name);
    if (!name)
        return err_set(err, ERR_NOMEM, "out of memory for a tensor's name");
    if (tensor_set_own(s, name, err))
        return -1;
    s->items[s->count] = *t;
    s->items[s->count++].name = name;
    return 0;
}

const struct tensor *tensor_find(const struct tensor_set *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->items[i].name, name))
            return &s->items[i];
    return NULL;
}

size_t dtype_size(enum dtype d)
{
    static const size_t sizes[] = {
        [DTYPE_F32] = 4, [DTYPE_BF16] = 2, [DTYPE_F16] = 2,
        [DTYPE_F64] = 8, [DTYPE_I32] = 4,  [DTYPE_I64] = 8,
    };

    return sizes[d];
}

int tensor_count(size_t *count, const int64_t *shape, int rank, const char *name, struct err *err)
{
    size_t n = 1;

    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || shape[i] > TENSOR_FILE_MAX)
            return err_set(err, ERR_INPUT, "tensor %s: size %lld in its shape", name,
                           (long long)shape[i]);
        n *= (size_t)shape[i];
        if (n > TENSOR_FILE_MAX)
            return err_set(err, ERR_INPUT, "tensor %s: shape of more than 2^30 values", name);
    }
    *count = n;
    return 0;
}

bool tensor_has_shape(const struct tensor *t, const int64_t *shape, int rank)
{
    if (t->rank == 0)
        return rank == 1 && shape[0] == 1;
    if (t->rank != rank)
        return false;
    return !memcmp(t->shape, shape, (size_t)rank * sizeof(*shape));
}

char *shape_text(char *out, size_t size, const int64_t *shape, int rank)
{
    size_t len = 0;

    snprintf(out, size, "[]");
    for (int i = 0; i < rank && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%lld%s", i ? "," : "[",
                                (long long)shape[i], i == rank - 1 ? "]" : "");
    return out;
}

static float f32_of_bits(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float f32_of_f16(uint16_t h)
{
    float sign = h & 0x8000 ? -1 : 1;
    int exponent = h >> 10 & 31, fraction = h & 1023;

    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)fraction, -24);
    return sign * ldexpf((float)(fraction + 1024), exponent - 25);
}

/* One value of the rarer types. */
static float read_value(const struct tensor *t, size_t i)
{
    const unsigned char *at = t->data + i * dtype_size(t->dtype);
    union {
        uint16_t half;
        double f64;
        int32_t i32;
        int64_t i64;
    } v;

    memcpy(&v, at, dtype_size(t->dtype));
    switch (t->dtype) {
    case DTYPE_F32: /* these two have their own loops */
    case DTYPE_BF16: break;
    case DTYPE_F16: return f32_of_f16(v.half);
    case DTYPE_F64: return (float)v.f64;
    case DTYPE_I32: return (float)v.i32;
    case DTYPE_I64: return (float)v.i64;
    }
    return NAN;
}

/* The two types that our own files have, in loops that vectorise. */
static void read_f32(const struct tensor *t, float *out)
{
    memcpy(out, t->data, t->count * sizeof(*out));
}

static void read_bf16(const struct tensor *t, float *out)
{
    for (size_t i = 0; i < t->count; i++) {
        uint16_t half;
        memcpy(&half, t->data + 2 * i, sizeof(half));
        out[i] = f32_of_bits((uint32_t)half << 16);
    }
}

int tensor_read(const struct tensor *t, float *out, struct err *err)
{
    if (t->dtype == DTYPE_F32)
        read_f32(t, out);
    else if (t->dtype == DTYPE_BF16)
        read_bf16(t, out);
    else
        for (size_t i = 0; i < t->count; i++)
            out[i] = read_value(t, i);
    for (size_t i = 0; i < t->count; i++)
        if (!isfinite(out[i]))
            return err_set(err, ERR_INPUT, "tensor %s: value %zu is %s", t->name, i,
                           isnan(out[i]) ? "NaN" : "infinite");
    return 0;
}
