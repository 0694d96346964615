#include "scheduler/numa.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"

enum { LIST_SIZE = 4096 };

static bool read_number(const char **at, long *out)
{
    char *end;

    if (!isdigit((unsigned char)**at))
        return false;
    *out = strtol(*at, &end, 10);
    *at = end;
    return *out >= 0 && *out < CPU_SETSIZE;
}

/* "0-15,32-47\n", the format of cpulist files (Linux, Documentation/admin-guide/cputopology.rst). */
static bool parse_list(cpu_set_t *out, const char *text)
{
    CPU_ZERO(out);
    for (;; text++) {
        long first, last;

        if (!read_number(&text, &first))
            return false;
        last = first;
        if (*text == '-' && (text++, !read_number(&text, &last)))
            return false;
        for (; first <= last; first++)
            CPU_SET((size_t)first, out);
        if (*text != ',')
            return !*text || *text == '\n';
    }
}

static bool read_node(cpu_set_t *out, const char *sysfs, int node)
{
    char path[256], text[LIST_SIZE];
    struct err err = {0};

    if (path_format(path, sizeof(path), &err, "%s/node%d/cpulist", sysfs, node))
        return false;
    FILE *in = fopen(path, "re");
    if (!in)
        return false;
    bool ok = fgets(text, sizeof(text), in) && parse_list(out, text);
    (void)fclose(in);
    return ok;
}

void numa_read(struct numa *out, const char *sysfs)
{
    cpu_set_t ours, node;

    if (sched_getaffinity(0, sizeof(ours), &ours))
        CPU_ZERO(&ours);
    out->n = 0;
    for (int i = 0; i < NUMA_NODES_MAX; i++) {
        if (!read_node(&node, sysfs, i))
            continue; /* numbers may have gaps */
        CPU_AND(&out->cpus[out->n], &node, &ours);
        out->n += CPU_COUNT(&out->cpus[out->n]) > 0;
    }
    if (!out->n)
        out->cpus[out->n++] = ours;
}

const cpu_set_t *numa_of_worker(const struct numa *numa, int i, int workers)
{
    return numa->n > 1 && workers % numa->n == 0 ? &numa->cpus[i % numa->n] : NULL;
}
