#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/file.h"
#include "dataset/table.h"
#include "tests/dataset/one_file.h"

static void comes_back_as_it_was(void **state)
{
    static const char text[] = "id,note,split\na,\"x, \"\"y\"\"\",\nb,\" two\nlines \",val\n";
    struct table t;
    struct err err = {0};
    struct buf back;

    (void)state;
    one_file_put(text);
    assert_int_equal(table_read(&t, one_file_path, &err), 0);
    assert_int_equal(t.n_rows, 2);
    assert_int_equal(table_column(&t, "split"), 2);
    assert_int_equal(table_column(&t, "nobody"), -1);
    assert_string_equal(table_cell(&t, 0, 1), "x, \"y\"");
    assert_string_equal(table_cell(&t, 0, -1), "");
    assert_int_equal(t.lines[1], 3);
    assert_int_equal(table_write(&t, one_file_path, &err), 0);
    table_release(&t);
    buf_init(&back, 1000);
    assert_int_equal(file_read(one_file_path, &back, &err), 0);
    assert_string_equal(back.data, text);
    buf_release(&back);
}

static void takes_another_column(void **state)
{
    struct table t;
    struct err err = {0};

    (void)state;
    one_file_put("\xEF\xBB\xBFid;dx\na;NV\nb;MEL\n"); /* as spreadsheets write it */

    assert_int_equal(table_read(&t, one_file_path, &err), 0);
    assert_int_equal(table_want_column(&t, "split", &err), 0);
    assert_int_equal(table_want_column(&t, "split", &err), 0);
    assert_int_equal(t.n_columns, 3);
    assert_string_equal(table_cell(&t, 1, 2), "");
    table_set(&t, 1, 2, "test");
    assert_string_equal(table_cell(&t, 1, 1), "MEL");
    assert_string_equal(table_cell(&t, 1, 2), "test");
    table_release(&t);
}

static void bad_files_name_the_line(void **state)
{
    static const struct {
        const char *name, *text, *says;
    } cases[] = {
        {"empty",       "",                "empty"              },
        {"twice",       "id,dx,id\n",      "two columns"        },
        {"field amiss", "id,dx\na,b\nc\n", ":3: 1 fields, not 2"},
        {"open quote",  "id\n\"a\n",       ":2: a quote"        },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct table t;
        struct err err = {0};
        one_file_put(cases[i].text);
        if (table_read(&t, one_file_path, &err) != -1 || err.code != ERR_CONFIG ||
            !strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(takes_another_column),
        cmocka_unit_test(bad_files_name_the_line),
    };
    return cmocka_run_group_tests(tests, one_file_make, one_file_remove);
}
