#include "engine/pdparams.h"

#include "common/file.h"
#include "engine/pickle.h"

enum { NAME_SIZE = 256 };
enum { ITEM_SHAPE, ITEM_DTYPE, ITEM_FORTRAN, ITEM_BYTES, ITEM_COUNT }; /* of an array */

static const struct {
    const char *word;
    enum dtype dtype;
} dtype_words[] = {
    {"f2", DTYPE_F16},
    {"f4", DTYPE_F32},
    {"f8", DTYPE_F64},
    {"i4", DTYPE_I32},
    {"i8", DTYPE_I64},
};

static int read_dtype(struct tensor *t, const struct pickle_value *dtype, struct err *err)
{
    if (dtype->number)
        return err_set(err, ERR_INPUT, "tensor %s: big-endian values", t->name);
    for (size_t i = 0; i < sizeof(dtype_words) / sizeof(*dtype_words); i++)
        if (pickle_is_text(dtype, dtype_words[i].word)) {
            t->dtype = dtype_words[i].dtype;
            return 0;
        }
    return err_set(err, ERR_INPUT, "tensor %s: values of type %.*s are not supported", t->name,
                   (int)(dtype->size & 15), dtype->bytes);
}

static int read_shape(struct tensor *t, const struct pickle *p, const struct pickle_value *shape,
                      struct err *err)
{
    if (shape->size > TENSOR_RANK_MAX)
        return err_set(err, ERR_INPUT, "tensor %s: %zu dimensions", t->name, shape->size);
    t->rank = (int)shape->size;
    for (size_t i = 0; i < shape->size; i++) {
        const struct pickle_value *size = pickle_at(p, shape->items[i]);
        if (size->type != PICKLE_INT)
            return err_set(err, ERR_INPUT, "tensor %s: a size that is no whole number", t->name);
        t->shape[i] = size->number;
    }
    return tensor_count(&t->count, t->shape, t->rank, t->name, err);
}

static int add_array(struct tensor_set *set, const struct pickle *p, const char *name,
                     const struct pickle_value *array, struct err *err)
{
    struct tensor t = {.name = name};

    if (array->size != ITEM_COUNT)
        return err_set(err, ERR_INPUT, "tensor %s: an array without values", name);
    const struct pickle_value *bytes = pickle_at(p, array->items[ITEM_BYTES]);
    if (read_shape(&t, p, pickle_at(p, array->items[ITEM_SHAPE]), err) ||
        read_dtype(&t, pickle_at(p, array->items[ITEM_DTYPE]), err))
        return -1;
    if (pickle_at(p, array->items[ITEM_FORTRAN])->number && t.rank > 1)
        return err_set(err, ERR_INPUT, "tensor %s: values in Fortran order", name);
    if (bytes->size != t.count * dtype_size(t.dtype))
        return err_set(err, ERR_INPUT, "tensor %s: %zu bytes, %zu by its shape", name, bytes->size,
                       t.count * dtype_size(t.dtype));
    t.data = (const unsigned char *)bytes->bytes;
    return tensor_set_add(set, &t, err);
}

/* The array of a value that is one, or of a (name, array) pair; else NULL. */
static const struct pickle_value *find_array(const struct pickle *p, const struct pickle_value *v)
{
    if (v->type == PICKLE_TUPLE && v->size == 2 && pickle_at(p, v->items[0])->type == PICKLE_TEXT)
        v = pickle_at(p, v->items[1]);
    return v->type == PICKLE_ARRAY ? v : NULL;
}

static int add_arrays(struct tensor_set *set, const struct pickle *p, struct err *err)
{
    const struct pickle_value *dict = pickle_at(p, p->top);
    char name[NAME_SIZE];

    if (dict->type != PICKLE_DICT)
        return err_set(err, ERR_INPUT, "the pickle holds no dict of tensors");
    for (size_t i = 0; i + 1 < dict->size; i += 2) {
        const struct pickle_value *key = pickle_at(p, dict->items[i]);
        const struct pickle_value *array = find_array(p, pickle_at(p, dict->items[i + 1]));
        if (!array)
            continue;
        if (key->type != PICKLE_TEXT || key->size >= sizeof(name))
            return err_set(err, ERR_INPUT, "a tensor whose name is no text or too long");
        memcpy(name, key->bytes, key->size);
        name[key->size] = 0;
        if (add_array(set, p, name, array, err))
            return -1;
    }
    return set->count ? 0 : err_set(err, ERR_INPUT, "the dict holds no tensor");
}

/* Bytes that the pickle decoded go with the set, whose tensors point into them. */
static int keep_decoded(struct tensor_set *set, struct pickle *p, struct err *err)
{
    while (p->owned_count)
        if (tensor_set_own(set, p->owned[--p->owned_count], err))
            return -1;
    return 0;
}

int pdparams_read(struct tensor_set *out, const char *path, struct err *err)
{
    struct pickle p = {0};
    int ret = -1;

    *out = (struct tensor_set){0};
    buf_init(&out->file, TENSOR_FILE_MAX);
    if (!file_read(path, &out->file, err) &&
        !pickle_read(&p, out->file.data ? out->file.data : "", out->file.len, err) &&
        !add_arrays(out, &p, err))
        ret = keep_decoded(out, &p, err);
    pickle_release(&p);
    if (!ret)
        return 0;
    tensor_set_release(out);
    return err_wrap(err, "%s", path);
}
