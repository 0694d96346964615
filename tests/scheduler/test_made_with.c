/* What a spool is made with: written once, and compared ever after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json.h"
#include "scheduler/made_with.h"
#include "tests/queue/temp.h"

static const struct child_facts first = {"m", "aa", "bb", "int8", "cuda:0", 256};

static struct spool *open_spool(void **state)
{
    struct spool *s = NULL;
    struct err err = {0};

    assert_int_equal(spool_open(&s, temp_path(*state, "spool"), &err), 0);
    return s;
}

static void the_same_again_is_welcome(void **state)
{
    struct spool *s = open_spool(state);
    struct err err = {0};

    assert_int_equal(made_with_check(s, &first, "auto", false, &err), 0);
    assert_int_equal(made_with_check(s, &first, "cpu", false, &err), 0);
    spool_close(s);
}

struct other {
    struct child_facts facts;
    const char *decode, *name;
};

static const struct other others[] = {
    {{"m", "ab", "bb", "int8", "cuda:0", 256}, "auto",   "model"    },
    {{"m", "aa", "bc", "int8", "cuda:0", 256}, "auto",   "policy"   },
    {{"m", "aa", "bb", "fp16", "cuda:0", 256}, "auto",   "precision"},
    {{"m", "aa", "bb", "int8", "cuda:0", 512}, "auto",   "size"     },
    {{"m", "aa", "bb", "int8", "cuda:0", 256}, "nvjpeg", "decode"   },
};

static void another_is_refused_by_name(void **state)
{
    struct spool *s = open_spool(state);
    struct err err = {0};

    assert_int_equal(made_with_check(s, &first, "auto", false, &err), 0);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        const struct other *o = &others[i];
        char wanted[64];
        err = (struct err){0};
        snprintf(wanted, sizeof(wanted), "with another %s", o->name);
        assert_int_equal(made_with_check(s, &o->facts, o->decode, false, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.msg, wanted))
            fail_msg("not \"%s\": %s", wanted, err.msg);
    }
    spool_close(s);
}

/* There the setting changes nothing. */
static void a_processor_decodes_as_it_always_does(void **state)
{
    struct child_facts facts = first;
    struct spool *s = open_spool(state);
    struct err err = {0};

    snprintf(facts.device, sizeof(facts.device), "cpu");
    assert_int_equal(made_with_check(s, &facts, "cpu", false, &err), 0);
    assert_int_equal(made_with_check(s, &facts, "nvjpeg", false, &err), 0);
    spool_close(s);
}

static void what_was_before_is_kept_when_it_may_differ(void **state)
{
    struct spool *s = open_spool(state);
    struct err err = {0};

    assert_int_equal(made_with_check(s, &first, "nvjpeg", false, &err), 0);
    assert_int_equal(made_with_check(s, &first, "auto", true, &err), 0);
    assert_int_equal(made_with_check(s, &first, "auto", false, &err), 0);
    json_t *now = json_read(temp_path(*state, "spool/made_with.json"), 1 << 16, &err);
    assert_non_null(now);
    const json_t *was = json_array_get(json_object_get(now, "earlier"), 0);
    assert_string_equal(json_string_value(json_object_get(was, "decode")), "nvjpeg");
    assert_null(json_object_get(now, "decode"));
    json_decref(now);
    spool_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_again_is_welcome, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(another_is_refused_by_name, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(a_processor_decodes_as_it_always_does, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(what_was_before_is_kept_when_it_may_differ, temp_setup,
                                        temp_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
