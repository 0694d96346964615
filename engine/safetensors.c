#include "engine/safetensors.h"

#include "common/file.h"
#include "common/json.h"

enum { LENGTH_BYTES = 8, HEADER_MAX = 8 << 20 };

static const struct {
    const char *word;
    enum dtype dtype;
} dtype_words[] = {
    {"F32",  DTYPE_F32 },
    {"BF16", DTYPE_BF16},
    {"F16",  DTYPE_F16 },
    {"F64",  DTYPE_F64 },
    {"I32",  DTYPE_I32 },
    {"I64",  DTYPE_I64 },
};
enum { DTYPE_WORDS = sizeof(dtype_words) / sizeof(*dtype_words) };

static int read_dtype(struct tensor *t, const json_t *entry, struct err *err)
{
    const char *word;

    if (json_get_text(entry, "dtype", &word, err))
        return err_wrap(err, "tensor %s", t->name);
    for (int i = 0; i < DTYPE_WORDS; i++)
        if (!strcmp(word, dtype_words[i].word)) {
            t->dtype = dtype_words[i].dtype;
            return 0;
        }
    return err_set(err, ERR_INPUT, "tensor %s: type %s is not supported", t->name, word);
}

static int read_shape(struct tensor *t, const json_t *entry, struct err *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t rank = json_array_size(shape);

    if (!json_is_array(shape) || rank > TENSOR_RANK_MAX)
        return err_set(err, ERR_INPUT, "tensor %s: no shape of at most %d sizes", t->name,
                       TENSOR_RANK_MAX);
    t->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size))
            return err_set(err, ERR_INPUT, "tensor %s: a size that is no whole number", t->name);
        t->shape[i] = json_integer_value(size);
    }
    return tensor_count(&t->count, t->shape, t->rank, t->name, err);
}

/* Offsets count from the end of the header; `data_size` is what the file holds behind it. */
static int read_place(struct tensor *t, const json_t *entry, const unsigned char *data,
                      size_t data_size, struct err *err)
{
    const json_t *place = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(place, 0), *last = json_array_get(place, 1);
    size_t bytes = t->count * dtype_size(t->dtype);

    if (json_array_size(place) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return err_set(err, ERR_INPUT, "tensor %s: data_offsets are not two whole numbers",
                       t->name);
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (size_t)(end - begin) != bytes)
        return err_set(err, ERR_INPUT, "tensor %s: %lld bytes in the file, %zu by its shape",
                       t->name, (long long)(end - begin), bytes);
    if ((size_t)end > data_size)
        return err_set(err, ERR_INPUT, "tensor %s: the file is cut, %zu bytes are missing", t->name,
                       (size_t)end - data_size);
    t->data = data + begin;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;

    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return (x->count > y->count) - (x->count < y->count);
}

static int check_cover(struct tensor_set *set, const unsigned char *data, size_t data_size,
                       struct err *err)
{
    const unsigned char *at = data;

    if (set->count)
        qsort(set->items, set->count, sizeof(*set->items), by_place);
    for (size_t i = 0; i < set->count; i++) {
        const struct tensor *t = &set->items[i];
        if (t->data != at)
            return err_set(err, ERR_INPUT, "tensor %s: its bytes %s", t->name,
                           t->data < at ? "are shared with another's" : "follow a gap");
        at += t->count * dtype_size(t->dtype);
    }
    if (at != data + data_size)
        return err_set(err, ERR_INPUT, "%zu bytes behind the last tensor",
                       (size_t)(data + data_size - at));
    return 0;
}

static int read_entries(struct tensor_set *set, json_t *header, const unsigned char *data,
                        size_t data_size, struct err *err)
{
    const char *name;
    json_t *entry;

    json_object_foreach(header, name, entry)
    {
        struct tensor t = {.name = name};
        if (!strcmp(name, "__metadata__"))
            continue;
        if (read_dtype(&t, entry, err) || read_shape(&t, entry, err) ||
            read_place(&t, entry, data, data_size, err) || tensor_set_add(set, &t, err))
            return -1;
    }
    return check_cover(set, data, data_size, err);
}

static uint64_t length_of(const unsigned char *bytes)
{
    uint64_t n = 0;

    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        n = n << 8 | bytes[i];
    return n;
}

static int read_file(struct tensor_set *set, const char *path, struct err *err)
{
    buf_init(&set->file, TENSOR_FILE_MAX);
    if (file_read(path, &set->file, err))
        return -1;
    const char *bytes = set->file.data;
    if (set->file.len < LENGTH_BYTES)
        return err_set(err, ERR_INPUT, "%s: %zu bytes are no safetensors file", path,
                       set->file.len);
    size_t rest = set->file.len - LENGTH_BYTES;
    uint64_t length = length_of((const unsigned char *)bytes);
    if (length > HEADER_MAX || length > rest)
        return err_set(err, ERR_INPUT,
                       "%s: header of %llu bytes, the file is cut or of another kind", path,
                       (unsigned long long)length);
    json_t *header = json_parse(bytes + LENGTH_BYTES, length, path, err);
    if (!header)
        return -1;
    const unsigned char *data = (const unsigned char *)bytes + LENGTH_BYTES + length;
    int ret = read_entries(set, header, data, rest - length, err);
    json_decref(header);
    return ret ? err_wrap(err, "%s", path) : 0;
}

int safetensors_read(struct tensor_set *out, const char *path, struct err *err)
{
    *out = (struct tensor_set){0};
    if (!read_file(out, path, err))
        return 0;
    tensor_set_release(out);
    return -1;
}

static void add_header(struct buf *out, const struct tensor *items, size_t count, enum dtype dtype)
{
    size_t at = 0;

    buf_add_text(out, "{");
    for (size_t i = 0; i < count; i++) {
        char shape[128];
        size_t bytes = items[i].count * dtype_size(dtype);
        buf_printf(out, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                   i ? "," : "", items[i].name, dtype == DTYPE_BF16 ? "BF16" : "F32",
                   shape_text(shape, sizeof(shape), items[i].shape, items[i].rank), at, at + bytes);
        at += bytes;
    }
    buf_add_text(out, "}");
    while (out->len % 8 && !out->failed) /* so that the values are aligned */
        buf_add_text(out, " ");
}

/* Round to nearest, ties to even; the values are finite. */
static uint16_t bf16_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static int add_values(struct buf *out, const struct tensor *t, enum dtype dtype, struct err *err)
{
    float *values = malloc(t->count * sizeof(*values) + 1);

    if (!values)
        return err_set(err, ERR_NOMEM, "tensor %s: out of memory", t->name);
    int ret = tensor_read(t, values, err);
    for (size_t i = 0; !ret && i < t->count && dtype == DTYPE_BF16; i++) {
        uint16_t half = bf16_of(values[i]);
        buf_add(out, &half, sizeof(half));
    }
    if (!ret && dtype == DTYPE_F32)
        buf_add(out, values, t->count * sizeof(*values));
    free(values);
    return ret;
}

int safetensors_write(const char *path, const struct tensor *items, size_t count, enum dtype dtype,
                      struct err *err)
{
    struct buf header, file;
    unsigned char length[LENGTH_BYTES];
    int ret = 0;

    buf_init(&header, HEADER_MAX);
    buf_init(&file, TENSOR_FILE_MAX);
    add_header(&header, items, count, dtype);
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)((uint64_t)header.len >> 8 * i);
    buf_add(&file, length, sizeof(length));
    buf_add(&file, header.data, header.len);
    for (size_t i = 0; i < count && !ret; i++)
        ret = add_values(&file, &items[i], dtype, err);
    if (!ret)
        ret = buf_check(&header, path, err) || buf_check(&file, path, err) ||
              file_write(path, file.data, file.len, err);
    buf_release(&header);
    buf_release(&file);
    return ret ? -1 : 0;
}
