#include "common/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdbool.h>

#include "common/buf.h"
#include "common/file.h"
#include "common/text.h"

enum { NAME_MAX_BYTES = 1 << 20 };

/* 15 digits bring every decimal number of up to 15 back as it was; jansson's 17 would write 0.3 as
 * 0.29999999999999999. */
#define FORMAT (JSON_SORT_KEYS | JSON_REAL_PRECISION(15))

json_t *json_text(const char *bytes)
{
    struct buf clean;

    buf_init(&clean, NAME_MAX_BYTES);
    text_add_name(&clean, bytes);
    json_t *made = clean.failed ? NULL : json_stringn(clean.data ? clean.data : "", clean.len);
    buf_release(&clean);
    return made;
}

json_t *json_text_cut(const char *bytes, size_t size)
{
    json_t *made = json_text(bytes);
    const char *text = json_string_value(made);

    if (!made || json_string_length(made) < size ||
        !json_string_setn(made, text, text_cut(text, size - 1)))
        return made;
    json_decref(made);
    return NULL;
}

json_t *json_rounded(double value, int decimals)
{
    double unit = pow(10, decimals);

    if (!isfinite(value))
        return json_null();
    /* So large a number has no such decimals, and the product would be infinite. */
    return json_real(fabs(value) < 1e300 / unit ? round(value * unit) / unit : value);
}

/* What jansson 2.14 does when its memory is gone: reading, it calls a good text malformed or copies past
 * a buffer that did not grow; writing, it may leave a key out. So its allocations pass here. One that
 * fails while a text is read ends the reading at once, and what was made so far is freed. */
static _Thread_local struct {
    bool is_reading, has_failed;
    jmp_buf out;
    void **blocks; /* allocated since the reading began */
    size_t n, cap;
} memory;

static int note_block(void *block)
{
    if (memory.n == memory.cap) {
        size_t cap = memory.cap ? 2 * memory.cap : 64;
        void **grown = realloc(memory.blocks, cap * sizeof(*grown));
        if (!grown)
            return -1;
        memory.blocks = grown;
        memory.cap = cap;
    }
    memory.blocks[memory.n++] = block;
    return 0;
}

static void *allocate(size_t n)
{
    void *made = malloc(n);
    bool is_noted = made && memory.is_reading && !note_block(made);

    memory.has_failed |= !made;
    if (!memory.is_reading || is_noted)
        return made;
    free(made);
    longjmp(memory.out, 1);
}

static void release(void *block)
{
    for (size_t i = memory.n; i-- > 0;)
        if (memory.blocks[i] == block) {
            memory.blocks[i] = memory.blocks[--memory.n];
            break;
        }
    free(block);
}

static void end_reading(void)
{
    free(memory.blocks);
    memory.blocks = NULL;
    memory.n = memory.cap = 0;
    memory.is_reading = false;
}

__attribute__((constructor)) static void watch_memory(void)
{
    json_set_alloc_funcs(allocate, release);
}

static void give_up(json_t **to)
{
    json_decref(*to);
    *to = NULL;
}

void json_put(json_t **to, const char *key, json_t *value)
{
    if (json_object_set_new(*to, key, value))
        give_up(to);
}

void json_add(json_t **to, json_t *value)
{
    if (json_array_append_new(*to, value))
        give_up(to);
}

json_t *json_parse(const char *bytes, size_t n, const char *what, struct err *err)
{
    json_error_t why;

    if (setjmp(memory.out)) {
        while (memory.n)
            free(memory.blocks[--memory.n]);
        end_reading();
        err_set(err, ERR_NOMEM, "%s: out of memory", what);
        return NULL;
    }
    memory.is_reading = true;
    json_t *value = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &why);
    end_reading();
    if (!value)
        err_set(err, ERR_INPUT, "%s: line %d: %s", what, why.line, why.text);
    return value;
}

json_t *json_read(const char *path, size_t size_max, struct err *err)
{
    struct buf bytes;
    json_t *value = NULL;

    buf_init(&bytes, size_max);
    if (!file_read(path, &bytes, err))
        value = json_parse(bytes.data ? bytes.data : "", bytes.len, path, err);
    buf_release(&bytes);
    return value;
}

static char *write_out(const json_t *value, size_t flags)
{
    memory.has_failed = false;
    char *text = json_dumps(value, flags | FORMAT);
    if (!memory.has_failed)
        return text;
    free(text);
    return NULL;
}

static int write_through(int (*write)(const char *, const void *, size_t, struct err *),
                         const char *path, const json_t *value, struct err *err)
{
    char *text = write_out(value, JSON_INDENT(1));
    struct buf bytes;
    int ret = -1;

    if (!text)
        return err_set(err, ERR_NOMEM, "%s: JSON could not be written out", path);
    buf_init(&bytes, SIZE_MAX / 2);
    buf_add_text(&bytes, text);
    buf_add_text(&bytes, "\n");
    if (!buf_check(&bytes, path, err))
        ret = write(path, bytes.data, bytes.len, err);
    buf_release(&bytes);
    free(text);
    return ret;
}

int json_write(const char *path, const json_t *value, struct err *err)
{
    return write_through(file_write, path, value, err);
}

int json_draft(const char *path, const json_t *value, struct err *err)
{
    return write_through(file_draft, path, value, err);
}

char *json_line(const json_t *value)
{
    return write_out(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

int json_get_text(const json_t *object, const char *key, const char **out, struct err *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no text", key);
    *out = json_string_value(value);
    return 0;
}

int json_get_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct err *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no whole number", key);
    int64_t n = json_integer_value(value);
    if (n < min || n > max)
        return err_set(err, ERR_INPUT, "key \"%s\" is %lld, not within %lld to %lld", key,
                       (long long)n, (long long)min, (long long)max);
    *out = n;
    return 0;
}

int json_get_number(const json_t *object, const char *key, double *out, struct err *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no number", key);
    *out = json_number_value(value);
    return 0;
}

const char *json_text_or(const json_t *object, const char *key, const char *otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_string(value) ? json_string_value(value) : otherwise;
}

double json_number_or(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}
