#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lesion/colour.h"
#include "lesion/entry.h"

static struct image_entry entry, back;

static void fill(void)
{
    struct lesion_measures *m = &entry.measures;

    memset(&entry, 0, sizeof(entry));
    snprintf(entry.file, sizeof(entry.file), "clinic/皮肤 1.jpg");
    snprintf(entry.stem, sizeof(entry.stem), "皮肤 1");
    memset(entry.sha256, 'a', 64);
    entry.width = 600;
    entry.height = 450;
    *m = (struct lesion_measures){
        .is_found = true,
        .area_px = 31416,
        .area_fraction = 0.116356,
        .area_mm2 = 12.5,
        .bbox = {10, 20, 200, 210},
        .components = 2,
        .touches_border = true,
        .border_share = 0.125,
        .n_contour = 3,
        .asymmetry = 1,
        .border = 4,
        .colour = 2,
        .colours = 1u << COLOUR_RED | 1u << COLOUR_BLACK,
        .malignant_probability = 0.6875,
        .confidence = 0.75
    };
    m->contour[0] = (struct contour_point){10.5f, 20.25f};
    m->contour[1] = (struct contour_point){210, 20};
    m->contour[2] = (struct contour_point){100.125f, 230};
    memcpy(m->classes, (double[LESION_CLASSES]){0, 0.5, 0.25, 0.125, 0.0625, 0.0625, 0, 0},
           sizeof(m->classes));
    m->quality = (struct lesion_quality){QUALITY_DEGRADED, "blur+hair", 0.5, 63.5, 0.125, 0, 0.75};
    entry.decision.risk = RISK_URGENT;
    snprintf(entry.decision.reason, sizeof(entry.decision.reason), "malignant_high+several");
}

static char *line_of(const struct image_entry *e)
{
    json_t *object = entry_to_json(e);
    char *line = json_line(object);

    assert_non_null(line);
    json_decref(object);
    return line;
}

/* entry -> JSON -> entry -> JSON: the two texts are equal. Leaves the second entry in `back`. */
static void round_trip(void)
{
    json_t *object = entry_to_json(&entry);
    struct err err = {0};

    assert_non_null(object);
    if (entry_from_json(&back, object, &err))
        fail_msg("%s", err.msg);
    char *first = line_of(&entry), *second = line_of(&back);
    assert_string_equal(first, second);
    free(first);
    free(second);
    json_decref(object);
}

static void every_field_comes_back(void **state)
{
    const struct lesion_measures *m = &entry.measures, *n = &back.measures;

    (void)state;
    fill();
    round_trip();
    assert_string_equal(back.file, entry.file);
    assert_string_equal(back.stem, entry.stem);
    assert_string_equal(back.sha256, entry.sha256);
    assert_int_equal(back.width, 600);
    assert_int_equal(back.reason, REASON_NONE);
    assert_int_equal(back.decision.risk, RISK_URGENT);
    assert_string_equal(back.decision.reason, entry.decision.reason);
    assert_true(n->is_found && n->touches_border);
    assert_true(n->area_px == m->area_px && n->area_fraction == m->area_fraction);
    assert_true(n->area_mm2 == m->area_mm2 && n->border_share == m->border_share);
    assert_memory_equal(n->bbox, m->bbox, sizeof(m->bbox));
    assert_int_equal(n->components, 2);
    assert_true(n->asymmetry == 1 && n->border == 4 && n->colour == 2);
    assert_int_equal(n->colours, m->colours);
    assert_memory_equal(n->classes, m->classes, sizeof(m->classes));
    assert_true(n->malignant_probability == 0.6875 && n->confidence == 0.75);
    assert_int_equal(n->quality.verdict, QUALITY_DEGRADED);
    assert_string_equal(n->quality.why, "blur+hair");
    assert_true(n->quality.blur == 0.5 && n->quality.exposure == 63.5);
    assert_true(n->quality.hair_fraction == 0.125 && n->quality.dermoscopy == 0.75);
    assert_int_equal(n->n_contour, 3);
    for (int i = 0; i < 3; i++) /* to 0.1 pixel */
        assert_true(fabs(n->contour[i].x - m->contour[i].x) < 0.051);
}

static void json_has_the_keys_of_the_contract(void **state)
{
    static const char *const keys[] = {
        "file",        "stem",   "sha256",      "width",   "height",
        "status",      "reason", "lesion",      "classes", "malignant_probability",
        "risk",        "abcd",   "quality",     "contour", "confidence",
        "risk_reason", "detail", "network_size"};

    (void)state;
    fill();
    json_t *object = entry_to_json(&entry), *abcd = json_object_get(object, "abcd");
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (!json_object_get(object, keys[i]))
            fail_msg("%s", keys[i]);
    assert_int_equal(json_object_size(object), sizeof(keys) / sizeof(*keys));
    assert_true(json_is_null(json_object_get(abcd, "structures")));
    assert_true(json_is_null(json_object_get(abcd, "tds10")));
    assert_string_equal(json_string_value(json_object_get(object, "status")), "done");
    json_decref(object);
}

static void network_size_is_known_or_null(void **state)
{
    (void)state;
    fill();
    entry.network_size = 224;
    round_trip();
    assert_int_equal(back.network_size, 224);
    entry.network_size = 0; /* an entry of an older version */
    round_trip();
    assert_int_equal(back.network_size, 0);
    entry.network_size = 224;
    entry.reason = REASON_TRUNCATED; /* no pass was made */
    json_t *object = entry_to_json(&entry);
    assert_true(json_is_null(json_object_get(object, "network_size")));
    json_decref(object);
}

static void unknown_numbers_are_null(void **state)
{
    struct lesion_measures *m = &entry.measures;

    (void)state;
    fill();
    m->is_found = false;
    m->n_contour = 0;
    m->area_mm2 = m->asymmetry = m->border = m->colour = m->confidence = NAN;
    m->quality.blur = m->quality.dermoscopy = NAN;
    m->classes[7] = NAN;
    m->colours = 0;
    round_trip();
    assert_false(back.measures.is_found);
    assert_true(isnan(back.measures.asymmetry) && isnan(back.measures.confidence));
    assert_true(isnan(back.measures.quality.blur) && isnan(back.measures.classes[7]));
    fill();
    m->area_mm2 = NAN;
    round_trip();
    assert_true(isnan(back.measures.area_mm2));
}

static void names_that_are_not_utf8_survive(void **state)
{
    (void)state;
    fill();
    snprintf(entry.file, sizeof(entry.file), "caf\xe9\x01.jpg");
    snprintf(entry.stem, sizeof(entry.stem), "\xff\xfe");
    round_trip();
    assert_string_equal(back.file, "caf%E9%01.jpg");
    assert_string_equal(back.stem, "%FF%FE");
}

/* The clean form is three times as long as the field. */
static void texts_that_grow_are_cut(void **state)
{
    (void)state;
    fill();
    entry.reason = REASON_CHANGED;
    memset(entry.file, 0x7f, sizeof(entry.file) - 1);
    memset(entry.stem, 0xff, sizeof(entry.stem) - 1);
    memset(entry.detail, 0xd5, sizeof(entry.detail) - 1);
    round_trip();
    assert_int_equal(strlen(back.file), sizeof(back.file) - 1);
    assert_memory_equal(back.file, "%7F%7F", 6);
    assert_int_equal(strlen(back.detail), sizeof(back.detail) - 1);
}

/* So they were written once: a folder's name of GB18030 within an error. */
static void a_detail_that_is_too_long_is_no_reason_to_refuse(void **state)
{
    char detail[656] = "/data";
    struct err err = {0};

    (void)state;
    fill();
    entry.reason = REASON_CHANGED;
    json_t *object = entry_to_json(&entry);
    for (size_t i = 5; i + 3 < sizeof(detail); i += 3)
        memcpy(detail + i, "%D5", 4);
    json_object_set_new(object, "detail", json_string(detail));
    assert_int_equal(entry_from_json(&back, object, &err), 0);
    assert_int_equal(strlen(back.detail), sizeof(back.detail) - 1);
    assert_memory_equal(back.detail, "/data%D5", 8);
    json_decref(object);
}

static void set_aside_keeps_its_reason(void **state)
{
    (void)state;
    fill();
    entry.reason = REASON_TRUNCATED;
    entry.width = entry.height = 0;
    snprintf(entry.detail, sizeof(entry.detail), "a.jpg: ends at byte 100 <\xff>");
    round_trip();
    assert_int_equal(back.reason, REASON_TRUNCATED);
    assert_int_equal(back.decision.risk, RISK_RETAKE);
    assert_string_equal(back.detail, "a.jpg: ends at byte 100 <%FF>");
    assert_int_equal(back.measures.n_contour, 0);
}

static void longest_contour_comes_back(void **state)
{
    (void)state;
    fill();
    entry.measures.n_contour = LESION_CONTOUR_MAX;
    for (int i = 0; i < LESION_CONTOUR_MAX; i++)
        entry.measures.contour[i] = (struct contour_point){(float)i + 0.3f, 5999.9f};
    round_trip();
    assert_int_equal(back.measures.n_contour, LESION_CONTOUR_MAX);
    assert_true(fabsf(back.measures.contour[4095].x - 4095.3f) < 0.051f);
}

static void contour_of_too_many_points_is_refused(void **state)
{
    struct err err = {0};

    (void)state;
    fill();
    json_t *object = entry_to_json(&entry), *points = json_array();
    for (int i = 0; i <= LESION_CONTOUR_MAX; i++)
        json_array_append_new(points, json_pack("[i,i]", i, i));
    json_object_set_new(object, "contour", points);
    assert_int_equal(entry_from_json(&back, object, &err), -1);
    assert_non_null(strstr(err.msg, "contour"));
    json_decref(object);
}

static void bad_json_is_refused_by_key(void **state)
{
    static const struct {
        const char *path[2], *value;
    } cases[] = {
        {{"file", NULL},                  "7"            },
        {{"sha256", NULL},                "null"         },
        {{"width", NULL},                 "-1"           },
        {{"height", NULL},                "99999999999"  },
        {{"status", NULL},                "\"lost\""     },
        {{"status", NULL},                "\"set_aside\""}, /* without a reason */
        {{"risk", NULL},                  "3"            },
        {{"lesion", NULL},                "[]"           },
        {{"bbox", "lesion"},              "[1,2,3]"      },
        {{"bbox", "lesion"},              "[1,2,3,4.5]"  },
        {{"bbox", "lesion"},              "[1,2,3,-4]"   },
        {{"touches_border", "lesion"},    "1"            },
        {{"area_fraction", "lesion"},     "1.5"          },
        {{"MEL", "classes"},              "\"high\""     },
        {{"MEL", "classes"},              "1.5"          },
        {{"classes", NULL},               "null"         },
        {{"border", "abcd"},              "9"            },
        {{"verdict", "quality"},          "\"fine\""     },
        {{"why", "quality"},              "null"         },
        {{"exposure", "quality"},         "true"         },
        {{"contour", NULL},               "null"         },
        {{"contour", NULL},               "[[1,2],[3]]"  },
        {{"contour", NULL},               "[[1,\"x\"]]"  },
        {{"malignant_probability", NULL}, "{}"           },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        fill();
        json_t *object = entry_to_json(&entry), *holder = object;
        if (cases[i].path[1])
            holder = json_object_get(object, cases[i].path[1]);
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        json_object_set_new(holder, cases[i].path[0], value);
        if (entry_from_json(&back, object, &err) != -1 || err.code != ERR_INPUT ||
            !strstr(err.msg, cases[i].path[0]))
            fail_msg("%s = %s: \"%s\"", cases[i].path[0], cases[i].value, err.msg);
        json_decref(object);
    }
}

static void missing_keys_are_named_and_new_ones_ignored(void **state)
{
    static const char *const keys[] = {"file",    "stem",       "width",      "status",
                                       "lesion",  "classes",    "abcd",       "quality",
                                       "contour", "confidence", "risk_reason"};

    (void)state;
    fill();
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        struct err err = {0};
        json_t *object = entry_to_json(&entry);
        json_object_set_new(object, "new_key", json_true());
        assert_int_equal(entry_from_json(&back, object, &err), 0);
        json_object_del(object, keys[i]);
        assert_int_equal(entry_from_json(&back, object, &err), -1);
        assert_non_null(strstr(err.msg, keys[i]));
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(json_has_the_keys_of_the_contract),
        cmocka_unit_test(network_size_is_known_or_null),
        cmocka_unit_test(unknown_numbers_are_null),
        cmocka_unit_test(names_that_are_not_utf8_survive),
        cmocka_unit_test(texts_that_grow_are_cut),
        cmocka_unit_test(a_detail_that_is_too_long_is_no_reason_to_refuse),
        cmocka_unit_test(set_aside_keeps_its_reason),
        cmocka_unit_test(longest_contour_comes_back),
        cmocka_unit_test(contour_of_too_many_points_is_refused),
        cmocka_unit_test(bad_json_is_refused_by_key),
        cmocka_unit_test(missing_keys_are_named_and_new_ones_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
