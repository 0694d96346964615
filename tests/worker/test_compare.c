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

#include "common/file.h"
#include "worker/compare.h"
#include "worker/rows.h"

enum { IMAGES = 120 };

static const struct judge_plan plan = {.replicates = 500, .seed = 1};
static struct label labels[IMAGES];
static char path[] = "/tmp/lentigo-rows-XXXXXX";

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.6f, want %.6f", got, want);
}

/* Hundred pixels each, half of them lesion, of which `hit` are found; images of unlike difficulty. */
static void fill(struct judgement *j, int more)
{
    struct err err = {0};

    *j = (struct judgement){0};
    for (int i = 0; i < IMAGES; i++) {
        uint8_t predicted[100] = {0}, lesion[100] = {0};
        int class = i % 3 ? 2 : 1, hit = 15 + i * 7 % 30 + more + i % 2;
        double mel = class == 1 ? 0.3 + 0.005 * (i % 60) : 0.1 + 0.006 * (i % 80);
        const double scores[METRICS_CLASSES] = {0, mel, 1 - mel};
        memset(predicted, class, (size_t)hit);
        memset(lesion, 1, 50);
        labels[i] = (struct label){.class = class, .split = "val", .source = "a \"b\", c"};
        snprintf(labels[i].id, sizeof(labels[i].id), "i%03d", i);
        snprintf(labels[i].lesion_id, sizeof(labels[i].lesion_id), "L%d", i / 2);
        const struct metrics_case seen = {predicted, lesion, 100, 1, class, scores};
        assert_int_equal(judgement_add(j, &seen, &labels[i], &err), 0);
    }
}

/* Images differ a lot and the two models little: seen in pairs the difference is sure. */
static void pairs_show_a_small_difference(void **state)
{
    struct judgement a, b;
    struct comparison c;
    struct err err = {0};

    (void)state;
    fill(&a, 2);
    fill(&b, 0);
    assert_int_equal(compare_models(&c, &a, &b.metrics, METRICS_ALL, &plan, &err), 0);
    assert_int_equal(c.lesions, IMAGES / 2);
    near(c.a[METRIC_MEAN_JACCARD] - c.b[METRIC_MEAN_JACCARD], 2 / 50.0, 1e-12);
    near(c.difference[METRIC_MEAN_JACCARD].low, 0.04, 1e-9); /* the same for every image */
    near(c.difference[METRIC_MEAN_JACCARD].high, 0.04, 1e-9);
    near(c.p[METRIC_MEAN_JACCARD], 2.0 / 501, 1e-12);
    near(c.p[METRIC_AUC_MALIGNANT], 1, 0); /* the scores are the same */
    near(c.malignant.difference_error, 0, 0);
    judgement_release(&a);
    judgement_release(&b);
}

static void a_model_is_no_different_from_itself(void **state)
{
    struct judgement a;
    struct comparison c;
    struct err err = {0};

    (void)state;
    fill(&a, 0);
    assert_int_equal(compare_models(&c, &a, &a.metrics, METRICS_ALL, &plan, &err), 0);
    for (int f = 0; f < METRIC_COUNT; f++)
        if (!isnan(c.a[f]))
            assert_true(c.p[f] == 1 && c.difference[f].low == 0 && c.difference[f].high == 0);
    json_t *object = comparison_to_json(&c, "itself");
    json_t *row = json_object_get(json_object_get(object, "figures"), "mean_jaccard");
    near(json_number_or(row, "difference", NAN), 0, 0);
    near(json_number_or(row, "p", NAN), 1, 0);
    json_decref(object);
    judgement_release(&a);
}

/* What was written for each image is read back, and compared it is the same. */
static void table_there_and_back(void **state)
{
    struct judgement a;
    struct metrics read;
    struct comparison c;
    struct err err = {0};
    uint32_t known;

    (void)state;
    fill(&a, 0);
    assert_int_equal(rows_write(&a, path, &err), 0);
    if (rows_read(&read, &known, &a, path, &err))
        fail_msg("%s", err.msg);
    assert_true(known & 1 << METRIC_LESION_IOU && known & 1 << METRIC_ECE);
    assert_false(known & 1 << METRIC_MIOU8);
    assert_int_equal(compare_models(&c, &a, &read, known, &plan, &err), 0);
    for (int f = 0; f < METRIC_COUNT; f++)
        if (known & 1U << f && !isnan(c.a[f]))
            near(c.a[f], c.b[f], 0);
    metrics_release(&read);
    judgement_release(&a);
}

/* Jaccard alone, in another order, with images of another split. */
static void table_of_others(void **state)
{
    struct judgement a;
    struct metrics read;
    struct err err = {0};
    struct buf text;
    uint32_t known;

    (void)state;
    fill(&a, 0);
    buf_init(&text, 1 << 20);
    buf_add_text(&text, "jaccard;id;note\r\n0.25;other;x\r\n");
    for (int i = IMAGES - 1; i >= 0; i--)
        buf_printf(&text, "%.2f;i%03d;x\r\n", i / 200.0, i);
    assert_int_equal(file_write(path, text.data, text.len, &err), 0);
    buf_release(&text);
    if (rows_read(&read, &known, &a, path, &err))
        fail_msg("%s", err.msg);
    assert_int_equal(known,
                     1 << METRIC_MEAN_JACCARD | 1 << METRIC_THRESHOLDED | 1 << METRIC_FAILURE);
    near(read.images[100].jaccard, 0.5, 1e-12);
    metrics_release(&read);
    judgement_release(&a);
}

static void bad_tables_are_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"",                                                                  "empty"           },
        {"id,dice\ni000,0.5\n",                                               "jaccard"         },
        {"id,jaccard\ni000,0.5\n",                                            "no row for image"},
        {"id,jaccard\ni000,0.5\ni000,0.6\n",                                  ":3: i000"        },
        {"id,jaccard\ni000,1.5\n",                                            ":2: jaccard"     },
        {"id,jaccard\ni000,nan\n",                                            ":2: jaccard"     },
        {"id,jaccard\ni000,\n",                                               ":2: jaccard"     },
        {"id,jaccard\ni000\n",                                                ":2: 1 fields"    },
        {"id,jaccard,MEL\ni000,0.5,0.5\n",                                    "all or none"     },
        {"id,jaccard,hit_px,predicted_px,lesion_px\ni000,0.5,9,8,9\n",        ":2: more hit"    },
        {"id,jaccard,MEL,NV,BCC,AKIEC,BKL,DF,VASC\ni000,0.5,0,0,0,0,0,0,0\n", ":2: all scores"  },
    };
    struct judgement a;

    (void)state;
    fill(&a, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct metrics read;
        struct err err = {0};
        uint32_t known;
        assert_int_equal(file_write(path, cases[i].text, strlen(cases[i].text), &err), 0);
        if (rows_read(&read, &known, &a, path, &err) != -1 || err.code != ERR_CONFIG ||
            !strstr(err.msg, cases[i].says) || read.images)
            fail_msg("case %zu: %s", i, err.msg);
    }
    judgement_release(&a);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_show_a_small_difference),
        cmocka_unit_test(a_model_is_no_different_from_itself),
        cmocka_unit_test(table_there_and_back),
        cmocka_unit_test(table_of_others),
        cmocka_unit_test(bad_tables_are_refused),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
