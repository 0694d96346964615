/* The poison rule, row by row. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/status.h"
#include "scheduler/verdict.h"

static void failures(void **state)
{
    static const struct {
        const char *name;
        enum err_code code;
        int signal;
        bool is_alone;
        enum verdict verdict;
    } cases[] = {
        {"decoder died in company",       ERR_INPUT,     SIGSEGV, false, VERDICT_SUSPECT    },
        {"decoder died alone",            ERR_INPUT,     SIGSEGV, true,  VERDICT_CRASH      },
        {"decoder was killed alone",      ERR_AGAIN,     SIGKILL, true,  VERDICT_UNEXPLAINED},
        {"decoder was terminated alone",  ERR_AGAIN,     SIGTERM, true,  VERDICT_UNEXPLAINED},
        {"decoder was killed in company", ERR_AGAIN,     SIGKILL, false, VERDICT_SUSPECT    },
        {"disk full",                     ERR_AGAIN,     0,       false, VERDICT_LATER      },
        {"disk full, alone",              ERR_AGAIN,     0,       true,  VERDICT_LATER      },
        {"no memory",                     ERR_NOMEM,     0,       true,  VERDICT_LATER      },
        {"lost device in a batch",        ERR_DEVICE,    0,       false, VERDICT_SUSPECT    },
        {"lost device alone",             ERR_DEVICE,    0,       true,  VERDICT_CRASH      },
        {"asked to stop",                 ERR_CANCELLED, 0,       true,  VERDICT_GIVE_BACK  },
        {"bad configuration",             ERR_CONFIG,    0,       false, VERDICT_STOP       },
        {"bug in a batch",                ERR_BUG,       0,       false, VERDICT_SUSPECT    },
        {"bug alone",                     ERR_BUG,       0,       true,  VERDICT_CRASH      },
        {"input as failure, alone",       ERR_INPUT,     0,       true,  VERDICT_CRASH      },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (verdict_of_failure(cases[i].code, cases[i].signal, cases[i].is_alone) !=
            cases[i].verdict)
            fail_msg("%s", cases[i].name);
}

static void deaths(void **state)
{
    static const struct {
        const char *name;
        struct death death;
        enum verdict verdict;
    } cases[] = {
        {"crash with two",            {-1, SIGSEGV, 2, false},      VERDICT_SUSPECT    },
        {"crash with one",            {-1, SIGSEGV, 1, false},      VERDICT_CRASH      },
        {"abort with one",            {-1, SIGABRT, 1, false},      VERDICT_CRASH      },
        {"killed with one",           {-1, SIGKILL, 1, false},      VERDICT_UNEXPLAINED},
        {"killed with many",          {-1, SIGKILL, 9, false},      VERDICT_SUSPECT    },
        {"stuck with one, we killed", {-1, SIGKILL, 1, true},       VERDICT_CRASH      },
        {"stuck with two, we killed", {-1, SIGKILL, 2, true},       VERDICT_SUSPECT    },
        {"left with one",             {1, 0, 1, false},             VERDICT_UNEXPLAINED},
        {"left a sick device",        {STATUS_DEVICE, 0, 1, false}, VERDICT_GIVE_BACK  },
        {"left a sick device, many",  {STATUS_DEVICE, 0, 9, false}, VERDICT_GIVE_BACK  },
        {"left an unfit device",      {STATUS_UNFIT, 0, 1, false},  VERDICT_GIVE_BACK  },
        {"broken with one",           {STATUS_BROKEN, 0, 1, false}, VERDICT_UNEXPLAINED},
        {"left with none",            {1, 0, 0, false},             VERDICT_SUSPECT    },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (verdict_of_death(&cases[i].death) != cases[i].verdict)
            fail_msg("%s", cases[i].name);
}

static void doubts(void **state)
{
    static const struct {
        const char *name;
        struct death death;
        bool has_worked, is_in_doubt;
    } cases[] = {
        {"crash",                    {-1, SIGSEGV, 9, false},      true,  true },
        {"killed after good work",   {-1, SIGKILL, 9, false},      true,  false},
        {"ended after good work",    {-1, SIGTERM, 9, false},      true,  false},
        {"killed before it did one", {-1, SIGKILL, 9, false},      false, true },
        {"stuck, we killed",         {-1, SIGKILL, 9, true},       true,  true },
        {"left as beyond use",       {STATUS_BROKEN, 0, 9, false}, true,  true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (verdict_is_in_doubt(&cases[i].death, cases[i].has_worked) != cases[i].is_in_doubt)
            fail_msg("%s", cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures),
        cmocka_unit_test(deaths),
        cmocka_unit_test(doubts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
