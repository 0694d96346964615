/* report.pdf, read back with poppler's tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <locale.h>
#include <unistd.h>

#include "common/file.h"
#include "tests/reports/page.h"

/* Output of a command line on the written PDF; free() it. */
static char *ask(const struct made *m, const struct buf *pdf, const char *command,
                 const char *behind)
{
    char path[400], line[1000], chunk[4096];
    struct err err = {0};
    struct buf text;
    size_t n;

    snprintf(path, sizeof(path), "%s/page.pdf", m->out);
    assert_int_equal(file_write(path, pdf->data, pdf->len, &err), 0);
    snprintf(line, sizeof(line), "%s '%s' %s", command, path, behind);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    buf_init(&text, 16 << 20);
    buf_add_text(&text, "");
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&text, chunk, n);
    assert_int_equal(pclose(f), 0);
    return buf_take(&text);
}

static int count_pages(const struct made *m, const struct buf *pdf)
{
    char *info = ask(m, pdf, "pdfinfo", "");
    const char *at = strstr(info, "Pages:");

    assert_non_null(at);
    int n = (int)strtol(at + 6, NULL, 10);
    free(info);
    return n;
}

/* Each page says whose it is, which it is and what made it. */
static void expect_frame(const struct made *m, const struct buf *pdf, const char *const *parts)
{
    char command[100], number[32];
    int pages = count_pages(m, pdf);

    for (int page = 1; page <= pages; page++) {
        snprintf(command, sizeof(command), "pdftotext -layout -f %d -l %d", page, page);
        char *text = ask(m, pdf, command, "-");
        snprintf(number, sizeof(number), "page %d of %d", page, pages);
        if (!strstr(text, number))
            fail_msg("page %d does not say \"%s\"", page, number);
        for (int i = 0; parts[i]; i++)
            if (!strstr(text, parts[i]))
                fail_msg("page %d of %d does not say \"%s\"", page, pages, parts[i]);
        free(text);
    }
}

static struct fonts *open_fonts(void)
{
    struct fonts *fonts = NULL;
    struct err err = {0};

    if (fonts_open(&fonts, &err))
        fail_msg("%s", err.msg);
    return fonts;
}

static void each_page_has_its_frame(void **state)
{
    static const char *const parts[] = {"P-0815", "José Álvarez",    "1961-04-09",
                                        "S-1",    "starter 2026.11", "Draft until signed",
                                        NULL};
    static const int sizes[] = {0, 1, 2, 5, 12};
    struct fonts *fonts = open_fonts();

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct study s;
        char dir[SPOOL_PATH_SIZE];
        made_fill(&s, "P-0815", sizes[i]);
        made_study(*state, &s, page_five, dir);
        struct buf pdf = page_make(*state, dir, LANGUAGE_EN, fonts);
        if (sizes[i])
            expect_frame(*state, &pdf, parts);
        assert_in_range(count_pages(*state, &pdf), 1, sizes[i] + 1);
        buf_release(&pdf);
    }
    fonts_close(fonts);
}

/* A doctor's minute: one picture is one page. */
static void one_picture_is_one_page(void **state)
{
    struct fonts *fonts = open_fonts();
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 1);
    s.images[0].is_duplicate = true;
    snprintf(s.images[0].notes, sizeof(s.images[0].notes), "grew over six months, itches");
    made_study(*state, &s, NULL, dir);
    for (int l = 0; l < LANGUAGE_COUNT; l++) {
        struct buf pdf = page_make(*state, dir, (enum language)l, fonts);
        assert_int_equal(count_pages(*state, &pdf), 1);
        buf_release(&pdf);
    }
    fonts_close(fonts);
}

static void only_two_families_are_embedded(void **state)
{
    struct fonts *fonts = open_fonts();
    struct study s;
    char dir[SPOOL_PATH_SIZE], *save = NULL;
    int n = 0;

    made_fill(&s, "P1", 5);
    snprintf(s.patient_name, sizeof(s.patient_name), "王小明 Ærøskøbing Дарья");
    made_study(*state, &s, page_five, dir);
    struct buf pdf = page_make(*state, dir, LANGUAGE_ZH, fonts);
    char *list = ask(*state, &pdf, "pdffonts", "");
    for (char *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (!strstr(line, "TrueType"))
            continue;
        n++;
        if (!strstr(line, "+DejaVuSans") && !strstr(line, "+DroidSansFallback"))
            fail_msg("a font of neither family: %s", line);
        assert_non_null(strstr(line, " yes yes ")); /* embedded, a subset */
    }
    assert_in_range(n, 2, 6);
    free(list);
    char *text = ask(*state, &pdf, "pdftotext", "-");
    assert_non_null(strstr(text, "王小明"));
    free(text);
    buf_release(&pdf);
    fonts_close(fonts);
}

static struct buf make_elsewhere(const struct made *m, const char *dir, const char *locale,
                                 const char *home, const char *cwd)
{
    setenv("LC_ALL", locale, 1);
    setenv("LANG", locale, 1);
    setenv("HOME", home, 1);
    setenv("TZ", locale[0] == 'C' ? "UTC" : "Asia/Shanghai", 1);
    setenv("FONTCONFIG_FILE", cwd, 1); /* nobody's font settings are read */
    assert_non_null(setlocale(LC_ALL, "C"));
    assert_int_equal(chdir(cwd), 0);
    struct fonts *fonts = open_fonts();
    struct buf pdf = page_make(m, dir, LANGUAGE_EN, fonts);
    fonts_close(fonts);
    return pdf;
}

static void same_work_gives_the_same_bytes(void **state)
{
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 5);
    snprintf(s.site, sizeof(s.site), "朝阳社区");
    made_study(*state, &s, page_five, dir);
    struct buf a = make_elsewhere(*state, dir, "C", "/nonexistent", "/tmp");
    struct buf b = make_elsewhere(*state, dir, "zh_CN.UTF-8", "/tmp", "/");
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_non_null(memmem(a.data, a.len, "/CreationDate (20261123051227Z)", 31));
    buf_release(&a);
    buf_release(&b);
}

/* The display copy as it is, once, though it is drawn twice; nothing of a camera's data. */
static void picture_is_embedded_once_as_it_is(void **state)
{
    struct fonts *fonts = open_fonts();
    struct study s;
    char dir[SPOOL_PATH_SIZE];
    size_t n;
    int copies = 0;

    made_fill(&s, "P1", 1);
    made_study(*state, &s, NULL, dir);
    struct buf pdf = page_make(*state, dir, LANGUAGE_EN, fonts);
    char *jpeg = made_read(dir, "results/0.display.jpg", &n);
    for (const char *at = pdf.data; (at = memmem(at, pdf.len - (size_t)(at - pdf.data), jpeg, n));
         at += n)
        copies++;
    assert_int_equal(copies, 1);
    assert_null(memmem(pdf.data, pdf.len, "Exif", 4));
    free(jpeg);
    buf_release(&pdf);
    fonts_close(fonts);
}

static void long_and_many_fields_stay_on_the_page(void **state)
{
    struct fonts *fonts = open_fonts();
    struct study s;
    char dir[SPOOL_PATH_SIZE], key[32], id[301] = "";

    for (int i = 0; i < 300; i++)
        id[i] = "ABCDEF-123"[i % 10];
    made_fill(&s, id, 1);
    memset(s.patient_name, 'W', sizeof(s.patient_name) - 1);
    memset(s.images[0].notes, 'n', sizeof(s.images[0].notes) - 1);
    s.images[0].extra = json_object();
    for (int i = 0; i < 120; i++) {
        snprintf(key, sizeof(key), "column_%03d", i);
        json_object_set_new(s.images[0].extra, key, json_string("a value of some length"));
    }
    made_study(*state, &s, NULL, dir);
    struct buf pdf = page_make(*state, dir, LANGUAGE_EN, fonts);
    char *text = ask(*state, &pdf, "pdftotext -layout", "-");
    assert_non_null(strstr(text, "column_000"));
    assert_non_null(strstr(text, "column_119"));
    free(text);
    expect_frame(*state, &pdf, (const char *const[]){"ABCDEF-123ABCDEF-123", "WWWWWWWW", NULL});
    buf_release(&pdf);
    fonts_close(fonts);
}

static void missing_fonts_are_named(void **state)
{
    char dir[] = "/tmp/lentigo-fonts-XXXXXX", path[64];
    struct fonts *fonts = NULL;
    struct err err = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/fonts.conf", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("<fontconfig/>", f); /* readable, and no font in it */
    fclose(f);
    setenv("LENTIGO_DATADIR", dir, 1);
    assert_int_equal(fonts_open(&fonts, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, path));
    assert_non_null(strstr(err.msg, "fonts-dejavu-core"));
    unsetenv("LENTIGO_DATADIR");
    unlink(path);
    rmdir(dir);
}

static void frame_header_is_found_or_refused(void **state)
{
    static const unsigned char good[] = {0xff, 0xd8, 0xff, 0xe0, 0, 4,  1,
                                         2,    0xff, 0xff, 0xc2, 0, 11, 8,
                                         0x01, 0x02, 0x03, 0x04, 1, 0,  0};
    int w = 0, h = 0;

    (void)state;
    assert_int_equal(jpeg_frame_size(good, sizeof(good), &w, &h), 0);
    assert_int_equal(w, 0x304);
    assert_int_equal(h, 0x102);
    for (size_t n = 0; n < 18; n++)
        assert_int_equal(jpeg_frame_size(good, n, &w, &h), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_page_has_its_frame, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(one_picture_is_one_page, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(only_two_families_are_embedded, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(same_work_gives_the_same_bytes, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(picture_is_embedded_once_as_it_is, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(long_and_many_fields_stay_on_the_page, page_setup,
                                        page_teardown),
        cmocka_unit_test(missing_fonts_are_named),
        cmocka_unit_test(frame_header_is_found_or_refused),
    };

    if (made_shell("pdftotext -v && pdffonts -v && pdfinfo -v"))
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
