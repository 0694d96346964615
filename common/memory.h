/* memory.h -- how much memory a process and all below it really take. */
#ifndef COMMON_MEMORY_H
#define COMMON_MEMORY_H

#include <stdint.h>

/* Proportional set size (shared pages counted by share) of `pid` and its descendants, KiB; what
 * ended meanwhile counts as 0. Reads /proc: about a millisecond a process. */
int64_t memory_tree_kb(int pid);

#endif
