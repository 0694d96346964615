#include "engine/onednn/learn_kernels.h"

#include <string.h>

#ifdef KERNELS_X86
extern const struct learn_kernels learn_kernels_avx512_bf16, learn_kernels_avx512,
    learn_kernels_avx2;
#endif
extern const struct learn_kernels learn_kernels_plain;

/* What the sets were compiled for (CMakeLists.txt: cooperlake, skylake-avx512, haswell). */
static bool can_plain(void)
{
    return true;
}

#ifdef KERNELS_X86
static bool can_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static bool can_avx512_bf16(void)
{
    return can_avx512() && __builtin_cpu_supports("avx512bf16") &&
           __builtin_cpu_supports("avx512vnni");
}

static bool can_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}
#endif

/* The fastest first. */
static const struct {
    const char *precision;
    const struct learn_kernels *set; /* which names the set of kernels.h */
    bool (*can)(void);
} sets[] = {
#ifdef KERNELS_X86
    {"bf16", &learn_kernels_avx512_bf16, can_avx512_bf16},
    {"f32",  &learn_kernels_avx512,      can_avx512     },
    {"f32",  &learn_kernels_avx2,        can_avx2       },
#endif
    {"f32",  &learn_kernels_plain,       can_plain      },
};
enum { SETS = sizeof(sets) / sizeof(*sets) };

const struct learn_kernels *learn_kernels_choose(const char *precision)
{
    for (int i = 0; i < SETS; i++)
        if (!strcmp(sets[i].precision, precision) && sets[i].can())
            return sets[i].set;
    return NULL;
}

const struct learn_kernels *learn_kernels_nth(int n)
{
    for (int i = 0; i < SETS; i++)
        if (sets[i].can() && n-- == 0)
            return sets[i].set;
    return NULL;
}

const struct kernels *kernels_choose(const char *precision)
{
    const struct learn_kernels *set = learn_kernels_choose(precision);

    return set ? set->base : NULL;
}

const struct kernels *kernels_nth(int n)
{
    const struct learn_kernels *set = learn_kernels_nth(n);

    return set ? set->base : NULL;
}

size_t stem_scratch(int w)
{
    return 3 * (size_t)STEM_INPUTS * ((size_t)w + 3);
}

size_t classes_scratch(int w)
{
    enum { LANES_MAX = 16 };
    size_t pitch = (size_t)w + 2 * (size_t)LANES_MAX; /* at least any set's row pitch */

    return (2 + 2 * (size_t)ENGINE_CLASSES) * pitch; /* fractions, two rows of planes, labels */
}
