/* Linked into a scheduler with --wrap (no other program has it): what failed is tried again twenty times
 * sooner, for cases in test_scheduler that are about what comes of many failures. */
#include <stdint.h>

int64_t __real_pause_after_ms(int tries);
int64_t __wrap_pause_after_ms(int tries);

int64_t __wrap_pause_after_ms(int tries)
{
    return __real_pause_after_ms(tries) / 20;
}
