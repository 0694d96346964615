/* numa.h -- which processors stand beside which memory, as Linux tells below /sys.
 *
 * A worker that keeps to one node finds its weights, its maps and its slots in that node's memory:
 * the kernel gives a page to the node of the thread that touches it first. */
#ifndef SCHEDULER_NUMA_H
#define SCHEDULER_NUMA_H

#include <sched.h>

#define NUMA_SYSFS "/sys/devices/system/node"

enum { NUMA_NODES_MAX = 64 };

struct numa {
    cpu_set_t cpus[NUMA_NODES_MAX];
    int n; /* at least 1 */
};

/* The nodes whose processors we may run on, in the order of their numbers; of each, those
 * processors. Where nothing is told (no such folder, or odd text in it) all are one node. */
void numa_read(struct numa *out, const char *sysfs);

/* The processors of worker `i` of `workers`: NULL (all) unless each node gets as many as the next. */
const cpu_set_t *numa_of_worker(const struct numa *numa, int i, int workers);

#endif
