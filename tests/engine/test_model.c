/* Opening a model folder: what is wrong is configuration, and is named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/json.h"
#include "engine/model.h"
#include "engine/safetensors.h"
#include "engine/weights.h"
#include "tests/engine/support.h"

static char dir[TEST_PATH];

static void write_weights(const struct tensor *items, size_t count)
{
    char path[TEST_PATH + 32];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/weights.safetensors", dir);
    assert_int_equal(safetensors_write(path, items, count, DTYPE_F32, &err), 0);
}

static void expect_refusal(const char *text)
{
    struct model *m = NULL;
    struct err err = {0};

    assert_int_equal(model_open(&m, dir, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(m);
    if (!strstr(err.msg, text))
        fail_msg("wanted \"%s\": %s", text, err.msg);
}

static void a_good_folder_opens(void **state)
{
    struct model *m;
    struct err err = {0};

    (void)state;
    random_model(dir, "good", 1);
    if (model_open(&m, dir, &err))
        fail_msg("%s", err.msg);
    assert_string_equal(model_card(m)->name, "random");
    assert_int_equal(model_card(m)->size, 256);
    assert_int_equal(strlen(model_card(m)->sha256), 64);
    model_close(m);
    model_close(NULL);
}

static void norms_are_folded(void **state)
{
    struct model *m;
    struct err err = {0};
    struct tensor *t = random_weights(1);
    struct param params[PARAM_COUNT];
    const float *v[ROLE_SCALE + 1] = {0};

    (void)state;
    random_model(dir, "good", 1);
    assert_int_equal(model_open(&m, dir, &err), 0);
    network_params(params);
    for (int i = 0; i < PARAM_COUNT; i++)
        if (params[i].layer == L_CM)
            v[params[i].role] = (const float *)(const void *)t[i].data;
    double *weight = malloc(weights_count(L_CM) * sizeof(*weight)), bias[128];
    assert_int_equal(weights_fold(m, L_CM, weight, bias, &err), 0);
    for (int c = 0; c < 128; c++) {
        double scale = v[ROLE_GAMMA][c] / sqrt((double)v[ROLE_VARIANCE][c] + 1e-5);
        double shift = v[ROLE_BETA][c] + ((double)v[ROLE_BIAS][c] - v[ROLE_MEAN][c]) * scale;
        assert_float_equal(bias[c], shift, 1e-12);
        assert_float_equal(weight[c * 1152 + 7], v[ROLE_WEIGHT][c * 1152 + 7] * scale, 1e-12);
    }
    assert_float_equal(weights_scale(m, L_G1), 1, 0);
    free(weight);
    random_weights_free(t);
    model_close(m);
}

static void wrong_weights_are_named(void **state)
{
    struct tensor *t = random_weights(2);
    float *values = (float *)(uintptr_t)t[4].data; /* features.0.bn._variance */

    (void)state;
    random_model(dir, "wrong", 2);
    write_weights(t + 1, PARAM_COUNT - 1);
    expect_refusal("tensor backbone.features.0.conv.weight is missing");
    t[1].shape[0] = 16;
    t[1].count = 16;
    write_weights(t, PARAM_COUNT);
    expect_refusal("tensor backbone.features.0.bn.weight has shape [16], not [32]");
    t[1].shape[0] = t[1].count = 32;
    values[5] = -1;
    write_weights(t, PARAM_COUNT);
    expect_refusal("tensor backbone.features.0.bn._variance: value 5 is negative");
    values[5] = 1;
    write_weights(t, PARAM_COUNT_INFERENCE); /* training heads are not needed */
    struct model *m;
    struct err err = {0};
    assert_int_equal(model_open(&m, dir, &err), 0);
    model_close(m);
    random_weights_free(t);
}

/* NaN cannot be written by us, so a byte is changed. */
static void damaged_files_are_refused(void **state)
{
    char path[TEST_PATH + 32];
    struct buf b;
    struct err err = {0};

    (void)state;
    random_model(dir, "damaged", 3);
    snprintf(path, sizeof(path), "%s/weights.safetensors", dir);
    buf_init(&b, 1 << 28);
    assert_int_equal(file_read(path, &b, &err), 0);
    assert_int_equal(file_write(path, b.data, b.len - 4, &err), 0);
    expect_refusal("the file is cut");
    size_t header = 8 + (unsigned char)b.data[0] + 256 * (size_t)(unsigned char)b.data[1];
    memset(b.data + header + 40, 0xff, 4); /* value 10 of the first tensor */
    assert_int_equal(file_write(path, b.data, b.len, &err), 0);
    expect_refusal("tensor backbone.features.0.conv.weight: value 10 is NaN");
    buf_release(&b);
    assert_int_equal(unlink(path), 0);
    expect_refusal("weights.safetensors");
}

static void cards_are_checked(void **state)
{
    static const struct {
        const char *card, *text;
    } cases[] = {
        {"{\"name\":\"x\",\"version\":\"1\",\"licence\":\"l\"}",             "key \"size\""   },
        {"{\"name\":\"x\",\"version\":\"1\",\"licence\":\"l\",\"size\":0}",  "\"size\" is 0"  },
        {"{\"name\":\"\",\"version\":\"1\",\"licence\":\"l\",\"size\":256}", "\"name\""       },
        {"{\"name\":\"x\",\"version\":1,\"licence\":\"l\",\"size\":256}",    "\"version\""    },
        {"{",                                                                "card.json: line"},
    };
    char path[TEST_PATH + 32];
    struct err err = {0};

    (void)state;
    random_model(dir, "card", 4);
    snprintf(path, sizeof(path), "%s/card.json", dir);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(file_write(path, cases[i].card, strlen(cases[i].card), &err), 0);
        expect_refusal(cases[i].text);
    }
    assert_int_equal(unlink(path), 0);
    expect_refusal("card.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_folder_opens),     cmocka_unit_test(norms_are_folded),
        cmocka_unit_test(wrong_weights_are_named), cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(cards_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
