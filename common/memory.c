#include "common/memory.h"

enum { DEPTH_MAX = 8 };

static int64_t pss_kb(int pid)
{
    char path[64], line[256];
    int64_t kb = 0;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f))
        if (!strncmp(line, "Pss:", 4)) {
            kb = strtoll(line + 4, NULL, 10);
            break;
        }
    (void)fclose(f);
    return kb;
}

static int64_t tree_kb(int pid, int depth)
{
    char path[64];
    int64_t kb = pss_kb(pid);
    int child;

    if (depth == DEPTH_MAX)
        return kb;
    /* Children are listed under the thread that forked them; ours fork from their main thread. */
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return kb;
    while (fscanf(f, "%d", &child) == 1) // NOLINT(cert-err34-c): the kernel's own digits
        kb += tree_kb(child, depth + 1);
    (void)fclose(f);
    return kb;
}

int64_t memory_tree_kb(int pid)
{
    return tree_kb(pid, 0);
}
