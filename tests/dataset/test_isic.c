#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataset/isic.h"
#include "tests/dataset/one_file.h"

static struct class_map_row words[] = {
    {"melanoma", 1               },
    {"nevus",    2               },
    {"other",    CLASS_MAP_IGNORE},
};
static const struct class_map map = {.rows = words, .n = 3};

static void both_forms(void **state)
{
    static const char *const texts[] = {
        "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK\nx,1.0,0.0,0,0,0,0,0,0,0\ny,0,0,0,0,0,0,0,1,0\n",
        "lesion_id,image_id,dx,age\nL1,x,mel,80\nL2,y,akiec,\n",
        "isic_id,diagnosis,patient_id\nx,melanoma,P\ny,AKIEC,P\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct isic isic;
        struct err err = {0};
        one_file_put(texts[i]);
        if (isic_read(&isic, one_file_path, &map, &err))
            fail_msg("%zu: %s", i, err.msg);
        assert_int_equal(isic.n, 2);
        assert_string_equal(isic.rows[1].id, "y");
        assert_int_equal(isic.rows[0].class, 1);
        assert_int_equal(isic.rows[1].class, 4);
        assert_string_equal(isic.rows[0].lesion_id, i == 1 ? "L1" : "");
        assert_string_equal(isic.rows[0].patient_id, i == 2 ? "P" : "");
        isic_release(&isic);
    }
}

static void bad_tables_name_the_line(void **state)
{
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        {"no id",        "dx\nmel\n",                   "no column image"                  },
        {"no diagnosis", "image,age\nx,3\n",            "nor columns MEL"                  },
        {"unknown word", "image,dx\nx,mel\ny,wart\n",   ":3: y: unknown diagnosis \"wart\""},
        {"two at once",  "image,MEL,NV\nx,1,1\n",       ":2: x: two diagnoses"             },
        {"none at all",  "image,MEL,NV\nx,0,0\n",       ":2: x: no diagnosis"              },
        {"nobody knows", "image,MEL,NV,UNK\nx,0,0,1\n", ":2: x: the diagnosis is unknown"  },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct isic isic;
        struct err err = {0};
        one_file_put(cases[i].text);
        if (isic_read(&isic, one_file_path, &map, &err) != -1 || !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

static void class_maps(void **state)
{
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        {"no equals", "# a comment\n\nmelanoma\n", ":3: no \"label = CLASS\""},
        {"no class",  "x = MELA\n",                ":1: \"MELA\" is no class"},
        {"twice",     "x = MEL\nx = NV\n",         ":2: \"x\" stands here"   },
    };
    struct class_map m;
    struct err good = {0};

    (void)state;
    one_file_put("Melanoma in situ = MEL # why not\na = b = NV\n\nruler=ignore");
    assert_int_equal(class_map_read(&m, one_file_path, &good), 0);
    assert_int_equal(class_map_find(&m, "Melanoma in situ"), 1);
    assert_int_equal(class_map_find(&m, "a = b"), 2);
    assert_int_equal(class_map_find(&m, "ruler"), CLASS_MAP_IGNORE);
    assert_int_equal(class_map_find(&m, "vasc"), 7);
    assert_int_equal(class_map_find(&m, "melanoma"), CLASS_MAP_UNKNOWN);
    assert_int_equal(class_map_find(&m, ""), CLASS_MAP_UNKNOWN);
    class_map_release(&m);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        one_file_put(cases[i].text);
        if (class_map_read(&m, one_file_path, &err) != -1 || err.code != ERR_CONFIG ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),
        cmocka_unit_test(bad_tables_name_the_line),
        cmocka_unit_test(class_maps),
    };
    return cmocka_run_group_tests(tests, one_file_make, one_file_remove);
}
