#include "scheduler/machine.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

/* The few entries of NVML's API that are used, by its documentation (nvml.h is not needed). */
struct nvml_utilization {
    unsigned gpu, memory; /* per cent of the last sample period */
};

struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};

struct nvml {
    void *library, *device;
    int (*init)(void);
    int (*shutdown)(void);
    int (*device_by_index)(unsigned, void **);
    int (*utilization)(void *, struct nvml_utilization *);
    int (*memory)(void *, struct nvml_memory *);
};

static bool find_symbols(struct nvml *n)
{
    const struct {
        const char *name;
        void **at;
    } symbols[] = {
        {"nvmlInit_v2",                   (void **)&n->init           },
        {"nvmlShutdown",                  (void **)&n->shutdown       },
        {"nvmlDeviceGetHandleByIndex_v2", (void **)&n->device_by_index},
        {"nvmlDeviceGetUtilizationRates", (void **)&n->utilization    },
        {"nvmlDeviceGetMemoryInfo",       (void **)&n->memory         },
    };

    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
        *symbols[i].at = dlsym(n->library, symbols[i].name);
        if (!*symbols[i].at)
            return false;
    }
    return true;
}

static struct nvml *open_nvml(void)
{
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    struct nvml *n = library ? calloc(1, sizeof(*n)) : NULL;

    if (n) {
        n->library = library;
        if (find_symbols(n) && !n->init()) {
            if (!n->device_by_index(0, &n->device))
                return n;
            n->shutdown();
        }
    }
    free(n);
    if (library)
        dlclose(library);
    return NULL;
}

void machine_open(struct machine *m)
{
    *m = (struct machine){.nvml = open_nvml()};
}

void machine_close(struct machine *m)
{
    if (!m->nvml)
        return;
    m->nvml->shutdown();
    dlclose(m->nvml->library);
    free(m->nvml);
    m->nvml = NULL;
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

void machine_gpu(const struct machine *m, double *load, double *memory)
{
    struct nvml_utilization use = {0};
    struct nvml_memory bytes = {0};
    const struct nvml *n = m->nvml;

    *load = n && !n->utilization(n->device, &use) ? use.gpu / 100.0 : (double)NAN;
    *memory = n && !n->memory(n->device, &bytes) && bytes.total
                  ? (double)bytes.used / (double)bytes.total
                  : (double)NAN;
}
