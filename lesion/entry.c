/* entry.c -- see entry.h. Numbers that are not known are NAN here and null there. */
#include "lesion/entry.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "common/classes.h"
#include "common/text.h"
#include "lesion/colour.h"

enum { RATIO_DECIMALS = 6, PIXEL_DECIMALS = 1, FIGURE_DECIMALS = 4 };

static const char *const verdict_words[] = {"ok", "degraded", "unusable"};

void entry_begin(struct image_entry *out, const char *file, const char *stem, const char *sha256)
{
    *out = (struct image_entry){.reason = REASON_NONE, .decision.risk = RISK_RETAKE};
    snprintf(out->file, sizeof(out->file), "%s", file);
    snprintf(out->stem, sizeof(out->stem), "%s", stem);
    snprintf(out->sha256, sizeof(out->sha256), "%s", sha256);
}

void entry_set_aside(struct image_entry *e, enum reason reason, const char *detail)
{
    e->reason = reason;
    e->decision.risk = RISK_RETAKE;
    snprintf(e->decision.reason, sizeof(e->decision.reason), "unusable");
    snprintf(e->detail, sizeof(e->detail), "%s", detail);
}

/* ---- writing ---- */

static json_t *contour_to_json(const struct lesion_measures *m)
{
    json_t *points = json_array();

    for (int i = 0; i < m->n_contour; i++)
        json_add(&points, json_pack("[o,o]", json_rounded(m->contour[i].x, PIXEL_DECIMALS),
                                    json_rounded(m->contour[i].y, PIXEL_DECIMALS)));
    return points;
}

static json_t *lesion_to_json(const struct lesion_measures *m)
{
    if (!m->is_found)
        return json_null();
    return json_pack(
        "{s:o,s:o,s:[i,i,i,i],s:i,s:b,s:o,s:o}", "area_px", json_rounded(m->area_px, 0),
        "area_fraction", json_rounded(m->area_fraction, RATIO_DECIMALS), "bbox", m->bbox[0],
        m->bbox[1], m->bbox[2], m->bbox[3], "components", m->components, "touches_border",
        m->touches_border, "border_share", json_rounded(m->border_share, FIGURE_DECIMALS),
        "area_mm2", json_rounded(m->area_mm2, 3));
}

static json_t *classes_to_json(const struct lesion_measures *m)
{
    json_t *classes = json_object();

    for (int k = 1; k < LESION_CLASSES; k++)
        json_put(&classes, class_word(k), json_rounded(m->classes[k], RATIO_DECIMALS));
    return classes;
}

/* Structures, and so the whole TDS, are the doctor's to enter. */
static json_t *abcd_to_json(const struct lesion_measures *m)
{
    json_t *colours = json_array();

    for (int k = 0; k < COLOUR_COUNT; k++)
        if (m->colours >> k & 1)
            json_add(&colours, json_string(colour_word((enum colour)k)));
    return json_pack("{s:o,s:o,s:o,s:o,s:n,s:n}", "asymmetry", json_rounded(m->asymmetry, 0),
                     "border", json_rounded(m->border, 0), "colour", json_rounded(m->colour, 0),
                     "colours", colours, "structures", "tds10");
}

static json_t *quality_to_json(const struct lesion_quality *q)
{
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "verdict", verdict_words[q->verdict], "why",
                     q->why, "blur", json_rounded(q->blur, FIGURE_DECIMALS), "exposure",
                     json_rounded(q->exposure, FIGURE_DECIMALS), "hair_fraction",
                     json_rounded(q->hair_fraction, FIGURE_DECIMALS), "vignette",
                     json_rounded(q->vignette, FIGURE_DECIMALS), "dermoscopy",
                     json_rounded(q->dermoscopy, FIGURE_DECIMALS));
}

static int add_measures(json_t *entry, const struct lesion_measures *m, bool is_done)
{
    json_t *part = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "lesion", is_done ? lesion_to_json(m) : json_null(),
        "classes", is_done ? classes_to_json(m) : json_null(), "malignant_probability",
        is_done ? json_rounded(m->malignant_probability, RATIO_DECIMALS) : json_null(), "abcd",
        is_done ? abcd_to_json(m) : json_null(), "quality",
        is_done ? quality_to_json(&m->quality) : json_null(), "contour",
        is_done ? contour_to_json(m) : json_array(), "confidence",
        is_done ? json_rounded(m->confidence, RATIO_DECIMALS) : json_null());
    int ret = part ? json_object_update(entry, part) : -1;

    json_decref(part);
    return ret;
}

/* null: set aside, or written by a version that did not say. */
static json_t *network_size_to_json(const struct image_entry *e)
{
    return e->network_size > 0 && e->reason == REASON_NONE ? json_integer(e->network_size)
                                                           : json_null();
}

json_t *entry_to_json(const struct image_entry *e)
{
    bool is_done = e->reason == REASON_NONE;
    json_t *entry =
        json_pack("{s:o,s:o,s:s,s:i,s:i,s:s,s:o,s:o,s:s,s:s,s:o}", "file",
                  json_text_cut(e->file, sizeof(e->file)), "stem",
                  json_text_cut(e->stem, sizeof(e->stem)), "sha256", e->sha256, "width", e->width,
                  "height", e->height, "status", is_done ? "done" : "set_aside", "reason",
                  is_done ? json_null() : json_string(reason_word(e->reason)), "detail",
                  json_text_cut(e->detail, sizeof(e->detail)), "risk",
                  risk_word(is_done ? e->decision.risk : RISK_RETAKE), "risk_reason",
                  is_done ? e->decision.reason : "", "network_size", network_size_to_json(e));

    if (entry && add_measures(entry, &e->measures, is_done)) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

/* ---- reading ---- */

static int take_text(char *out, size_t size, const json_t *object, const char *key, struct err *err)
{
    const char *text;

    if (json_get_text(object, key, &text, err))
        return -1;
    if (strlen(text) >= size)
        return err_set(err, ERR_INPUT, "key \"%s\" is longer than %zu bytes", key, size - 1);
    snprintf(out, size, "%s", text);
    return 0;
}

/* It is for people. Before it was cut when it is written, some were longer; their reports are still to be
 * made. */
static int take_detail(struct image_entry *e, const json_t *object, struct err *err)
{
    const char *text;

    if (json_get_text(object, "detail", &text, err))
        return -1;
    text_copy_cut(e->detail, sizeof(e->detail), text);
    return 0;
}

static int take_int(int *out, const json_t *object, const char *key, struct err *err)
{
    int64_t value;

    if (json_get_int(object, key, 0, INT32_MAX, &value, err))
        return -1;
    *out = (int)value;
    return 0;
}

/* A number or null, within min..max. */
static int take_number(double *out, const json_t *object, const char *key, double max,
                       struct err *err)
{
    const json_t *value = json_object_get(object, key);

    *out = NAN;
    if (json_is_null(value))
        return 0;
    if (json_get_number(object, key, out, err))
        return -1;
    if (*out < 0 || *out > max)
        return err_set(err, ERR_INPUT, "key \"%s\" is %g, not within 0 to %g", key, *out, max);
    return 0;
}

static int take_flag(bool *out, const json_t *object, const char *key, struct err *err)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or neither true nor false", key);
    *out = json_is_true(value);
    return 0;
}

static int take_object(const json_t **out, const json_t *entry, const char *key, struct err *err)
{
    *out = json_object_get(entry, key);
    if (!json_is_object(*out))
        return err_set(err, ERR_INPUT, "key \"%s\" is missing or no object", key);
    return 0;
}

/* A larger number would be infinite as a float, and null when it is written. */
static bool take_coordinate(float *out, const json_t *value)
{
    double number = json_number_value(value);

    if (!json_is_number(value) || fabs(number) > (double)FLT_MAX)
        return false;
    *out = (float)number;
    return true;
}

static int take_contour(struct lesion_measures *m, const json_t *entry, struct err *err)
{
    const json_t *points = json_object_get(entry, "contour");
    size_t n = json_array_size(points);

    if (!json_is_array(points) || n > LESION_CONTOUR_MAX)
        return err_set(err, ERR_INPUT, "key \"contour\" is missing, no list or over %d points",
                       LESION_CONTOUR_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *point = json_array_get(points, i);
        if (json_array_size(point) != 2 ||
            !take_coordinate(&m->contour[i].x, json_array_get(point, 0)) ||
            !take_coordinate(&m->contour[i].y, json_array_get(point, 1)))
            return err_set(err, ERR_INPUT, "key \"contour\": point %zu is no [x, y]", i);
    }
    m->n_contour = (int)n;
    return 0;
}

static int take_lesion(struct lesion_measures *m, const json_t *entry, struct err *err)
{
    const json_t *lesion = json_object_get(entry, "lesion");

    m->area_mm2 = NAN;
    m->is_found = json_is_object(lesion);
    if (json_is_null(lesion))
        return 0;
    if (!m->is_found)
        return err_set(err, ERR_INPUT, "key \"lesion\" is missing or no object");
    const json_t *box = json_object_get(lesion, "bbox");
    if (json_array_size(box) != 4)
        return err_set(err, ERR_INPUT, "key \"bbox\" is missing or not four numbers");
    for (size_t i = 0; i < 4; i++) {
        const json_t *side = json_array_get(box, i);
        if (!json_is_integer(side) || json_integer_value(side) < 0 ||
            json_integer_value(side) > INT32_MAX)
            return err_set(err, ERR_INPUT, "key \"bbox\": number %zu is no pixel", i);
        m->bbox[i] = (int)json_integer_value(side);
    }
    return take_number(&m->area_px, lesion, "area_px", 1e12, err) ||
                   take_number(&m->area_fraction, lesion, "area_fraction", 1, err) ||
                   take_number(&m->border_share, lesion, "border_share", 1, err) ||
                   take_number(&m->area_mm2, lesion, "area_mm2", 1e12, err) ||
                   take_int(&m->components, lesion, "components", err) ||
                   take_flag(&m->touches_border, lesion, "touches_border", err)
               ? -1
               : 0;
}

static int take_classes(struct lesion_measures *m, const json_t *entry, struct err *err)
{
    const json_t *classes;

    if (take_object(&classes, entry, "classes", err))
        return -1;
    m->classes[0] = 0;
    for (int k = 1; k < LESION_CLASSES; k++)
        if (take_number(&m->classes[k], classes, class_word(k), 1, err))
            return -1;
    return take_number(&m->malignant_probability, entry, "malignant_probability", 1.001, err) ||
                   take_number(&m->confidence, entry, "confidence", 1.001, err)
               ? -1
               : 0;
}

static int take_abcd(struct lesion_measures *m, const json_t *entry, struct err *err)
{
    const json_t *abcd, *colours;

    if (take_object(&abcd, entry, "abcd", err))
        return -1;
    colours = json_object_get(abcd, "colours");
    m->colours = 0;
    for (size_t i = 0; i < json_array_size(colours); i++)
        for (int k = 0; k < COLOUR_COUNT; k++) {
            const char *word = json_string_value(json_array_get(colours, i));
            if (word && !strcmp(word, colour_word((enum colour)k)))
                m->colours |= 1u << k;
        }
    return take_number(&m->asymmetry, abcd, "asymmetry", 2, err) ||
                   take_number(&m->border, abcd, "border", 8, err) ||
                   take_number(&m->colour, abcd, "colour", 6, err)
               ? -1
               : 0;
}

static int take_quality(struct lesion_quality *q, const json_t *entry, struct err *err)
{
    const json_t *quality;
    char verdict[16];
    int found = -1;

    if (take_object(&quality, entry, "quality", err) ||
        take_text(verdict, sizeof(verdict), quality, "verdict", err))
        return -1;
    for (int k = 0; k < 3; k++)
        if (!strcmp(verdict, verdict_words[k]))
            found = k;
    if (found < 0)
        return err_set(err, ERR_INPUT, "key \"verdict\" is \"%s\"", verdict);
    q->verdict = (enum quality_verdict)found;
    return take_text(q->why, sizeof(q->why), quality, "why", err) ||
                   take_number(&q->blur, quality, "blur", 100, err) ||
                   take_number(&q->exposure, quality, "exposure", 101, err) ||
                   take_number(&q->hair_fraction, quality, "hair_fraction", 1, err) ||
                   take_number(&q->vignette, quality, "vignette", 1, err) ||
                   take_number(&q->dermoscopy, quality, "dermoscopy", 1, err)
               ? -1
               : 0;
}

static int take_network_size(struct image_entry *e, const json_t *object, struct err *err)
{
    const json_t *value = json_object_get(object, "network_size");

    return !value || json_is_null(value) ? 0
                                         : take_int(&e->network_size, object, "network_size", err);
}

static int take_outcome(struct image_entry *e, const json_t *object, struct err *err)
{
    const char *status, *risk, *reason = json_text_or(object, "reason", "");

    if (json_get_text(object, "status", &status, err) || json_get_text(object, "risk", &risk, err))
        return -1;
    if (!strcmp(status, "done"))
        e->reason = REASON_NONE;
    else if (!strcmp(status, "set_aside") && *reason &&
             strcmp(reason, reason_word(REASON_NONE)) != 0)
        e->reason = reason_of(reason);
    else
        return err_set(err, ERR_INPUT, "key \"status\" is \"%s\" with reason \"%s\"", status,
                       reason);
    e->decision.risk = e->reason == REASON_NONE ? risk_of(risk) : RISK_RETAKE;
    return take_text(e->decision.reason, sizeof(e->decision.reason), object, "risk_reason", err);
}

static int take_entry(struct image_entry *e, const json_t *object, struct err *err)
{
    if (take_text(e->file, sizeof(e->file), object, "file", err) ||
        take_text(e->stem, sizeof(e->stem), object, "stem", err) ||
        take_text(e->sha256, sizeof(e->sha256), object, "sha256", err) ||
        take_detail(e, object, err) || take_int(&e->width, object, "width", err) ||
        take_int(&e->height, object, "height", err) || take_network_size(e, object, err) ||
        take_outcome(e, object, err))
        return -1;
    if (e->reason != REASON_NONE)
        return 0;
    return take_lesion(&e->measures, object, err) || take_contour(&e->measures, object, err) ||
                   take_classes(&e->measures, object, err) ||
                   take_abcd(&e->measures, object, err) ||
                   take_quality(&e->measures.quality, object, err)
               ? -1
               : 0;
}

int entry_from_json(struct image_entry *out, const json_t *object, struct err *err)
{
    memset(out, 0, sizeof(*out));
    return take_entry(out, object, err);
}
