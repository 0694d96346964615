/* Round trip of study.json, and what a damaged one is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "queue/study.h"

static struct study sample(struct study_image images[2])
{
    struct study s = {.upload = "u0123456789abcdef",
                      .key = "s000001",
                      .accepted_at = "2026-11-23T05:12:27.123Z",
                      .publish = "patients/p%2F1",
                      .patient_id = "p/1\n<b>",
                      .study_id = "",
                      .patient_name = "王小明 \"Ming\"",
                      .birth_date = "1970-01-01",
                      .sex = "f",
                      .site = "Ærø",
                      .n_images = 2,
                      .images = images};

    images[0] = (struct study_image){.n = 0,
                                     .file = "a.jpg",
                                     .stem = "a",
                                     .sha256 = "00ff",
                                     .size_bytes = INT64_C(5000000000),
                                     .notes = "line 1\nZeile ü",
                                     .mm_per_px = 0.1,
                                     .is_duplicate = true,
                                     .extra = json_pack("{s:s}", "camera", "X1")};
    images[1] = (struct study_image){.n = 1,
                                     .file = "b.jpg",
                                     .stem = "b",
                                     .mm_per_px = NAN,
                                     .set_aside = REASON_MISSING_FILE,
                                     .detail = "row 3"};
    return s;
}

static void comes_back_as_it_went(void **state)
{
    struct study_image images[2];
    struct study in = sample(images), out = {0};
    struct err err = {0};
    json_t *object = study_to_json(&in);

    (void)state;
    assert_int_equal(study_from_json(&out, object, &err), 0);
    assert_string_equal(out.upload, in.upload);
    assert_string_equal(out.key, in.key);
    assert_string_equal(out.accepted_at, in.accepted_at);
    assert_string_equal(out.publish, in.publish);
    assert_string_equal(out.patient_id, in.patient_id);
    assert_string_equal(out.patient_name, in.patient_name);
    assert_string_equal(out.birth_date, in.birth_date);
    assert_string_equal(out.sex, in.sex);
    assert_string_equal(out.site, in.site);
    assert_int_equal(out.n_images, 2);
    assert_string_equal(out.images[0].notes, images[0].notes);
    assert_true(out.images[0].size_bytes == images[0].size_bytes);
    assert_true(out.images[0].mm_per_px == 0.1);
    assert_true(out.images[0].is_duplicate);
    assert_int_equal(out.images[0].set_aside, REASON_NONE);
    assert_string_equal(json_text_or(out.images[0].extra, "camera", ""), "X1");
    assert_true(isnan(out.images[1].mm_per_px));
    assert_int_equal(out.images[1].set_aside, REASON_MISSING_FILE);
    assert_string_equal(out.images[1].detail, "row 3");
    assert_null(out.images[1].extra);
    json_t *again = study_to_json(&out);
    assert_true(json_equal(object, again));
    json_decref(again);
    json_decref(object);
    json_decref(images[0].extra);
    study_release(&out);
    assert_null(out.images);
}

static void bytes_that_are_not_utf8_are_kept_as_escapes(void **state)
{
    struct study s = {.patient_id = "a\xff"};
    json_t *object = study_to_json(&s);

    (void)state;
    assert_string_equal(json_text_or(object, "patient_id", ""), "a%FF");
    json_decref(object);
}

static void damage_is_named(void **state)
{
    static const struct {
        const char *name, *path, *value, *in_message;
    } cases[] = {
        {"version of a later lentigo", "version",    "2",   "version"   },
        {"no version",                 "version",    NULL,  "version"   },
        {"number for a text",          "site",       "7",   "site"      },
        {"no images",                  "images",     NULL,  "images"    },
        {"images no list",             "images",     "{}",  "images"    },
        {"image no object",            "images",     "[7]", "image 0"   },
        {"extra no object",            "extra",      "[]",  "extra"     },
        {"negative number",            "n",          "-1",  "\"n\""     },
        {"negative size",              "size_bytes", "-1",  "size_bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct study_image images[2];
        struct study in = sample(images), out = {0};
        struct err err = {0};
        json_t *object = study_to_json(&in);
        json_t *first = json_array_get(json_object_get(object, "images"), 0);
        json_t *at = json_object_get(first, cases[i].path) ? first : object;
        json_object_del(at, cases[i].path);
        if (cases[i].value)
            json_object_set_new(at, cases[i].path,
                                json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        print_message("case: %s\n", cases[i].name);
        assert_int_equal(study_from_json(&out, object, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_non_null(strstr(err.msg, cases[i].in_message));
        assert_null(out.images);
        json_decref(object);
        json_decref(images[0].extra);
    }
}

static void a_text_too_long_for_its_field_is_refused(void **state)
{
    struct study_image images[2];
    struct study in = sample(images), out = {0};
    struct err err = {0};
    char longest[STUDY_FIELD_SIZE + 1];
    json_t *object = study_to_json(&in);

    (void)state;
    memset(longest, 'x', STUDY_FIELD_SIZE);
    longest[STUDY_FIELD_SIZE - 1] = 0;
    json_object_set_new(object, "site", json_string(longest));
    assert_int_equal(study_from_json(&out, object, &err), 0);
    study_release(&out);
    longest[STUDY_FIELD_SIZE - 1] = 'x';
    longest[STUDY_FIELD_SIZE] = 0;
    json_object_set_new(object, "site", json_string(longest));
    assert_int_equal(study_from_json(&out, object, &err), -1);
    assert_non_null(strstr(err.msg, "site"));
    json_decref(object);
    json_decref(images[0].extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_went),
        cmocka_unit_test(bytes_that_are_not_utf8_are_kept_as_escapes),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(a_text_too_long_for_its_field_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
