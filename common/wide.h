/* wide.h -- WIDE in front of a function: built once for each instruction set, chosen when the
 * program loads. For loops over pixels that the compiler vectorises by itself.
 *
 * The results are the same in each build: the standard's arithmetic is asked for (no -ffast-math, no
 * contraction into fused operations), so only the number of lanes differs. */
#ifndef COMMON_WIDE_H
#define COMMON_WIDE_H

/* Sanitizers are not ready when such functions are chosen. */
#if defined(__x86_64__) && !defined(LENTIGO_SANITIZED)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define WIDE
#endif

#endif
