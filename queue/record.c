#include <math.h>
#include <stdbool.h>

#include "common/buf.h"
#include "queue/record_priv.h"

_Static_assert(sizeof(enum record_type) == sizeof(int), "enums are read and written as int");

/* Bytes 1..255 as UTF-8 of the code points 1..255: any path survives, ASCII stays readable. */
static json_t *bytes_to_json(const char *bytes)
{
    struct buf text;

    buf_init(&text, 2 * strlen(bytes));
    for (const unsigned char *c = (const unsigned char *)bytes; *c; c++) {
        unsigned char two[2] = {(unsigned char)(0xc0 | *c >> 6), (unsigned char)(0x80 | (*c & 63))};
        if (*c < 0x80)
            buf_add(&text, c, 1);
        else
            buf_add(&text, two, 2);
    }
    json_t *made = text.failed ? NULL : json_stringn(text.data ? text.data : "", text.len);
    buf_release(&text);
    return made;
}

static int bytes_from_json(char *out, size_t size, const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t n = 0;

    for (; *c; c++) {
        unsigned char byte = *c;
        if (*c >= 0xc4)
            return -1; /* no byte of ours */
        if (*c >= 0xc2) {
            byte = (unsigned char)((*c & 3) << 6 | (c[1] & 63));
            c++;
        }
        if (n + 1 >= size)
            return -1;
        out[n++] = (char)byte;
    }
    out[n] = 0;
    return 0;
}

static json_t *field_to_json(const struct record_field *f, const void *at)
{
    switch (f->type) {
    case RECORD_TEXT: return json_text_cut(at, f->size);
    case RECORD_BYTES: return bytes_to_json(at);
    case RECORD_INT: return json_integer(*(const int *)at);
    case RECORD_INT64: return json_integer(*(const int64_t *)at);
    case RECORD_BOOL: return json_boolean(*(const bool *)at);
    case RECORD_NUMBER:
        return isfinite(*(const double *)at) ? json_real(*(const double *)at) : json_null();
    case RECORD_WORD: return json_string(f->word(*(const int *)at));
    }
    return NULL;
}

static bool is_of(const struct record_field *f, unsigned kind)
{
    return !f->kinds || (f->kinds & kind);
}

void record_put(json_t **object, const struct record_field *fields, size_t n_fields, unsigned kind,
                const void *record)
{
    for (size_t i = 0; i < n_fields; i++)
        if (is_of(&fields[i], kind))
            json_put(object, fields[i].key,
                     field_to_json(&fields[i], (const char *)record + fields[i].offset));
}

void record_put_row(json_t **array, const struct record_field *fields, size_t n_fields,
                    unsigned kind, const void *record)
{
    for (size_t i = 0; i < n_fields; i++)
        if (is_of(&fields[i], kind))
            json_add(array, field_to_json(&fields[i], (const char *)record + fields[i].offset));
}

static int text_from_json(const struct record_field *f, char *at, const json_t *value,
                          struct err *err)
{
    const char *text = json_string_value(value);

    if (!text)
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no text", f->key);
    size_t n = strlen(text);
    if (f->type == RECORD_TEXT && n < f->size)
        memcpy(at, text, n + 1);
    else if (f->type == RECORD_TEXT || bytes_from_json(at, f->size, text))
        return err_set(err, ERR_INPUT, "key \"%s\" is longer than %zu bytes or no path", f->key,
                       f->size - 1);
    return 0;
}

static int word_from_json(const struct record_field *f, int *at, const json_t *value,
                          struct err *err)
{
    const char *text = json_string_value(value);

    for (int v = (int)f->min; text && v <= (int)f->max; v++) {
        if (!strcmp(f->word(v), text)) {
            *at = v;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT, "key \"%s\": unknown word \"%.40s\"", f->key, text ? text : "");
}

static int int_from_json(const struct record_field *f, int64_t *at, const json_t *value,
                         struct err *err)
{
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < f->min || n > f->max)
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no whole number of %lld to %lld",
                       f->key, (long long)f->min, (long long)f->max);
    *at = n;
    return 0;
}

static int small_int_from_json(const struct record_field *f, int *at, const json_t *value,
                               struct err *err)
{
    int64_t n;

    if (int_from_json(f, &n, value, err))
        return -1;
    *at = (int)n;
    return 0;
}

static int number_from_json(const struct record_field *f, double *at, const json_t *value,
                            struct err *err)
{
    if (!json_is_null(value) && !json_is_number(value))
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no number", f->key);
    *at = json_is_null(value) ? (double)NAN : json_number_value(value);
    return 0;
}

/* `value` is NULL when there is none. */
static int field_from_json(const struct record_field *f, void *at, const json_t *value,
                           struct err *err)
{
    switch (f->type) {
    case RECORD_TEXT:
    case RECORD_BYTES: return text_from_json(f, at, value, err);
    case RECORD_INT: return small_int_from_json(f, at, value, err);
    case RECORD_INT64: return int_from_json(f, at, value, err);
    case RECORD_WORD: return word_from_json(f, at, value, err);
    case RECORD_NUMBER: return number_from_json(f, at, value, err);
    case RECORD_BOOL:
        if (!json_is_boolean(value))
            return err_set(err, ERR_INPUT, "key \"%s\" is neither true nor false", f->key);
        *(bool *)at = json_is_true(value);
    }
    return 0;
}

int record_get(void *record, const struct record_field *fields, size_t n_fields, unsigned kind,
               const json_t *object, struct err *err)
{
    for (size_t i = 0; i < n_fields; i++)
        if (is_of(&fields[i], kind) &&
            field_from_json(&fields[i], (char *)record + fields[i].offset,
                            json_object_get(object, fields[i].key), err))
            return -1;
    return 0;
}

int record_get_row(void *record, const struct record_field *fields, size_t n_fields, unsigned kind,
                   const json_t *array, struct err *err)
{
    size_t at = 0;

    for (size_t i = 0; i < n_fields; i++)
        if (is_of(&fields[i], kind) &&
            field_from_json(&fields[i], (char *)record + fields[i].offset,
                            json_array_get(array, at++), err))
            return -1;
    return json_array_size(array) == at
               ? 0
               : err_set(err, ERR_INPUT, "a row of %zu, not %zu", json_array_size(array), at);
}
