/* State dicts of all protocols, and pickles that want to run something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "engine/pdparams.h"
#include "engine/pickle.h"
#include "tests/engine/support.h"

#define PICKLES BINARY_DIR "/tests/pickles/" /* written by the test engine.make_pickles */

static float value_of(const struct tensor_set *set, const char *name, size_t i)
{
    struct err err = {0};
    const struct tensor *t = tensor_find(set, name);

    if (!t)
        fail_msg("no tensor %s", name);
    float *all = malloc(t->count * sizeof(*all));
    assert_int_equal(tensor_read(t, all, &err), 0);
    float v = all[i];
    free(all);
    return v;
}

static void arrays_of_every_protocol(void **state)
{
    static const char *const files[] = {"good-2-old", "good-2-new", "good-3-old",
                                        "good-3-new", "good-4-old", "good-4-new"};
    const int64_t shape[3] = {1, 2, 3}, one[1] = {1};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char path[TEST_PATH];
        struct tensor_set set;
        struct err err = {0};
        snprintf(path, sizeof(path), PICKLES "%s", files[i]);
        if (pdparams_read(&set, path, &err))
            fail_msg("%s", err.msg);
        assert_int_equal(set.count, 8);
        assert_true(tensor_has_shape(tensor_find(&set, "a.weight"), shape, 3));
        assert_true(tensor_has_shape(tensor_find(&set, "scalar"), one, 1));
        assert_true(value_of(&set, "a.weight", 1) == -2.5F);
        assert_true(value_of(&set, "b", 1) == 251);
        assert_true(value_of(&set, "big", 29999) == (float)(29999 / 7.0));
        assert_true(value_of(&set, "half", 0) == 0.5F);
        assert_true(value_of(&set, "double", 0) == 0.25F);
        assert_true(value_of(&set, "int", 0) == -7);
        assert_true(value_of(&set, "long", 0) == 1 << 20);
        tensor_set_release(&set);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *file, *text;
    } cases[] = {
        {"bad-evil",       "posix.system, which no weight file needs"},
        {"bad-evil-2",     "posix.system, which no weight file needs"},
        {"bad-fortran",    "tensor a: values in Fortran order"       },
        {"bad-endian",     "tensor a: big-endian"                    },
        {"bad-short",      "tensor a: 4 bytes, 8 by its shape"       },
        {"bad-shape",      "tensor a: size -1"                       },
        {"bad-huge",       "tensor a"                                },
        {"bad-again",      "more text for bytes than the file holds" },
        {"bad-list",       "no dict of tensors"                      },
        {"bad-empty",      "holds no tensor"                         },
        {"bad-key",        "name is no text"                         },
        {"bad-protocol-0", "this is no pickle"                       },
        {"bad-bytes",      "bytearray, which no weight file needs"   },
        {"absent",         "absent"                                  },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char path[TEST_PATH];
        struct tensor_set set;
        struct err err = {0};
        snprintf(path, sizeof(path), PICKLES "%s", cases[i].file);
        assert_int_equal(pdparams_read(&set, path, &err), -1);
        assert_int_equal(err.code, ERR_INPUT);
        assert_null(set.items);
        if (!strstr(err.msg, cases[i].text) || !strstr(err.msg, cases[i].file))
            fail_msg("%s: %s", cases[i].file, err.msg);
    }
    assert_int_not_equal(access("/tmp/lentigo-pwned", F_OK), 0);
}

/* Cuts at every place near the ends, and single bytes changed: any answer but a crash. */
static void damage_never_crashes(void **state)
{
    struct buf file;
    struct err err = {0};
    struct pickle p;
    uint64_t random = 7;

    (void)state;
    buf_init(&file, 1 << 24);
    assert_int_equal(file_read(PICKLES "good-2-old", &file, &err), 0);
    for (size_t n = 0; n < 600; n++) {
        struct err why = {0};
        assert_int_equal(pickle_read(&p, file.data, n, &why), -1);
    }
    for (int round = 0; round < 3000; round++) {
        struct err why = {0};
        /* the head and the tail hold the structure, the middle is numbers */
        size_t at = draw_next(&random) % 1000;
        at = draw_next(&random) & 1 ? at : file.len - 1 - at;
        char before = file.data[at];
        file.data[at] = (char)draw_next(&random);
        if (!pickle_read(&p, file.data, file.len, &why))
            pickle_release(&p);
        file.data[at] = before;
    }
    buf_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_every_protocol),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
