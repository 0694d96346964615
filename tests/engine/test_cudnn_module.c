/* The module with the CUDA half: opened where it was built, a reason where it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/cudnn_module.h"

static void module_opens_where_it_was_built(void **state)
{
    struct err err = {0};
    const struct cudnn_module *m = cudnn_module_load(&err);

    (void)state;
#ifdef HAVE_CUDNN
    struct cudnn_versions v;
    if (!m)
        fail_msg("%s", err.msg);
    assert_ptr_equal(cudnn_module_load(&err), m);
    m->versions(&v);
    assert_in_range(v.cudnn, 90800, 1000000); /* 9.8: CUDNN_VERSION_MIN of the build */
    assert_in_range(v.runtime, 12000, 1000000);
#else
    assert_null(m);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "built without cuDNN"));
#endif
}

static void what_cannot_be_opened_says_why(void **state)
{
    static const struct {
        const char *path, *reason;
    } cases[] = {
        {"/nonexistent/cudnn.so", "/nonexistent/cudnn.so"},
        {"libm.so.6",             CUDNN_MODULE_SYMBOL    }, /* a library, but not ours */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err err = {0};
        assert_null(cudnn_module_load_from(cases[i].path, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        if (!strstr(err.msg, cases[i].reason))
            fail_msg("%s: %s", cases[i].path, err.msg);
    }
}

/* A build without the module still says what is missing, and "auto" goes on without it. */
static void choosing_it_without_a_gpu_is_configuration(void **state)
{
    static const struct engine_config wanted[] = {{.backend = "cudnn"}, {.device = "cuda:0"}};
    struct engine_facts facts;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        struct err why = {0};
        int failed = engine_choose(&wanted[i], NULL, &facts, &why);
        if (!failed) /* there is a GPU */
            continue;
        assert_int_equal(why.code, ERR_CONFIG);
#ifndef HAVE_CUDNN
        assert_non_null(strstr(why.msg, "built without cuDNN"));
#endif
    }
    assert_int_equal(engine_choose(&(struct engine_config){0}, NULL, &facts, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(module_opens_where_it_was_built),
        cmocka_unit_test(what_cannot_be_opened_says_why),
        cmocka_unit_test(choosing_it_without_a_gpu_is_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
