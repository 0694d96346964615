#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/status.h"

static void each_code_has_its_status(void **state)
{
    static const struct {
        enum err_code code;
        int status;
    } cases[] = {
        {ERR_INPUT,     64},
        {ERR_LIMIT,     1 },
        {ERR_AGAIN,     75},
        {ERR_NOMEM,     75},
        {ERR_CANCELLED, 1 },
        {ERR_CONFIG,    78},
        {ERR_DEVICE,    71},
        {ERR_BUG,       1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct err err = {.code = cases[i].code};
        if (status_of_err(&err) != cases[i].status)
            fail_msg("%s: %d", err_name(cases[i].code), status_of_err(&err));
    }
}

static void a_process_that_serves_says_what_is_broken(void **state)
{
    static const struct {
        enum err_code code;
        int status;
    } cases[] = {
        {ERR_CONFIG, 78},
        {ERR_DEVICE, 71},
        {ERR_NOMEM,  70},
        {ERR_BUG,    70}
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct err err = {.code = cases[i].code};
        if (status_of_broken(&err) != cases[i].status)
            fail_msg("%s: %d", err_name(cases[i].code), status_of_broken(&err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_has_its_status),
        cmocka_unit_test(a_process_that_serves_says_what_is_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
