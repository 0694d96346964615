#include "engine/pickle.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES_MAX = 1 << 22 };

/* The only names a file may call or refer to. */
enum callable { CALL_RECONSTRUCT, CALL_NDARRAY, CALL_DTYPE, CALL_ENCODE };

static const struct {
    const char *module, *name;
    enum callable callable;
} known[] = {
    {"numpy.core.multiarray",  "_reconstruct", CALL_RECONSTRUCT},
    {"numpy._core.multiarray", "_reconstruct", CALL_RECONSTRUCT},
    {"numpy",                  "ndarray",      CALL_NDARRAY    },
    {"numpy",                  "dtype",        CALL_DTYPE      },
    {"_codecs",                "encode",       CALL_ENCODE     },
};

/* A list of value indices: the stack, and the memo. */
struct indices {
    uint32_t *at;
    size_t count, cap;
};

struct machine {
    struct pickle *p;
    const unsigned char *bytes;
    size_t n, at;
    struct indices stack, memo;
    size_t decoded; /* bytes of text that were made bytes */
    struct err *err;
};

static int fail(struct machine *m, const char *what)
{
    return err_set(m->err, ERR_INPUT, "pickle, byte %zu: %s", m->at, what);
}

/* Room for one more of `size` bytes in *array. */
static int grow(void **array, size_t count, size_t *cap, size_t size, struct err *err)
{
    if (count < *cap)
        return 0;
    if (count >= VALUES_MAX)
        return err_set(err, ERR_INPUT, "pickle: more than %d values", VALUES_MAX);
    size_t wanted = *cap ? 2 * *cap : 64;
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return err_set(err, ERR_NOMEM, "pickle: out of memory");
    *array = grown;
    *cap = wanted;
    return 0;
}

static int indices_add(struct indices *list, uint32_t index, struct err *err)
{
    void *array = list->at;
    int ret = grow(&array, list->count, &list->cap, sizeof(*list->at), err);

    list->at = array;
    if (!ret)
        list->at[list->count++] = index;
    return ret;
}

static int push(struct machine *m, struct pickle_value v)
{
    struct pickle *p = m->p;
    void *array = p->values;
    int ret = grow(&array, p->count, &p->cap, sizeof(v), m->err);

    p->values = array;
    if (ret)
        return -1;
    p->values[p->count++] = v;
    return indices_add(&m->stack, (uint32_t)(p->count - 1), m->err);
}

static int value_add(struct machine *m, uint32_t container, uint32_t item)
{
    struct pickle_value *v = &m->p->values[container];
    void *array = v->items;
    int ret = grow(&array, v->size, &v->cap, sizeof(*v->items), m->err);

    v->items = array;
    if (!ret)
        v->items[v->size++] = item;
    return ret;
}

static struct pickle_value *value(struct machine *m, uint32_t index)
{
    return &m->p->values[index];
}

/* The value `depth` below the top of the stack, or NULL. */
static struct pickle_value *peek(struct machine *m, size_t depth)
{
    if (depth >= m->stack.count)
        return NULL;
    return value(m, m->stack.at[m->stack.count - 1 - depth]);
}

static bool is_type(const struct pickle_value *v, enum pickle_type type)
{
    return v && v->type == type;
}

/* The next `n` bytes, or NULL when there are fewer. */
static const unsigned char *take(struct machine *m, size_t n)
{
    const unsigned char *at = m->bytes + m->at;

    if (n > m->n - m->at) {
        fail(m, "the file is cut");
        return NULL;
    }
    m->at += n;
    return at;
}

static int take_number(struct machine *m, int bytes, uint64_t *out)
{
    const unsigned char *at = take(m, (size_t)bytes);

    if (!at)
        return -1;
    *out = 0;
    for (int i = bytes - 1; i >= 0; i--)
        *out = *out << 8 | at[i];
    return 0;
}

static int push_int(struct machine *m, int64_t number, enum pickle_type type)
{
    return push(m, (struct pickle_value){.type = type, .number = number});
}

/* A little-endian number of `bytes` bytes; a 4-byte one (BININT) has a sign. */
static int read_int(struct machine *m, int bytes)
{
    uint64_t raw = 0;

    if (take_number(m, bytes, &raw))
        return -1;
    return push_int(m, bytes == 4 ? (int64_t)(int32_t)raw : (int64_t)raw, PICKLE_INT);
}

static int read_long(struct machine *m)
{
    uint64_t length = 0, raw = 0;

    if (take_number(m, 1, &length))
        return -1;
    if (length > 8)
        return fail(m, "a number of more than 64 bits");
    if (take_number(m, (int)length, &raw))
        return -1;
    if (length && length < 8 && raw >> (8 * length - 1)) /* two's complement */
        raw |= ~(uint64_t)0 << (8 * length);
    return push_int(m, (int64_t)raw, PICKLE_INT);
}

static int read_real(struct machine *m)
{
    const unsigned char *at = take(m, 8);
    uint64_t bits = 0;
    struct pickle_value v = {.type = PICKLE_FLOAT};

    if (!at)
        return -1;
    for (int i = 0; i < 8; i++) /* big-endian */
        bits = bits << 8 | at[i];
    memcpy(&v.real, &bits, sizeof(v.real));
    return push(m, v);
}

static int read_bytes(struct machine *m, int length_bytes, enum pickle_type type)
{
    uint64_t length = 0;
    const unsigned char *at;

    if (take_number(m, length_bytes, &length))
        return -1;
    at = take(m, length);
    if (!at)
        return -1;
    return push(m, (struct pickle_value){.type = type, .bytes = (const char *)at, .size = length});
}

static int memo_put(struct machine *m, uint64_t slot)
{
    if (!m->stack.count || slot > VALUES_MAX)
        return fail(m, "nothing to remember, or a slot out of range");
    while (m->memo.count <= slot)
        if (indices_add(&m->memo, UINT32_MAX, m->err))
            return -1;
    m->memo.at[slot] = m->stack.at[m->stack.count - 1];
    return 0;
}

static int read_put(struct machine *m, int bytes)
{
    uint64_t slot = 0;

    return take_number(m, bytes, &slot) || memo_put(m, slot) ? -1 : 0;
}

static int read_get(struct machine *m, int bytes)
{
    uint64_t slot = 0;

    if (take_number(m, bytes, &slot))
        return -1;
    if (slot >= m->memo.count || m->memo.at[slot] == UINT32_MAX)
        return fail(m, "a value that was never remembered");
    return indices_add(&m->stack, m->memo.at[slot], m->err);
}

/* Make a tuple of the top `n` values. */
static int make_tuple(struct machine *m, size_t n)
{
    if (n > m->stack.count)
        return fail(m, "too few values for a tuple");
    size_t first = m->stack.count - n;
    if (push(m, (struct pickle_value){.type = PICKLE_TUPLE}))
        return -1;
    uint32_t tuple = m->stack.at[m->stack.count - 1];
    for (size_t i = 0; i < n; i++)
        if (value_add(m, tuple, m->stack.at[first + i]))
            return -1;
    m->stack.at[first] = tuple;
    m->stack.count = first + 1;
    return 0;
}

/* How many values lie above the last mark; -1 without one. */
static int64_t above_mark(struct machine *m)
{
    for (size_t i = 0; i < m->stack.count; i++)
        if (is_type(peek(m, i), PICKLE_MARK))
            return (int64_t)i;
    return fail(m, "no mark on the stack");
}

static int tuple_to_mark(struct machine *m)
{
    int64_t n = above_mark(m);

    if (n < 0 || make_tuple(m, (size_t)n))
        return -1;
    m->stack.at[m->stack.count - 2] = m->stack.at[m->stack.count - 1];
    m->stack.count--;
    return 0;
}

/* Put the top `n` values into the container below them (and below a mark when `marked`). */
static int add_items(struct machine *m, size_t n, bool marked, enum pickle_type type)
{
    size_t below = n + (marked ? 1 : 0);

    if (!is_type(peek(m, below), type))
        return fail(m, "items for something that is no list or dict");
    if (type == PICKLE_DICT && n % 2)
        return fail(m, "a key without a value");
    uint32_t container = m->stack.at[m->stack.count - 1 - below];
    for (size_t i = m->stack.count - n; i < m->stack.count; i++)
        if (value_add(m, container, m->stack.at[i]))
            return -1;
    m->stack.count -= below;
    return 0;
}

static int add_items_to_mark(struct machine *m, enum pickle_type type)
{
    int64_t n = above_mark(m);

    return n < 0 ? -1 : add_items(m, (size_t)n, true, type);
}

static int push_callable(struct machine *m, const struct pickle_value *module,
                         const struct pickle_value *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (pickle_is_text(module, known[i].module) && pickle_is_text(name, known[i].name))
            return push_int(m, known[i].callable, PICKLE_CALLABLE);
    return err_set(m->err, ERR_INPUT,
                   "pickle, byte %zu: refers to %.*s.%.*s, which no weight file needs; refused",
                   m->at, (int)(module->size & 127), module->bytes, (int)(name->size & 127),
                   name->bytes);
}

/* A text that ends with a newline. */
static int read_line(struct machine *m, struct pickle_value *out)
{
    const unsigned char *at = m->bytes + m->at, *end = memchr(at, '\n', m->n - m->at);

    if (!end)
        return fail(m, "a name that is cut");
    *out = (struct pickle_value){
        .type = PICKLE_TEXT, .bytes = (const char *)at, .size = (size_t)(end - at)};
    m->at += out->size + 1;
    return 0;
}

static int read_global(struct machine *m)
{
    struct pickle_value module = {0}, name = {0};

    if (read_line(m, &module) || read_line(m, &name))
        return -1;
    return push_callable(m, &module, &name);
}

static int stack_global(struct machine *m)
{
    const struct pickle_value *module = peek(m, 1), *name = peek(m, 0);

    if (!is_type(module, PICKLE_TEXT) || !is_type(name, PICKLE_TEXT))
        return fail(m, "a reference that is no pair of names");
    m->stack.count -= 2;
    return push_callable(m, module, name);
}

/* Protocol 2 has no bytes: they stand as text, each code point 0 to 255 one byte. */
static int decode_latin1(struct machine *m, const struct pickle_value *text)
{
    struct pickle *p = m->p;
    void *array = p->owned;

    /* A file can ask for one long text again and again. */
    if (text->size > m->n - m->decoded)
        return fail(m, "more text for bytes than the file holds");
    m->decoded += text->size;
    int ret = grow(&array, p->owned_count, &p->owned_cap, sizeof(*p->owned), m->err);

    p->owned = array;
    if (ret)
        return -1;
    unsigned char *out = malloc(text->size + 1);
    if (!out)
        return err_set(m->err, ERR_NOMEM, "pickle: out of memory");
    p->owned[p->owned_count++] = (char *)out;
    const unsigned char *in = (const unsigned char *)text->bytes, *end = in + text->size;
    size_t n = 0;
    while (in < end) {
        bool two = (*in & 0xfe) == 0xc2 && end - in > 1 && (in[1] & 0xc0) == 0x80; /* c2, c3 */
        if (*in >= 0x80 && !two)
            return fail(m, "text for bytes with a letter beyond latin-1");
        out[n++] = two ? (unsigned char)((*in & 3) << 6 | (in[1] & 0x3f)) : *in;
        in += two ? 2 : 1;
    }
    return push(m, (struct pickle_value){.type = PICKLE_BYTES, .bytes = (char *)out, .size = n});
}

static int make_dtype(struct machine *m, const struct pickle_value *args)
{
    if (args->size < 1 || !is_type(value(m, args->items[0]), PICKLE_TEXT))
        return fail(m, "a dtype without a name");
    struct pickle_value v = *value(m, args->items[0]);
    v.type = PICKLE_DTYPE;
    return push(m, v);
}

static int reduce(struct machine *m)
{
    const struct pickle_value *call = peek(m, 1), *args = peek(m, 0);

    if (!is_type(call, PICKLE_CALLABLE) || !is_type(args, PICKLE_TUPLE))
        return fail(m, "a call of something that cannot be called");
    struct pickle_value kept = *args; /* the table may move */
    int64_t callable = call->number;
    m->stack.count -= 2;
    switch (callable) {
    case CALL_RECONSTRUCT: return push_int(m, 0, PICKLE_ARRAY);
    case CALL_DTYPE: return make_dtype(m, &kept);
    case CALL_ENCODE:
        if (kept.size != 2 || !is_type(value(m, kept.items[0]), PICKLE_TEXT) ||
            !pickle_is_text(value(m, kept.items[1]), "latin1"))
            return fail(m, "bytes in an encoding other than latin1");
        struct pickle_value text = *value(m, kept.items[0]);
        return decode_latin1(m, &text);
    default: return fail(m, "a call of a class that takes none");
    }
}

/* State of a dtype: (3, '<' or '|' or '>', ...). */
static int build_dtype(struct machine *m, uint32_t dtype, const struct pickle_value *state)
{
    if (state->size < 2 || !is_type(value(m, state->items[1]), PICKLE_TEXT))
        return fail(m, "a dtype without a byte order");
    value(m, dtype)->number = pickle_is_text(value(m, state->items[1]), ">");
    return 0;
}

/* State of an array: (1, shape, dtype, fortran, bytes). */
static int build_array(struct machine *m, uint32_t array, const struct pickle_value *state)
{
    static const enum pickle_type types[] = {PICKLE_INT, PICKLE_TUPLE, PICKLE_DTYPE, PICKLE_BOOL,
                                             PICKLE_BYTES};
    uint32_t items[5];

    if (state->size != 5 || value(m, array)->size)
        return fail(m, "an array whose state is not of five parts");
    memcpy(items, state->items, sizeof(items));
    for (int i = 0; i < 5; i++)
        if (value(m, items[i])->type != types[i])
            return fail(m, "an array whose state has a part of a wrong type");
    for (int i = 1; i < 5; i++)
        if (value_add(m, array, items[i]))
            return -1;
    return 0;
}

static int build(struct machine *m)
{
    const struct pickle_value *object = peek(m, 1), *state = peek(m, 0);

    if (!object || !is_type(state, PICKLE_TUPLE))
        return fail(m, "a state for nothing");
    struct pickle_value kept = *state;
    uint32_t index = m->stack.at[m->stack.count - 2];
    m->stack.count--;
    if (object->type == PICKLE_DTYPE)
        return build_dtype(m, index, &kept);
    if (object->type == PICKLE_ARRAY)
        return build_array(m, index, &kept);
    return fail(m, "a state for something that is no array");
}

static int push_empty(struct machine *m, enum pickle_type type)
{
    return push(m, (struct pickle_value){.type = type});
}

/* Opcodes that build values out of the stack. */
static int structure_op(struct machine *m, int op)
{
    switch (op) {
    case '(': return push_empty(m, PICKLE_MARK);
    case '}': return push_empty(m, PICKLE_DICT);
    case ']': return push_empty(m, PICKLE_LIST);
    case ')': return push_empty(m, PICKLE_TUPLE);
    case 't': return tuple_to_mark(m);
    case 0x85: return make_tuple(m, 1);
    case 0x86: return make_tuple(m, 2);
    case 0x87: return make_tuple(m, 3);
    case 'u': return add_items_to_mark(m, PICKLE_DICT);
    case 's': return add_items(m, 2, false, PICKLE_DICT);
    case 'e': return add_items_to_mark(m, PICKLE_LIST);
    case 'a': return add_items(m, 1, false, PICKLE_LIST);
    case 'c': return read_global(m);
    case 0x93: return stack_global(m);
    case 'R': return reduce(m);
    case 'b': return build(m);
    default:
        return err_set(m->err, ERR_INPUT, "pickle, byte %zu: opcode 0x%02x is not known", m->at - 1,
                       (unsigned)op);
    }
}

/* Opcodes that read a value, remember one or fetch one. */
static int value_op(struct machine *m, int op)
{
    switch (op) {
    case 'K': return read_int(m, 1);
    case 'M': return read_int(m, 2);
    case 'J': return read_int(m, 4);
    case 0x8a: return read_long(m);
    case 'G': return read_real(m);
    case 'N': return push_empty(m, PICKLE_NONE);
    case 0x88: return push_int(m, 1, PICKLE_BOOL);
    case 0x89: return push_int(m, 0, PICKLE_BOOL);
    case 'X': return read_bytes(m, 4, PICKLE_TEXT);
    case 0x8c: return read_bytes(m, 1, PICKLE_TEXT);
    case 0x8d: return read_bytes(m, 8, PICKLE_TEXT);
    case 'C': return read_bytes(m, 1, PICKLE_BYTES);
    case 'B': return read_bytes(m, 4, PICKLE_BYTES);
    case 0x8e: return read_bytes(m, 8, PICKLE_BYTES);
    case 0x94: return memo_put(m, m->memo.count);
    case 'q': return read_put(m, 1);
    case 'r': return read_put(m, 4);
    case 'h': return read_get(m, 1);
    case 'j': return read_get(m, 4);
    default: return structure_op(m, op);
    }
}

static int read_protocol(struct machine *m)
{
    uint64_t protocol = 0;

    if (m->n < 2 || m->bytes[0] != 0x80)
        return fail(m, "this is no pickle");
    m->at = 1;
    if (take_number(m, 1, &protocol))
        return -1;
    return protocol >= 2 && protocol <= 4 ? 0 : fail(m, "a protocol other than 2, 3 or 4");
}

static int run(struct machine *m)
{
    uint64_t frame = 0;

    if (read_protocol(m))
        return -1;
    while (m->at < m->n) {
        int op = m->bytes[m->at++];
        if (op == '.') {
            if (m->stack.count != 1)
                return fail(m, "the end comes with values left over");
            m->p->top = m->stack.at[0];
            return 0;
        }
        if (op == 0x95 ? take_number(m, 8, &frame) : value_op(m, op))
            return -1;
    }
    return fail(m, "the file is cut");
}

int pickle_read(struct pickle *out, const char *bytes, size_t n, struct err *err)
{
    struct machine m = {.p = out, .bytes = (const unsigned char *)bytes, .n = n, .err = err};

    *out = (struct pickle){0};
    int ret = run(&m);
    free(m.stack.at);
    free(m.memo.at);
    if (ret)
        pickle_release(out);
    return ret;
}

void pickle_release(struct pickle *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->values[i].items);
    for (size_t i = 0; i < p->owned_count; i++)
        free(p->owned[i]);
    free(p->values);
    free(p->owned);
    *p = (struct pickle){0};
}

const struct pickle_value *pickle_at(const struct pickle *p, uint32_t index)
{
    return &p->values[index];
}

int pickle_is_text(const struct pickle_value *v, const char *text)
{
    return (v->type == PICKLE_TEXT || v->type == PICKLE_DTYPE) && v->size == strlen(text) &&
           !memcmp(v->bytes, text, v->size);
}
