/* Magic bytes, EXIF orientation and colour profiles from bytes alone. */
#include "tests/preprocess/support.h"

#include <stdlib.h>

#include "preprocess/exif.h"
#include "preprocess/profile.h"
#include "preprocess/sniff.h"

#define BYTES(text) text, sizeof(text) - 1

/* clang-format off */
static const struct {
    const char *bytes;
    size_t n;
    enum image_kind kind;
    enum reason reason;
    const char *part;
} cases[] = {
    {BYTES("\xff\xd8\xff\xe0"),                            KIND_JPEG, REASON_NONE,         ""        },
    {BYTES("\x89PNG\r\n\x1a\n...."),                       KIND_PNG,  REASON_NONE,         ""        },
    {BYTES("II*\0\x08\0\0\0"),                             KIND_TIFF, REASON_NONE,         ""        },
    {BYTES("MM\0*\0\0\0\x08"),                             KIND_TIFF, REASON_NONE,         ""        },
    {BYTES("II+\0\x08\0\0\0........"),                     KIND_TIFF, REASON_NONE,         ""        },
    {BYTES("RIFF\4\0\0\0WEBP"),                            KIND_WEBP, REASON_NONE,         ""        },
    {BYTES("RIFF\4\0\0\0WAVE"),                            KIND_NONE, REASON_NOT_AN_IMAGE, ""        },
    {BYTES("\0\0\0\x18" "ftypheic\0\0\0\0mif1heic"),       KIND_HEIC, REASON_NONE,         ""        },
    {BYTES("\0\0\0\x18" "ftypmif1\0\0\0\0mif1heic"),       KIND_HEIC, REASON_NONE,         ""        },
    {BYTES("\0\0\0\x18" "ftypmif1\0\0\0\0mif1avif"),       KIND_NONE, REASON_UNSUPPORTED,  "AVIF"    },
    {BYTES("\0\0\0\x18" "ftyphevc\0\0\0\0msf1hevc"),       KIND_NONE, REASON_UNSUPPORTED,  "sequence"},
    {BYTES("\0\0\0\x18" "ftypmp42\0\0\0\0isommp42"),       KIND_NONE, REASON_UNSUPPORTED,  "video"   },
    {BYTES("GIF89a"),                                      KIND_NONE, REASON_UNSUPPORTED,  "GIF"     },
    {BYTES("%PDF-1.4"),                                    KIND_NONE, REASON_UNSUPPORTED,  "PDF"     },
    {BYTES("BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"),    KIND_NONE, REASON_UNSUPPORTED,  "BMP"     },
    {BYTES("BMW drives\nsome text"),                       KIND_NONE, REASON_NOT_AN_IMAGE, ""        },
    {BYTES("<svg xmlns='...'>"),                           KIND_NONE, REASON_UNSUPPORTED,  "SVG"     },
    {BYTES("PK\3\4...."),                                  KIND_NONE, REASON_UNSUPPORTED,  "ZIP"     },
    {BYTES("\0\0\0\x0cjP  \r\n\x87\n"),                    KIND_NONE, REASON_UNSUPPORTED,  "2000"    },
    {BYTES("hello"),                                       KIND_NONE, REASON_NOT_AN_IMAGE, ""        },
    {BYTES("\xff\xd8"),                                    KIND_NONE, REASON_TRUNCATED,    ""        },
    {BYTES("\x89PNG"),                                     KIND_NONE, REASON_TRUNCATED,    ""        },
    {BYTES("\0"),                                          KIND_NONE, REASON_NOT_AN_IMAGE, ""        },
    {"",                                                0, KIND_NONE, REASON_EMPTY,        ""        },
};
/* clang-format on */

static void kinds_by_first_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint8_t *bytes = malloc(cases[i].n ? cases[i].n : 1); /* ends where the bytes end */
        struct verdict v = {0};

        memcpy(bytes, cases[i].bytes, cases[i].n);
        enum image_kind kind = sniff(bytes, cases[i].n, &v);
        if (kind != cases[i].kind || v.reason != cases[i].reason || !strstr(v.text, cases[i].part))
            fail_msg("case %zu: kind %d, %s, %s", i, kind, reason_word(v.reason), v.text);
        free(bytes);
    }
    uint8_t dicom[132] = {0};
    struct verdict v = {0};
    memcpy(dicom + 128, "DICM", 4);
    assert_int_equal(sniff(dicom, sizeof(dicom), &v), KIND_NONE);
    assert_non_null(strstr(v.text, "DICOM"));
    assert_string_equal(kind_name(KIND_HEIC), "heic");
    assert_string_equal(kind_name(-1), "");
    assert_string_equal(kind_name(KIND_COUNT), "");
}

/* Every prefix of a block with orientation 6, in both byte orders, and nonsense in its offsets. */
static void orientation_needs_a_whole_field(void **state)
{
    static const uint8_t big[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8,
                                  0,   1,   1,   18,  0, 3, 0,   0,   0, 1,   0, 6, 0, 0};
    static const uint8_t little[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 18,
                                     1,   3,   0,   1, 0, 0, 0, 6, 0, 0, 0};

    (void)state;
    assert_int_equal(exif_orientation(big, sizeof(big)), 6);
    assert_int_equal(exif_orientation(little, sizeof(little)), 6);
    for (size_t n = 0; n < sizeof(little) - 2; n++) {
        uint8_t *cut = malloc(n + 1);

        memcpy(cut, little, n);
        assert_int_equal(exif_orientation(cut, n), n < 20 ? 1 : 6);
        free(cut);
    }
    for (size_t i = 4; i < sizeof(little); i++) {
        uint8_t spoilt[sizeof(little)];

        memcpy(spoilt, little, sizeof(little));
        spoilt[i] = 0xff;
        int o = exif_orientation(spoilt, sizeof(spoilt));
        assert_true(o == 1 || o == 6);
    }
}

static void profiles_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        int colours;
        enum profile_use use;
    } known[] = {
        {"srgb", 3, PROFILE_NONE  },
        {"srgb", 1, PROFILE_BROKEN},
        {"srgb", 4, PROFILE_BROKEN},
        {"p3",   3, PROFILE_APPLY },
        {"cmyk", 4, PROFILE_APPLY },
        {"cmyk", 3, PROFILE_BROKEN},
    };

    (void)state;
    assert_int_equal(vips_init("test"), 0);
    assert_int_equal(profile_use(NULL, 0, 3), PROFILE_NONE);
    assert_int_equal(profile_use((const uint8_t *)"nonsense", 8, 3), PROFILE_BROKEN);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        VipsBlob *blob;
        size_t n;

        assert_int_equal(vips_profile_load(known[i].name, &blob, NULL), 0);
        const uint8_t *icc = vips_blob_get(blob, &n);
        assert_int_equal(profile_use(icc, n, known[i].colours), known[i].use);
        for (size_t cut = 0; cut < n; cut += cut < 1024 ? 1 : 1021) { /* must not read past it */
            uint8_t *bytes = malloc(cut + 1);

            memcpy(bytes, icc, cut);
            (void)profile_use(bytes, cut, known[i].colours);
            free(bytes);
        }
        vips_area_unref((VipsArea *)blob);
    }
}

static void cut_frames_are_seen(void **state)
{
    static const uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\1IDATxcccc\0\0\0\0IENDcccc";
    static const uint8_t heic[] = "\0\0\0\x10"
                                  "ftypheic\0\0\0\0\0\0\0\x0cmdatxxxx";

    (void)state;
    for (size_t n = 8; n < sizeof(png) - 1; n++)
        assert_false(sniff_is_whole(KIND_PNG, png, n));
    assert_true(sniff_is_whole(KIND_PNG, png, sizeof(png) - 1));
    for (size_t n = 17; n < sizeof(heic) - 1; n++)
        assert_false(sniff_is_whole(KIND_HEIC, heic, n));
    assert_true(sniff_is_whole(KIND_HEIC, heic, sizeof(heic) - 1));
    assert_false(sniff_is_whole(KIND_WEBP, (const uint8_t *)"RIFF\x09\0\0\0WEBPxxxx", 16));
    assert_true(sniff_is_whole(KIND_WEBP, (const uint8_t *)"RIFF\x08\0\0\0WEBPxxxx", 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_by_first_bytes),
        cmocka_unit_test(orientation_needs_a_whole_field),
        cmocka_unit_test(profiles_are_told_apart),
        cmocka_unit_test(cut_frames_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
