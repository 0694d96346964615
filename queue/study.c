/* study.c -- struct study to study.json and back. One table of text fields serves both ways. */
#include "queue/study.h"

#include <math.h>

#include "common/text.h"

enum { VERSION = 1 };

struct text_field {
    const char *key;
    size_t offset, size;
};

#define IN_STUDY(key, field)                                                   \
    {                                                                          \
        key, offsetof(struct study, field), sizeof(((struct study *)0)->field) \
    }
#define IN_IMAGE(key, field)                                                               \
    {                                                                                      \
        key, offsetof(struct study_image, field), sizeof(((struct study_image *)0)->field) \
    }
#define LENGTH(table) (sizeof(table) / sizeof(*(table)))

static const struct text_field study_fields[] = {
    IN_STUDY("upload", upload),
    IN_STUDY("key", key),
    IN_STUDY("accepted_at", accepted_at),
    IN_STUDY("publish", publish),
    IN_STUDY("patient_id", patient_id),
    IN_STUDY("study_id", study_id),
    IN_STUDY("patient_name", patient_name),
    IN_STUDY("birth_date", birth_date),
    IN_STUDY("sex", sex),
    IN_STUDY("site", site),
};

static const struct text_field image_fields[] = {
    IN_IMAGE("file", file),           IN_IMAGE("stem", stem),
    IN_IMAGE("sha256", sha256),       IN_IMAGE("lesion_id", lesion_id),
    IN_IMAGE("body_site", body_site), IN_IMAGE("acquired_at", acquired_at),
    IN_IMAGE("notes", notes),         IN_IMAGE("detail", detail),
};

void study_release(struct study *s)
{
    for (int i = 0; i < s->n_images; i++)
        json_decref(s->images[i].extra);
    free(s->images);
    *s = (struct study){0};
}

/* Line breaks in a note stay what they are; json_text would write them as %0A. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);

    return value || text_is_utf8(text, strlen(text)) ? value : json_text(text);
}

static void put_texts(json_t **object, const void *record, const struct text_field *fields,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_put(object, fields[i].key, text_value((const char *)record + fields[i].offset));
}

static json_t *image_to_json(const struct study_image *image)
{
    json_t *object = json_object();

    put_texts(&object, image, image_fields, LENGTH(image_fields));
    json_put(&object, "n", json_integer(image->n));
    json_put(&object, "size_bytes", json_integer(image->size_bytes));
    json_put(&object, "mm_per_px",
             isfinite(image->mm_per_px) ? json_real(image->mm_per_px) : json_null());
    json_put(&object, "is_duplicate", json_boolean(image->is_duplicate));
    json_put(&object, "set_aside",
             image->set_aside ? json_string(reason_word(image->set_aside)) : json_null());
    if (image->extra)
        json_put(&object, "extra", json_incref(image->extra));
    return object;
}

json_t *study_to_json(const struct study *s)
{
    json_t *object = json_object(), *images = json_array();

    json_put(&object, "version", json_integer(VERSION));
    put_texts(&object, s, study_fields, LENGTH(study_fields));
    for (int i = 0; i < s->n_images; i++)
        json_add(&images, image_to_json(&s->images[i]));
    json_put(&object, "images", images);
    return object;
}

static int get_texts(void *record, const json_t *object, const struct text_field *fields, size_t n,
                     struct err *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *text;

        if (json_get_text(object, fields[i].key, &text, err))
            return -1;
        size_t len = strlen(text);
        if (len >= fields[i].size)
            return err_set(err, ERR_INPUT, "key \"%s\" is longer than %zu bytes", fields[i].key,
                           fields[i].size - 1);
        memcpy((char *)record + fields[i].offset, text, len + 1);
    }
    return 0;
}

static int image_from_json(struct study_image *out, const json_t *object, struct err *err)
{
    const json_t *reason = json_object_get(object, "set_aside");
    json_t *extra = json_object_get(object, "extra");
    int64_t n;

    if (get_texts(out, object, image_fields, LENGTH(image_fields), err) ||
        json_get_int(object, "n", 0, STUDY_IMAGES_MAX, &n, err) ||
        json_get_int(object, "size_bytes", 0, INT64_MAX, &out->size_bytes, err))
        return -1;
    if (extra && !json_is_object(extra))
        return err_set(err, ERR_INPUT, "key \"extra\" is no object");
    out->n = (int)n;
    out->mm_per_px = json_number_or(object, "mm_per_px", NAN);
    out->is_duplicate = json_is_true(json_object_get(object, "is_duplicate"));
    out->set_aside = json_is_string(reason) ? reason_of(json_string_value(reason)) : REASON_NONE;
    out->extra = json_incref(extra);
    return 0;
}

static int images_from_json(struct study *out, const json_t *images, struct err *err)
{
    size_t n = json_array_size(images);

    if (!json_is_array(images) || n > STUDY_IMAGES_MAX)
        return err_set(err, ERR_INPUT, "key \"images\" is no list of at most %d", STUDY_IMAGES_MAX);
    out->images = calloc(n ? n : 1, sizeof(*out->images));
    if (!out->images)
        return err_set(err, ERR_NOMEM, "study with %zu images: out of memory", n);
    for (size_t i = 0; i < n; i++) {
        if (image_from_json(&out->images[i], json_array_get(images, i), err))
            return err_wrap(err, "image %zu", i);
        out->n_images++;
    }
    return 0;
}

int study_from_json(struct study *out, const json_t *object, struct err *err)
{
    struct study made = {0};
    int64_t version;

    if (json_get_int(object, "version", VERSION, VERSION, &version, err) ||
        get_texts(&made, object, study_fields, LENGTH(study_fields), err) ||
        images_from_json(&made, json_object_get(object, "images"), err)) {
        study_release(&made);
        return -1;
    }
    *out = made;
    return 0;
}
