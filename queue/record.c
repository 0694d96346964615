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

/* As json_text has it, cut to what fits the field at the other end: a note of several lines in Chinese
 * or an error cut within a character is three times as long in the form without control bytes. */
static json_t *text_to_json(const char *text, size_t size)
{
    json_t *made = json_text(text);

    if (!made || json_string_length(made) < size ||
        !json_string_setn(made, json_string_value(made), size - 1))
        return made;
    json_decref(made);
    return NULL;
}

static json_t *field_to_json(const struct record_field *f, const void *at)
{
    switch (f->type) {
    case RECORD_TEXT: return text_to_json(at, f->size);
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

void record_put(json_t **object, const struct record_field *fields, size_t n_fields, unsigned kind,
                const void *record)
{
    for (size_t i = 0; i < n_fields; i++) {
        const struct record_field *f = &fields[i];
        if (!f->kinds || (f->kinds & kind))
            json_put(object, f->key, field_to_json(f, (const char *)record + f->offset));
    }
}

static int text_from_json(const struct record_field *f, char *at, const json_t *object,
                          struct err *err)
{
    const char *text;

    if (json_get_text(object, f->key, &text, err))
        return -1;
    size_t n = strlen(text);
    if (f->type == RECORD_TEXT && n < f->size)
        memcpy(at, text, n + 1);
    else if (f->type == RECORD_TEXT || bytes_from_json(at, f->size, text))
        return err_set(err, ERR_INPUT, "key \"%s\" is longer than %zu bytes or no path", f->key,
                       f->size - 1);
    return 0;
}

static int word_from_json(const struct record_field *f, int *at, const json_t *object,
                          struct err *err)
{
    const char *text;

    if (json_get_text(object, f->key, &text, err))
        return -1;
    for (int v = (int)f->min; v <= (int)f->max; v++) {
        if (!strcmp(f->word(v), text)) {
            *at = v;
            return 0;
        }
    }
    return err_set(err, ERR_INPUT, "key \"%s\": unknown word \"%.40s\"", f->key, text);
}

static int int_from_json(const struct record_field *f, int *at, const json_t *object,
                         struct err *err)
{
    int64_t value;

    if (json_get_int(object, f->key, f->min, f->max, &value, err))
        return -1;
    *at = (int)value;
    return 0;
}

static int field_from_json(const struct record_field *f, void *at, const json_t *object,
                           struct err *err)
{
    const json_t *value = json_object_get(object, f->key);

    switch (f->type) {
    case RECORD_TEXT:
    case RECORD_BYTES: return text_from_json(f, at, object, err);
    case RECORD_INT: return int_from_json(f, at, object, err);
    case RECORD_INT64: return json_get_int(object, f->key, f->min, f->max, at, err);
    case RECORD_WORD: return word_from_json(f, at, object, err);
    case RECORD_BOOL:
        if (!json_is_boolean(value))
            return err_set(err, ERR_INPUT, "key \"%s\" is neither true nor false", f->key);
        *(bool *)at = json_is_true(value);
        return 0;
    case RECORD_NUMBER:
        *(double *)at = (double)NAN;
        return json_is_null(value) ? 0 : json_get_number(object, f->key, at, err);
    }
    return 0;
}

int record_get(void *record, const struct record_field *fields, size_t n_fields, unsigned kind,
               const json_t *object, struct err *err)
{
    for (size_t i = 0; i < n_fields; i++)
        if (!fields[i].kinds || (fields[i].kinds & kind))
            if (field_from_json(&fields[i], (char *)record + fields[i].offset, object, err))
                return -1;
    return 0;
}
