#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lesion/policy.h"

/* clang-format off */
#define GOOD \
    "{\"version\":2,\"model\":\"starter\",\"temperature\":{\"value\":2,\"ci\":[1.5,2.5]}," \
    "\"urgent\":{\"malignant\":0.6,\"malignant_ci\":[0.55,0.65],\"melanoma\":0.4,\"melanoma_ci\":[0.35,0.45]," \
    "\"specificity\":0.91,\"ci\":[0.89,0.93]}," \
    "\"review\":{\"malignant\":0.1,\"malignant_ci\":[0.08,0.12],\"sensitivity\":0.95,\"ci\":[0.91,0.98]}," \
    "\"flat_scores\":{\"confidence_min\":0.5}," \
    "\"shares\":{\"urgent\":0.2,\"review\":0.4,\"routine\":0.39,\"retake\":0.01}," \
    "\"ppv\":{\"0.01\":{\"urgent\":0.07,\"flagged\":0.02}," \
    "\"0.07\":{\"urgent\":0.36,\"flagged\":0.13}}," \
    "\"per_10000\":{\"0.01\":{\"urgent\":990,\"referred\":5400,\"referred_ci\":[5000,5900],\"missed\":5,\"missed_ci\":[2,8]}," \
    "\"0.07\":{\"urgent\":1200,\"referred\":5700,\"referred_ci\":[5100,6100],\"missed\":32,\"missed_ci\":[15,55]}}," \
    "\"support\":{\"malignant\":135,\"benign\":677,\"below_review\":8,\"above_urgent\":61}," \
    "\"abcd_field_accuracy\":0.72}"
/* clang-format on */

static char path[] = "/tmp/lentigo-policy-XXXXXX";
static struct lesion_measures m;

static int write_text(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    return fclose(f);
}

/* GOOD with the first `from` replaced. */
static void write_with(const char *from, const char *to)
{
    const char *at = strstr(GOOD, from);
    char text[3000];

    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
    assert_int_equal(write_text(text), 0);
}

static struct policy *open_good(void)
{
    struct policy *p = NULL;
    struct err err = {0};

    assert_int_equal(write_text(GOOD), 0);
    if (policy_open(&p, path, &err))
        fail_msg("%s", err.msg);
    return p;
}

static void facts_are_read(void **state)
{
    struct policy *p = open_good();
    const struct policy_facts *f = policy_facts(p);

    (void)state;
    assert_string_equal(f->model, "starter");
    assert_true(f->urgent_malignant == 0.6 && f->urgent_melanoma == 0.4);
    assert_true(f->review_malignant == 0.1 && f->confidence_min == 0.5);
    assert_true(f->specificity.value == 0.91 && f->specificity.low == 0.89);
    assert_true(f->sensitivity.high == 0.98 && f->shares[RISK_RETAKE] == 0.01);
    assert_true(f->ppv_urgent[1] == 0.36 && f->ppv_flagged[0] == 0.02);
    assert_true(f->temperature == 2 && f->temperature_range.high == 2.5);
    assert_true(f->urgent_melanoma_range.low == 0.35 && f->review_range.high == 0.12);
    assert_true(f->expected[0].referred == 5400 && f->expected[1].missed_range.high == 55);
    assert_int_equal(f->support.benign, 677);
    assert_int_equal(f->support.below_review, 8);
    assert_true(f->abcd_field_accuracy == 0.72);
    assert_int_equal(strlen(policy_sha256(p)), 64);
    policy_close(p);
    policy_close(NULL);
}

static void every_key_is_checked(void **state)
{
    static const struct {
        const char *from, *to, *named;
    } cases[] = {
        {"\"version\":2,",                "",                           "version"                 },
        {"\"version\":2",                 "\"version\":3",              "version"                 },
        {"\"version\":2",                 "\"version\":1",              "temperature\" is unknown"},
        {"\"value\":2,",                  "",                           "temperature.value"       },
        {"\"value\":2",                   "\"value\":0",                "temperature.value"       },
        {"[1.5,2.5]",                     "[2.5,1.5]",                  "temperature.ci"          },
        {"[0.55,0.65]",                   "[0.55,1.65]",                "urgent.malignant_ci"     },
        {"\"melanoma_ci\":[0.35,0.45],",  "",                           "urgent.melanoma_ci"      },
        {"[0.08,0.12]",                   "0.1",                        "review.malignant_ci"     },
        {"\"referred\":5400",             "\"referred\":10001",         "per_10000.0.01.referred" },
        {"[15,55]",                       "[-1,55]",                    "per_10000.0.07.missed_ci"},
        {"\"missed\":32",                 "\"missing\":32",             "per_10000.0.07.missed"   },
        {"\"missed\":32",                 "\"missed\":32,\"lost\":1",   "per_10000.0.07.lost"     },
        {"\"benign\":677",                "\"benign\":67.7",            "support.benign"          },
        {"\"benign\":677",                "\"benign\":677,\"odd\":0",   "support.odd"             },
        {"\"model\":\"starter\",",        "",                           "model"                   },
        {"\"model\":\"starter\"",         "\"model\":7",                "model"                   },
        {"\"malignant\":0.6,",            "",                           "urgent.malignant"        },
        {"\"malignant\":0.6",             "\"malignant\":\"0.6\"",      "urgent.malignant"        },
        {"\"malignant\":0.6",             "\"malignant\":1.2",          "urgent.malignant"        },
        {"\"melanoma\":0.4",              "\"melanoma\":-0.4",          "urgent.melanoma"         },
        {"\"specificity\":0.91,",         "",                           "urgent.specificity"      },
        {"[0.89,0.93]",                   "[0.93,0.89]",                "urgent.ci"               },
        {"[0.89,0.93]",                   "[0.89]",                     "urgent.ci"               },
        {"[0.91,0.98]",                   "null",                       "review.ci"               },
        {"\"malignant\":0.1,",            "",                           "review.malignant"        },
        {"\"malignant\":0.1",             "\"malignant\":0.7",          "review.malignant"        },
        {"\"sensitivity\":0.95",          "\"sensitivity\":true",       "review.sensitivity"      },
        {"{\"confidence_min\":0.5}",      "3",                          "confidence_min"          },
        {"\"retake\":0.01",               "\"retake\":[]",              "shares.retake"           },
        {"\"0.01\":{\"urgent\":0.07",     "\"0.01\":{\"urgent\":null",  "ppv.0.01.urgent"         },
        {"\"flagged\":0.13",              "\"flag\":0.13",              "ppv.0.07.flagged"        },
        {",\"abcd_field_accuracy\":0.72", "",                           "abcd_field_accuracy"     },
        {"\"abcd_field_accuracy\":0.72",  "\"abcd_field_accuracy\":72", "abcd_field_accuracy"     },
        {"\"version\":2",                 "\"version\":2,\"extra\":1",  "extra"                   },
        {"\"melanoma\":0.4",              "\"melanoma\":0.4,\"mel\":1", "urgent.mel"              },
        {"\"version\":2,",                "",                           "version"                 },
        {"{\"version\"",                  "[",                          "line"                    },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct policy *p = NULL;
        struct err err = {0};
        write_with(cases[i].from, cases[i].to);
        if (policy_open(&p, path, &err) != -1 || err.code != ERR_CONFIG || p ||
            !strstr(err.msg, cases[i].named) || !strstr(err.msg, path))
            fail_msg("case %zu (%s): \"%s\"", i, cases[i].named, err.msg);
    }
}

#define SIZES                                                                            \
    "\"version\":2,\"sizes\":{\"coarse\":160,\"fine\":256,\"expected_jaccard_min\":0.5," \
    "\"score\":[0.1,0.2],\"fine_share\":0.25}"

/* The plan of --size auto is read where it is, and its keys are checked. */
static void sizes_are_read(void **state)
{
    struct policy *p = NULL;
    struct err err = {0};

    (void)state;
    write_with("\"version\":2", SIZES);
    assert_int_equal(policy_open(&p, path, &err), 0);
    assert_int_equal(policy_facts(p)->sizes.coarse, 160);
    assert_true(policy_facts(p)->sizes.score_high == 0.2);
    policy_close(p);
    write_with("\"version\":2", "\"version\":2,\"sizes\":{\"coarse\":160,\"extra\":1}");
    p = NULL;
    assert_int_equal(policy_open(&p, path, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "sizes."));
}

/* One model folder holds both policies; neither stands in for the other. */
static void each_way_has_its_own_file(void **state)
{
    static const char *const texts[] = {"\"version\":2", SIZES};
    char dir[] = "/tmp/lentigo-policies-XXXXXX", name[100];

    (void)state;
    assert_non_null(mkdtemp(dir));
    for (int written = 0; written < 2; written++)
        for (int is_auto = 0; is_auto < 2; is_auto++) {
            struct policy *p = NULL;
            struct err err = {0};
            snprintf(name, sizeof(name), "%s/%s", dir, policy_file_name(is_auto));
            write_with("\"version\":2", texts[written]);
            assert_int_equal(rename(path, name), 0);
            assert_int_equal(policy_open_in(&p, dir, is_auto, &err), written == is_auto ? 0 : -1);
            assert_int_equal(err.code, written == is_auto ? ERR_OK : ERR_CONFIG);
            policy_close(p);
            unlink(name);
            err = (struct err){0};
            assert_int_equal(policy_open_in(&p, dir, is_auto, &err), -1);
            assert_int_equal(err.code, ERR_CONFIG);
            assert_non_null(strstr(err.msg, "no thresholds"));
        }
    rmdir(dir);
}

/* As the first release wrote it. */
static void version_1_is_read(void **state)
{
    static const char text[] =
        "{\"version\":1,\"model\":\"old\","
        "\"urgent\":{\"malignant\":0.6,\"melanoma\":0.4,\"specificity\":0.91,\"ci\":[0.89,0.93]},"
        "\"review\":{\"malignant\":0.1,\"sensitivity\":0.95,\"ci\":[0.91,0.98]},"
        "\"flat_scores\":{\"confidence_min\":0.5},"
        "\"shares\":{\"urgent\":0.2,\"review\":0.4,\"routine\":0.39,\"retake\":0.01},"
        "\"ppv\":{\"0.01\":{\"urgent\":0.07,\"flagged\":0.02},"
        "\"0.07\":{\"urgent\":0.36,\"flagged\":0.13}},\"abcd_field_accuracy\":0.72}";
    struct policy *p = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(write_text(text), 0);
    if (policy_open(&p, path, &err))
        fail_msg("%s", err.msg);
    assert_true(policy_facts(p)->temperature == 1 && policy_facts(p)->review_malignant == 0.1);
    assert_true(policy_facts(p)->sensitivity.low == 0.91);
    assert_true(isnan(policy_facts(p)->review_range.low));
    policy_close(p);
}

/* sqrt(0.64) : sqrt(0.36) = 4 : 3 */
static void scores_are_warmed(void **state)
{
    struct policy *p = open_good();

    (void)state;
    m = (struct lesion_measures){
        .classes = {0, 0.64, 0.36},
          .malignant_probability = 0.64
    };
    policy_warm(p, &m);
    assert_true(fabs(m.classes[1] - 4 / 7.0) < 2e-4 && fabs(m.classes[2] - 3 / 7.0) < 2e-4);
    assert_true(m.malignant_probability == m.classes[1] + m.classes[3] + m.classes[4]);
    policy_close(p);
}

static void missing_file_is_configuration(void **state)
{
    struct policy *p = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(policy_open(&p, "/nonexistent/policy.json", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
}

static void accuracy_may_be_unknown(void **state)
{
    struct policy *p = NULL;
    struct err err = {0};

    (void)state;
    write_with("0.72", "null");
    assert_int_equal(policy_open(&p, path, &err), 0);
    assert_true(isnan(policy_facts(p)->abcd_field_accuracy));
    policy_close(p);
}

/* A lesion beyond doubt with the given scores. */
static void set_scores(double mel, double bcc, double akiec)
{
    memset(&m, 0, offsetof(struct lesion_measures, contour));
    m.is_found = true;
    m.area_fraction = 0.2;
    m.components = 1;
    m.classes[1] = mel;
    m.classes[3] = bcc;
    m.classes[4] = akiec;
    m.classes[2] = 1 - mel - bcc - akiec;
    m.malignant_probability = mel + bcc + akiec;
    m.confidence = 0.9;
    memset(&m.quality, 0, sizeof(m.quality));
}

enum doubt {
    SURE,
    NONE_FOUND,
    TINY,
    CUT,
    SEVERAL,
    FLAT,
    UNKNOWN_FLAT,
    POOR,
    CUT_QUALITY,
    UNUSABLE,
    DUPLICATE,
    NOT_NUMBERS
};

static void add_doubt(enum doubt doubt)
{
    switch (doubt) {
    case NONE_FOUND:
        m.is_found = false;
        m.components = 0;
        m.confidence = NAN;
        break;
    case TINY: m.area_fraction = 0.0005; break;
    case CUT: m.border_share = 0.3; break;
    case SEVERAL: m.components = 2; break;
    case FLAT: m.confidence = 0.4; break;
    case UNKNOWN_FLAT: m.confidence = NAN; break;
    case POOR:
        m.quality.verdict = QUALITY_DEGRADED;
        snprintf(m.quality.why, sizeof(m.quality.why), "blur");
        break;
    case CUT_QUALITY:
        m.border_share = 0.3;
        m.quality.verdict = QUALITY_DEGRADED;
        snprintf(m.quality.why, sizeof(m.quality.why), "cut_off");
        break;
    case UNUSABLE: m.quality.verdict = QUALITY_UNUSABLE; break;
    case NOT_NUMBERS:
        for (int k = 1; k < LESION_CLASSES; k++)
            m.classes[k] = NAN;
        m.malignant_probability = m.confidence = NAN;
        break;
    case SURE:
    case DUPLICATE: break;
    }
}

static void each_reason_decides(void **state)
{
    static const struct {
        double mel, bcc, akiec;
        enum doubt doubt;
        enum risk risk;
        const char *reason;
    } cases[] = {
        {0.00, 0.00, 0.00, SURE,         RISK_ROUTINE, "below_threshold"             },
        {0.09, 0.00, 0.00, SURE,         RISK_ROUTINE, "below_threshold"             },
        {0.10, 0.00, 0.00, SURE,         RISK_REVIEW,  "malignant_raised"            },
        {0.40, 0.00, 0.00, SURE,         RISK_URGENT,  "melanoma_high"               },
        {0.30, 0.10, 0.25, SURE,         RISK_URGENT,  "malignant_high"              },
        {0.65, 0.00, 0.00, SURE,         RISK_URGENT,  "malignant_high+melanoma_high"},
        {0.00, 0.00, 0.70, SURE,         RISK_URGENT,  "malignant_high"              },
        {0.00, 0.90, 0.00, SURE,         RISK_REVIEW,  "bcc"                         },
        {0.00, 0.15, 0.00, SURE,         RISK_REVIEW,  "bcc"                         },
        {0.41, 0.50, 0.00, SURE,         RISK_URGENT,  "melanoma_high+bcc"           },
        {0.00, 0.00, 0.00, NONE_FOUND,   RISK_REVIEW,  "no_lesion"                   },
        {0.00, 0.00, 0.00, TINY,         RISK_REVIEW,  "no_lesion"                   },
        {0.50, 0.00, 0.00, NONE_FOUND,   RISK_URGENT,  "melanoma_high+no_lesion"     },
        {0.00, 0.00, 0.00, CUT,          RISK_REVIEW,  "cut_off"                     },
        {0.00, 0.00, 0.00, CUT_QUALITY,  RISK_REVIEW,  "cut_off"                     },
        {0.00, 0.00, 0.00, SEVERAL,      RISK_REVIEW,  "several"                     },
        {0.00, 0.00, 0.00, FLAT,         RISK_REVIEW,  "flat_scores"                 },
        {0.00, 0.00, 0.00, UNKNOWN_FLAT, RISK_REVIEW,  "flat_scores"                 },
        {0.00, 0.00, 0.00, NOT_NUMBERS,  RISK_REVIEW,  "flat_scores"                 },
        {0.00, 0.00, 0.00, POOR,         RISK_REVIEW,  "quality"                     },
        {0.20, 0.00, 0.00, POOR,         RISK_REVIEW,  "malignant_raised+quality"    },
        {0.00, 0.00, 0.00, DUPLICATE,    RISK_REVIEW,  "duplicate"                   },
        {0.00, 0.00, 0.00, UNUSABLE,     RISK_RETAKE,  "unusable"                    },
        {0.90, 0.00, 0.00, UNUSABLE,     RISK_RETAKE,  "unusable"                    },
    };
    struct policy *p = open_good();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct risk_decision d;
        set_scores(cases[i].mel, cases[i].bcc, cases[i].akiec);
        add_doubt(cases[i].doubt);
        policy_decide(p, &m, cases[i].doubt == DUPLICATE, &d);
        if (d.risk != cases[i].risk || strcmp(d.reason, cases[i].reason) != 0)
            fail_msg("case %zu: %s, %s", i, risk_word(d.risk), d.reason);
    }
    policy_close(p);
}

static void all_reasons_at_once_fit(void **state)
{
    struct policy *p = open_good();
    struct risk_decision d;

    (void)state;
    set_scores(0.45, 0.05, 0.2);
    m.border_share = 0.5;
    m.components = 3;
    m.confidence = 0;
    m.quality.verdict = QUALITY_DEGRADED;
    snprintf(m.quality.why, sizeof(m.quality.why), "blur+cut_off");
    policy_decide(p, &m, true, &d);
    assert_string_equal(d.reason, "malignant_high+melanoma_high+cut_off+several+flat_scores+"
                                  "quality+duplicate");
    policy_close(p);
}

static void words_go_both_ways(void **state)
{
    (void)state;
    for (int r = RISK_URGENT; r <= RISK_ROUTINE; r++)
        assert_int_equal(risk_of(risk_word((enum risk)r)), r);
    assert_int_equal(risk_of("healthy"), RISK_REVIEW);
    assert_int_equal(risk_of(NULL), RISK_REVIEW);
}

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_read),
        cmocka_unit_test(every_key_is_checked),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(each_way_has_its_own_file),
        cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(scores_are_warmed),
        cmocka_unit_test(missing_file_is_configuration),
        cmocka_unit_test(accuracy_may_be_unknown),
        cmocka_unit_test(each_reason_decides),
        cmocka_unit_test(all_reasons_at_once_fit),
        cmocka_unit_test(words_go_both_ways),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
