#include "scheduler/nvml.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The entries that are used, by NVML's documentation. All return 0 for success. */
enum {
    NVML_GPU_IS_LOST = 15,
    NVML_TEMPERATURE_GPU = 0,
    NVML_UNCORRECTED = 1, /* nvmlMemoryErrorType_t */
    NVML_VOLATILE = 0,    /* nvmlEccCounterType_t: since the driver was loaded */
};

struct nvml_use {
    unsigned gpu, memory; /* per cent of the last sample period */
};

struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};

struct nvml {
    void *library;
    int n;
    void *gpus[STATS_GPUS_MAX];
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *);
    int (*by_index)(unsigned, void **);
    /* NULL where the driver lacks it: */
    int (*name)(void *, char *, unsigned);
    int (*uuid)(void *, char *, unsigned);
    int (*use)(void *, struct nvml_use *);
    int (*memory)(void *, struct nvml_memory *);
    int (*temperature)(void *, int, unsigned *);
    int (*power)(void *, unsigned *);       /* mW */
    int (*power_limit)(void *, unsigned *); /* mW */
    int (*throttle)(void *, unsigned long long *);
    int (*ecc)(void *, int, int, unsigned long long *);
    int (*mig_mode)(void *, unsigned *, unsigned *);
    int (*mig_by_index)(void *, unsigned, void **);
};

static bool find_symbols(struct nvml *n)
{
    const struct {
        const char *name;
        void **at;
        bool is_needed;
    } symbols[] = {
        {"nvmlInit_v2",                               (void **)&n->init,         true },
        {"nvmlShutdown",                              (void **)&n->shutdown,     true },
        {"nvmlDeviceGetCount_v2",                     (void **)&n->count,        true },
        {"nvmlDeviceGetHandleByIndex_v2",             (void **)&n->by_index,     true },
        {"nvmlDeviceGetName",                         (void **)&n->name,         false},
        {"nvmlDeviceGetUUID",                         (void **)&n->uuid,         false},
        {"nvmlDeviceGetUtilizationRates",             (void **)&n->use,          false},
        {"nvmlDeviceGetMemoryInfo",                   (void **)&n->memory,       false},
        {"nvmlDeviceGetTemperature",                  (void **)&n->temperature,  false},
        {"nvmlDeviceGetPowerUsage",                   (void **)&n->power,        false},
        {"nvmlDeviceGetEnforcedPowerLimit",           (void **)&n->power_limit,  false},
        {"nvmlDeviceGetCurrentClocksThrottleReasons", (void **)&n->throttle,     false},
        {"nvmlDeviceGetTotalEccErrors",               (void **)&n->ecc,          false},
        {"nvmlDeviceGetMigMode",                      (void **)&n->mig_mode,     false},
        {"nvmlDeviceGetMigDeviceHandleByIndex",       (void **)&n->mig_by_index, false},
    };

    for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
        *symbols[i].at = dlsym(n->library, symbols[i].name);
        if (!*symbols[i].at && symbols[i].is_needed)
            return false;
    }
    return true;
}

/* A GPU whose handle cannot be had keeps its place: numbers must not shift. */
static bool find_gpus(struct nvml *n)
{
    unsigned count = 0;

    if (n->count(&count))
        return false;
    n->n = count < STATS_GPUS_MAX ? (int)count : STATS_GPUS_MAX;
    for (int i = 0; i < n->n; i++)
        if (n->by_index((unsigned)i, &n->gpus[i]))
            n->gpus[i] = NULL;
    return n->n > 0;
}

struct nvml *nvml_open(void)
{
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    struct nvml *n = library ? calloc(1, sizeof(*n)) : NULL;

    if (n) {
        n->library = library;
        if (find_symbols(n) && !n->init()) {
            if (find_gpus(n))
                return n;
            n->shutdown();
        }
    }
    free(n);
    if (library)
        dlclose(library);
    return NULL;
}

void nvml_close(struct nvml *n)
{
    if (!n)
        return;
    n->shutdown();
    dlclose(n->library);
    free(n);
}

int nvml_count(const struct nvml *n)
{
    return n ? n->n : 0;
}

static void read_uuid(const struct nvml *n, void *device, char uuid[NVML_UUID_SIZE])
{
    if (!n->uuid || n->uuid(device, uuid, NVML_UUID_SIZE))
        uuid[0] = 0;
    uuid[NVML_UUID_SIZE - 1] = 0;
}

void nvml_parts(const struct nvml *n, int gpu, struct nvml_parts *out)
{
    void *device = n->gpus[gpu], *instance;
    unsigned mode = 0, pending = 0;

    *out = (struct nvml_parts){0};
    if (!device)
        return;
    read_uuid(n, device, out->uuid);
    out->is_divided = n->mig_mode && !n->mig_mode(device, &mode, &pending) && mode;
    for (unsigned i = 0; out->is_divided && n->mig_by_index && i < NVML_MIG_MAX; i++)
        if (!n->mig_by_index(device, i, &instance)) /* numbers may be missing in between */
            read_uuid(n, instance, out->instances[out->n++]);
}

/* Idle clocks, clocks that somebody set and sync boost are no trouble (nvmlClocksEventReasons). */
static void describe_throttle(unsigned long long reasons, char *out, size_t size)
{
    static const struct {
        unsigned long long bits;
        const char *word;
    } words[] = {
        {0x20 | 0x40, "heat"       }, /* by software, by hardware */
        {0x04,        "power cap"  },
        {0x80,        "power brake"},
        {0x08,        "hardware"   },
    };
    size_t at = 0;

    out[0] = 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (reasons & words[i].bits && at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", words[i].word);
}

void nvml_look(const struct nvml *n, int gpu, struct stats_gpu *out)
{
    void *d = n->gpus[gpu];
    struct nvml_use use;
    struct nvml_memory memory;
    unsigned celsius, milliwatts;
    unsigned long long bits, errors;
    int use_status = d && n->use ? n->use(d, &use) : -1;
    int memory_status = d && n->memory ? n->memory(d, &memory) : -1;
    bool is_lost = !d || use_status == NVML_GPU_IS_LOST || memory_status == NVML_GPU_IS_LOST;

    *out = (struct stats_gpu){.number = gpu, .memory_kb = -1, .ecc_errors = -1};
    out->load = out->memory = out->temperature_c = out->power_w = out->power_limit_w = (double)NAN;
    snprintf(out->state, sizeof(out->state), "%s", is_lost ? "lost" : "ok");
    if (is_lost)
        return;
    if (n->name && n->name(d, out->name, sizeof(out->name)))
        out->name[0] = 0;
    out->name[sizeof(out->name) - 1] = 0;
    if (!use_status)
        out->load = use.gpu / 100.0;
    if (!memory_status && memory.total) {
        out->memory = (double)memory.used / (double)memory.total;
        out->memory_kb = (int64_t)(memory.total / 1024);
    }
    if (n->temperature && !n->temperature(d, NVML_TEMPERATURE_GPU, &celsius))
        out->temperature_c = celsius;
    if (n->power && !n->power(d, &milliwatts))
        out->power_w = milliwatts / 1000.0;
    if (n->power_limit && !n->power_limit(d, &milliwatts))
        out->power_limit_w = milliwatts / 1000.0;
    if (n->throttle && !n->throttle(d, &bits))
        describe_throttle(bits, out->throttle, sizeof(out->throttle));
    if (n->ecc && !n->ecc(d, NVML_UNCORRECTED, NVML_VOLATILE, &errors))
        out->ecc_errors = errors < INT64_MAX ? (int64_t)errors : INT64_MAX;
}
