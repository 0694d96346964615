/* Round trips, and every way in which a file may lie about itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/file.h"
#include "engine/safetensors.h"
#include "tests/engine/support.h"

static const char path[] = BINARY_DIR "/tests/t.safetensors";

static void write_header(const char *header, size_t data_bytes)
{
    struct buf b;
    struct err err = {0};
    unsigned char length[8] = {(unsigned char)strlen(header), (unsigned char)(strlen(header) >> 8)};

    buf_init(&b, 1 << 20);
    buf_add(&b, length, 8);
    buf_add_text(&b, header);
    for (size_t i = 0; i < data_bytes; i++)
        buf_add(&b, "\0", 1);
    assert_int_equal(file_write(path, b.data, b.len, &err), 0);
    buf_release(&b);
}

static void values_survive_both_types(void **state)
{
    float exact[6] = {0, 1, -2.5F, 0.0078125F, 3e8F, -0.0F}, read[6], fine = 1.0009765625F;
    struct tensor items[2] = {
        {.name = "a.weight",
         .dtype = DTYPE_F32,
         .rank = 2,
         .shape = {2, 3},
         .data = (unsigned char *)exact,
         .count = 6},
        {.name = "b",
         .dtype = DTYPE_F32,
         .rank = 1,
         .shape = {1},
         .data = (unsigned char *)&fine,
         .count = 1},
    };
    struct tensor_set set;
    struct err err = {0};

    (void)state;
    for (int type = 0; type < 2; type++) {
        enum dtype dtype = type ? DTYPE_BF16 : DTYPE_F32;
        assert_int_equal(safetensors_write(path, items, 2, dtype, &err), 0);
        assert_int_equal(safetensors_read(&set, path, &err), 0);
        assert_int_equal(set.count, 2);
        const struct tensor *t = tensor_find(&set, "a.weight");
        assert_non_null(t);
        assert_int_equal(t->dtype, dtype);
        assert_true(tensor_has_shape(t, items[0].shape, 2));
        assert_int_equal(tensor_read(t, read, &err), 0);
        for (int i = 0; i < 4; i++)
            assert_true(read[i] == exact[i]);
        assert_int_equal(tensor_read(tensor_find(&set, "b"), read, &err), 0);
        assert_true(read[0] == (type ? 1.0F : fine)); /* rounded to bf16 */
        tensor_set_release(&set);
    }
}

static void every_cut_is_refused(void **state)
{
    float values[8] = {0};
    struct tensor t = {.name = "x",
                       .dtype = DTYPE_F32,
                       .rank = 1,
                       .shape = {8},
                       .data = (unsigned char *)values,
                       .count = 8};
    struct tensor_set set;
    struct err err = {0};
    struct buf whole;

    (void)state;
    assert_int_equal(safetensors_write(path, &t, 1, DTYPE_F32, &err), 0);
    buf_init(&whole, 1 << 16);
    assert_int_equal(file_read(path, &whole, &err), 0);
    for (size_t n = 0; n < whole.len; n++) {
        struct err why = {0};
        assert_int_equal(file_write(path, whole.data, n, &err), 0);
        assert_int_equal(safetensors_read(&set, path, &why), -1);
        assert_int_equal(why.code, ERR_INPUT);
    }
    buf_release(&whole);
}

static void lying_headers_are_refused(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *text; /* in the message */
    } cases[] = {
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",                   8,
         "tensor x: 4 bytes"                                                                                           },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",                   4,  "the file is cut"   },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",                  8,  "size -2"           },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[99999,99999,99999],\"data_offsets\":[0,8]}}",   8,
         "2^30"                                                                                                        },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,8]}}", 8,
         "tensor x"                                                                                                    },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",                   8,  "tensor x"          },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",                  8,  "tensor x"          },
        {"{\"x\":{\"dtype\":\"Q4\",\"shape\":[2],\"data_offsets\":[0,8]}}",                    8,  "type Q4"           },
        {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}",                                 8,  "tensor x: no shape"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",                  12, "follow a gap"      },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",                   12, "behind the last"   },
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",          12, "shared"            },
        {"{\"x\":7}",                                                                          0,  "tensor x"          },
        {"[]",                                                                                 0,  ""                  },
        {"{",                                                                                  0,  ""                  },
    };
    struct tensor_set set;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        bool list = !strcmp(cases[i].header, "[]");
        write_header(cases[i].header, cases[i].data);
        int ret = safetensors_read(&set, path, &err);
        if (list) { /* no tensors, none wrong: the model will miss them */
            tensor_set_release(&set);
            continue;
        }
        assert_int_equal(ret, -1);
        assert_int_equal(err.code, ERR_INPUT);
        if (!strstr(err.msg, cases[i].text))
            fail_msg("case %zu: %s", i, err.msg);
    }
}

static void a_nan_is_named(void **state)
{
    uint16_t half[3] = {0x3c00, 0x7e00, 0};
    double wide[1] = {1e300};
    struct tensor t = {.name = "n",
                       .dtype = DTYPE_F16,
                       .rank = 1,
                       .shape = {3},
                       .data = (unsigned char *)half,
                       .count = 3};
    struct tensor d = {.name = "d",
                       .dtype = DTYPE_F64,
                       .rank = 1,
                       .shape = {1},
                       .data = (unsigned char *)wide,
                       .count = 1};
    float out[3];
    struct err err = {0}, err2 = {0};

    (void)state;
    assert_int_equal(tensor_read(&t, out, &err), -1);
    assert_string_equal(err.msg, "tensor n: value 1 is NaN");
    assert_true(out[0] == 1);
    assert_int_equal(tensor_read(&d, out, &err2), -1);
    assert_string_equal(err2.msg, "tensor d: value 0 is infinite");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_survive_both_types),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(lying_headers_are_refused),
        cmocka_unit_test(a_nan_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
