/* leaks.h -- a look for leaks while cuDNN's libraries are still loaded.
 *
 * At the end of a process they have unloaded themselves: what they keep for good (each has a
 * libstdc++ of its own, with a pool for exceptions) is then unreachable and without a name. */
#ifndef TESTS_ENGINE_LEAKS_H
#define TESTS_ENGINE_LEAKS_H

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

/* Ends the process with an error if there are any; does nothing in other builds. */
static inline void leaks_check(void)
{
#ifdef __SANITIZE_ADDRESS__
    __lsan_do_leak_check();
#endif
}

#endif
