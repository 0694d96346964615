/* Which maps are bytes, and int8.json: written, read, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "engine/model.h"
#include "tests/engine/support.h"

static char dir[TEST_PATH];

static struct ranges some_ranges(void)
{
    struct ranges r = {0};

    memset(r.weights_sha256, 'a', SHA256_HEX_SIZE - 1);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        r.of[i] = ranges_owner(i) == i ? 1 + (float)i / 8 : 0;
    return r;
}

static void maps_of_bytes_follow_from_the_table(void **state)
{
    static const struct {
        int layer, owner;
        enum ranges_kind kind;
    } cases[] = {
        {L_IN,     L_NONE,  RANGES_NONE},
        {L_F0,     L_F0,    RANGES_U8  },
        {L_F2A,    L_F2A,   RANGES_U8  },
        {L_F2D,    L_F2D,   RANGES_S8  }, /* no ReLU */
        {L_F2P,    L_F2,    RANGES_U8  },
        {L_F2B,    L_F2,    RANGES_U8  },
        {L_F2,     L_F2,    RANGES_U8  },
        {L_F3A,    L_F3,    RANGES_U8  },
        {L_CM1,    L_NONE,  RANGES_NONE},
        {L_BIN4,   L_NONE,  RANGES_NONE},
        {L_UP2,    L_NONE,  RANGES_NONE},
        {L_CMS,    L_CMS,   RANGES_U8  },
        {L_X1,     L_X1,    RANGES_U8  },
        {L_M1,     L_NONE,  RANGES_NONE},
        {L_Q1,     L_NONE,  RANGES_NONE},
        {L_T1,     L_NONE,  RANGES_NONE},
        {L_G1,     L_G1,    RANGES_U8  },
        {L_HEAD0,  L_HEAD0, RANGES_U8  },
        {L_LOGITS, L_NONE,  RANGES_NONE},
    };
    int owners = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (ranges_kind(cases[i].layer) != cases[i].kind ||
            ranges_owner(cases[i].layer) != cases[i].owner)
            fail_msg("%s", network[cases[i].layer].name);
    for (int i = 0; i < LAYER_COUNT_INFERENCE; i++)
        owners += ranges_owner(i) == i;
    assert_int_equal(owners, RANGES_COUNT);
}

static void what_is_written_is_read(void **state)
{
    struct ranges r = some_ranges(), back;
    struct err err = {0};
    json_t *about = json_pack("{s:s}", "rule", "max");

    (void)state;
    assert_int_equal(dir_make(dir, &err), 0);
    assert_int_equal(ranges_write(&r, about, dir, &err), 0);
    assert_int_equal(ranges_read(&back, dir, &err), 1);
    assert_memory_equal(back.of, r.of, sizeof(r.of));
    assert_string_equal(back.weights_sha256, r.weights_sha256);
    assert_int_equal(strlen(back.sha256), SHA256_HEX_SIZE - 1);
    assert_int_equal(ranges_read(&back, BINARY_DIR "/tests", &err), 0); /* there is none */
    json_decref(about);
}

static void expect_refusal(json_t *file, const char *text)
{
    char path[TEST_PATH + 16];
    struct ranges r;
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/int8.json", dir);
    assert_int_equal(json_write(path, file, &err), 0);
    assert_int_equal(ranges_read(&r, dir, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    if (!strstr(err.msg, text) || !strstr(err.msg, "int8.json"))
        fail_msg("wanted \"%s\": %s", text, err.msg);
}

static void bad_files_are_refused(void **state)
{
    char path[TEST_PATH + 16];
    struct err err = {0};

    (void)state;
    snprintf(path, sizeof(path), "%s/int8.json", dir);
    json_t *file = json_read(path, 1 << 20, &err), *ranges = json_object_get(file, "ranges");
    const char *name = network[L_F0].name;

    assert_non_null(file);
    json_object_set_new(ranges, name, json_integer(0));
    expect_refusal(file, name);
    json_object_set_new(ranges, name, json_real(1e300));
    expect_refusal(file, name);
    json_object_set_new(ranges, name, json_string("wide"));
    expect_refusal(file, name);
    json_object_del(ranges, name);
    expect_refusal(file, name);
    json_object_set_new(file, "weights_sha256", json_string("abc"));
    expect_refusal(file, "weights_sha256");
    json_object_set_new(file, "version", json_integer(2));
    expect_refusal(file, "version");
    json_decref(file);
}

static void a_model_takes_only_its_own(void **state)
{
    char folder[TEST_PATH], path[TEST_PATH + 16];
    struct ranges r = some_ranges();
    json_t *about = json_object();
    struct model *m = NULL;
    struct err err = {0}, why = {0};

    (void)state;
    random_model(folder, "ranges", 4);
    snprintf(path, sizeof(path), "%s/int8.json", folder);
    unlink(path);
    assert_int_equal(model_open(&m, folder, &err), 0);
    assert_null(model_ranges(m));
    assert_false(model_allows(m, "int8"));
    assert_true(model_allows(m, "bf16"));
    assert_int_equal(ranges_write(&r, about, folder, &err), 0);
    struct model *other = NULL;
    assert_int_equal(model_open(&other, folder, &why), -1);
    assert_int_equal(why.code, ERR_CONFIG);
    assert_non_null(strstr(why.msg, "other weights"));
    memcpy(r.weights_sha256, model_card(m)->sha256, SHA256_HEX_SIZE);
    model_close(m);
    assert_int_equal(ranges_write(&r, about, folder, &err), 0);
    assert_int_equal(model_open(&m, folder, &err), 0);
    assert_float_equal(model_ranges(m)->of[L_F0], r.of[L_F0], 0);
    model_close(m);
    json_decref(about);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_of_bytes_follow_from_the_table),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(a_model_takes_only_its_own),
    };
    snprintf(dir, sizeof(dir), BINARY_DIR "/tests/models/ranges-only");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
