/* filter.c -- loaded before a test program: CMOCKA_TEST_FILTER chooses among its tests, so that a
 * slow machine can run a part of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void choose(void)
{
    const char *pattern = getenv("CMOCKA_TEST_FILTER");

    if (pattern)
        cmocka_set_test_filter(pattern);
}
