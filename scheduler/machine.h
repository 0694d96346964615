/* machine.h -- load of the machine: processors from /proc/stat, GPU through NVML when it is there. */
#ifndef SCHEDULER_MACHINE_H
#define SCHEDULER_MACHINE_H

#include <stdint.h>

struct nvml; /* libnvidia-ml.so.1, opened at run time; NULL = none */

struct machine {
    int64_t busy, total; /* clock ticks of all cores at the last look */
    struct nvml *nvml;
};

void machine_open(struct machine *m);
void machine_close(struct machine *m);

/* Share of all cores' time at work since the last call, 0..1; NAN at the first. */
double machine_cpu(struct machine *m);

/* Load and memory use of the first GPU, 0..1; NAN without one. */
void machine_gpu(const struct machine *m, double *load, double *memory);

#endif
