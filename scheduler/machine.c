#include "scheduler/machine.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void machine_open(struct machine *m)
{
    *m = (struct machine){.nvml = nvml_open()};
    m->n_devices = devices_visible(m->nvml, getenv("CUDA_VISIBLE_DEVICES"), m->devices);
}

void machine_close(struct machine *m)
{
    nvml_close(m->nvml);
    *m = (struct machine){0};
}

/* First line of /proc/stat: user nice system idle iowait irq softirq steal (proc(5)). */
static bool read_ticks(int64_t *busy, int64_t *total)
{
    int64_t t[8] = {0};
    char line[256];
    FILE *in = fopen("/proc/stat", "re");
    bool ok = in && fgets(line, sizeof(line), in) &&
              sscanf(line, // NOLINT(cert-err34-c): the kernel writes whole numbers
                     "cpu %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
                     " %" SCNd64 " %" SCNd64,
                     &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) == 8;

    if (in)
        (void)fclose(in);
    *total = 0;
    for (int i = 0; i < 8; i++)
        *total += t[i];
    *busy = *total - t[3] - t[4];
    return ok;
}

double machine_cpu(struct machine *m)
{
    int64_t busy, total;

    if (!read_ticks(&busy, &total))
        return (double)NAN;
    double share = m->total && total > m->total
                       ? (double)(busy - m->busy) / (double)(total - m->total)
                       : (double)NAN;
    m->busy = busy;
    m->total = total;
    return share;
}

int machine_gpus(const struct machine *m, struct stats_gpu out[STATS_GPUS_MAX])
{
    int n = 0;

    for (int gpu = 0; gpu < nvml_count(m->nvml); gpu++)
        for (int i = 0; i < m->n_devices; i++)
            if (m->devices[i].gpu == gpu) {
                nvml_look(m->nvml, gpu, &out[n++]);
                break;
            }
    return n;
}
