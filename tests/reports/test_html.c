#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "common/file.h"
#include "reports/html_part.h"
#include "tests/reports/page.h"

static const char attack[] = "x\"><script>alert(1)</script><img src=http://e.example/&'";

static bool has(const struct buf *page, const char *text)
{
    return strstr(page->data, text) != NULL;
}

/* Tags that open must close, in order; python's parser is in every build (CMake asks for it). */
static void expect_well_formed(const struct made *m, const struct buf *page)
{
    static const char checker[] =
        "import sys,html.parser as h\n"
        "V={'meta','img','br','hr','link','input'}\n"
        "class P(h.HTMLParser):\n"
        " s=[]\n"
        " def handle_starttag(self,t,a):\n"
        "  assert t!='script'\n"
        "  for k,v in a:\n"
        "   assert not k.startswith('on'),k\n"
        "   assert not (v or '').lower().strip().startswith(('http','//','javascript')),v\n"
        "  if t not in V: self.s.append(t)\n"
        " def handle_startendtag(self,t,a): pass\n"
        " def handle_endtag(self,t):\n"
        "  assert self.s and self.s.pop()==t,t\n"
        "p=P();p.feed(open(sys.argv[1],encoding='utf-8').read());p.close();assert not p.s,p.s\n";
    char path[400], line[1000];
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/check.py", m->out);
    assert_int_equal(file_write(path, checker, strlen(checker), &err), 0);
    snprintf(path, sizeof(path), "%s/page.html", m->out);
    assert_int_equal(file_write(path, page->data, page->len, &err), 0);
    snprintf(line, sizeof(line), "python3 '%s/check.py' '%s'", m->out, path);
    assert_int_equal(made_shell(line), 0);
}

static void page_is_whole_and_self_contained(void **state)
{
    static const char *const parts[] = {"<!DOCTYPE html>",
                                        "<html lang=\"en\">",
                                        "Content-Security-Policy",
                                        "default-src 'none'",
                                        "José Álvarez",
                                        "1961-04-09",
                                        "S-1",
                                        "Clinic North",
                                        "page",
                                        "2026-11-23 05:12 UTC",
                                        "Urgent",
                                        "New picture needed",
                                        "The file ends too early",
                                        "data:image/jpeg;base64,/9j/",
                                        "<polygon",
                                        "does not look like a dermoscopy picture",
                                        "out of focus; covered by hair",
                                        "Intended use",
                                        "Draft until signed",
                                        "Name and signature",
                                        "starter 2026.11",
                                        "camera",
                                        "DermLite",
                                        "sensitivity 83",
                                        "95\u00a0% CI"};
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 6);
    s.images[0].extra = json_pack("{s:s}", "camera", "DermLite");
    made_study(*state, &s, page_five, dir);
    struct buf page = page_make(*state, dir, LANGUAGE_EN, NULL);
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        if (!has(&page, parts[i]))
            fail_msg("not on the page: %s", parts[i]);
    assert_false(has(&page, "<script"));
    assert_false(has(&page, "http://"));
    assert_false(has(&page, "https://"));
    expect_well_formed(*state, &page);
    buf_release(&page);
}

static void outside_text_is_escaped_everywhere(void **state)
{
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, attack, 2);
    snprintf(s.study_id, sizeof(s.study_id), "%s", attack);
    snprintf(s.patient_name, sizeof(s.patient_name), "</style>%s", attack);
    snprintf(s.birth_date, sizeof(s.birth_date), "%s", attack);
    snprintf(s.sex, sizeof(s.sex), "%s", attack);
    snprintf(s.site, sizeof(s.site), "%s", attack);
    for (int i = 0; i < 2; i++) {
        struct study_image *image = &s.images[i];
        snprintf(image->file, sizeof(image->file), "%s", attack);
        snprintf(image->lesion_id, sizeof(image->lesion_id), "%s", attack);
        snprintf(image->body_site, sizeof(image->body_site), "%s", attack);
        snprintf(image->notes, sizeof(image->notes), "%s\n%s", attack, attack);
        snprintf(image->acquired_at, sizeof(image->acquired_at), "%s", attack);
        image->extra = json_pack("{s:s}", attack, attack);
    }
    made_study(*state, &s, NULL, dir);
    struct buf page = page_make(*state, dir, LANGUAGE_EN, NULL);
    assert_false(has(&page, "<script"));
    assert_false(has(&page, "<img"));
    assert_true(has(&page, "&lt;script&gt;"));
    expect_well_formed(*state, &page);
    buf_release(&page);
}

static void chinese_page_is_chinese(void **state)
{
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 5);
    snprintf(s.patient_name, sizeof(s.patient_name), "王小明");
    made_study(*state, &s, page_five, dir);
    struct buf page = page_make(*state, dir, LANGUAGE_ZH, NULL);
    assert_true(has(&page, "<html lang=\"zh-CN\">"));
    assert_true(has(&page, "王小明"));
    assert_true(has(&page, "需医生复核"));
    assert_false(has(&page, "Picture quality"));
    expect_well_formed(*state, &page);
    buf_release(&page);
}

static enum result_status make_unusable(struct image_entry *e, int i)
{
    (void)i;
    e->measures.quality.verdict = QUALITY_UNUSABLE;
    e->decision.risk = RISK_RETAKE;
    return RESULT_DONE;
}

/* What the network said of a picture that shows no lesion well is a guess. */
static void unusable_picture_has_no_outline_and_no_score(void **state)
{
    struct made *m = *state;
    char dir[SPOOL_PATH_SIZE];
    struct study s;

    made_fill(&s, "P1", 1);
    made_study(m, &s, make_unusable, dir);
    struct buf page = page_make(m, dir, LANGUAGE_EN, NULL);
    assert_null(strstr(page.data, "<polygon"));
    assert_null(strstr(page.data, string_of(LANGUAGE_EN, S_SCORES)));
    assert_null(strstr(page.data, "TDS"));
    assert_non_null(strstr(page.data, string_of(LANGUAGE_EN, S_PICTURE_WITHHELD)));
    buf_release(&page);
}

static void study_of_nothing_is_a_page(void **state)
{
    struct study s;
    char dir[SPOOL_PATH_SIZE];

    made_fill(&s, "P1", 0);
    made_study(*state, &s, NULL, dir);
    struct buf page = page_make(*state, dir, LANGUAGE_EN, NULL);
    assert_true(has(&page, "New picture needed"));
    expect_well_formed(*state, &page);
    buf_release(&page);
}

/* More pictures than are shown in full: each is still in the list. */
static void every_picture_of_a_large_study_is_listed(void **state)
{
    enum { MANY = PLATES_MAX + 25 };
    struct study s;
    char dir[SPOOL_PATH_SIZE], name[32];

    made_fill(&s, "P1", MANY);
    made_study(*state, &s, NULL, dir);
    struct buf page = page_make(*state, dir, LANGUAGE_EN, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "IMG_%04d.jpg", i);
        assert_true(has(&page, name));
    }
    assert_true(has(&page, "The 40 worst of 65 pictures"));
    buf_release(&page);
}

static void base64_is_rfc_4648(void **state)
{
    static const struct {
        const char *plain, *coded;
    } cases[] = {
        {"",       ""        },
        {"f",      "Zg=="    },
        {"fo",     "Zm8="    },
        {"foo",    "Zm9v"    },
        {"foob",   "Zm9vYg=="},
        {"fooba",  "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"}
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out;
        buf_init(&out, 100);
        buf_add_text(&out, "");
        html_base64(&(struct html){&out, LANGUAGE_EN}, cases[i].plain, strlen(cases[i].plain));
        assert_string_equal(out.data, cases[i].coded);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(page_is_whole_and_self_contained, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(outside_text_is_escaped_everywhere, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(chinese_page_is_chinese, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(unusable_picture_has_no_outline_and_no_score, page_setup,
                                        page_teardown),
        cmocka_unit_test_setup_teardown(study_of_nothing_is_a_page, page_setup, page_teardown),
        cmocka_unit_test_setup_teardown(every_picture_of_a_large_study_is_listed, page_setup,
                                        page_teardown),
        cmocka_unit_test(base64_is_rfc_4648),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
