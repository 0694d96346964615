#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "dataset/labels.h"

static char dir[] = "/tmp/lentigo-labels-XXXXXX";

static void put(const char *text)
{
    char path[128];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/labels.csv", dir);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static void takes_rows_of_a_split(void **state)
{
    struct labels l;
    struct err err = {0};

    (void)state;
    put("id,dx,split,source\r\na,MEL,test,x\r\nb,NV,train,x\r\nc,VASC,test,x\r\n");
    assert_int_equal(labels_read(&l, dir, "test", 0, &err), 0);
    assert_int_equal(l.n, 2);
    assert_string_equal(l.rows[1].id, "c");
    assert_int_equal(l.rows[1].class, 7);
    labels_release(&l);
    assert_int_equal(labels_read(&l, dir, "all", 2, &err), 0);
    assert_int_equal(l.n, 2);
    labels_release(&l);
}

static void source_and_lesion_are_read_where_they_are(void **state)
{
    struct labels l;
    struct err err = {0};

    (void)state;
    put("lesion_id,id,dx,split,source\nHAM_7,a,MEL,test,HAM10000\n,b,NV,test,\n");
    assert_int_equal(labels_read(&l, dir, "test", 0, &err), 0);
    assert_string_equal(l.rows[0].source, "HAM10000");
    assert_string_equal(l.rows[0].lesion_id, "HAM_7");
    assert_string_equal(l.rows[1].source, "");
    assert_string_equal(l.rows[1].lesion_id, "");
    labels_release(&l);
    put("id,dx,split\na,MEL,test\n");
    assert_int_equal(labels_read(&l, dir, "test", 0, &err), 0);
    assert_string_equal(l.rows[0].source, "");
    assert_string_equal(l.rows[0].lesion_id, "");
    labels_release(&l);
}

/* Without a diagnosis the mask says each pixel's class. */
static void no_diagnosis_is_a_class_map(void **state)
{
    struct labels l;
    struct err err = {0};

    (void)state;
    put("id,dx,split\na,,train\n");
    assert_int_equal(labels_read(&l, dir, "train", 0, &err), 0);
    assert_int_equal(l.rows[0].class, 0);
    labels_release(&l);
}

static void finds_a_picture_by_its_ending(void **state)
{
    char path[256], image[128];
    struct err err = {0}, none = {0};

    (void)state;
    snprintf(image, sizeof(image), "%s/images", dir);
    assert_int_equal(dir_make(image, &err), 0);
    assert_int_equal(labels_image_path(path, sizeof(path), dir, "a", &none), -1);
    assert_int_equal(none.code, ERR_CONFIG);
    snprintf(image, sizeof(image), "%s/images/a.png", dir);
    assert_int_equal(file_write(image, "x", 1, &err), 0);
    assert_int_equal(labels_image_path(path, sizeof(path), dir, "a", &err), 0);
    assert_string_equal(path, image);
    unlink(image);
    snprintf(image, sizeof(image), "%s/images", dir);
    rmdir(image);
}

struct bad_case {
    const char *name, *text, *says;
};

static void bad_rows_name_the_line(void **state)
{
    static const struct bad_case cases[] = {
        {"empty",             "",                                                                  "empty"       },
        {"no split column",   "id,dx\na,NV\n",                                                     "labels.csv:1"},
        {"unknown diagnosis", "id,dx,split\na,NV,test\nb,XX,test\n",                               "labels.csv:3"},
        {"missing field",     "id,dx,split\na,NV\n",                                               "labels.csv:2"},
        {"path as id",        "id,dx,split\n../a,NV,test\n",                                       "labels.csv:2"},
        {"long source",       "id,dx,split,source\na,NV,test,123456789012345678901234567890123\n",
         "labels.csv:2: source"                                                                                  },
        {"open quote",        "id,dx,split\n\"a,NV,test\n",                                        "labels.csv:2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct labels l;
        struct err err = {0};
        put(cases[i].text);
        if (labels_read(&l, dir, "test", 0, &err) != -1 || err.code != ERR_CONFIG ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s/labels.csv", dir);
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_rows_of_a_split),
        cmocka_unit_test(source_and_lesion_are_read_where_they_are),
        cmocka_unit_test(no_diagnosis_is_a_class_map),
        cmocka_unit_test(finds_a_picture_by_its_ending),
        cmocka_unit_test(bad_rows_name_the_line),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
