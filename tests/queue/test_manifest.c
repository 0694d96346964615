/* What clinics really write into manifest.csv, and what stops before any work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "queue/manifest.h"
#include "queue/study.h"
#include "tests/queue/temp.h"

struct good {
    const char *name, *text, *encoding;
    int n_rows;
    int row; /* the one looked at */
    int line;
    const char *patient_id, *file, *notes;
    double mm_per_px;
};

/* clang-format off */
static const struct good good[] = {
    {"smallest", "patient_id,file\np1,a.jpg\n", "", 1, 0, 2, "p1", "a.jpg", "", NAN},
    {"no line end at the end", "patient_id,file\np1,a.jpg", "", 1, 0, 2, "p1", "a.jpg", "", NAN},
    {"mark and CRLF", "\xef\xbb\xbfpatient_id,file\r\np1,a.jpg\r\n", "", 1, 0, 2, "p1", "a.jpg", "", NAN},
    {"CR alone", "patient_id,file\rp1,a.jpg\rp2,b.jpg\r", "", 2, 1, 3, "p2", "b.jpg", "", NAN},
    {"semicolons and a decimal comma", "patient_id;file;mm_per_px\np1;a.jpg;0,05\n", "", 1, 0, 2, "p1", "a.jpg", "", 0.05},
    {"semicolons and a decimal point", "patient_id;file;mm_per_px\np1;a.jpg;0.05\n", "", 1, 0, 2, "p1", "a.jpg", "", 0.05},
    {"tabs", "patient_id\tfile\tnotes\np1\ta.jpg\tred, itchy; 3 weeks\n", "", 1, 0, 2, "p1", "a.jpg", "red, itchy; 3 weeks", NAN},
    {"sep= line", "sep=;\npatient_id;file\np1;a,b.jpg\n", "", 1, 0, 3, "p1", "a,b.jpg", "", NAN},
    {"header in other case and order", "FILE,Patient_ID\na.jpg,p1\n", "", 1, 0, 2, "p1", "a.jpg", "", NAN},
    {"quotes", "patient_id,file,notes\n\"p,1\",\"a\"\"b.jpg\",\"one\r\ntwo\"\np2,c.jpg,x\n", "", 2, 0, 2, "p,1", "a\"b.jpg", "one\ntwo", NAN},
    {"line after a quoted line break", "patient_id,file,notes\np1,a.jpg,\"one\n\ntwo\"\np2,b.jpg,x\n", "", 2, 1, 5, "p2", "b.jpg", "x", NAN},
    {"separator within quotes of the header", "patient_id,file,\"a;b;c;d\"\np1,a.jpg,x\n", "", 1, 0, 2, "p1", "a.jpg", "", NAN},
    {"spaces around fields", "patient_id , file\n p1 , a b.jpg \n", "", 1, 0, 2, "p1", "a b.jpg", "", NAN},
    {"quoted spaces stay", "patient_id,file\np1,\" a.jpg \"\n", "", 1, 0, 2, "p1", " a.jpg ", "", NAN},
    {"blank lines and rows of separators", "patient_id,file\n\np1,a.jpg\n,\n\np2,b.jpg\n\n", "", 2, 1, 6, "p2", "b.jpg", "", NAN},
    {"blank lines in front", "\n\npatient_id,file\np1,a.jpg\n", "", 1, 0, 4, "p1", "a.jpg", "", NAN},
    {"spellings of a path", "patient_id,file\np1,./x//./y/a.jpg\n", "", 1, 0, 2, "p1", "x/y/a.jpg", "", NAN},
    {"dots that are no way out", "patient_id,file\np1,..a/b../...jpg\n", "", 1, 0, 2, "p1", "..a/b../...jpg", "", NAN},
    {"id with slashes and markup", "patient_id,file\n../<b>&amp;,a.jpg\n", "", 1, 0, 2, "../<b>&amp;", "a.jpg", "", NAN},
    {"GB18030", "patient_id,file,notes\np1,a.jpg,\xcd\xf5\xd0\xa1\xc3\xf7\n", "GB18030", 1, 0, 2, "p1", "a.jpg", "王小明", NAN},
    {"CP1252", "patient_id;file;notes\np1;a.jpg;\xc6r\xf8\n", "CP1252", 1, 0, 2, "p1", "a.jpg", "Ærø", NAN},
    {"UTF-8 by name", "\xef\xbb\xbfpatient_id,file\np1,a.jpg\n", "utf-8", 1, 0, 2, "p1", "a.jpg", "", NAN},
    {"one name, twice not given", "patient_id,file,patient_name\np1,a.jpg,Li\np1,b.jpg,\np1,c.jpg,Li\n", "", 3, 2, 4, "p1", "c.jpg", "", NAN},
};

struct bad {
    const char *name, *text, *encoding, *in_message[2];
};

static const struct bad bad[] = {
    {"empty", "", "", {"m.csv:1:", "empty"}},
    {"header alone", "patient_id,file\n", "", {"m.csv:", "no row"}},
    {"no header", "p1,a.jpg\n", "", {"m.csv:1:", "patient_id"}},
    {"no file column", "patient_id,picture\np1,a.jpg\n", "", {"m.csv:1:", "\"file\""}},
    {"column twice", "patient_id,file,File\np1,a.jpg,b.jpg\n", "", {"m.csv:1:", "two columns"}},
    {"unknown column twice", "patient_id,file,x,x\np1,a.jpg,1,2\n", "", {"m.csv:1:", "two columns"}},
    {"field missing", "patient_id,file,sex\np1,a.jpg,f\np2,b.jpg\n", "", {"m.csv:3:", "2 fields where the first line has 3"}},
    {"field too many", "patient_id,file\np1,a.jpg,f\n", "", {"m.csv:2:", "3 fields"}},
    {"no patient", "patient_id,file\n,a.jpg\n", "", {"m.csv:2:", "patient_id is empty"}},
    {"no file", "patient_id,file\np1,\n", "", {"m.csv:2:", "file is empty"}},
    {"file is the folder itself", "patient_id,file\np1,./\n", "", {"m.csv:2:", "names no file"}},
    {"absolute path", "patient_id,file\np1,/etc/passwd\n", "", {"m.csv:2:", "out of the upload"}},
    {"path upwards", "patient_id,file\np1,a/../../b.jpg\n", "", {"m.csv:2:", "out of the upload"}},
    {"open quote", "patient_id,file\np1,a.jpg\np2,\"b.jpg\np3,c.jpg\n", "", {"m.csv:3:", "never closed"}},
    {"text behind a quote", "patient_id,file\np1,\"a\"b.jpg\n", "", {"m.csv:2:", "closing quote"}},
    {"one file twice", "patient_id,file\np1,a.jpg\np3,c.jpg\np2,a.jpg\n", "", {"m.csv:4:", "m.csv:2"}},
    {"one file in two spellings", "patient_id,file\np1,x/a.jpg\np2,.//x/./a.jpg\n", "", {"m.csv:3:", "m.csv:2"}},
    {"two names", "patient_id,file,patient_name\np1,a.jpg,Li\np2,c.jpg,Wu\np1,b.jpg,Wang\n", "", {"m.csv:4: another patient_name", "m.csv:2"}},
    {"two birth dates", "patient_id,file,birth_date\np1,a.jpg,1970-01-01\np1,b.jpg,\np1,c.jpg,1970-01-02\n", "", {"m.csv:4: another birth_date", "m.csv:2"}},
    {"no number", "patient_id,file,mm_per_px\np1,a.jpg,small\n", "", {"m.csv:2:", "mm_per_px"}},
    {"zero", "patient_id,file,mm_per_px\np1,a.jpg,0.00\n", "", {"m.csv:2:", "mm_per_px"}},
    {"negative", "patient_id,file,mm_per_px\np1,a.jpg,-0.1\n", "", {"m.csv:2:", "mm_per_px"}},
    {"not finite", "patient_id,file,mm_per_px\np1,a.jpg,inf\n", "", {"m.csv:2:", "mm_per_px"}},
    {"two points", "patient_id,file,mm_per_px\np1,a.jpg,0.0.5\n", "", {"m.csv:2:", "mm_per_px"}},
    {"decimal comma among commas", "patient_id,file,mm_per_px\np1,a.jpg,\"0,05\"\n", "", {"m.csv:2:", "mm_per_px"}},
    {"GB18030 unnamed", "patient_id,file,notes\np1,a.jpg,x\np2,b.jpg,\xcd\xf5\xd0\xa1\n", "", {"m.csv:3:", "--encoding GB18030"}},
    {"UTF-16 unnamed", "\xff\xfep", "", {"m.csv:1:", "--encoding UTF-16"}},
    {"bytes outside the named set", "patient_id,file,notes\np1,a.jpg,x\np2,b.jpg,\xff\xff\n", "GB18030", {"m.csv:3:", "GB18030"}},
    {"cut in a character", "patient_id,file,notes\np1,a.jpg,\xcd", "GB18030", {"m.csv:2:", "GB18030"}},
    {"unknown character set", "patient_id,file\np1,a.jpg\n", "KLINGON", {"--encoding KLINGON", "no such"}},
};
/* clang-format on */

static void good_ones_are_read(void **state)
{
    const char *path = temp_path(*state, "m.csv");

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        const struct good *c = &good[i];
        struct manifest m = {0};
        struct err err = {0};
        print_message("case: %s\n", c->name);
        temp_write_text(path, c->text);
        if (manifest_read(&m, path, c->encoding, &err))
            fail_msg("%s", err.msg);
        assert_int_equal(m.n_rows, c->n_rows);
        const struct manifest_row *row = &m.rows[c->row];
        assert_int_equal(row->line, c->line);
        assert_string_equal(row->value[MANIFEST_PATIENT_ID], c->patient_id);
        assert_string_equal(row->value[MANIFEST_FILE], c->file);
        assert_string_equal(row->value[MANIFEST_NOTES], c->notes);
        assert_true(isnan(c->mm_per_px) ? isnan(row->mm_per_px) : row->mm_per_px == c->mm_per_px);
        manifest_release(&m);
    }
}

static void bad_ones_stop_with_file_and_line(void **state)
{
    const char *path = temp_path(*state, "m.csv");

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const struct bad *c = &bad[i];
        struct manifest m = {0};
        struct err err = {0};
        print_message("case: %s\n", c->name);
        temp_write_text(path, c->text);
        assert_int_equal(manifest_read(&m, path, c->encoding, &err), -1);
        print_message("      %s\n", err.msg);
        assert_int_equal(err.code, ERR_CONFIG);
        for (int k = 0; k < 2; k++)
            assert_non_null(strstr(err.msg, c->in_message[k]));
        assert_null(m.rows);
    }
}

static void messages_hold_no_patient(void **state)
{
    const char *path = temp_path(*state, "m.csv");
    struct manifest m;
    struct err err = {0};

    temp_write_text(path, "patient_id,file,patient_name\nIDENT,a.jpg,NAMEA\nIDENT,b.jpg,NAMEB\n");
    assert_int_equal(manifest_read(&m, path, "", &err), -1);
    assert_null(strstr(err.msg, "NAME"));
    assert_null(strstr(err.msg, "IDENT"));
}

static void unknown_columns_are_kept(void **state)
{
    const char *path = temp_path(*state, "m.csv");
    struct manifest m;
    struct err err = {0};

    temp_write_text(path, "patient_id,file,Kamera,,Ort\np1,a.jpg,X 1,y,Ærø\np2,b.jpg,,,\n");
    assert_int_equal(manifest_read(&m, path, "", &err), 0);
    assert_int_equal(json_object_size(m.rows[0].extra), 3);
    assert_string_equal(json_text_or(m.rows[0].extra, "Kamera", ""), "X 1");
    assert_string_equal(json_text_or(m.rows[0].extra, "column 4", ""), "y");
    assert_string_equal(json_text_or(m.rows[0].extra, "Ort", ""), "Ærø");
    assert_null(m.rows[1].extra);
    manifest_release(&m);
}

static void utf16_by_name(void **state)
{
    static const char ascii[] = "patient_id,file\r\np1,a.jpg\r\n";
    const char *path = temp_path(*state, "m.csv");
    char wide[2 + 2 * sizeof(ascii)] = "\xff\xfe";
    struct manifest m;
    struct err err = {0};

    for (size_t i = 0; i < sizeof(ascii) - 1; i++) {
        wide[2 + 2 * i] = ascii[i];
        wide[3 + 2 * i] = 0;
    }
    temp_write(path, wide, 2 * sizeof(ascii));
    assert_int_equal(manifest_read(&m, path, "UTF-16", &err), 0);
    assert_string_equal(m.rows[0].value[MANIFEST_FILE], "a.jpg");
    manifest_release(&m);
    err = (struct err){0};
    temp_write(path, wide + 2, 2 * (sizeof(ascii) - 1)); /* no mark: zero bytes give it away */
    assert_int_equal(manifest_read(&m, path, "", &err), -1);
    assert_non_null(strstr(err.msg, "m.csv:1: a zero byte"));
}

/* The longest value of a column is taken, one byte more names line and column. */
static void lengths_are_limited(void **state)
{
    static const struct {
        const char *column;
        size_t longest;
    } cases[] = {
        {"patient_id",   STUDY_NAME_SIZE - 1 },
        {"study_id",     STUDY_NAME_SIZE - 1 },
        {"patient_name", STUDY_FIELD_SIZE - 1},
        {"notes",        STUDY_NAME_SIZE - 1 },
        {"file",         SPOOL_PATH_SIZE - 1 },
        {"extra",        STUDY_NAME_SIZE - 1 },
    };
    const char *path = temp_path(*state, "m.csv");

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t more = 0; more < 2; more++) {
            struct manifest m;
            struct err err = {0};
            struct buf text;
            bool is_id = !strcmp(cases[i].column, "patient_id");
            bool is_file = !strcmp(cases[i].column, "file");
            buf_init(&text, 1 << 16);
            buf_printf(&text, "%s%s%s\n", cases[i].column, is_id ? "" : ",patient_id",
                       is_file ? "" : ",file");
            for (size_t k = 0; k < cases[i].longest + more; k++)
                buf_add_text(&text, "x");
            buf_printf(&text, "%s%s\n", is_id ? "" : ",p1", is_file ? "" : ",a.jpg");
            temp_write(path, text.data, text.len);
            buf_release(&text);
            print_message("case: %s + %zu\n", cases[i].column, more);
            assert_int_equal(manifest_read(&m, path, "", &err), more ? -1 : 0);
            if (!more) {
                manifest_release(&m);
                continue;
            }
            assert_int_equal(err.code, ERR_CONFIG);
            assert_non_null(strstr(err.msg, "m.csv:2: column"));
            assert_non_null(strstr(err.msg, "longer than"));
        }
}

static void many_rows_are_read_quickly(void **state)
{
    enum { ROWS = 20000 };
    const char *path = temp_path(*state, "m.csv");
    struct manifest m;
    struct err err = {0};
    struct buf text;

    buf_init(&text, 8 << 20);
    buf_add_text(&text, "patient_id,file,patient_name,birth_date\n");
    for (int i = 0; i < ROWS; i++)
        buf_printf(&text, "p%d,img/%d.jpg,\"Name, %d\",1970-01-01\n", i / 3, i, i / 3);
    temp_write(path, text.data, text.len);
    buf_release(&text);
    assert_int_equal(manifest_read(&m, path, "", &err), 0);
    assert_int_equal(m.n_rows, ROWS);
    assert_string_equal(m.rows[ROWS - 1].value[MANIFEST_FILE], "img/19999.jpg");
    manifest_release(&m);
}

static void what_is_no_file_is_refused(void **state)
{
    static const char *const names[] = {"missing.csv", "folder", "link"};
    struct err err = {0};

    assert_int_equal(dir_make(temp_path(*state, "folder"), &err), 0);
    temp_write_text(temp_path(*state, "real.csv"), "patient_id,file\np1,a.jpg\n");
    assert_int_equal(symlink("real.csv", temp_path(*state, "link")), 0);
    for (int i = 0; i < 3; i++) {
        struct manifest m;
        err = (struct err){0};
        assert_int_equal(manifest_read(&m, temp_path(*state, names[i]), "", &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_ones_are_read),
        TEST(bad_ones_stop_with_file_and_line),
        TEST(messages_hold_no_patient),
        TEST(unknown_columns_are_kept),
        TEST(utf16_by_name),
        TEST(lengths_are_limited),
        TEST(many_rows_are_read_quickly),
        TEST(what_is_no_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
