#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/schedule.h"

static void rates(void **state)
{
    static const struct {
        struct schedule s;
        long t;
        double rate;
    } cases[] = {
        {{SCHEDULE_POLY, 0.01, 0.9, 0, 0, 1000},      0,   0.01                           },
        {{SCHEDULE_POLY, 0.01, 0.9, 0, 0, 1000},      500, 0.0053588673126814654          },
        {{SCHEDULE_POLY, 0.01, 0.9, 1e-5, 200, 1000}, 0,   1e-5                           },
        {{SCHEDULE_POLY, 0.01, 0.9, 1e-5, 200, 1000}, 100, 0.005005                       },
        {{SCHEDULE_POLY, 0.01, 0.9, 1e-5, 200, 1000}, 200, 0.01                           },
        {{SCHEDULE_POLY, 0.01, 0.9, 1e-5, 200, 1000}, 600, 0.0053588673126814654          },
        {{SCHEDULE_COSINE, 0.4, 0.9, 0, 100, 300},    200, 0.2                            },
        {{SCHEDULE_COSINE, 0.4, 0.9, 0, 100, 300},    150, 0.2 * (1 + 0.70710678118654752)},
        {{SCHEDULE_CONSTANT, 0.3, 0.9, 0.1, 2, 10},   1,   0.2                            },
        {{SCHEDULE_CONSTANT, 0.3, 0.9, 0.1, 2, 10},   9,   0.3                            },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double rate = schedule_rate(&cases[i].s, cases[i].t);
        if (!(fabs(rate - cases[i].rate) < 1e-15))
            fail_msg("case %zu: %.17g, not %.17g", i, rate, cases[i].rate);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
